/*
 * hooks_file.h - hooks.lua: a Lua file that returns a table from event to function
 *
 * Trusted like a Makefile: it has Lua's full standard library. One VM for a whole run, so
 * that hooks may remember things from one event to the next.
 */
#ifndef LUAMIG_SCRIPT_HOOKS_FILE_H
#define LUAMIG_SCRIPT_HOOKS_FILE_H

#include "script/globals.h"
#include "script/script.h"
#include "script/vm.h"

enum hook_event {
    HOOK_BEFORE_RUN,
    HOOK_AFTER_RUN,
    HOOK_BEFORE_MIGRATION,
    HOOK_AFTER_MIGRATION,
    HOOK_ON_FAILURE,
    HOOK_EVENTS
};

/* The field `run`. */
struct hook_run {
    const char *id, *command; /* 8 hex digits; "up", "down", "redo" */
    const char *direction;    /* "up", "down" */
    const char *environments; /* "production,test"; NULL: none */
    const char *database, *host, *user;
    const char *started; /* "2026-05-20T10:38:00Z" */
    bool background;
};

/* One line of the field `plan`. */
struct hook_step {
    bool has_version; /* false: a repeatable */
    int64_t version;
    const char *name;
};

/* What a hook is called with. */
struct hook_call {
    enum hook_event event;
    const struct hook_run *run;
    const struct hook_step *plan;
    size_t plan_count;
    const struct script_facts *migration; /* NULL: none */
    int64_t duration;                     /* ms; negative: not said */
    const struct error *error;            /* NULL: none */
    const struct host *host;              /* of its db */
    const struct stop *stop;
    const struct error *no_db; /* why db cannot be used; NULL: it can */
};

/* It must stay where it is between open and close. */
struct hooks_file {
    struct vm vm;
    struct globals globals;
    size_t counts[HOOK_EVENTS]; /* functions of each event */
    long fail_after;            /* tests only: the nth allocation fails */
};

/* "before_run", ... */
const char *hooks_file_event(enum hook_event event);

/*
 * Raises unless the value on top of the stack is a table from event to function, or list of
 * functions; makes lists of all.
 */
void hooks_file_check(lua_State *L);

/*
 * Reads and runs the file, whose log goes to host. ERROR_SCRIPT with the place where it is
 * no Lua, raises, or returns no table of events; ERROR_USAGE where it cannot be read.
 * hooks_file_close() is to be called either way.
 */
bool hooks_file_open(struct hooks_file *file, const char *path,
                     const struct settings *settings, const struct host *host,
                     const struct stop *stop, struct error *err);
void hooks_file_close(struct hooks_file *file);

/* Calls the event's nth function (from 0). */
enum script_end hooks_file_call(struct hooks_file *file, size_t n,
                                const struct hook_call *call, struct error *err);

#endif
