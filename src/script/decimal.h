/* decimal.h - decimal numbers as texts, compared without rounding */
#ifndef LUAMIG_SCRIPT_DECIMAL_H
#define LUAMIG_SCRIPT_DECIMAL_H

#include <stdbool.h>

/*
 * Whether both denote the same number: 1.10 and 11e-1, 0 and -0e9. They are of the form
 * [-+]digits[.digits][e[-+]digits].
 */
bool decimal_equal(const char *a, const char *b);

#endif
