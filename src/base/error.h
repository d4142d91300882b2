/*
 * error.h - the one error value of luamig
 *
 * A function that can fail returns bool and takes `struct error *err` last. It fills
 * *err once, where the fault is known; callers add context with error_within() and pass
 * it up; it is printed once, by cli/complaint. The struct is plain data and valid when
 * zeroed; texts that are too long end in an ellipsis.
 *
 * Messages: lower case, no full stop, fault first, subject in single quotes. Details and
 * hints are sentences.
 */
#ifndef LUAMIG_BASE_ERROR_H
#define LUAMIG_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* What went wrong. How a run ended is enum outcome of engine/run. */
enum error_kind {
    ERROR_NONE = 0,
    ERROR_USAGE,   /* arguments, settings, migrations folder */
    ERROR_PLAN,    /* files, record and request do not fit; nothing was changed */
    ERROR_CONNECT, /* no connection, or a server that cannot be written to */
    ERROR_LOCK,    /* the run lock was not had in time, or was lost */
    ERROR_SQL,     /* the server refused a statement */
    ERROR_SCRIPT,  /* a Lua script failed */
    ERROR_TIMEOUT, /* a time limit of luamig */
    ERROR_SIGNAL,  /* SIGINT, SIGTERM, SIGHUP */
    ERROR_INTERNAL /* luamig's own fault, or output that could not be written */
};

/* A place in a file. line 0: unknown; column 0: unknown; statement 0: not in one. */
struct error_place {
    char file[512];
    size_t line;   /* 1-based */
    size_t column; /* 1-based, in characters, as PostgreSQL counts */
    size_t statement;
    size_t statements; /* the file's number of statements */
    char text[512];    /* the source line, for the excerpt; may be empty */
    size_t skipped;    /* characters of a long line that stand before text */
};

struct error {
    enum error_kind kind;
    char sqlstate[6];
    char message[1024];
    char detail[1024];
    char hint[1024];
    char object[256]; /* "table users, constraint users_pkey", from the server's fields */
    char where[512];  /* context, outermost first */
    size_t
        position; /* where in the failed statement, in characters, 1-based; 0: not said */
    size_t body_line; /* the line of a function's or DO's body; 0: not in one */
    bool in_doubt;    /* a connection was lost: whether it took effect is not known */
    struct error_place place;
    struct error_place sql; /* in the SQL that a script sent; line 0: it was none */
};

/* Fills *err anew. Always false, so that a failing function can `return error_set(...)`. */
bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Set one text of an error that is being built; both always return false. */
bool error_detail(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool error_hint(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets file, line and, where column is not 0, column of err->place; always false. */
bool error_at(struct error *err, const char *file, size_t line, size_t column);

/* Prepends context to err->where; always false. */
bool error_within(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The word for a kind in JSON: "usage", "plan", ... */
const char *error_kind_word(enum error_kind kind);

/* Copies text into dst of size bytes, cut with an ellipsis at a UTF-8 boundary. NULL is "". */
void error_text(char *dst, size_t size, const char *text);

#endif
