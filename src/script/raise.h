/*
 * raise.h - struct error as an object of Lua, and what a script raises as struct error
 *
 * Scripts see the fields message, sqlstate, detail, hint and where ("file:line"), and file,
 * line and column; people see file and line, and the frames of Lua that led there.
 */
#ifndef LUAMIG_SCRIPT_RAISE_H
#define LUAMIG_SCRIPT_RAISE_H

#include <lua.h>

#include "base/error.h"

/* Registers the object's type in a new state. */
void raise_open(lua_State *L);

/*
 * Raises *err, with the place of the call that led here unless it has one. The caller must
 * hold nothing.
 */
int raise_error(lua_State *L, const struct error *err);

/*
 * Makes tostring() of an error say all there is to say, for a host that prints it: place,
 * message, detail and hint. A script's is the message.
 */
void raise_say_all(lua_State *L);

/* Pushes *err as a value, without raising it. */
void raise_push(lua_State *L, const struct error *err);

/* A message handler for lua_pcall(): makes an object of whatever was raised. */
int raise_handler(lua_State *L);

/* The error of the value at index, or NULL if it is none. */
const struct error *raise_caught(lua_State *L, int index);

/* Sets file and line of the innermost frame of Lua, if there is one. */
void raise_place(lua_State *L, struct error *err);

#endif
