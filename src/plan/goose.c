#include "plan/goose.h"

#include <string.h>

#include "plan/goose_line.h"
#include "plan/sqlscan.h"
#include "plan/sqltoken.h"

enum section {
    BEFORE, /* the first annotation */
    IN_UP,
    IN_DOWN
};

struct reading {
    const struct goose_input *in;
    struct arena *arena;
    struct goose *out;
    struct error *err;
    struct strbuf text;
    enum section section;
    size_t line;
    bool has_up, in_block, envsub;
    size_t block_line, block_start;
    size_t down_line;
    size_t head; /* bytes of text before Up */
};

static bool
fail(struct reading *r, size_t line, const char *message, const char *hint)
{
    error_set(r->err, ERROR_PLAN, "%s", message);
    error_at(r->err, "", line, 0);
    return error_hint(r->err, "%s", hint);
}

static bool
unknown(struct reading *r, const struct goose_mark *mark)
{
    const char *text = arena_strndup(r->arena, mark->word, mark->len);
    const char *nearest = goose_line_nearest(text);

    if (nearest == NULL)
        nearest = "Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON or "
                  "ENVSUB OFF";
    return fail(r, r->line,
                arena_printf(r->arena, "unknown annotation '-- +goose%s%s'",
                             mark->len > 0 ? " " : "", text),
                arena_printf(r->arena, "Write %s.", nearest));
}

static bool
wants(const struct reading *r)
{
    if (r->in->file != GOOSE_BOTH)
        return true;
    return r->section == (r->in->down ? IN_DOWN : IN_UP);
}

static bool
take_up(struct reading *r)
{
    if (r->in->file == GOOSE_DOWN)
        return fail(r, r->line, "an Up section in a down file",
                    "Put it into the .up.sql file.");
    if (r->has_up)
        return fail(r, r->line, "'-- +goose Up' stands here twice",
                    "A file has one Up section.");
    if (r->section == IN_DOWN)
        return fail(r, r->line, "'-- +goose Up' behind '-- +goose Down'",
                    "The Up section comes first.");
    r->has_up = true;
    r->head = r->text.len;
    r->section = IN_UP;
    return true;
}

static bool
take_down(struct reading *r)
{
    if (r->in->file == GOOSE_UP)
        return fail(r, r->line, "a Down section in an up file",
                    "Put it into the .down.sql file.");
    if (r->down_line > 0)
        return fail(r, r->line, "'-- +goose Down' stands here twice",
                    "A file has one Down section.");
    if (r->in->file == GOOSE_BOTH && !r->has_up)
        return fail(r, r->line, "'-- +goose Down' before '-- +goose Up'",
                    "The Up section comes first.");
    r->down_line = r->line;
    r->section = IN_DOWN;
    r->out->has_down = true;
    return true;
}

static bool
take_begin(struct reading *r)
{
    if (r->in->file == GOOSE_BOTH && r->section == BEFORE)
        return fail(r, r->line, "'-- +goose StatementBegin' before '-- +goose Up'",
                    "Begin with -- +goose Up.");
    r->in_block = true;
    r->block_line = r->line;
    r->block_start = r->text.len;
    return true;
}

/* goose takes the block as it is, with or without a semicolon at its end. */
static bool
take_end(struct reading *r)
{
    struct goose *out = r->out;

    if (!r->in_block)
        return fail(r, r->line, "'-- +goose StatementEnd' without StatementBegin",
                    "Begin the statement with -- +goose StatementBegin.");
    r->in_block = false;
    if (!wants(r))
        return true;
    out->blocks[out->block_count++] =
        (struct sql_range){ .offset = r->block_start,
                            .length = r->text.len - r->block_start };
    strbuf_putc(&r->text, ';');
    return true;
}

/* Inside of a block only its end may come. */
static bool
check_block(struct reading *r, enum annotation annotation)
{
    if (!r->in_block || annotation == ANNOTATION_END ||
        annotation == ANNOTATION_ENVSUB_ON || annotation == ANNOTATION_ENVSUB_OFF ||
        annotation == ANNOTATION_NO_TRANSACTION)
        return true;
    return fail(r, r->block_line, "missing '-- +goose StatementEnd'",
                "End the statement that begins here before the next annotation.");
}

static bool
take_annotation(struct reading *r, enum annotation annotation)
{
    if (!check_block(r, annotation))
        return false;
    switch (annotation) {
    case ANNOTATION_UP: return take_up(r);
    case ANNOTATION_DOWN: return take_down(r);
    case ANNOTATION_BEGIN: return take_begin(r);
    case ANNOTATION_END: return take_end(r);
    case ANNOTATION_NO_TRANSACTION: r->out->no_transaction = true; break;
    case ANNOTATION_ENVSUB_ON: r->envsub = true; break;
    case ANNOTATION_ENVSUB_OFF: r->envsub = false; break;
    case ANNOTATION_UNKNOWN: break;
    }
    return true;
}

/* A value, or a part of one, need not be text. */
static bool
check_values(struct reading *r, size_t start)
{
    struct error ignored = { 0 };

    if (sqlfile_check_bytes(strbuf_text(&r->text) + start, r->text.len - start, &ignored))
        return true;
    return fail(r, r->line, "the value of a variable is not UTF-8",
                "Set it to UTF-8 text; ${V:offset:length} counts bytes.");
}

/* Comments before Up go to both sections: directives may stand there. */
static bool
take_text(struct reading *r, const struct goose_line *line)
{
    size_t start = r->text.len;

    if (r->section != BEFORE && !wants(r))
        return true;
    if (!r->envsub || goose_line_is_comment(line)) {
        strbuf_add(&r->text, line->text, line->len);
        return true;
    }
    if (envsub_expand(&r->in->env, line->text, line->len, &r->text, r->err))
        return check_values(r, start);
    return error_at(r->err, "", r->line, 0);
}

static bool
take_line(struct reading *r, const struct goose_line *line)
{
    struct goose_mark mark;
    bool ok;

    r->line++;
    if (!goose_line_mark(line, &mark))
        ok = take_text(r, line);
    else if (mark.indented)
        return fail(r, r->line, "white space before an annotation",
                    "Let the line begin with --.");
    else if (mark.annotation == ANNOTATION_UNKNOWN)
        return unknown(r, &mark);
    else
        ok = take_annotation(r, mark.annotation);
    if (ok)
        strbuf_add(&r->text, line->text + line->len, line->end);
    return ok;
}

static bool
take_lines(struct reading *r)
{
    const char *at = goose_line_first(r->in->text, r->in->size);
    struct goose_line line;

    while (goose_line_next(&at, r->in->text + r->in->size, &line)) {
        if (!take_line(r, &line))
            return false;
    }
    if (r->in_block)
        return fail(r, r->block_line, "missing '-- +goose StatementEnd'",
                    "End the statement that begins here.");
    return true;
}

static bool
is_inside(const struct goose *out, size_t offset)
{
    for (size_t i = 0; i < out->block_count; i++) {
        if (offset >= out->blocks[i].offset &&
            offset - out->blocks[i].offset < out->blocks[i].length)
            return true;
    }
    return false;
}

static bool
runs_into_block(const struct goose *out, const struct sql_statement *s)
{
    for (size_t i = 0; i < out->block_count; i++) {
        size_t start = out->blocks[i].offset;

        if (s->offset < start && start < s->offset + s->length)
            return true;
    }
    return false;
}

/* Whether a semicolon stands next, behind comments. */
static bool
is_ended(const struct goose *out, size_t at)
{
    struct token_scanner scanner = { .text = out->text, .size = out->size, .at = at };
    struct token token;

    token_next(&scanner, &token);
    return token_is_symbol(&token, ';');
}

/* A statement outside of a block ends with a semicolon, as goose wants it. */
static bool
check_ends(struct reading *r)
{
    struct goose *out = r->out;
    struct sql_statements split;
    const struct sql_statement *last;

    if (!sqlscan_split(out->text, out->size, r->arena, &split, r->err))
        return false;
    for (size_t i = 0; i < split.count; i++) {
        if (runs_into_block(out, &split.list[i]))
            return fail(r, split.list[i].line, "missing semicolon",
                        "End the statement before -- +goose StatementBegin.");
    }
    if (split.count == 0)
        return true;
    last = &split.list[split.count - 1];
    if (is_inside(out, last->offset) || last->copy_data != NULL ||
        is_ended(out, last->offset + last->length))
        return true;
    return fail(r, last->line, "missing semicolon",
                "End the section's last statement with `;`.");
}

/* Before Up only comments may stand. */
static bool
check_head(struct reading *r)
{
    struct sql_statements split;

    if (r->in->file != GOOSE_BOTH)
        return true;
    if (!r->has_up)
        return fail(r, 1, "there is no '-- +goose Up'", "Begin with -- +goose Up.");
    if (r->in->down && !r->out->has_down)
        return fail(r, 1, "there is no '-- +goose Down'", "Add one with what undoes it.");
    if (!sqlscan_split(r->out->text, r->head, r->arena, &split, r->err))
        return false;
    if (split.count == 0)
        return true;
    return fail(r, split.list[0].line, "a statement before '-- +goose Up'",
                "Begin with -- +goose Up.");
}

bool
goose_is(const char *text, size_t size)
{
    const char *at = goose_line_first(text, size);
    struct goose_line line;
    struct goose_mark mark;

    while (goose_line_next(&at, text + size, &line)) {
        if (goose_line_mark(&line, &mark))
            return true;
    }
    return false;
}

bool
goose_has_section(const char *text, size_t size, bool down)
{
    enum annotation wanted = down ? ANNOTATION_DOWN : ANNOTATION_UP;
    const char *at = goose_line_first(text, size);
    struct goose_line line;
    struct goose_mark mark;

    while (goose_line_next(&at, text + size, &line)) {
        if (goose_line_mark(&line, &mark) && mark.annotation == wanted)
            return true;
    }
    return false;
}

bool
goose_read(const struct goose_input *in, struct arena *arena, struct goose *out,
           struct error *err)
{
    struct reading r = { .in = in, .arena = arena, .out = out, .err = err };
    bool ok;

    *out = (struct goose){ .text = in->text, .size = in->size };
    if (in->file != GOOSE_BOTH && !goose_line_mentioned(in->text, in->size))
        return true;
    if (!sqlfile_check_bytes(in->text, in->size, err))
        return false;
    out->annotated = true;
    out->blocks = arena_alloc(arena, (in->size / 24 + 1) * sizeof(*out->blocks));
    ok = take_lines(&r);
    out->size = r.text.len;
    out->text = arena_strndup(arena, strbuf_text(&r.text), r.text.len);
    strbuf_release(&r.text);
    return ok && check_head(&r) && (in->file != GOOSE_BOTH || check_ends(&r));
}
