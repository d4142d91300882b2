#include "script/decimal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Past any text's length, and far from where sums of two overflow. */
#define MAX_EXPONENT 1000000000000000LL

/* The digits from the first to the last that is not 0, as 0.ddd * 10^exponent. */
struct decimal {
    bool negative;
    const char *first; /* a point may stand between them; NULL: there is none, it is 0 */
    size_t count;
    long long exponent;
};

/* The exponent written at text: "e-5"; what follows it is not looked at. */
static long long
written_exponent(const char *text)
{
    long long value = *text == 'e' || *text == 'E' ? strtoll(text + 1, NULL, 10) : 0;

    if (value > MAX_EXPONENT)
        return MAX_EXPONENT;
    return value < -MAX_EXPONENT ? -MAX_EXPONENT : value;
}

static struct decimal
decimal_of(const char *text)
{
    struct decimal d = { .negative = *text == '-' };
    long long before = -1, digits = 0, skipped = 0; /* before: digits before the point */

    text += *text == '-' || *text == '+';
    for (; isdigit((unsigned char)*text) || *text == '.'; text++) {
        if (*text == '.') {
            before = digits;
            continue;
        }
        digits++;
        if (*text == '0')
            continue;
        if (d.first == NULL) {
            d.first = text;
            skipped = digits - 1;
        }
        d.count = (size_t)(digits - skipped);
    }
    if (d.first == NULL)
        return (struct decimal){ 0 };
    d.exponent = (before >= 0 ? before : digits) - skipped + written_exponent(text);
    return d;
}

static char
next_digit(const char **at)
{
    *at += **at == '.';
    return *(*at)++;
}

bool
decimal_equal(const char *a, const char *b)
{
    struct decimal x = decimal_of(a), y = decimal_of(b);

    if (x.negative != y.negative || x.count != y.count || x.exponent != y.exponent)
        return false;
    for (size_t i = 0; i < x.count; i++) {
        if (next_digit(&x.first) != next_digit(&y.first))
            return false;
    }
    return true;
}
