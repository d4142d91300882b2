/*
 * sqlfile.h - a whole SQL file: its statements and how it is run (DESIGN 3)
 */
#ifndef LUAMIG_PLAN_SQLFILE_H
#define LUAMIG_PLAN_SQLFILE_H

#include "plan/sqlkind.h"
#include "plan/sqlscan.h"

enum sql_mode {
    SQL_MODE_TRANSACTION,
    SQL_MODE_STATEMENTS
};

/* Statements mode: what is run, recorded and resumed as one. */
enum sql_unit_kind {
    UNIT_SINGLE,
    UNIT_BLOCK,  /* BEGIN ... COMMIT, both included */
    UNIT_GROUP,  /* what was marked to go together: one transaction */
    UNIT_UNDONE, /* BEGIN ... ROLLBACK */
    UNIT_DROPPED /* a COMMIT or ROLLBACK outside a block: not sent */
};

struct sql_unit {
    enum sql_unit_kind kind;
    size_t first, count; /* statements, 0-based */
};

/* A part of a file's text. */
struct sql_range {
    size_t offset, length;
};

struct sql_file {
    const char *text; /* borrowed */
    size_t size;
    struct sql_statement *statements; /* without a pair BEGIN, COMMIT round them all */
    struct sql_class *classes;
    size_t count;
    enum sql_mode mode;
    const char *modes;  /* for BEGIN, of the file's own or its SET TRANSACTION; NULL */
    const char *notice; /* why statements mode, where nobody asked for it; NULL */
    bool has_copy;      /* COPY from or to the client: no pipeline */
    struct sql_unit *units; /* statements mode */
    size_t unit_count;
    const char **notices; /* what is dropped or has no effect, with lines */
    size_t *notice_of;    /* the statement of each, 0-based */
    size_t notice_count;
};

/* Whether the bytes are UTF-8 without NUL; ERROR_PLAN with offset, line and column. */
bool sqlfile_check_bytes(const char *text, size_t size, struct error *err);

/*
 * Splits and judges a file. ERROR_PLAN with line for what cannot be split or run at all:
 * NUL, invalid UTF-8, an open block, PREPARE TRANSACTION, AND CHAIN, settings that would
 * change how the rest is read.
 */
bool sqlfile_read(const char *text, size_t size, bool no_transaction, struct arena *arena,
                  struct sql_file *out, struct error *err);

/*
 * Statements mode: makes one unit of the statements in each range (ascending), unless one
 * of them has to stand alone.
 */
void sqlfile_group(struct sql_file *file, const struct sql_range *ranges, size_t count);

#endif
