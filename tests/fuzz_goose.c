/* fuzz_goose.c - goose's annotations and ENVSUB: lines stay where they are, errors have one */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/goose_kept.h"
#include "tests/fuzz.h"

static const char *
lookup(void *ctx, const char *name)
{
    (void)ctx;
    return name[0] == 'A' ? "a value" : NULL;
}

static size_t
lines(const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    return count;
}

static void
check(const struct goose_input *in, const struct goose *out)
{
    if (lines(out->text, out->size) != lines(in->text, in->size))
        abort();
    for (size_t i = 0; i < out->block_count; i++) {
        if (out->blocks[i].offset + out->blocks[i].length > out->size)
            abort();
    }
}

/* What is kept of a section can be read again, with as many blocks. */
static void
check_kept(const struct goose *out, struct arena *arena)
{
    struct goose_input in = { .text = goose_kept(out, arena),
                              .file = GOOSE_DOWN,
                              .env = { .lookup = lookup } };
    struct goose again;
    struct error err = { 0 };

    in.size = strlen(in.text);
    if (!goose_read(&in, arena, &again, &err) || again.block_count != out->block_count)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);

    for (int i = 0; i < 4; i++) {
        struct goose_input in = { .text = text,
                                  .size = size,
                                  .file = i < 2 ? GOOSE_BOTH : (enum goose_file)(i - 1),
                                  .down = i == 1,
                                  .env = { .lookup = lookup } };
        struct error err = { 0 };
        struct goose out;
        struct sql_file file;

        if (!goose_read(&in, &arena, &out, &err)) {
            if (err.place.line == 0)
                abort(); /* an error without its place */
            continue;
        }
        check(&in, &out);
        if (out.annotated)
            check_kept(&out, &arena);
        if (sqlfile_read(out.text, out.size, out.no_transaction, &arena, &file, &err))
            sqlfile_group(&file, out.blocks, out.block_count);
    }
    arena_release(&arena);
    return 0;
}
