/*
 * content.h - a migration's files, read once: the bytes hashed are the bytes run
 */
#ifndef LUAMIG_ENGINE_CONTENT_H
#define LUAMIG_ENGINE_CONTENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "plan/directive.h"
#include "plan/source.h"
#include "plan/sqlfile.h"

struct content {
    const struct migration *migration;
    bool down;        /* it undoes: the script is the down */
    bool partial;     /* a down: it undoes what is half done and has steps, but no row */
    bool unrecorded;  /* exec: it has no row, no history and no steps */
    const char *path; /* of the script, as messages show it */
    enum file_kind kind;   /* of the script */
    struct fs_text script; /* what runs */
    struct fs_text undo;   /* up: the down's text, for the history; bytes NULL: none */
    char checksum[DIGEST_HEX];
    struct directives directives;
    struct sql_file sql;
};

/*
 * Reads, hashes and parses the up file; the down's text is read for the history. Errors
 * are ERROR_PLAN with file and line.
 */
bool content_read(const struct migration *migration, struct arena *arena,
                  struct content *out, struct error *err);

/* The same for the migration's down file; it must have one. */
bool content_read_down(const struct migration *migration, struct arena *arena,
                       struct content *out, struct error *err);

/*
 * A script that belongs to no version; of a file with goose's sections the Down one, if
 * down. The migration is made for messages: its name is the path, its version_text "".
 * ERROR_USAGE unless it ends in .sql or .lua.
 */
bool content_read_file(const char *path, bool down, struct arena *arena,
                       struct content *out, struct error *err);

/* The same for a down that is no file any more: its text as the history kept it. */
bool content_take_down(const struct migration *migration, enum file_kind kind,
                       const char *text, struct arena *arena, struct content *out,
                       struct error *err);

/* Whether the migration's up file says `background`; one that cannot be read does not. */
bool content_says_background(const struct migration *migration);

/*
 * What is recorded of it: a row in the applied set, rows in _steps, an attempt in the
 * history. A repeatable has only the last, what exec runs nothing.
 */
bool content_has_row(const struct content *content);
bool content_has_steps(const struct content *content);
bool content_has_history(const struct content *content);

/* Whether what is done of it stays when it fails: it does not run in one transaction. */
bool content_keeps(const struct content *content);

/* "transaction", "statements", "script". */
const char *content_mode(const struct content *content);

/* Whether it has no statement at all. */
bool content_is_empty(const struct content *content);

/* Whether the migration's up file differs from a recorded checksum (BOM and line ends
 * aside). */
bool content_has_drifted(const struct migration *migration, const char *checksum,
                         bool *drifted, struct error *err);

/*
 * Completes an error of the server with its place in the file: statement n (1-based; 0:
 * none), and from err->position or err->body_line the line, column and excerpt; without
 * either the statement's first line is the place. An error with a place of its own, in a
 * hook, keeps it. bytes: positions count bytes (a
 * SQL_ASCII database).
 */
void content_place(const struct content *content, size_t statement, bool bytes,
                   struct error *err);

/* The same for an error of the content's script, or of a module that it called. */
void content_place_script(const struct content *content, struct error *err);

#endif
