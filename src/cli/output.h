/* output.h - stdout and stderr: terminal, colours, and whether it could be written */
#ifndef LUAMIG_CLI_OUTPUT_H
#define LUAMIG_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* First thing: stderr in whole lines, so that those of several runs do not mix. */
void output_begin(void);

bool output_is_terminal(FILE *out);

/* By the setting color (enum color_mode), NO_COLOR and whether out is a terminal. */
bool output_colour(int mode, FILE *out);

/* How wide the terminal is; 80 where that cannot be said. */
size_t output_columns(FILE *out);

/* Flushes out; a failure of stdout is kept for output_flush(). */
void output_push(FILE *out);

/*
 * Flushes stdout. false, said on stderr: it could not be written (a full disk). A reader
 * that went away (EPIPE: `status | head`) is no failure and said nowhere.
 */
bool output_flush(void);

#endif
