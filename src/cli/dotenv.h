/* dotenv.h - .env: KEY=value, export, quotes, # */
#ifndef LUAMIG_CLI_DOTENV_H
#define LUAMIG_CLI_DOTENV_H

#include "base/arena.h"
#include "base/error.h"

struct dotenv_pair {
    const char *key, *value;
};

struct dotenv {
    struct dotenv_pair *list;
    size_t count;
};

/* ERROR_USAGE with the line; the file is the caller's to set. */
bool dotenv_parse(const char *text, size_t size, struct arena *arena, struct dotenv *out,
                  struct error *err);

/* The value of a key, or NULL. */
const char *dotenv_value(const struct dotenv *env, const char *key);

#endif
