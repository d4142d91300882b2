/*
 * goose.h - files with goose's annotations: `-- +goose Up` and its like
 *
 * One file holds both directions. What is not of the wanted one is taken out line by line,
 * so that lines keep their numbers. The grammar is goose v3's (pressly/goose,
 * internal/sqlparser), and stricter where that guesses.
 */
#ifndef LUAMIG_PLAN_GOOSE_H
#define LUAMIG_PLAN_GOOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/envsub.h"
#include "plan/sqlfile.h"

enum goose_file {
    GOOSE_BOTH, /* <version>_<name>.sql: begins with Up */
    GOOSE_UP,   /* .up.sql: an Up may stand in it, a Down may not */
    GOOSE_DOWN  /* .down.sql: the other way round */
};

struct goose_input {
    const char *text;
    size_t size;
    enum goose_file file;
    bool down; /* of GOOSE_BOTH: the section that is wanted */
    struct envsub env;
};

struct goose {
    bool annotated; /* else text is as it was */
    bool has_down;
    bool no_transaction;
    const char *text; /* of the wanted section */
    size_t size;
    struct sql_range *blocks; /* StatementBegin to StatementEnd, in text */
    size_t block_count;
};

/* Whether a text has an annotation, be it misspelled: then a bare .sql is a migration. */
bool goose_is(const char *text, size_t size);

/* Whether it has `-- +goose Down`, or `-- +goose Up`. */
bool goose_has_section(const char *text, size_t size, bool down);

/*
 * ERROR_PLAN with line, and what to write, for what goose would refuse or guess at, and
 * for bytes that are no text. ENVSUB leaves lines alone that are comments. Line feeds in a
 * variable's value move the lines behind it.
 */
bool goose_read(const struct goose_input *in, struct arena *arena, struct goose *out,
                struct error *err);

#endif
