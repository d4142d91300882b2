#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/sqlscan.h"

static struct arena arena;
static struct sql_statements got;
static struct error err;

static int
release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool
split(const char *text)
{
    err = (struct error){ 0 };
    return sqlscan_split(text, strlen(text), &arena, &got, &err);
}

/* The statements of text, joined by "|". */
static const char *
parts(const char *text)
{
    const char *joined = "";

    if (!split(text))
        return arena_printf(&arena, "error: %s", err.message);
    for (size_t i = 0; i < got.count; i++)
        joined = arena_printf(&arena, "%s%s%.*s", joined, i > 0 ? "|" : "",
                              (int)got.list[i].length, text + got.list[i].offset);
    return joined;
}

#define assert_parts(text, expected) assert_string_equal(parts(text), expected)

static void
assert_fails(const char *text, const char *message, size_t line, size_t column)
{
    assert_false(split(text));
    assert_string_equal(err.message, message);
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_int_equal(err.place.line, line);
    assert_int_equal(err.place.column, column);
    assert_int_equal(got.count, 0);
    assert_true(err.hint[0] != '\0');
}

static void
ends_statements_at_semicolons(void **state)
{
    (void)state;
    assert_parts("SELECT 1; SELECT 2;", "SELECT 1|SELECT 2");
    assert_parts("SELECT 1", "SELECT 1");
    assert_parts("SELECT 1;\nSELECT 2 -- the last\n", "SELECT 1|SELECT 2");
    assert_parts("a;b\n;\nc ;", "a|b|c");
}

static void
blank_files_have_no_statements(void **state)
{
    (void)state;
    assert_parts("", "");
    assert_parts(" \n\t\r\n", "");
    assert_parts(";;\n;", "");
    assert_parts("-- only this", "");
    assert_parts("/* only; this */ -- and; this\n", "");
    assert_parts("\xEF\xBB\xBF", "");
}

static void
leading_semicolons_and_comments_are_dropped(void **state)
{
    (void)state;
    assert_parts(";;commit;", "commit");
    assert_parts("-- licence\n/* of; it */\nSELECT 1;", "SELECT 1");
    assert_parts("SELECT 1; -- it's odd\nSELECT 2;", "SELECT 1|SELECT 2");
    assert_parts("SELECT 1 /* kept; inside */ + 2 -- dropped\n;",
                 "SELECT 1 /* kept; inside */ + 2");
}

static void
a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    assert_parts("\xEF\xBB\xBFSELECT 1;", "SELECT 1");
    assert_int_equal(got.list[0].offset, 3);
    assert_int_equal(got.list[0].line, 1);
}

static void
lines_are_those_of_the_first_word(void **state)
{
    (void)state;
    assert_true(split("\n-- one\nSELECT\n 1;\n/* a\nb */ SELECT 2;SELECT 3"));
    assert_int_equal(got.count, 3);
    assert_int_equal(got.list[0].line, 3);
    assert_int_equal(got.list[1].line, 6);
    assert_int_equal(got.list[2].line, 6);
    assert_true(split("SELECT 1;\r\n\r\nSELECT 2;\r\n"));
    assert_int_equal(got.list[1].line, 3);
}

static void
strings_hide_semicolons(void **state)
{
    (void)state;
    assert_parts("SELECT 'a;b'; x", "SELECT 'a;b'|x");
    assert_parts("SELECT 'it''s; -- no comment'; x", "SELECT 'it''s; -- no comment'|x");
    assert_parts("SELECT 'a\n;/*\n'; x", "SELECT 'a\n;/*\n'|x");
    assert_parts("SELECT ''; x", "SELECT ''|x");
    assert_parts("SELECT 'C:\\'; x", "SELECT 'C:\\'|x");
    assert_parts("SELECT b'1;0', X'1;F', n'a\\'; x", "SELECT b'1;0', X'1;F', n'a\\'|x");
    assert_parts("SELECT U&'\\0041;\\' UESCAPE '!'; x",
                 "SELECT U&'\\0041;\\' UESCAPE '!'|x");
}

static void
only_e_strings_know_backslashes(void **state)
{
    (void)state;
    assert_parts("SELECT E'a\\';b'; x", "SELECT E'a\\';b'|x");
    assert_parts("SELECT e'\\\\'; x", "SELECT e'\\\\'|x");
    assert_parts("SELECT E'a''\\';'; x", "SELECT E'a''\\';'|x");
    assert_parts("SELECT namee'\\'; x", "SELECT namee'\\'|x");
    assert_parts("SELECT 1E'\\';'; x", "SELECT 1E'\\';'|x");
}

static void
e_strings_go_on_behind_a_newline(void **state)
{
    (void)state;
    assert_parts("SELECT E'a'\n  'b\\';'; x", "SELECT E'a'\n  'b\\';'|x");
    assert_parts("SELECT E'a' -- c\n 'b\\';'; x", "SELECT E'a' -- c\n 'b\\';'|x");
    assert_parts("SELECT 'a'\n  'b\\'; x", "SELECT 'a'\n  'b\\'|x");
    assert_parts("SELECT E'a' 'b\\'; x", "SELECT E'a' 'b\\'|x");
}

static void
quoted_names_hide_semicolons(void **state)
{
    (void)state;
    assert_parts("SELECT \"a;b\"\"c;\"; x", "SELECT \"a;b\"\"c;\"|x");
    assert_parts("SELECT \"a\\\"; x", "SELECT \"a\\\"|x");
    assert_parts("SELECT U&\"a;\\0041\"; x", "SELECT U&\"a;\\0041\"|x");
    assert_parts("SELECT \"it's\"; x", "SELECT \"it's\"|x");
}

static void
dollar_quotes_hide_everything(void **state)
{
    (void)state;
    assert_parts("DO $$ BEGIN a; b; END $$; x", "DO $$ BEGIN a; b; END $$|x");
    assert_parts("DO $f$ it's; $$ ; /* $f$; x", "DO $f$ it's; $$ ; /* $f$|x");
    assert_parts("DO $a$ $b$ ; $b$ ; $a$; x", "DO $a$ $b$ ; $b$ ; $a$|x");
    assert_parts("DO $F$ ; $f$ ; $F$; x", "DO $F$ ; $f$ ; $F$|x");
    assert_parts("DO $\xC3\xA9_1$;$\xC3\xA9_1$; x", "DO $\xC3\xA9_1$;$\xC3\xA9_1$|x");
    assert_parts("DO $a$ $$a$; x", "DO $a$ $$a$|x");
    assert_parts("DO $$;$$$$;$$; x", "DO $$;$$$$;$$|x");
}

static void
dollars_in_names_and_parameters_do_not_quote(void **state)
{
    (void)state;
    assert_parts("SELECT a$b$; c$b$; x", "SELECT a$b$|c$b$|x");
    assert_parts("SELECT a$$; b$$; x", "SELECT a$$|b$$|x");
    assert_parts("EXECUTE p($1, $2); y", "EXECUTE p($1, $2)|y");
    assert_parts("SELECT $1; $1$; x", "SELECT $1|$1$|x");
    assert_parts("SELECT $ a; $ b; x", "SELECT $ a|$ b|x");
}

static void
comments_hide_quotes_and_semicolons(void **state)
{
    (void)state;
    assert_parts("SELECT 1 -- don't; stop\n+ 1; x", "SELECT 1 -- don't; stop\n+ 1|x");
    assert_parts("SELECT 1 /* don't; \" $$ */; x", "SELECT 1|x");
    assert_parts("a /* b /* c; */ d; */ e; x", "a /* b /* c; */ d; */ e|x");
    assert_parts("a /*/ b; */ c; x", "a /*/ b; */ c|x");
    assert_parts("a /* ** / ; **/ c; x", "a /* ** / ; **/ c|x");
    assert_parts("SELECT 4 - -2; x", "SELECT 4 - -2|x");
    assert_parts("SELECT 4*-/* c; */2; x", "SELECT 4*-/* c; */2|x");
}

static void
a_carriage_return_ends_a_line_comment(void **state)
{
    (void)state;
    assert_parts("-- a\rDROP TABLE t; -- b;\r\nx", "DROP TABLE t|x");
}

static void
parentheses_hide_semicolons(void **state)
{
    (void)state;
    assert_parts("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); x",
                 "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)|x");
    assert_parts("a ((;);); x", "a ((;);)|x");
    assert_parts("a ); b; x", "a )|b|x");
    assert_parts("a '(' ; x", "a '('|x");
}

#define ATOMIC "() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END"

static void
atomic_bodies_hide_semicolons(void **state)
{
    (void)state;
    assert_parts("CREATE FUNCTION f" ATOMIC "; x", "CREATE FUNCTION f" ATOMIC "|x");
    assert_parts("create /* a; */ or replace procedure f" ATOMIC "; x",
                 "create /* a; */ or replace procedure f" ATOMIC "|x");
    assert_parts("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN CASE b WHEN 1 "
                 "THEN 2 END END; SELECT 3; END; x",
                 "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN CASE b WHEN 1 "
                 "THEN 2 END END; SELECT 3; END|x");
    assert_parts("CREATE FUNCTION f() BEGIN ATOMIC SELECT (CASE a WHEN 1 THEN 2 END); "
                 "SELECT \"end\", 'end'; END; x",
                 "CREATE FUNCTION f() BEGIN ATOMIC SELECT (CASE a WHEN 1 THEN 2 END); "
                 "SELECT \"end\", 'end'; END|x");
}

static void
begin_elsewhere_hides_nothing(void **state)
{
    (void)state;
    assert_parts("BEGIN; SELECT 1; END; x", "BEGIN|SELECT 1|END|x");
    assert_parts("CREATE FUNCTION begin() RETURNS int AS 'x' LANGUAGE sql; x",
                 "CREATE FUNCTION begin() RETURNS int AS 'x' LANGUAGE sql|x");
    assert_parts("CREATE VIEW v AS SELECT begin atomic FROM t; x",
                 "CREATE VIEW v AS SELECT begin atomic FROM t|x");
    assert_parts("CREATE FUNCTION f() RETURNS int AS $$ BEGIN; CASE; $$; x",
                 "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; CASE; $$|x");
}

static void
assert_copy(const char *text, size_t i, const char *data)
{
    assert_non_null(got.list[i].copy_data);
    assert_true(got.list[i].copy_data > text);
    assert_int_equal(got.list[i].copy_length, strlen(data));
    assert_memory_equal(got.list[i].copy_data, data, strlen(data));
}

static void
copy_takes_its_data(void **state)
{
    const char *text =
        "COPY public.t (a, b) FROM stdin;\n1\tit's\n2\t;\n\\.\n\nSELECT 1;";

    (void)state;
    assert_parts(text, "COPY public.t (a, b) FROM stdin|SELECT 1");
    assert_copy(text, 0, "1\tit's\n2\t;\n");
    assert_null(got.list[1].copy_data);
    assert_int_equal(got.list[1].line, 6);
}

static void
copy_data_has_any_form(void **state)
{
    const char *crlf = "COPY t FROM STDIN;\r\n1\r\n\\.\r\nx;\r\n";
    const char *csv =
        "copy t from STDIN WITH (FORMAT csv, DELIMITER ';'); -- data:\na;b\n\\.";
    const char *none = "COPY t FROM STDIN;\n\\.\nx";
    const char *near = "COPY t FROM STDIN;\n\\.x\n \\.\n\\.\nx";
    const char *where = "COPY t FROM\n/* c */ STDIN WHERE a > 1;\n1\n\\.\n";

    (void)state;
    assert_parts(crlf, "COPY t FROM STDIN|x");
    assert_copy(crlf, 0, "1\r\n");
    assert_parts(csv, "copy t from STDIN WITH (FORMAT csv, DELIMITER ';')");
    assert_copy(csv, 0, "a;b\n");
    assert_parts(none, "COPY t FROM STDIN|x");
    assert_copy(none, 0, "");
    assert_parts(near, "COPY t FROM STDIN|x");
    assert_copy(near, 0, "\\.x\n \\.\n");
    assert_true(split(where));
    assert_copy(where, 0, "1\n");
}

static void
only_copy_from_stdin_takes_data(void **state)
{
    (void)state;
    assert_parts("COPY t FROM '/tmp/stdin';\nx", "COPY t FROM '/tmp/stdin'|x");
    assert_parts("COPY t FROM PROGRAM 'a';\nx", "COPY t FROM PROGRAM 'a'|x");
    assert_parts("COPY t TO STDOUT;\nx", "COPY t TO STDOUT|x");
    assert_parts("COPY (SELECT a FROM stdin) TO STDOUT;\nx",
                 "COPY (SELECT a FROM stdin) TO STDOUT|x");
    assert_parts("SELECT copy FROM stdin;\nx", "SELECT copy FROM stdin|x");
    assert_parts("-- COPY t FROM STDIN;\nx", "x");
}

static void
copy_data_must_end(void **state)
{
    const char *message = "the data of COPY ... FROM STDIN is not ended";

    (void)state;
    assert_fails("SELECT 1;\n  COPY t FROM STDIN;\n1\n2\n", message, 2, 3);
    assert_fails("COPY t FROM STDIN", message, 1, 1);
    assert_fails("COPY t FROM STDIN;", message, 1, 1);
}

static void
text_behind_copy_on_its_line_is_refused(void **state)
{
    (void)state;
    assert_fails("COPY t FROM STDIN; SELECT 1;\n1\n\\.\n",
                 "text behind COPY ... FROM STDIN on its line", 1, 20);
}

static void
restrict_lines_are_dropped(void **state)
{
    (void)state;
    assert_parts("\\restrict aB3\n\nSELECT 1;\n\n\\unrestrict aB3\n", "SELECT 1");
    assert_parts("\\restrict aB3\r\nSELECT 1;\r\n\\unrestrict aB3", "SELECT 1");
}

static void
meta_commands_are_refused(void **state)
{
    (void)state;
    assert_fails("SELECT 1;\n\\i other.sql\n", "psql meta command '\\i' is not SQL", 2,
                 1);
    assert_fails("\\connect app", "psql meta command '\\connect' is not SQL", 1, 1);
    assert_fails("SELECT 1 \\gset", "psql meta command '\\gset' is not SQL", 1, 10);
    assert_fails("SELECT 1\n\\restrict a\n", "psql meta command '\\restrict' is not SQL",
                 2, 1);
    assert_fails("\\.\n", "psql meta command '\\.' is not SQL", 1, 1);
    assert_fails("a;\n\\", "psql meta command '\\' is not SQL", 2, 1);
    assert_parts("SELECT '\\i', $$\\d$$; -- \\x\n", "SELECT '\\i', $$\\d$$");
}

static void
what_is_not_ended_is_named_where_it_began(void **state)
{
    (void)state;
    assert_fails("SELECT 1;\nSELECT 'a;\n", "unterminated string", 2, 8);
    assert_fails("SELECT E'a\\';", "unterminated string", 1, 8);
    assert_fails("SELECT E'a'\n'\\'", "unterminated string", 1, 8);
    assert_fails("SELECT '\xC3\xA9', \"a;\n", "unterminated quoted name", 1, 13);
    assert_fails("DO\n$$ a; $x$", "unterminated dollar-quoted string", 2, 1);
    assert_fails("a;\n b /* c /* d */\n", "unterminated comment", 2, 4);
    assert_fails("/*", "unterminated comment", 1, 1);
}

static void
lines_and_columns_count_characters(void **state)
{
    const char *text = "\xEF\xBB\xBF"
                       "ab\n\xC3\xA9\xE2\x82\xAC!\r\nz";
    size_t line, column;

    (void)state;
    sqlscan_line(text, strlen(text), 3, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
    sqlscan_line(text, strlen(text), 11, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 3);
    sqlscan_line(text, strlen(text), 999, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 2);
}

static const char *
line_at(const char *text, size_t offset, size_t size)
{
    char *line = arena_alloc(&arena, size);

    sqlscan_line_text(text, strlen(text), offset, line, size);
    return line;
}

static void
a_line_is_copied_without_its_end(void **state)
{
    const char *text = "\xEF\xBB\xBFone\r\ntwo\n\nlast";

    (void)state;
    assert_string_equal(line_at(text, 0, 80), "one");
    assert_string_equal(line_at(text, 5, 80), "one");
    assert_string_equal(line_at(text, 7, 80), "one");
    assert_string_equal(line_at(text, 8, 80), "two");
    assert_string_equal(line_at(text, 12, 80), "");
    assert_string_equal(line_at(text, 99, 80), "last");
    assert_string_equal(line_at("", 0, 80), "");
}

static void
a_long_line_is_cut_round_the_byte(void **state)
{
    char line[8];

    (void)state;
    assert_int_equal(sqlscan_line_text("0123456789", 10, 0, line, sizeof(line)), 0);
    assert_string_equal(line, "0123456");
    assert_int_equal(sqlscan_line_text("0123456789", 10, 8, line, sizeof(line)), 5);
    assert_string_equal(line, "56789");
    assert_int_equal(sqlscan_line_text("012345\xC3\xA9\xC3\xA9!!!!!", 15, 10, line, 8),
                     7);
    assert_string_equal(line, "\xC3\xA9!!!!!");
}

/* Processor time, so that a busy machine changes nothing; the best of three. */
static double
seconds_of(const char *piece, size_t times, size_t statements)
{
    size_t len = strlen(piece);
    char *text = xmalloc(times * len);
    double best = 0;

    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, piece, len);
    for (int tries = 0; tries < 3; tries++) {
        struct timespec a, b;
        double took;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        assert_true(sqlscan_split(text, times * len, &arena, &got, &err));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        assert_int_equal(got.count, statements * times);
        took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
        best = tries == 0 || took < best ? took : best;
        arena_release(&arena);
    }
    free(text);
    return best;
}

/* Ten times the bytes are about ten times the work; a hundred times if it is quadratic. */
static void
assert_linear(const char *piece, size_t statements)
{
    size_t times = (size_t)250000 / strlen(piece);
    double few = seconds_of(piece, times, statements);
    double many = seconds_of(piece, 10 * times, statements);

    if (getenv("LUAMIG_TEST_TIMES") != NULL)
        print_message("# %.4f s, %.4f s: %.20s\n", few, many, piece);
    assert_true(many < 30 * few);
}

static void
large_files_are_split_in_linear_time(void **state)
{
    (void)state;
    assert_linear("INSERT INTO t VALUES (1, 'some text', \"a\");\n", 1);
    assert_linear(";", 0);
    assert_linear("VALUES (1);\n", 1);
    assert_linear("-- comment\n", 0);
    assert_linear("COPY t FROM STDIN;\n1\n\\.\n", 1);
    assert_linear("DO $x$ a; $y$ $x$;\n", 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ends_statements_at_semicolons, release),
        cmocka_unit_test_teardown(blank_files_have_no_statements, release),
        cmocka_unit_test_teardown(leading_semicolons_and_comments_are_dropped, release),
        cmocka_unit_test_teardown(a_byte_order_mark_is_skipped, release),
        cmocka_unit_test_teardown(lines_are_those_of_the_first_word, release),
        cmocka_unit_test_teardown(strings_hide_semicolons, release),
        cmocka_unit_test_teardown(only_e_strings_know_backslashes, release),
        cmocka_unit_test_teardown(e_strings_go_on_behind_a_newline, release),
        cmocka_unit_test_teardown(quoted_names_hide_semicolons, release),
        cmocka_unit_test_teardown(dollar_quotes_hide_everything, release),
        cmocka_unit_test_teardown(dollars_in_names_and_parameters_do_not_quote, release),
        cmocka_unit_test_teardown(comments_hide_quotes_and_semicolons, release),
        cmocka_unit_test_teardown(a_carriage_return_ends_a_line_comment, release),
        cmocka_unit_test_teardown(parentheses_hide_semicolons, release),
        cmocka_unit_test_teardown(atomic_bodies_hide_semicolons, release),
        cmocka_unit_test_teardown(begin_elsewhere_hides_nothing, release),
        cmocka_unit_test_teardown(copy_takes_its_data, release),
        cmocka_unit_test_teardown(copy_data_has_any_form, release),
        cmocka_unit_test_teardown(only_copy_from_stdin_takes_data, release),
        cmocka_unit_test_teardown(copy_data_must_end, release),
        cmocka_unit_test_teardown(text_behind_copy_on_its_line_is_refused, release),
        cmocka_unit_test_teardown(restrict_lines_are_dropped, release),
        cmocka_unit_test_teardown(meta_commands_are_refused, release),
        cmocka_unit_test_teardown(what_is_not_ended_is_named_where_it_began, release),
        cmocka_unit_test_teardown(lines_and_columns_count_characters, release),
        cmocka_unit_test_teardown(a_line_is_copied_without_its_end, release),
        cmocka_unit_test_teardown(a_long_line_is_cut_round_the_byte, release),
        cmocka_unit_test_teardown(large_files_are_split_in_linear_time, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
