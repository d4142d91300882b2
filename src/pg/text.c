#include "pg/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
word(char dst[TEXT_FLOAT], const char *text)
{
    return (size_t)snprintf(dst, TEXT_FLOAT, "%s", text);
}

/* 15 digits are always enough for text -> double -> text, 17 for double -> text -> double. */
size_t
text_float(double value, char dst[TEXT_FLOAT])
{
    size_t len = 0;

    if (isnan(value))
        return word(dst, "NaN");
    if (isinf(value))
        return word(dst, value > 0 ? "Infinity" : "-Infinity");
    /* Denormals have fewer than 15 digits. */
    for (int digits = fpclassify(value) == FP_SUBNORMAL ? 1 : 15; digits <= 17;
         digits++) {
        len = (size_t)snprintf(dst, TEXT_FLOAT, "%.*g", digits, value);
        if (memcmp(&(double){ strtod(dst, NULL) }, &value, sizeof(value)) == 0)
            break;
    }
    return len;
}

size_t
text_bytea(const char *bytes, size_t size, char *dst)
{
    static const char digits[] = "0123456789abcdef";

    *dst++ = '\\';
    *dst++ = 'x';
    for (size_t i = 0; i < size; i++) {
        *dst++ = digits[(unsigned char)bytes[i] >> 4];
        *dst++ = digits[(unsigned char)bytes[i] & 15];
    }
    return 2 * size + 2;
}

static unsigned char
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned char)(c - '0');
    return (unsigned char)((c | 32) - 'a' + 10);
}

static size_t
from_hex(const char *text, size_t len, char *dst)
{
    size_t size = 0;

    for (size_t i = 2; i + 1 < len; i += 2)
        dst[size++] = (char)((hex_digit(text[i]) << 4) | hex_digit(text[i + 1]));
    return size;
}

static bool
is_octal(const char *text, size_t len)
{
    return len >= 4 && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
           text[2] <= '7' && text[3] >= '0' && text[3] <= '7';
}

size_t
text_unbytea(const char *text, size_t len, char *dst)
{
    size_t size = 0;

    if (len >= 2 && text[0] == '\\' && text[1] == 'x')
        return from_hex(text, len, dst);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && is_octal(text + i, len - i)) {
            dst[size++] = (char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) |
                                 (text[i + 3] - '0'));
            i += 3;
            continue;
        }
        if (text[i] == '\\' && i + 1 < len)
            i++;
        dst[size++] = text[i];
    }
    return size;
}

struct text_array
text_array_begin(const char *text, size_t len)
{
    struct text_array array = { .next = text, .end = text + len };
    const char *equals;

    if (len == 0 || text[0] != '[')
        return array;
    equals = memchr(text, '=', len);
    if (equals == NULL)
        return array;
    array.bounds = text;
    array.bounds_len = (size_t)(equals - text);
    array.next = equals + 1;
    return array;
}

static enum text_array_token
quoted(struct text_array *a)
{
    a->raw = ++a->next;
    while (a->next < a->end && *a->next != '"')
        a->next += *a->next == '\\' && a->next + 1 < a->end ? 2 : 1;
    if (a->next >= a->end)
        return ARRAY_BAD;
    a->raw_len = (size_t)(a->next - a->raw);
    a->next++;
    return ARRAY_ELEMENT;
}

static enum text_array_token
plain(struct text_array *a)
{
    a->raw = a->next;
    while (a->next < a->end && strchr(",{}\"", *a->next) == NULL)
        a->next += *a->next == '\\' && a->next + 1 < a->end ? 2 : 1;
    a->raw_len = (size_t)(a->next - a->raw);
    if (a->raw_len == 0)
        return ARRAY_BAD;
    return a->raw_len == 4 && memcmp(a->raw, "NULL", 4) == 0 ? ARRAY_NULL : ARRAY_ELEMENT;
}

enum text_array_token
text_array_next(struct text_array *a)
{
    if (a->next < a->end && *a->next == ',')
        a->next++;
    if (a->next >= a->end)
        return ARRAY_END;
    switch (*a->next) {
    case '{': a->next++; return ARRAY_OPEN;
    case '}': a->next++; return ARRAY_CLOSE;
    case '"': return quoted(a);
    default: return plain(a);
    }
}

size_t
text_array_unescape(const char *raw, size_t len, char *dst)
{
    size_t size = 0;

    for (size_t i = 0; i < len; i++) {
        if (raw[i] == '\\' && i + 1 < len)
            i++;
        dst[size++] = raw[i];
    }
    return size;
}

size_t
text_array_quote(const char *text, size_t len, char *dst)
{
    size_t size = 0;

    dst[size++] = '"';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            dst[size++] = '\\';
        dst[size++] = text[i];
    }
    dst[size++] = '"';
    return size;
}
