#include "cli/table.h"

#include "tests/render.h"
#include "tests/test.h"

#define ROW(...) ((const char *const[]){ __VA_ARGS__ })

static void
assert_printed(struct table *table, const char *expected)
{
    struct render render;

    table_print(table, render_begin(&render));
    assert_string_equal(render_text(&render), expected);
    render_end(&render);
    arena_release(table->arena);
}

static void
columns_stand_below_each_other(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 3);

    (void)state;
    table_add(&table, ROW("1", "applied", "users"));
    table_add(&table, ROW("0042", "late", "a longer name"));
    assert_printed(&table, "1     applied  users\n"
                           "0042  late     a longer name\n");
}

static void
no_line_ends_in_blanks(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 3);

    (void)state;
    table_add(&table, ROW("a", "b", "c"));
    table_add(&table, ROW("long", "", NULL));
    table_add(&table, ROW("", "", "c"));
    assert_printed(&table, "a     b  c\n"
                           "long\n"
                           "         c\n");
}

static void
a_column_that_is_empty_everywhere_takes_no_room(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 3);

    (void)state;
    table_add(&table, ROW("1", NULL, "users"));
    table_add(&table, ROW("2", "", "phones"));
    assert_printed(&table, "1  users\n2  phones\n");
}

static void
wide_and_escaped_texts_are_measured_as_they_are_shown(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 2);

    (void)state;
    table_add(&table, ROW("\xE6\x97\xA5\xE6\x9C\xAC", "x"));
    table_add(&table, ROW("caf\xC3\xA9", "x"));
    table_add(&table, ROW("a\nb", "x"));
    assert_printed(&table, "\xE6\x97\xA5\xE6\x9C\xAC  x\n"
                           "caf\xC3\xA9  x\n"
                           "a\\nb  x\n");
}

static void
many_rows_are_kept_in_order(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 1);
    struct render render;

    (void)state;
    for (int i = 0; i < 100; i++)
        table_add(&table, ROW(arena_printf(&arena, "%d", i)));
    table_print_row(&table, 99, render_begin(&render));
    table_print_row(&table, 0, render.out);
    assert_string_equal(render_text(&render), "99\n0\n");
    render_end(&render);
    arena_release(&arena);
}

static void
an_empty_table_prints_nothing(void **state)
{
    struct arena arena = { 0 };
    struct table table = table_new(&arena, 2);

    (void)state;
    assert_printed(&table, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_below_each_other),
        cmocka_unit_test(no_line_ends_in_blanks),
        cmocka_unit_test(a_column_that_is_empty_everywhere_takes_no_room),
        cmocka_unit_test(wide_and_escaped_texts_are_measured_as_they_are_shown),
        cmocka_unit_test(many_rows_are_kept_in_order),
        cmocka_unit_test(an_empty_table_prints_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
