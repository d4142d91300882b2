/*
 * sqlwords.h - the first words of a statement, and questions about them
 */
#ifndef LUAMIG_PLAN_SQLWORDS_H
#define LUAMIG_PLAN_SQLWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "plan/sqltoken.h"

#define SQLWORDS_MAX 48 /* what decides stands in the first words */

struct sql_class;

struct sqlwords {
    const char *sql;
    size_t length;
    struct token list[SQLWORDS_MAX];
    size_t count;
    struct arena *arena;
    struct sql_class *class; /* the asker's */
};

void sqlwords_read(const char *sql, size_t length, struct arena *arena,
                   struct sqlwords *out);

/* Whether word i is that word, or that symbol. */
bool sqlwords_is(const struct sqlwords *w, size_t i, const char *word);
bool sqlwords_is_symbol(const struct sqlwords *w, size_t i, char symbol);

/* Index of the word, from i on, outside parentheses; count if it is not there. */
size_t sqlwords_find(const struct sqlwords *w, size_t i, const char *word);
bool sqlwords_has(const struct sqlwords *w, size_t i, const char *word);

/* Whether first and one of the two stand together, in all of the text this time. */
bool sqlwords_has_pair(const struct sqlwords *w, const char *first, const char *second,
                       const char *other);

/* The text of the words from first to last, both included; in the arena. */
char *sqlwords_text(const struct sqlwords *w, size_t first, size_t last);

/* A qualified name that begins at *i, as written; *i then stands behind it. NULL: none. */
const char *sqlwords_name(const struct sqlwords *w, size_t *i);

/* The index behind `(...)` at i, or i. */
size_t sqlwords_skip_parens(const struct sqlwords *w, size_t i);

/* Word i, or what stands in its quotes, of what fits. */
void sqlwords_unquoted(const struct sqlwords *w, size_t i, char *buf, size_t size);

#endif
