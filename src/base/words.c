#include "base/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

static size_t
min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance; words longer than WORD_MAX are near to nothing. */
static size_t
distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

const char *
words_nearest(const char *word, const char *const *known)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2;

    for (; *known != NULL; known++) {
        size_t d = distance(word, *known);

        if (d < best) {
            best = d;
            nearest = *known;
        }
    }
    return nearest;
}

bool
words_duration(const char *text, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    char *end;
    long long number;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
        return false;
    number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *ms = number * units[i].ms;
            return number <= INT64_C(100000000000);
        }
    }
    *ms = 0;
    return number == 0 && *end == '\0';
}

bool
words_size(const char *text, int64_t *bytes)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB" };
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 9)
        return false;
    *bytes = strtoll(text, NULL, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i]) == 0)
            return true;
        *bytes *= 1024;
    }
    return false;
}

const char *
words_elapsed(int64_t ms, char *buf, size_t size)
{
    int64_t s = ms / 1000;

    if (ms < 1000)
        snprintf(buf, size, "%" PRId64 " ms", ms);
    else if (s < 60)
        snprintf(buf, size, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
    else if (s < 3600)
        snprintf(buf, size, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else
        snprintf(buf, size, "%" PRId64 "h%02" PRId64 "m", s / 3600, s % 3600 / 60);
    return buf;
}

const char *
words_setting(int64_t ms, char *buf, size_t size)
{
    if (ms == 0)
        snprintf(buf, size, "0");
    else if (ms % 3600000 == 0)
        snprintf(buf, size, "%" PRId64 "h", ms / 3600000);
    else if (ms % 60000 == 0)
        snprintf(buf, size, "%" PRId64 "m", ms / 60000);
    else if (ms % 1000 == 0)
        snprintf(buf, size, "%" PRId64 "s", ms / 1000);
    else
        snprintf(buf, size, "%" PRId64 "ms", ms);
    return buf;
}

const char *
words_bytes(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(buf, size, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return buf;
}
