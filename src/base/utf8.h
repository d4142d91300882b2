/* utf8.h - the characters of UTF-8 */
#ifndef LUAMIG_BASE_UTF8_H
#define LUAMIG_BASE_UTF8_H

#include <stddef.h>

/*
 * The length of the character at text, of which left can be read; 0: NUL, or none of
 * UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF).
 */
size_t utf8_length(const char *text, size_t left);

/* The length of the byte order mark that text begins with; 0: there is none. */
size_t utf8_bom(const char *text, size_t size);

#endif
