#include "plan/sqltoken.h"

#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool
is_name_part(char c)
{
    return is_name_start(c) || is_digit(c) || c == '$';
}

/* The byte that lies ahead; NUL behind the end (which no name or quote holds). */
static char
peek(const struct token_scanner *s, size_t ahead)
{
    return s->size - s->at > ahead ? s->text[s->at + ahead] : '\0';
}

static void
skip_line(struct token_scanner *s)
{
    while (s->at < s->size && peek(s, 0) != '\n' && peek(s, 0) != '\r')
        s->at++;
}

/* Comments nest. false: it does not end. */
static bool
skip_comment(struct token_scanner *s)
{
    size_t depth = 0;

    while (s->at < s->size) {
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            s->at += 2;
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            s->at += 2;
            if (--depth == 0)
                return true;
        } else {
            s->at++;
        }
    }
    return false;
}

static bool
bad(struct token_scanner *s, struct token *token, size_t start, const char *what)
{
    s->bad = what;
    s->at = s->size;
    *token =
        (struct token){ .kind = TOKEN_BAD, .offset = start, .length = s->size - start };
    return false;
}

static bool
skip_blanks(struct token_scanner *s, struct token *token)
{
    while (s->at < s->size) {
        size_t start = s->at;

        if (is_blank(peek(s, 0)))
            s->at++;
        else if (peek(s, 0) == '-' && peek(s, 1) == '-')
            skip_line(s);
        else if (peek(s, 0) != '/' || peek(s, 1) != '*')
            return true;
        else if (!skip_comment(s))
            return bad(s, token, start, "comment");
    }
    return true;
}

/* Behind the opening quote; a doubled quote is a quote, so is one behind a backslash. */
static bool
skip_quoted(struct token_scanner *s, char quote, bool backslash)
{
    while (s->at < s->size) {
        char c = s->text[s->at++];

        if (backslash && c == '\\' && s->at < s->size)
            s->at++;
        else if (c == quote && peek(s, 0) == quote)
            s->at++;
        else if (c == quote)
            return true;
    }
    return false;
}

/*
 * E'a' <newline> 'b' is one string, and its second part knows backslashes too. Line
 * comments may stand between.
 */
static bool
continues(struct token_scanner *s)
{
    size_t before = s->at;
    bool newline = false;

    for (;;) {
        newline = newline || peek(s, 0) == '\n' || peek(s, 0) == '\r';
        if (is_blank(peek(s, 0)))
            s->at++;
        else if (peek(s, 0) == '-' && peek(s, 1) == '-')
            skip_line(s);
        else
            break;
    }
    if (newline && peek(s, 0) == '\'')
        return true;
    s->at = before;
    return false;
}

static void
scan_string(struct token_scanner *s, struct token *token, size_t start, bool backslash)
{
    do {
        s->at++;
        if (!skip_quoted(s, '\'', backslash)) {
            bad(s, token, start, "string");
            return;
        }
    } while (backslash && continues(s));
    *token =
        (struct token){ .kind = TOKEN_STRING, .offset = start, .length = s->at - start };
}

static void
scan_name(struct token_scanner *s, struct token *token, size_t start)
{
    s->at++;
    if (!skip_quoted(s, '"', false)) {
        bad(s, token, start, "quoted name");
        return;
    }
    *token =
        (struct token){ .kind = TOKEN_NAME, .offset = start, .length = s->at - start };
}

/* The length of "$tag$" at the scanner, 0 if there is none. */
static size_t
dollar_tag(const struct token_scanner *s)
{
    size_t len = 1;

    if (is_digit(peek(s, 1)))
        return 0;
    while (is_name_part(peek(s, len)) && peek(s, len) != '$')
        len++;
    return peek(s, len) == '$' ? len + 1 : 0;
}

/* Behind the next tag. false: there is none. */
static bool
skip_to_tag(struct token_scanner *s, const char *tag, size_t len)
{
    const char *dollar;

    while (s->size - s->at >= len) {
        dollar = memchr(s->text + s->at, '$', s->size - s->at);
        if (dollar == NULL)
            return false;
        s->at = (size_t)(dollar - s->text);
        if (s->size - s->at >= len && memcmp(dollar, tag, len) == 0) {
            s->at += len;
            return true;
        }
        s->at++;
    }
    return false;
}

static bool
scan_dollar(struct token_scanner *s, struct token *token)
{
    size_t start = s->at, len = dollar_tag(s);

    if (len == 0)
        return false;
    s->at += len;
    if (!skip_to_tag(s, s->text + start, len)) {
        bad(s, token, start, "dollar-quoted string");
        return true;
    }
    *token =
        (struct token){ .kind = TOKEN_STRING, .offset = start, .length = s->at - start };
    return true;
}

static char
fold(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static void
scan_word(struct token_scanner *s, struct token *token)
{
    size_t start = s->at, len;

    while (is_name_part(peek(s, 0)))
        s->at++;
    len = s->at - start;
    *token = (struct token){ .kind = TOKEN_WORD, .offset = start, .length = len };
    for (size_t i = 0; i < len && i < TOKEN_WORD_MAX - 1; i++)
        token->word[i] = fold(s->text[start + i]);
}

/* E'..', U&'..' and U&".." are one token each; B, X and N need no care. */
static bool
scan_prefixed(struct token_scanner *s, struct token *token)
{
    size_t start = s->at;
    char c = fold(peek(s, 0));

    if (c == 'e' && peek(s, 1) == '\'') {
        s->at++;
        scan_string(s, token, start, true);
        return true;
    }
    if (c != 'u' || peek(s, 1) != '&' || (peek(s, 2) != '\'' && peek(s, 2) != '"'))
        return false;
    s->at += 2;
    if (peek(s, 0) == '"')
        scan_name(s, token, start);
    else
        scan_string(s, token, start, false);
    return true;
}

static void
scan_number(struct token_scanner *s, struct token *token)
{
    size_t start = s->at;

    while (is_digit(peek(s, 0)) || peek(s, 0) == '.')
        s->at++;
    *token = (struct token){
        .kind = TOKEN_OTHER, .offset = start, .length = s->at - start, .symbol = '0'
    };
}

static void
scan_symbol(struct token_scanner *s, struct token *token)
{
    *token = (struct token){
        .kind = TOKEN_OTHER, .offset = s->at, .length = 1, .symbol = s->text[s->at]
    };
    s->at++;
}

void
token_next(struct token_scanner *scanner, struct token *token)
{
    char c;

    if (!skip_blanks(scanner, token))
        return;
    *token = (struct token){ .kind = TOKEN_END, .offset = scanner->at };
    if (scanner->at >= scanner->size)
        return;
    c = peek(scanner, 0);
    if (is_name_start(c)) {
        if (!scan_prefixed(scanner, token))
            scan_word(scanner, token);
    } else if (c == '\'') {
        scan_string(scanner, token, scanner->at, false);
    } else if (c == '"') {
        scan_name(scanner, token, scanner->at);
    } else if (is_digit(c)) {
        scan_number(scanner, token);
    } else if (c != '$' || !scan_dollar(scanner, token)) {
        scan_symbol(scanner, token);
    }
}

bool
token_is(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && strcmp(token->word, word) == 0;
}

bool
token_is_symbol(const struct token *token, char symbol)
{
    return token->kind == TOKEN_OTHER && token->symbol == symbol;
}
