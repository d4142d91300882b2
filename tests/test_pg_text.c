#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pg/text.h"

static void
assert_float(double value, const char *expected)
{
    char text[TEXT_FLOAT];

    assert_int_equal(text_float(value, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void
floats_have_the_fewest_digits_that_read_back_the_same(void **state)
{
    (void)state;
    assert_float(0.1, "0.1");
    assert_float(3.0, "3");
    assert_float(-0.0, "-0");
    assert_float(1.0 / 3, "0.3333333333333333");
    assert_float(0.1 + 0.2, "0.30000000000000004");
    assert_float(5e-324, "5e-324");
    assert_float(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_float(9007199254740993.0, "9007199254740992");
    assert_float(NAN, "NaN");
    assert_float(INFINITY, "Infinity");
    assert_float(-INFINITY, "-Infinity");
}

static void
every_random_double_comes_back(void **state)
{
    uint64_t bits = 88172645463325252u;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[TEXT_FLOAT];
        double value, back;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (isnan(value))
            continue;
        text_float(value, text);
        back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
    }
}

static void
bytea_goes_both_ways(void **state)
{
    static const char bytes[] = "\0\xff\\'";
    char text[16], back[16];

    (void)state;
    assert_int_equal(text_bytea(bytes, 4, text), 10);
    assert_memory_equal(text, "\\x00ff5c27", 10);
    assert_int_equal(text_unbytea(text, 10, back), 4);
    assert_memory_equal(back, bytes, 4);
    assert_int_equal(text_unbytea("a\\\\b\\000\\377", 12, back), 5);
    assert_memory_equal(back, "a\\b\0\xff", 5);
    assert_int_equal(text_unbytea("\\x", 2, back), 0);
}

/* The tokens of an array as one letter each: ( ) e n, and ! for what is none. */
static void
assert_tokens(const char *text, const char *expected)
{
    static const char letters[] = "()en.!";
    struct text_array array = text_array_begin(text, strlen(text));
    char got[64] = "";
    enum text_array_token token = ARRAY_NULL;

    for (size_t i = 0; i < 60 && token != ARRAY_END && token != ARRAY_BAD; i++) {
        token = text_array_next(&array);
        got[i] = letters[token];
    }
    assert_string_equal(got, expected);
}

static void
arrays_are_taken_apart(void **state)
{
    struct text_array array = text_array_begin("[0:1]={\"a\\\"b\\\\\",c}", 18);
    char text[16];

    (void)state;
    assert_tokens("{}", "().");
    assert_tokens("{1,NULL,\"NULL\",\"\"}", "(enee).");
    assert_tokens("{{a,b},{\"c}\",d}}", "((ee)(ee)).");
    assert_tokens("{\"a", "(!");
    assert_tokens("", ".");
    assert_int_equal(array.bounds_len, 5);
    assert_int_equal(text_array_next(&array), ARRAY_OPEN);
    assert_int_equal(text_array_next(&array), ARRAY_ELEMENT);
    assert_int_equal(text_array_unescape(array.raw, array.raw_len, text), 4);
    assert_memory_equal(text, "a\"b\\", 4);
    assert_int_equal(text_array_quote("a\"b\\", 4, text), 8);
    assert_memory_equal(text, "\"a\\\"b\\\\\"", 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_have_the_fewest_digits_that_read_back_the_same),
        cmocka_unit_test(every_random_double_comes_back),
        cmocka_unit_test(bytea_goes_both_ways),
        cmocka_unit_test(arrays_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
