/*
 * sqltoken.h - SQL text as tokens
 *
 * The lexical rules of PostgreSQL (manual, section 4.1) as far as splitting and the first
 * words need them: strings, quoted names, dollar quotes, comments. Linear in the text.
 */
#ifndef LUAMIG_PLAN_SQLTOKEN_H
#define LUAMIG_PLAN_SQLTOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_WORD_MAX 32

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* a key word or unquoted name; folded in word */
    TOKEN_NAME,   /* "quoted" */
    TOKEN_STRING, /* '...', E'...', $tag$...$tag$ */
    TOKEN_OTHER,  /* one character, or the digits of a number */
    TOKEN_BAD     /* does not end; scanner->bad says what */
};

struct token {
    enum token_kind kind;
    size_t offset, length;
    char symbol;               /* the first byte of TOKEN_OTHER */
    char word[TOKEN_WORD_MAX]; /* lower case; longer words are cut, no key word is */
};

/* Set text, size and, to start elsewhere, at. */
struct token_scanner {
    const char *text;
    size_t size, at;
    const char *bad; /* "string", "quoted name", "dollar-quoted string", "comment" */
};

/* The next token behind blanks and comments. TOKEN_BAD's offset is where it began. */
void token_next(struct token_scanner *scanner, struct token *token);

/* Whether the token is that word (lower case). */
bool token_is(const struct token *token, const char *word);

/* Whether it is that single character. */
bool token_is_symbol(const struct token *token, char symbol);

#endif
