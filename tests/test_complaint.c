#include "cli/complaint.h"

#include <string.h>

#include "cli/text.h"
#include "plan/sqlscan.h"
#include "tests/render.h"
#include "tests/test.h"

static void
assert_error(const struct error *err, const char *expected)
{
    struct render render;

    complaint_error(render_begin(&render), err, false);
    assert_string_equal(render_text(&render), expected);
    render_end(&render);
}

/* An error in line 12 with that source line. */
static struct error
at_column(const char *line, size_t column)
{
    struct error err = { 0 };

    error_set(&err, ERROR_SQL, "bad");
    error_at(&err, "m/1_a.up.sql", 12, column);
    error_text(err.place.text, sizeof(err.place.text), line);
    return err;
}

static void
an_error_shows_its_state_place_excerpt_and_hint(void **state)
{
    struct error err = at_column("CREATE VIEW active AS SELECT nmae FROM users;", 30);

    (void)state;
    error_text(err.message, sizeof(err.message), "column \"nmae\" does not exist");
    strcpy(err.sqlstate, "42703");
    error_text(err.place.file, sizeof(err.place.file), "migrations/0043_active.up.sql");
    err.place.statement = 3;
    err.place.statements = 5;
    error_hint(&err, "Perhaps you meant to reference the column \"users.name\".");
    assert_error(&err,
                 "error: column \"nmae\" does not exist [42703]\n"
                 "  migrations/0043_active.up.sql:12:30  (statement 3 of 5)\n"
                 "     12 | CREATE VIEW active AS SELECT nmae FROM users;\n"
                 "        |                              ^\n"
                 "  hint: Perhaps you meant to reference the column \"users.name\".\n");
}

static void
without_a_column_there_is_no_caret(void **state)
{
    struct error err = at_column("ALTER TABLE users DROP nmae;", 0);

    (void)state;
    error_text(err.object, sizeof(err.object), "table users");
    error_detail(&err, "one\ntwo");
    error_within(&err, "PL/pgSQL function f() line 3");
    assert_error(&err, "error: bad\n"
                       "  m/1_a.up.sql:12\n"
                       "     12 | ALTER TABLE users DROP nmae;\n"
                       "  table users\n"
                       "  detail: one\n"
                       "    two\n"
                       "  context: PL/pgSQL function f() line 3\n");
}

static void
an_error_without_a_place_is_one_line(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERROR_USAGE, "no database was chosen");
    assert_error(&err, "error: no database was chosen\n");
}

static void
the_caret_stands_below_wide_text_accents_and_tabs(void **state)
{
    struct error wide = at_column("\t'\xE6\x97\xA5\xE6\x9C\xAC', \xC3\xA9 x", 10);
    struct error joined = at_column("e\xCC\x81 x", 4);

    (void)state;
    assert_error(&wide, "error: bad\n"
                        "  m/1_a.up.sql:12:10\n"
                        "     12 | \t'\xE6\x97\xA5\xE6\x9C\xAC', \xC3\xA9 x\n"
                        "        | \t          ^\n");
    assert_error(&joined, "error: bad\n"
                          "  m/1_a.up.sql:12:4\n"
                          "     12 | e\xCC\x81 x\n"
                          "        |   ^\n");
}

static void
the_caret_may_stand_behind_the_line_but_not_further(void **state)
{
    struct error end = at_column("create table", 13), beyond = at_column("create", 13);

    (void)state;
    assert_error(&end, "error: bad\n"
                       "  m/1_a.up.sql:12:13\n"
                       "     12 | create table\n"
                       "        |             ^\n");
    assert_error(&beyond, "error: bad\n"
                          "  m/1_a.up.sql:12:13\n"
                          "     12 | create\n");
}

/* The printed line of the caret has it below the character X. */
static void
assert_caret_below_x(const struct error *err)
{
    struct render render;
    char *x, *caret, *line;

    complaint_error(render_begin(&render), err, false);
    fflush(render.out);
    line = strstr(render.text, "12 |");
    assert_non_null(line);
    x = strchr(line, 'X');
    assert_non_null(x);
    caret = strchr(x, '^');
    assert_non_null(caret);
    *x = '\0';
    *caret = '\0';
    assert_int_equal(text_columns(strrchr(render.text, '\n') + 1),
                     text_columns(strchr(x + 1, '\n') + 1));
    render_end(&render);
}

static void
a_long_line_is_cut_round_the_column(void **state)
{
    char line[401];
    struct error err;

    (void)state;
    memset(line, '.', 400);
    line[400] = '\0';
    line[299] = 'X';
    err = at_column(line, 300);
    assert_caret_below_x(&err);
}

static void
what_was_left_out_of_a_line_counts(void **state)
{
    struct error err = at_column("abc X def", 1005);

    (void)state;
    err.place.skipped = 1000;
    assert_error(&err, "error: bad\n"
                       "  m/1_a.up.sql:12:1005\n"
                       "     12 | ...abc X def\n"
                       "        |        ^\n");
}

static void
of_a_line_that_is_too_long_to_keep_the_part_round_the_fault_is_kept(void **state)
{
    char line[3001], kept[64];
    struct error err;

    (void)state;
    for (size_t i = 0; i < 1500; i++)
        memcpy(line + 2 * i, "\xC3\xA9", 2);
    line[2000] = 'X';
    line[2001] = '.';
    line[3000] = '\0';
    assert_int_equal(sqlscan_line_text(line, 3000, 2000, kept, sizeof(kept)), 985);
    assert_ptr_equal(strchr(kept, 'X'), kept + 30);
    assert_true(strlen(kept) <= 63);
    err = at_column(kept, 1001);
    err.place.skipped = 985;
    assert_caret_below_x(&err);
}

static void
nothing_from_outside_reaches_the_terminal_as_a_command(void **state)
{
    struct error err = at_column("a \x1b[31m b", 0);

    (void)state;
    error_text(err.place.file, sizeof(err.place.file), "m/1_\x1b]0;x\x07\n.sql");
    assert_error(&err, "error: bad\n"
                       "  m/1_\\x1b]0;x\\x07\\n.sql:12\n"
                       "     12 | a ?[31m b\n");
}

static void
a_message_of_several_lines_is_indented(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERROR_SQL, "one\ntwo\n\nfour\x1b\n");
    strcpy(err.sqlstate, "P0001");
    assert_error(&err, "error: one [P0001]\n"
                       "    two\n"
                       "    four\\x1b\n");
}

static void
a_problem_shows_its_level_file_and_hint(void **state)
{
    struct problem problem = { .kind = PROBLEM_ORPHAN,
                               .level = PROBLEM_WARNING,
                               .file = "m/2_x.up.sql",
                               .line = 3,
                               .column = 2,
                               .text = "abc",
                               .message = "2_x is\nodd",
                               .hint = "Look." };
    struct render render;

    (void)state;
    complaint_problem(render_begin(&render), &problem, false);
    problem.level = PROBLEM_ERROR;
    problem.line = 0;
    complaint_problem(render.out, &problem, true);
    assert_string_equal(render_text(&render), "warning: 2_x is\\nodd\n"
                                              "  m/2_x.up.sql:3:2\n"
                                              "      3 | abc\n"
                                              "        |  ^\n"
                                              "  hint: Look.\n"
                                              "\033[1;31merror:\033[0m 2_x is\\nodd\n"
                                              "  m/2_x.up.sql\n"
                                              "  hint: Look.\n");
    render_end(&render);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_shows_its_state_place_excerpt_and_hint),
        cmocka_unit_test(without_a_column_there_is_no_caret),
        cmocka_unit_test(an_error_without_a_place_is_one_line),
        cmocka_unit_test(the_caret_stands_below_wide_text_accents_and_tabs),
        cmocka_unit_test(the_caret_may_stand_behind_the_line_but_not_further),
        cmocka_unit_test(a_long_line_is_cut_round_the_column),
        cmocka_unit_test(what_was_left_out_of_a_line_counts),
        cmocka_unit_test(
            of_a_line_that_is_too_long_to_keep_the_part_round_the_fault_is_kept),
        cmocka_unit_test(nothing_from_outside_reaches_the_terminal_as_a_command),
        cmocka_unit_test(a_message_of_several_lines_is_indented),
        cmocka_unit_test(a_problem_shows_its_level_file_and_hint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
