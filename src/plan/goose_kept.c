#include "plan/goose_kept.h"

#include "base/strbuf.h"
#include "plan/directive.h"

/* A directive that is given twice is an error. */
static bool
needs_directive(const struct goose *goose, struct arena *arena)
{
    struct directives directives;
    struct error ignored = { 0 };

    return goose->no_transaction &&
           !(directives_read(goose->text, goose->size, arena, &directives, &ignored) &&
             directives.no_transaction);
}

/* Where the first line with anything in it begins, or the first block. */
static size_t
start_of(const struct goose *goose)
{
    size_t at = 0, end = goose->block_count > 0 ? goose->blocks[0].offset : goose->size;

    while (at < end && (goose->text[at] == '\n' || goose->text[at] == '\r'))
        at++;
    return at;
}

/* The end's mark takes the place of the semicolon that goose_read() put there. */
static void
add_blocks(const struct goose *goose, struct strbuf *out)
{
    size_t at = start_of(goose);

    for (size_t i = 0; i < goose->block_count; i++) {
        const struct sql_range *block = &goose->blocks[i];

        strbuf_add(out, goose->text + at, block->offset - at);
        strbuf_puts(out, "-- +goose StatementBegin");
        strbuf_add(out, goose->text + block->offset, block->length);
        strbuf_puts(out, "-- +goose StatementEnd");
        at = block->offset + block->length + 1;
    }
    strbuf_add(out, goose->text + at, goose->size - at);
}

const char *
goose_kept(const struct goose *goose, struct arena *arena)
{
    struct strbuf out = { 0 };
    const char *kept;

    if (needs_directive(goose, arena))
        strbuf_puts(&out, "-- luamig: no-transaction\n");
    add_blocks(goose, &out);
    kept = arena_strndup(arena, strbuf_text(&out), out.len);
    strbuf_release(&out);
    return kept;
}
