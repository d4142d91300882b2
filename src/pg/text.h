/*
 * text.h - PostgreSQL's text forms of values: floats, bytea, arrays
 *
 * Pure: no connection. The forms are those of the manual's 8.1.3, 8.4 and 8.15.6.
 */
#ifndef LUAMIG_PG_TEXT_H
#define LUAMIG_PG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_FLOAT 32

/*
 * The fewest digits that read back as the same double ("%.17g" would put
 * 0.10000000000000001 into a numeric, measured); "NaN", "Infinity", "-Infinity". Returns
 * the length.
 */
size_t text_float(double value, char dst[TEXT_FLOAT]);

/* "\x" and two digits a byte. dst holds 2 * size + 2 bytes; that is also what it returns. */
size_t text_bytea(const char *bytes, size_t size, char *dst);

/* Decodes either output form of bytea, hex or escape; dst holds len bytes. Returns the size. */
size_t text_unbytea(const char *text, size_t len, char *dst);

enum text_array_token {
    ARRAY_OPEN,
    ARRAY_CLOSE,
    ARRAY_ELEMENT, /* raw and raw_len, for text_array_unescape() */
    ARRAY_NULL,
    ARRAY_END, /* of the text */
    ARRAY_BAD  /* it is no array */
};

/* Takes an array literal apart. */
struct text_array {
    const char *next, *end;
    const char *bounds; /* "[0:2][1:3]" before the `=`; NULL: none */
    size_t bounds_len;
    const char *raw; /* of the last element, without quotes */
    size_t raw_len;
};

struct text_array text_array_begin(const char *text, size_t len);

/* Commas are not told. */
enum text_array_token text_array_next(struct text_array *array);

/* Takes backslashes away; dst holds len bytes. Returns the length. */
size_t text_array_unescape(const char *raw, size_t len, char *dst);

/* Appends quotes and backslashes: dst holds 2 * len + 2 bytes. Returns the length. */
size_t text_array_quote(const char *text, size_t len, char *dst);

#endif
