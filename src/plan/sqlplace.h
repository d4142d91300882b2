/*
 * sqlplace.h - where in a text an error of the server is
 *
 * The server counts characters from the start of the statement that it was sent, or lines
 * of a function's or DO's body; people count lines and columns of the file.
 */
#ifndef LUAMIG_PLAN_SQLPLACE_H
#define LUAMIG_PLAN_SQLPLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A statement in a text, and what the server says of it. */
struct sqlplace {
    const char *text; /* the whole text, size bytes */
    size_t size;
    size_t offset, length; /* of the statement */
    size_t position;       /* struct error's: characters, 1-based; 0: not said */
    size_t body_line;      /* struct error's; 0: not said */
    bool bytes;            /* positions count bytes (a SQL_ASCII database) */
};

/*
 * Fills line, text, skipped and, where the server gave a position, column of *place;
 * without one the statement's first line is the place.
 */
void sqlplace_find(const struct sqlplace *in, struct error_place *place);

#endif
