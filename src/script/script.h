/*
 * script.h - a Lua migration: one VM, from the first line to the last
 */
#ifndef LUAMIG_SCRIPT_SCRIPT_H
#define LUAMIG_SCRIPT_SCRIPT_H

#include <stddef.h>

#include "base/error.h"
#include "base/stop.h"
#include "plan/settings.h"
#include "script/globals.h"
#include "script/host.h"

struct script {
    const char *path; /* as messages show it */
    const char *text;
    size_t size;
    struct script_facts facts;       /* files.* may read below its folder */
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
