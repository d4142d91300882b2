/*
 * arena.h - memory: one arena for what lives as long as a run, xmalloc for the rest
 *
 * Nothing here returns NULL: a process that is out of memory says so and exits with 1.
 * (Lua's memory has a cap and errors of its own, script/vm.)
 */
#ifndef LUAMIG_BASE_ARENA_H
#define LUAMIG_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Valid when zeroed. */
struct arena {
    struct arena_block *blocks;
};

/* size bytes, zeroed, aligned for any type, until arena_release(). */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text); /* NULL stays NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void arena_release(struct arena *arena);

void *xmalloc(size_t size);
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *text);

/*
 * Makes room for one more element of a growing array: returns array, moved if need be,
 * with *capacity elements of size bytes, *capacity > count. free() ends it.
 */
void *xgrow(void *array, size_t count, size_t *capacity, size_t size);

#endif
