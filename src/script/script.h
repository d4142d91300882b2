/*
 * script.h - a Lua migration: one VM, from the first line to the last
 */
#ifndef LUAMIG_SCRIPT_SCRIPT_H
#define LUAMIG_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stop.h"
#include "plan/settings.h"
#include "script/host.h"

struct script {
    const char *path; /* as messages show it */
    const char *text;
    size_t size;
    const char *folder;       /* that files.* may read below */
    const char *environments; /* "production,test"; NULL: none */
    bool has_version;         /* false: a repeatable's */
    int64_t version;
    const char *name, *direction; /* "up", "down" */
    size_t attempt;               /* 1, 2, ... */
    bool dry_run;
    const struct settings *settings; /* memory, vars, lib */
    const struct stop *stop;         /* limits and signals, heeded in Lua loops too */
    const struct host *host;
    long fail_after; /* tests only: the nth allocation fails */
};

enum script_end {
    SCRIPT_DONE,
    SCRIPT_FAILED, /* *err says why; an open transaction is the caller's to roll back */
    SCRIPT_STRAY   /* the server's transaction was ended behind our back */
};

/*
 * Runs the script in a VM of its own. SCRIPT_DONE also means that every statement of an
 * open transaction succeeded: what a pcall swallowed comes out here.
 */
enum script_end script_run(const struct script *script, struct error *err);

#endif
