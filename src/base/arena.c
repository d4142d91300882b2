#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static void
out_of_memory(void)
{
    static const char text[] = "luamig: out of memory\n";

    fputs(text, stderr);
    _Exit(1);
}

void *
xmalloc(size_t size)
{
    void *ptr = malloc(size != 0 ? size : 1);

    if (ptr == NULL)
        out_of_memory();
    return ptr;
}

void *
xrealloc(void *ptr, size_t size)
{
    ptr = realloc(ptr, size != 0 ? size : 1);
    if (ptr == NULL)
        out_of_memory();
    return ptr;
}

char *
xstrdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(xmalloc(size), text, size);
}

void *
xgrow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    if (*capacity > SIZE_MAX / 2 / size)
        out_of_memory();
    *capacity = *capacity != 0 ? *capacity * 2 : 16;
    return xrealloc(array, *capacity * size);
}

static struct arena_block *
add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = xmalloc(sizeof(*block) + size);

    *block = (struct arena_block){ .next = arena->blocks, .size = size };
    arena->blocks = block;
    return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    size_t align = alignof(max_align_t);
    void *ptr;

    if (size > SIZE_MAX - BLOCK_SIZE)
        out_of_memory();
    size = (size + align - 1) / align * align;
    if (block == NULL || block->size - block->used < size)
        block = add_block(arena, size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE);
    ptr = block->data + block->used;
    block->used += size;
    return memset(ptr, 0, size);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    memcpy(copy, text, len);
    return copy;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
    return text != NULL ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap, again;
    char *text;
    int len;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    text = arena_alloc(arena, len > 0 ? (size_t)len + 1 : 1);
    if (len > 0)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return text;
}

void
arena_release(struct arena *arena)
{
    struct arena_block *block;

    while ((block = arena->blocks) != NULL) {
        arena->blocks = block->next;
        free(block);
    }
}
