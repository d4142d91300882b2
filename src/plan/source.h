/*
 * source.h - the migrations that a folder holds
 *
 * A source is a list of names and a read function: a folder or its layers now, an archive
 * later. Nothing here opens a connection. Contents are looked into only for goose's marks,
 * where a name says neither .up nor .down.
 */
#ifndef LUAMIG_PLAN_SOURCE_H
#define LUAMIG_PLAN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/layers.h"
#include "plan/problem.h"

enum file_kind {
    FILE_NONE,
    FILE_SQL,
    FILE_LUA
};

struct migration_file {
    enum file_kind kind;
    const char
        *path;  /* as messages show it and as it is opened: "migrations/0042_a.up.sql" */
    bool goose; /* one file for both directions, with goose's annotations */
};

struct migration {
    int64_t version;
    const char *version_text; /* as in the file's name: "0042" */
    const char *name;         /* the up file's title */
    const char *environment;  /* its layer: "base", "production"; NULL: a flat folder */
    struct migration_file up, down;
    bool repeatable; /* R__<name>: no version, runs again when it was changed */
    bool excluded;   /* exclude_mark(): is not to be applied */
    bool background; /* says its directive, which is read of pending ones only */
};

/* Ascending by version; one element per version that has an up file. */
struct source {
    const char *dir;
    const char *environments; /* the layers' selection; NULL: a flat folder */
    struct migration *migrations;
    size_t count;
    struct migration *repeatables; /* by name */
    size_t repeatable_count;
};

/*
 * Turns the names of all layers into one sequence of migrations. Misnamed files, versions
 * beyond 64 bits and versions that occur twice are errors, in two layers too; downs without
 * an up and suspicious names are warnings; all go to problems. Names need no order.
 */
void source_build(const struct layers *layers, struct arena *arena, struct source *out,
                  struct problems *problems);

/* The same for the folder and environments of the settings. ERROR_USAGE as layers_open(). */
bool source_open(const struct settings *settings, struct arena *arena, struct source *out,
                 struct problems *problems, struct error *err);

/* The migration with that version, or NULL. */
const struct migration *source_find(const struct source *source, int64_t version);

/* "0042_phones", "R__views"; in the arena. */
const char *source_label(const struct migration *migration, struct arena *arena);

#endif
