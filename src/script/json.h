/*
 * json.h - json.encode and json.decode
 *
 * decode(text) takes RFC 8259's JSON and nothing else, down to 200 levels, in UTF-8. null is
 * the script global, an array is an `array`, so that [] and {} come back as what they were;
 * of equal keys the last counts, as in jsonb. No number is rounded: integers have 64 bits,
 * and a fraction or exponent is taken where the shortest text of the double is the same
 * decimal number. All else raises with its place in the text or its path. encode: see
 * script/json_encode.
 */
#ifndef LUAMIG_SCRIPT_JSON_H
#define LUAMIG_SCRIPT_JSON_H

#include <lua.h>

/* Pushes the table with encode and decode; value_open() went before. */
void json_open(lua_State *L);

#endif
