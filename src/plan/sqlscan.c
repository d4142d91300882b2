#include "plan/sqlscan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "plan/sqltoken.h"

#define HEAD_WORDS 4

struct split {
    struct token_scanner scanner;
    struct sql_statement *list;
    size_t count, capacity;
    struct error *err;

    /* The statement at hand. */
    bool begun;
    size_t start, end;
    size_t parens, begins;         /* how deep in (...) and BEGIN ... END */
    struct token head[HEAD_WORDS]; /* its first tokens */
    size_t tokens;
    bool from, from_stdin; /* COPY: the last word was FROM; FROM STDIN was seen */
    bool begin;            /* the last word was BEGIN */

    /* Lines are counted on from here, so that all of it is linear. */
    size_t line, line_offset;
};

static size_t
line_of(struct split *split, size_t offset)
{
    const char *text = split->scanner.text;

    for (; split->line_offset < offset; split->line_offset++)
        split->line += text[split->line_offset] == '\n';
    return split->line;
}

static void
begin_statement(struct split *split)
{
    split->begun = false;
    split->parens = split->begins = split->tokens = 0;
    split->from = split->from_stdin = split->begin = false;
}

static void
finish_statement(struct split *split)
{
    if (split->begun) {
        split->list =
            xgrow(split->list, split->count, &split->capacity, sizeof(*split->list));
        split->list[split->count++] =
            (struct sql_statement){ .offset = split->start,
                                    .length = split->end - split->start,
                                    .line = line_of(split, split->start) };
    }
    begin_statement(split);
}

static bool
fail_at(struct split *split, size_t offset)
{
    size_t line, column;

    sqlscan_line(split->scanner.text, split->scanner.size, offset, &line, &column);
    return error_at(split->err, "", line, column);
}

/* CREATE [OR REPLACE] FUNCTION|PROCEDURE: only there BEGIN ATOMIC can stand. */
static bool
is_routine(const struct split *split)
{
    const struct token *what = &split->head[1];

    if (split->tokens < 2 || !token_is(&split->head[0], "create"))
        return false;
    if (token_is(what, "or") && split->tokens >= HEAD_WORDS)
        what = &split->head[3];
    return token_is(what, "function") || token_is(what, "procedure");
}

/*
 * psql's rule for the `;` inside a SQL-standard function body, but that BEGIN counts only
 * before ATOMIC: a routine or a column may be named begin.
 */
static void
count_begin(struct split *split, const struct token *token)
{
    bool begin = split->begin;

    split->begin = token_is(token, "begin");
    if (token->kind != TOKEN_WORD || split->parens > 0 || !is_routine(split))
        return;
    if (begin && token_is(token, "atomic"))
        split->begins++;
    else if (token_is(token, "case") && split->begins > 0)
        split->begins++;
    else if (token_is(token, "end") && split->begins > 0)
        split->begins--;
}

static void
watch_copy(struct split *split, const struct token *token)
{
    if (split->parens > 0 || split->tokens == 0 || !token_is(&split->head[0], "copy"))
        return;
    if (split->from && token_is(token, "stdin"))
        split->from_stdin = true;
    split->from = token_is(token, "from");
}

static void
take_token(struct split *split, const struct token *token)
{
    if (!split->begun) {
        split->begun = true;
        split->start = token->offset;
    }
    split->end = token->offset + token->length;
    if (token_is_symbol(token, '('))
        split->parens++;
    else if (token_is_symbol(token, ')') && split->parens > 0)
        split->parens--;
    count_begin(split, token);
    watch_copy(split, token);
    if (split->tokens < HEAD_WORDS)
        split->head[split->tokens] = *token;
    split->tokens++;
}

static size_t
next_line(const struct token_scanner *scanner, size_t at)
{
    const char *end = memchr(scanner->text + at, '\n', scanner->size - at);

    return end != NULL ? (size_t)(end - scanner->text) + 1 : scanner->size;
}

static bool
is_copy_end(const struct token_scanner *scanner, size_t at, size_t next)
{
    size_t len = next - at;

    while (len > 0 &&
           (scanner->text[at + len - 1] == '\n' || scanner->text[at + len - 1] == '\r'))
        len--;
    return len == 2 && memcmp(scanner->text + at, "\\.", 2) == 0;
}

/* What else stands on the line would be taken for no one's: neither data nor statement. */
static bool
check_line_is_over(struct split *split, size_t next)
{
    struct token_scanner rest = { .text = split->scanner.text,
                                  .size = next,
                                  .at = split->scanner.at };
    struct token token;

    token_next(&rest, &token);
    if (token.kind == TOKEN_END)
        return true;
    error_set(split->err, ERROR_PLAN, "text behind COPY ... FROM STDIN on its line");
    error_hint(split->err,
               "The data begins on the next line; put the text behind `\\.`.");
    return fail_at(split, token.offset);
}

/* The data begins on the line behind the statement's `;`. */
static bool
take_copy_data(struct split *split, size_t statement_offset)
{
    struct token_scanner *scanner = &split->scanner;
    struct sql_statement *s = &split->list[split->count - 1];
    size_t start = next_line(scanner, scanner->at), at = start;

    if (!check_line_is_over(split, start))
        return false;
    while (at < scanner->size) {
        size_t next = next_line(scanner, at);

        if (is_copy_end(scanner, at, next)) {
            s->copy_data = scanner->text + start;
            s->copy_length = at - start;
            scanner->at = next;
            return true;
        }
        at = next;
    }
    error_set(split->err, ERROR_PLAN, "the data of COPY ... FROM STDIN is not ended");
    error_hint(split->err, "End it with a line that holds only `\\.`.");
    return fail_at(split, statement_offset);
}

/* \restrict and \unrestrict, which pg_dump writes, need a psql to obey. */
static bool
take_meta(struct split *split, const struct token *token)
{
    struct token_scanner *scanner = &split->scanner;
    struct token name;

    token_next(scanner, &name);
    if (!split->begun && (token_is(&name, "restrict") || token_is(&name, "unrestrict"))) {
        scanner->at = next_line(scanner, name.offset);
        return true;
    }
    error_set(split->err, ERROR_PLAN, "psql meta command '\\%.*s' is not SQL",
              name.length < 32 ? (int)name.length : 32, scanner->text + name.offset);
    error_hint(split->err, "Write it as SQL, or leave it out.");
    return fail_at(split, token->offset);
}

static bool
take_semicolon(struct split *split)
{
    size_t start = split->start;
    bool copies = split->begun && split->from_stdin;

    finish_statement(split);
    return !copies || take_copy_data(split, start);
}

static bool
unterminated(struct split *split, const struct token *token)
{
    error_set(split->err, ERROR_PLAN, "unterminated %s", split->scanner.bad);
    error_hint(split->err,
               "It begins here and is not closed before the end of the file.");
    return fail_at(split, token->offset);
}

static bool
split_all(struct split *split)
{
    struct token token;

    for (token_next(&split->scanner, &token); token.kind != TOKEN_END;
         token_next(&split->scanner, &token)) {
        bool ok = true;

        if (token.kind == TOKEN_BAD)
            return unterminated(split, &token);
        if (token_is_symbol(&token, '\\'))
            ok = take_meta(split, &token);
        else if (token_is_symbol(&token, ';') && split->parens == 0 && split->begins == 0)
            ok = take_semicolon(split);
        else
            take_token(split, &token);
        if (!ok)
            return false;
    }
    return take_semicolon(split);
}

bool
sqlscan_split(const char *text, size_t size, struct arena *arena,
              struct sql_statements *out, struct error *err)
{
    struct split split = { .scanner = { .text = text, .size = size },
                           .err = err,
                           .line = 1 };
    bool ok;

    split.scanner.at = utf8_bom(text, size);
    ok = split_all(&split);
    *out = (struct sql_statements){ 0 };
    if (ok) {
        out->count = split.count;
        out->list = arena_alloc(arena, (split.count + 1) * sizeof(*out->list));
        if (split.count > 0)
            memcpy(out->list, split.list, split.count * sizeof(*out->list));
    }
    free(split.list);
    return ok;
}

void
sqlscan_line(const char *text, size_t size, size_t offset, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < size; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            ++*column;
        }
    }
    if (*line == 1 && *column > 1 && utf8_bom(text, size) > 0)
        --*column;
}

static bool
is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Where to begin with a line that is longer than room: half of it before the byte. */
static size_t
window_start(const char *text, size_t start, size_t offset, size_t room)
{
    if (offset - start <= room / 2)
        return start;
    start = offset - room / 2;
    while (start < offset && is_continuation(text[start]))
        start++;
    return start;
}

size_t
sqlscan_line_text(const char *text, size_t size, size_t offset, char *dst,
                  size_t dst_size)
{
    size_t start = offset < size ? offset : size, end = start, at = start, skipped = 0;
    size_t from;

    while (start > 0 && text[start - 1] != '\n')
        start--;
    while (end < size && text[end] != '\n' && text[end] != '\r')
        end++;
    if (start == 0)
        start = utf8_bom(text, end);
    if (end > start && end < size && text[end] == '\n' && text[end - 1] == '\r')
        end--;
    if (end < start)
        end = start;
    from = end - start < dst_size || at < start
               ? start
               : window_start(text, start, at, dst_size - 1);
    for (size_t i = start; i < from; i++)
        skipped += !is_continuation(text[i]);
    if (end - from >= dst_size) {
        end = from + dst_size - 1;
        while (end > from && is_continuation(text[end]))
            end--;
    }
    snprintf(dst, dst_size, "%.*s", (int)(end - from), text + from);
    return skipped;
}
