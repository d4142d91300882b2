/*
 * fuzz_sqlscan.c - splits any bytes as a SQL file, in both modes, and checks what comes
 * out; where PostgreSQL's own parser can read the text, it must see the same statements
 */
#include <pg_query.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plan/sqlfile.h"
#include "tests/fuzz.h"

static void
require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fuzz_sqlscan: %s\n", what);
    abort();
}

static void
check_statements(const struct sql_file *f)
{
    size_t end = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct sql_statement *s = &f->statements[i];

        require(s->offset >= end, "statements overlap");
        require(s->length > 0, "an empty statement");
        require(s->offset + s->length <= f->size, "a statement outside the text");
        require(s->line >= 1, "a statement without a line");
        end = s->offset + s->length;
        if (s->copy_data == NULL)
            continue;
        require(f->classes[i].copy_in, "data of what is no COPY");
        require(s->copy_data > f->text + end, "data before its statement");
        end = (size_t)(s->copy_data - f->text) + s->copy_length;
        require(end <= f->size, "data outside the text");
    }
}

static void
check_units(const struct sql_file *f)
{
    size_t next = 0;

    for (size_t i = 0; i < f->unit_count; i++) {
        require(f->units[i].first == next && f->units[i].count > 0, "a gap in the units");
        next += f->units[i].count;
    }
    require(next == (f->mode == SQL_MODE_STATEMENTS ? f->count : 0), "units are missing");
}

static void
check_one(const char *text, size_t size, bool no_transaction)
{
    struct arena arena = { 0 };
    struct error err = { 0 };
    struct sql_file file;

    if (sqlfile_read(text, size, no_transaction, &arena, &file, &err)) {
        check_statements(&file);
        check_units(&file);
    } else {
        require(err.kind == ERROR_PLAN && err.place.line >= 1,
                "an error without a place");
    }
    arena_release(&arena);
}

/* PostgreSQL's parser leaves comments before a statement to it. */
static void
compare(const struct sql_statements *ours, const PgQuerySplitResult *theirs)
{
    require(ours->count == (size_t)theirs->n_stmts, "PostgreSQL counts otherwise");
    for (size_t i = 0; i < ours->count; i++) {
        const PgQuerySplitStmt *s = theirs->stmts[i];
        size_t start = (size_t)s->stmt_location, end = start + (size_t)s->stmt_len;

        require(ours->list[i].offset >= start &&
                    ours->list[i].offset + ours->list[i].length <= end,
                "PostgreSQL splits otherwise");
    }
}

/* Data of COPY, and psql's \restrict, are not the parser's. */
static bool
is_plain_sql(const char *text, size_t size)
{
    if (memchr(text, '\0', size) != NULL || memchr(text, '\\', size) != NULL)
        return false;
    return strcasestr(text, "stdin") == NULL;
}

static void
ask_postgresql(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    struct error err = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct sql_statements ours;
    PgQuerySplitResult theirs;

    if (size > 4096 || !is_plain_sql(text, size) ||
        !sqlfile_check_bytes(text, size, &err)) {
        arena_release(&arena);
        return;
    }
    theirs = pg_query_split_with_parser(text);
    if (theirs.error == NULL) {
        require(sqlscan_split(text, size, &arena, &ours, &err),
                "PostgreSQL can read what cannot be split");
        compare(&ours, &theirs);
    }
    pg_query_free_split_result(theirs);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[16];

    check_one((const char *)data, size, false);
    check_one((const char *)data, size, true);
    sqlscan_line_text((const char *)data, size, size / 2, line, sizeof(line));
    ask_postgresql(data, size);
    return 0;
}
