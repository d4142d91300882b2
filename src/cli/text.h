/*
 * text.h - texts from outside, as they may be printed
 *
 * File names, rows and the server's messages may hold anything: control characters,
 * direction marks, bytes that are no UTF-8. On a terminal none of them may act.
 */
#ifndef LUAMIG_CLI_TEXT_H
#define LUAMIG_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* One character: its bytes, how many columns it takes, whether it may be shown as it is. */
struct text_char {
    const char *bytes;
    size_t len;
    size_t columns;
    bool valid; /* UTF-8; else len is 1 */
    bool shown; /* false: it would be escaped */
};

/* Takes the next character of *at and moves *at behind it; false at the end. */
bool text_next(const char **at, struct text_char *out);

/* Prints at most len bytes on one line; what may not be shown as \n, \t, \x1b, \u202e. */
void text_put(FILE *out, const char *text, size_t len);

/* The same of what somebody says, not of a name: a tab stays a tab. */
void text_put_message(FILE *out, const char *text, size_t len);

/* The columns that text_put() takes for all of it. */
size_t text_columns(const char *text);

/* The bytes of text that fit into columns, as text_put() prints them. */
size_t text_fit(const char *text, size_t columns);

#endif
