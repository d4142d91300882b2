/*
 * complaint.h - an error with its excerpt, as people read it
 *
 * What comes from outside (file names, texts of the server) is printed with its control
 * characters escaped.
 */
#ifndef LUAMIG_CLI_COMPLAINT_H
#define LUAMIG_CLI_COMPLAINT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "plan/problem.h"

/* colour: ANSI sequences are wanted. */
void complaint_error(FILE *out, const struct error *err, bool colour);
void complaint_problem(FILE *out, const struct problem *problem, bool colour);

/* Prints text on one line, control characters as \n, \t, \x1b. */
void complaint_text(FILE *out, const char *text);

#endif
