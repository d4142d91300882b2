/*
 * globals.h - what a script sees beside Lua's own, and hooks with it
 */
#ifndef LUAMIG_SCRIPT_GLOBALS_H
#define LUAMIG_SCRIPT_GLOBALS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/settings.h"
#include "script/host.h"

/* The table `migration`. */
struct script_facts {
    bool has_version; /* false: a repeatable's */
    int64_t version;
    const char *name, *direction; /* "up", "down" */
    const char *folder;           /* where its files lie */
    const char *environments;     /* "production,test"; NULL: none */
    bool in_transaction;          /* else no-transaction */
    size_t attempt;               /* 1, 2, ... */
    bool dry_run;
};

/* What the functions work with. It must stay where it is as long as the state lives. */
struct globals {
    const struct host *host; /* whose log() they call; may be exchanged */
    const struct stop *stop; /* what ends a program that a hook runs; likewise */
    const struct settings *settings;
};

/* Registers the types of values, errors and db in a new state. */
void globals_open(lua_State *L);

/*
 * Pushes what sandbox.new{} takes: vars, log, read_module, and a table globals with json,
 * null, array, bytea, to which the caller may add.
 */
void globals_push(lua_State *L, const struct globals *globals);

/* Pushes the table `migration`. */
void globals_push_migration(lua_State *L, const struct script_facts *facts);

/* Pushes the names with commas between as a list; NULL: an empty one. */
void globals_push_names(lua_State *L, const char *names);

/* Pushes the embedded module luamig.NAME. */
void globals_push_embedded(lua_State *L, const char *name);

#endif
