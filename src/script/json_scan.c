#include "script/json_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct scan {
    const char *text, *at, *end;
    size_t depth;
    bool nul; /* the string that was read last holds one */
    struct json_fault *fault;
};

static bool
refuse(struct scan *s, const char *what, const char *at)
{
    *s->fault = (struct json_fault){ .what = what, .at = (size_t)(at - s->text) + 1 };
    return false;
}

static bool
unexpected(struct scan *s, const char *at)
{
    return refuse(s, at == s->end ? "unexpected end" : "unexpected character", at);
}

static bool
is_any(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The value of "\uXXXX" at text; -1: it is none. */
static long
unicode_escape(const char *text)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    char digits[5] = "";

    if (text[0] != '\\' || text[1] != 'u' || strspn(text + 2, hex) < 4)
        return -1;
    memcpy(digits, text + 2, 4);
    return strtol(digits, NULL, 16);
}

static bool
scan_unicode(struct scan *s)
{
    long code = unicode_escape(s->at), low;

    if (code < 0)
        return refuse(s, "unknown escape", s->at);
    if (code >= 0xDC00 && code <= 0xDFFF)
        return refuse(s, "half of a surrogate pair", s->at);
    if (code >= 0xD800 && code <= 0xDBFF) {
        low = unicode_escape(s->at + 6);
        if (low < 0xDC00 || low > 0xDFFF)
            return refuse(s, "half of a surrogate pair", s->at);
        s->at += 6;
    }
    s->nul = s->nul || code == 0;
    s->at += 6;
    return true;
}

static bool
scan_character(struct scan *s)
{
    size_t len;

    if (*s->at == '\\') {
        if (!is_any(s->at[1], "\"\\/bfnrt"))
            return scan_unicode(s);
        s->at += 2;
        return true;
    }
    if ((unsigned char)*s->at < 0x20)
        return refuse(s, "control character in a string", s->at);
    len = utf8_length(s->at, (size_t)(s->end - s->at));
    s->at += len;
    return len > 0 || refuse(s, "invalid UTF-8", s->at);
}

static bool
scan_string(struct scan *s)
{
    const char *start = s->at++;

    s->nul = false;
    while (s->at < s->end && *s->at != '"') {
        if (!scan_character(s))
            return false;
    }
    if (s->at == s->end)
        return unexpected(s, s->at);
    s->at++;
    if (s->nul && s->at[strspn(s->at, " \t\n\r")] == ':')
        return refuse(s, "zero byte in a key", start);
    return true;
}

static bool
scan_digits(struct scan *s)
{
    size_t len = strspn(s->at, "0123456789");

    s->at += len;
    return len > 0 || unexpected(s, s->at);
}

/* A fraction and an exponent, if they are there. */
static bool
scan_tail(struct scan *s)
{
    if (*s->at == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (is_any(*s->at, "eE")) {
        s->at += is_any(s->at[1], "+-") ? 2 : 1;
        if (!scan_digits(s))
            return false;
    }
    return !is_any(*s->at, "0123456789+-.eE") || unexpected(s, s->at);
}

static bool
scan_number(struct scan *s)
{
    const char *start = s->at, *whole;

    s->at += *s->at == '-';
    if (*s->at == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    whole = s->at;
    if (!scan_tail(s))
        return false;
    errno = 0;
    strtoll(start, NULL, 10);
    if (s->at == whole && errno == ERANGE)
        return refuse(s, "integer beyond 64 bits (keep it as text)", start);
    return true;
}

static bool
scan_word(struct scan *s)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if (strncmp(s->at, words[i], len) == 0) {
            s->at += len;
            return true;
        }
    }
    return unexpected(s, s->at);
}

static bool
scan_token(struct scan *s)
{
    if (*s->at == '"')
        return scan_string(s);
    if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
        return scan_number(s);
    if (!is_any(*s->at, " \t\n\r,:[]{}"))
        return scan_word(s);
    if (is_any(*s->at, "[{") && ++s->depth > JSON_DEPTH)
        return refuse(s, "nested deeper than 200 levels", s->at);
    if (is_any(*s->at, "]}") && s->depth-- == 0)
        return unexpected(s, s->at);
    s->at++;
    return true;
}

bool
json_scan(const char *text, size_t size, struct json_fault *fault)
{
    struct scan s = { .text = text, .at = text, .end = text + size, .fault = fault };

    while (s.at < s.end) {
        if (!scan_token(&s))
            return false;
    }
    return true;
}
