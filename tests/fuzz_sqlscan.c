/* Splits any bytes as a SQL file, in both modes, and checks what comes out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/sqlfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[16];

    check_one((const char *)data, size, false);
    check_one((const char *)data, size, true);
    sqlscan_line_text((const char *)data, size, size / 2, line, sizeof(line));
    return 0;
}

#ifndef LUAMIG_LIBFUZZER
/* Replays files; bytes in a block of their own, so that a sanitizer sees its end. */
static bool
replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, capacity = 0;
    int c;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((c = getc(file)) != EOF) {
        data = xgrow(data, size, &capacity, 1);
        data[size++] = (uint8_t)c;
    }
    fclose(file);
    data = xrealloc(data, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return true;
}

int
main(int argc, char **argv)
{
    bool ok = true;

    for (int i = 1; i < argc; i++)
        ok = replay(argv[i]) && ok;
    return ok ? 0 : 1;
}
#endif
