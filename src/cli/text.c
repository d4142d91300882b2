#include "cli/text.h"

#include <stdint.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* East Asian wide and fullwidth, and pictures: two columns. */
static const struct range wide[] = {
    { 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x23E9, 0x23EC },
    { 0x25FD, 0x25FE },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },
    { 0x26A1, 0x26A1 },   { 0x26BD, 0x26BE },   { 0x2705, 0x2705 },
    { 0x2728, 0x2728 },   { 0x274C, 0x274C },   { 0x2753, 0x2755 },
    { 0x2795, 0x2797 },   { 0x2B50, 0x2B50 },   { 0x2E80, 0x303E },
    { 0x3041, 0xA4CF },   { 0xA960, 0xA97C },   { 0xAC00, 0xD7A3 },
    { 0xF900, 0xFAFF },   { 0xFE30, 0xFE6F },   { 0xFF00, 0xFF60 },
    { 0xFFE0, 0xFFE6 },   { 0x17000, 0x18AFF }, { 0x1B000, 0x1B2FF },
    { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1FAFF },
    { 0x20000, 0x3FFFD },
};

/* Combining marks and joiners: none. */
static const struct range narrow[] = {
    { 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD },   { 0x064B, 0x065F },
    { 0x0E31, 0x0E31 }, { 0x0E34, 0x0E3A }, { 0x0E47, 0x0E4E },   { 0x1AB0, 0x1AFF },
    { 0x1DC0, 0x1DFF }, { 0x200B, 0x200D }, { 0x20D0, 0x20FF },   { 0xFE00, 0xFE0F },
    { 0xFE20, 0xFE2F }, { 0xFEFF, 0xFEFF }, { 0xE0100, 0xE01EF },
};

/* Control characters, and marks that turn the direction of what follows. */
static const struct range hidden[] = {
    { 0x00, 0x1F },     { 0x7F, 0x9F },     { 0x200E, 0x200F },
    { 0x2028, 0x202E }, { 0x2066, 0x2069 },
};

#define COUNT(ranges) (sizeof(ranges) / sizeof((ranges)[0]))

static bool
is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

static size_t
length_of(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* The code point at bytes; *len is 0 if it is no UTF-8. */
static uint32_t
decode(const char *bytes, size_t *len)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char lead = (unsigned char)bytes[0];
    uint32_t code;

    *len = length_of(lead);
    code = *len > 1 ? lead & (0x7FU >> *len) : lead;
    for (size_t i = 1; i < *len; i++) {
        if (((unsigned char)bytes[i] & 0xC0) != 0x80) {
            *len = 0;
            return lead;
        }
        code = code << 6 | ((unsigned char)bytes[i] & 0x3F);
    }
    if (code < least[*len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        *len = 0;
    return *len > 0 ? code : lead;
}

static size_t
columns_of(uint32_t code)
{
    if (code < 0x300)
        return 1;
    if (is_in(code, narrow, COUNT(narrow)))
        return 0;
    return is_in(code, wide, COUNT(wide)) ? 2 : 1;
}

/* "\n", "\t", "\x1b", "\u202e" */
static void
escape(uint32_t code, char *dst, size_t size)
{
    if (code == '\n')
        snprintf(dst, size, "\\n");
    else if (code == '\t')
        snprintf(dst, size, "\\t");
    else
        snprintf(dst, size, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

bool
text_next(const char **at, struct text_char *out)
{
    uint32_t code;
    size_t len;

    if (**at == '\0')
        return false;
    code = decode(*at, &len);
    *out = (struct text_char){ .bytes = *at,
                               .len = len > 0 ? len : 1,
                               .columns = columns_of(code),
                               .valid = len > 0,
                               .shown = len > 0 && !is_in(code, hidden, COUNT(hidden)) };
    *at += out->len;
    return true;
}

static const char *
escaped(const struct text_char *c, char *dst, size_t size)
{
    size_t len;

    escape(decode(c->bytes, &len), dst, size);
    return dst;
}

static void
put(FILE *out, const char *text, size_t len, bool tabs)
{
    const char *end = text + len;
    struct text_char c;
    char code[16];

    while (text < end && text_next(&text, &c)) {
        if (c.shown || (tabs && c.bytes[0] == '\t'))
            fwrite(c.bytes, 1, c.len, out);
        else
            fputs(escaped(&c, code, sizeof(code)), out);
    }
}

void
text_put(FILE *out, const char *text, size_t len)
{
    put(out, text, len, false);
}

void
text_put_message(FILE *out, const char *text, size_t len)
{
    put(out, text, len, true);
}

static size_t
columns_put(const struct text_char *c)
{
    char code[16];

    return c->shown ? c->columns : strlen(escaped(c, code, sizeof(code)));
}

size_t
text_columns(const char *text)
{
    struct text_char c;
    size_t columns = 0;

    while (text_next(&text, &c))
        columns += columns_put(&c);
    return columns;
}

size_t
text_fit(const char *text, size_t columns)
{
    const char *at = text, *fits = text;
    struct text_char c;
    size_t used = 0;

    while (text_next(&at, &c)) {
        used += columns_put(&c);
        if (used > columns)
            break;
        fits = at;
    }
    return (size_t)(fits - text);
}
