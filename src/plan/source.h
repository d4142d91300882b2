/*
 * source.h - the migrations that a folder holds
 *
 * A source is a list of names and a read function: a folder now, an archive or an
 * environment's layers later. Nothing here opens a connection, and no contents are read.
 */
#ifndef LUAMIG_PLAN_SOURCE_H
#define LUAMIG_PLAN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "plan/problem.h"

enum file_kind {
    FILE_NONE,
    FILE_SQL,
    FILE_LUA
};

struct migration_file {
    enum file_kind kind;
    const char
        *path; /* as messages show it and as it is opened: "migrations/0042_a.up.sql" */
};

struct migration {
    int64_t version;
    const char *version_text; /* as in the file's name: "0042" */
    const char *name;         /* the up file's title */
    struct migration_file up, down;
};

/* Ascending by version; one element per version that has an up file. */
struct source {
    const char *dir;
    struct migration *migrations;
    size_t count;
};

/*
 * Turns the names of a folder into migrations. Misnamed files, versions beyond 64 bits and
 * versions that occur twice are errors, downs without an up and suspicious names
 * warnings; all go to problems. names need no order.
 */
void source_build(const char *dir, const struct fs_names *names, struct arena *arena,
                  struct source *out, struct problems *problems);

/* The same for a folder on disk. ERROR_USAGE if dir is absent or cannot be listed. */
bool source_open(const char *dir, struct arena *arena, struct source *out,
                 struct problems *problems, struct error *err);

/* The migration with that version, or NULL. */
const struct migration *source_find(const struct source *source, int64_t version);

#endif
