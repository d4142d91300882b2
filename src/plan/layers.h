/*
 * layers.h - the folders that the migrations come from: one, or base and environments
 *
 * A folder with a subfolder `base` (settings->base) is layered: base is always on, the
 * settings' environments add the subfolders of their names (DESIGN 2). lib/ and hooks.lua
 * beside base are no layers.
 */
#ifndef LUAMIG_PLAN_LAYERS_H
#define LUAMIG_PLAN_LAYERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "plan/problem.h"
#include "plan/settings.h"

struct layer {
    const char *environment; /* "base", "production"; NULL: the folder is flat */
    const char *folder;      /* "migrations/production" */
    struct fs_names names;
};

struct layers {
    /* Whether a bare .sql file is goose's, and has a Down section; NULL: none is. */
    bool (*is_goose)(const char *path, bool *has_down);
    const char *dir;
    struct layer *list;
    size_t count;
    const char *
        selection; /* "production,test": sorted, without base; "": base alone; NULL: flat */
};

/* Whether a name can be an environment's: one path component, not hidden, not lib. */
bool layers_is_name(const char *name);

/* Whether settings->dir is layered. */
bool layers_are_there(const struct settings *settings, struct arena *arena);

/* The environments that a layered folder has, selected or not; without base. */
bool layers_environments(const struct settings *settings, struct arena *arena,
                         struct fs_names *out, struct error *err);

/*
 * Lists the folder, or the selected layers. A migration beside the layers is an error, a
 * selected folder that is missing a warning; both go to problems. ERROR_USAGE: no folder,
 * one that cannot be listed, environments selected in a flat one.
 */
bool layers_open(const struct settings *settings, struct arena *arena, struct layers *out,
                 struct problems *problems, struct error *err);

#endif
