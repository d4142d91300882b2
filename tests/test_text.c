#include "cli/text.h"

#include <string.h>

#include "tests/render.h"
#include "tests/test.h"

static void
assert_put(const char *text, const char *expected)
{
    struct render render;

    text_put(render_begin(&render), text, strlen(text));
    assert_string_equal(render_text(&render), expected);
    render_end(&render);
}

static void
plain_text_and_utf8_are_printed_as_they_are(void **state)
{
    (void)state;
    assert_put("0042_phones", "0042_phones");
    assert_put("caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x90\x98",
               "caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x90\x98");
}

static void
control_characters_are_escaped(void **state)
{
    (void)state;
    assert_put("a\nb\tc\x1b[31m\x7f", "a\\nb\\tc\\x1b[31m\\x7f");
    assert_put("\xC2\x9B"
               "31m",
               "\\x9b31m");
}

static void
a_message_keeps_its_tabs(void **state)
{
    struct render render;

    (void)state;
    text_put_message(render_begin(&render), "a\tb\x1b", 4);
    assert_string_equal(render_text(&render), "a\tb\\x1b");
    render_end(&render);
}

static void
marks_that_turn_the_direction_are_escaped(void **state)
{
    (void)state;
    assert_put("a\xE2\x80\xAE"
               "b",
               "a\\u202eb");
}

static void
bytes_that_are_no_utf8_are_escaped(void **state)
{
    (void)state;
    assert_put("a\xFFz", "a\\xffz");
    assert_put("\xC3", "\\xc3");
    assert_put("\xE6\x97", "\\xe6\\x97");
    assert_put("\xC0\x80", "\\xc0\\x80");
    assert_put("\xED\xA0\x80", "\\xed\\xa0\\x80");
    assert_put("\xF5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
}

static void
columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("abc"), 3);
    assert_int_equal(text_columns("caf\xC3\xA9"), 4);
    assert_int_equal(text_columns("cafe\xCC\x81"), 4);
    assert_int_equal(text_columns("\xE6\x97\xA5\xE6\x9C\xAC"), 4);
    assert_int_equal(text_columns("\x1b"), 4);
}

static void
what_fits_ends_between_characters(void **state)
{
    (void)state;
    assert_int_equal(text_fit("abcdef", 3), 3);
    assert_int_equal(text_fit("abc", 80), 3);
    assert_int_equal(text_fit("a\xE6\x97\xA5z", 2), 1);
    assert_int_equal(text_fit("a\xE6\x97\xA5z", 3), 4);
    assert_int_equal(text_fit("a\x1bz", 4), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_utf8_are_printed_as_they_are),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(a_message_keeps_its_tabs),
        cmocka_unit_test(marks_that_turn_the_direction_are_escaped),
        cmocka_unit_test(bytes_that_are_no_utf8_are_escaped),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(what_fits_ends_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
