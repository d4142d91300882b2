/*
 * json_scan.h - the tokens of a JSON text, as RFC 8259 has them
 *
 * json-c knows the structure, but even its strict mode takes what is no JSON (NaN, 01, 1.,
 * quotes of other kinds, halves of surrogate pairs), cuts keys at a NUL and integers to 64
 * bits. What has passed here has none of that. Pure.
 */
#ifndef LUAMIG_SCRIPT_JSON_SCAN_H
#define LUAMIG_SCRIPT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH 200 /* arrays and objects within each other */

struct json_fault {
    const char *what;
    size_t at; /* 1-based, in bytes */
};

/*
 * Checks every token of text, which must have a NUL at size. Which token may follow which
 * is not looked at.
 */
bool json_scan(const char *text, size_t size, struct json_fault *fault);

#endif
