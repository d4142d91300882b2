#include "tests/test.h"

#include <string.h>

#include "plan/sqlfile.h"

static struct arena arena;
static struct sql_file file;
static struct error err;

static int
release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool
read_bytes(const char *text, size_t size, bool no_transaction)
{
    err = (struct error){ 0 };
    return sqlfile_read(text, size, no_transaction, &arena, &file, &err);
}

static void
read_as(const char *text, bool no_transaction, enum sql_mode mode)
{
    if (!read_bytes(text, strlen(text), no_transaction))
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(file.mode, mode);
}

static void
read_transaction(const char *text)
{
    read_as(text, false, SQL_MODE_TRANSACTION);
    assert_null(file.notice);
    assert_int_equal(file.notice_count, 0);
    assert_int_equal(file.unit_count, 0);
}

static void
read_statements(const char *text, const char *notice)
{
    read_as(text, false, SQL_MODE_STATEMENTS);
    assert_non_null(file.notice);
    assert_string_equal(file.notice, notice);
}

/* The statements that are left, joined by "|". */
static void
assert_parts(const char *expected)
{
    const char *joined = "";

    for (size_t i = 0; i < file.count; i++)
        joined = arena_printf(&arena, "%s%s%.*s", joined, i > 0 ? "|" : "",
                              (int)file.statements[i].length,
                              file.text + file.statements[i].offset);
    assert_string_equal(joined, expected);
}

/* The units as letters: Single, Block, Undone, Dropped, each with its count. */
static void
assert_units(const char *expected)
{
    const char *joined = "";
    size_t next = 0;

    for (size_t i = 0; i < file.unit_count; i++) {
        assert_int_equal(file.units[i].first, next);
        next += file.units[i].count;
        joined = arena_printf(&arena, "%s%c%zu", joined, "SBGUD"[file.units[i].kind],
                              file.units[i].count);
    }
    assert_int_equal(next, file.count);
    assert_string_equal(joined, expected);
}

static void
assert_fails(const char *text, const char *message, size_t line)
{
    assert_false(read_bytes(text, strlen(text), false));
    assert_string_equal(err.message, message);
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_int_equal(err.place.line, line);
    assert_true(err.hint[0] != '\0');
}

static void
plain_files_are_one_transaction(void **state)
{
    (void)state;
    read_transaction("CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n");
    assert_parts("CREATE TABLE a (b int)|INSERT INTO a VALUES (1)");
    assert_null(file.modes);
    read_transaction("SAVEPOINT a; ROLLBACK TO a; RELEASE a");
    assert_int_equal(file.count, 3);
    read_transaction("REFRESH MATERIALIZED VIEW CONCURRENTLY a;");
    read_transaction(
        "DO $$ BEGIN x; END; $$; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC "
        "SELECT 1; END;");
}

static void
blank_files_are_a_transaction_of_nothing(void **state)
{
    (void)state;
    read_transaction("");
    assert_int_equal(file.count, 0);
    read_transaction("-- nothing yet\n;\n/* ; */");
    assert_int_equal(file.count, 0);
    read_as("", true, SQL_MODE_STATEMENTS);
    assert_int_equal(file.unit_count, 0);
}

static void
a_pair_round_the_file_is_dropped(void **state)
{
    (void)state;
    read_transaction(
        "-- licence\nBEGIN;\nCREATE TABLE a ();\nDROP TABLE a;\nCOMMIT;\n-- end");
    assert_parts("CREATE TABLE a ()|DROP TABLE a");
    assert_string_equal(file.modes, "");
    assert_int_equal(file.statements[0].line, 3);
    assert_int_equal(file.classes[1].kind, SQL_ORDINARY);
    read_transaction("START TRANSACTION; a; END");
    assert_parts("a");
    read_transaction("\\restrict x\nBEGIN; a; COMMIT;\n\\unrestrict x\n");
    assert_parts("a");
    read_transaction("BEGIN; COMMIT;");
    assert_int_equal(file.count, 0);
    read_transaction("BEGIN; SAVEPOINT s; a; ROLLBACK TO s; COMMIT;");
    assert_int_equal(file.count, 3);
}

static void
the_modes_of_its_begin_are_kept(void **state)
{
    (void)state;
    read_transaction("BEGIN ISOLATION LEVEL SERIALIZABLE; a; COMMIT;");
    assert_string_equal(file.modes, "ISOLATION LEVEL SERIALIZABLE");
    read_transaction("BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; a; COMMIT;");
    assert_string_equal(file.modes, "ISOLATION LEVEL SERIALIZABLE");
    assert_parts("a");
    read_transaction("BEGIN READ WRITE; SET TRANSACTION DEFERRABLE; a; COMMIT;");
    assert_string_equal(file.modes, "READ WRITE, DEFERRABLE");
    assert_parts("a");
}

static void
a_leading_set_transaction_gives_the_modes(void **state)
{
    (void)state;
    read_transaction("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; a; b");
    assert_string_equal(file.modes, "ISOLATION LEVEL REPEATABLE READ");
    assert_parts("a|b");
}

static void
read_only_is_refused(void **state)
{
    const char *message = "a migration cannot be READ ONLY: it records itself";

    (void)state;
    assert_fails("\nBEGIN READ ONLY; a; COMMIT;", message, 2);
    assert_fails("BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY; a; END", message, 1);
    assert_fails("BEGIN;\nSET TRANSACTION READ ONLY; a; COMMIT;", message, 1);
    assert_fails("SET TRANSACTION READ ONLY; a;", message, 1);
    assert_fails("VACUUM;\nBEGIN READ ONLY; a; COMMIT;", message, 2);
    read_as("VACUUM; BEGIN READ ONLY; a; ROLLBACK", false, SQL_MODE_STATEMENTS);
}

static void
what_cannot_run_in_a_block_makes_statements_mode(void **state)
{
    (void)state;
    read_statements("CREATE TABLE a ();\nCREATE INDEX CONCURRENTLY b ON a (c);",
                    "runs statement by statement: CREATE INDEX CONCURRENTLY in line 2 "
                    "cannot run in a transaction block");
    assert_units("S1S1");
    read_statements(";VACUUM",
                    "runs statement by statement: VACUUM in line 1 cannot run in "
                    "a transaction block");
    read_statements(
        "BEGIN; DISCARD ALL; COMMIT;",
        "runs statement by statement: transaction control of its own in line 1");
}

static void
transaction_control_makes_statements_mode(void **state)
{
    const char *notice =
        "runs statement by statement: transaction control of its own in line 2";

    (void)state;
    read_statements("a;\nBEGIN; b; c; COMMIT; d", notice);
    assert_units("S1B4S1");
    assert_int_equal(file.notice_count, 0);
    read_statements("\nBEGIN; a; COMMIT;\nBEGIN; b; END;", notice);
    assert_units("B3B3");
    read_statements("\nBEGIN; a; ROLLBACK;", notice);
    assert_units("U3");
    read_statements("a;\nBEGIN; SAVEPOINT s; ROLLBACK TO s; COMMIT", notice);
    assert_units("S1B4");
}

static void
control_outside_a_block_is_dropped_with_a_notice(void **state)
{
    (void)state;
    read_as("a;\n;;commit;\nb;\nROLLBACK; c", false, SQL_MODE_STATEMENTS);
    assert_units("S1D1S1D1S1");
    assert_int_equal(file.notice_count, 2);
    assert_string_equal(file.notices[0],
                        "line 2: dropped: no transaction block is open here");
    assert_string_equal(file.notices[1],
                        "line 4: dropped: no transaction block is open here");
}

static void
settings_for_a_block_outside_one_get_a_notice(void **state)
{
    (void)state;
    read_as(
        "SET LOCAL a = 1;\nBEGIN; SET LOCAL a = 1; COMMIT;\nSET TRANSACTION READ WRITE;",
        true, SQL_MODE_STATEMENTS);
    assert_units("S1B3S1");
    assert_int_equal(file.notice_count, 2);
    assert_string_equal(file.notices[0],
                        "line 1: has no effect outside a transaction block");
    assert_string_equal(file.notices[1],
                        "line 3: has no effect outside a transaction block");
}

static void
no_transaction_asks_for_statements_mode(void **state)
{
    (void)state;
    read_as("BEGIN; a; COMMIT;", true, SQL_MODE_STATEMENTS);
    assert_null(file.notice);
    assert_units("B3");
    read_as("a; b", true, SQL_MODE_STATEMENTS);
    assert_null(file.notice);
    assert_units("S1S1");
}

static void
a_block_of_statements_mode_keeps_its_modes(void **state)
{
    (void)state;
    read_as("BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; a; COMMIT; VACUUM",
            false, SQL_MODE_STATEMENTS);
    assert_units("B4S1");
    assert_string_equal(file.classes[0].modes, "ISOLATION LEVEL SERIALIZABLE");
}

static void
blocks_must_be_ended(void **state)
{
    const char *open = "this transaction block is not ended in the file";

    (void)state;
    assert_fails("a;\nBEGIN;\nb;", open, 2);
    assert_fails("BEGIN; a; COMMIT;\n\nSTART TRANSACTION; b", open, 3);
    assert_fails("BEGIN; SAVEPOINT a; ROLLBACK TO a;", open, 1);
    assert_fails("BEGIN; a;\nBEGIN; COMMIT;", "BEGIN inside a transaction block", 2);
}

static void
what_no_migration_can_do_is_refused(void **state)
{
    (void)state;
    assert_fails("BEGIN; a;\nPREPARE TRANSACTION 'x';",
                 "PREPARE TRANSACTION is not possible in a migration", 2);
    assert_fails("BEGIN; a;\nCOMMIT AND CHAIN; b; COMMIT",
                 "AND CHAIN is not possible in a migration", 2);
    assert_fails("BEGIN; a;\nROLLBACK AND CHAIN; b; COMMIT",
                 "AND CHAIN is not possible in a migration", 2);
    assert_fails("a;\n\nSET client_encoding = 'LATIN1';",
                 "client_encoding must stay UTF8", 3);
    assert_fails("SET standard_conforming_strings = off;",
                 "standard_conforming_strings must stay on", 1);
    assert_fails("SELECT 'a", "unterminated string", 1);
}

static void
bytes_that_are_not_text_are_refused(void **state)
{
    (void)state;
    assert_false(read_bytes("a;\nb\0;", 6, false));
    assert_string_equal(err.message, "NUL at byte offset 4");
    assert_int_equal(err.place.line, 2);
    assert_int_equal(err.place.column, 2);
    assert_fails("SELECT '\xC3\xA9';\n'\xFF'", "invalid UTF-8 at byte offset 14", 2);
    assert_fails("\xC0\x80", "invalid UTF-8 at byte offset 0", 1);
    assert_fails("\xE0\x80\x80", "invalid UTF-8 at byte offset 0", 1);
    assert_fails("\xED\xA0\x80", "invalid UTF-8 at byte offset 0", 1);
    assert_fails("\xF4\x90\x80\x80", "invalid UTF-8 at byte offset 0", 1);
    assert_fails("a\xE2\x82", "invalid UTF-8 at byte offset 1", 1);
    assert_fails("\x80", "invalid UTF-8 at byte offset 0", 1);
}

static void
every_character_is_accepted(void **state)
{
    (void)state;
    read_transaction("SELECT '\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 "
                     "\xEF\xBF\xBF \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF \x7F\x01';");
    assert_int_equal(file.count, 1);
}

static void
copy_with_the_client_is_known(void **state)
{
    (void)state;
    read_transaction("COPY a FROM STDIN;\n1\n\\.\n");
    assert_true(file.has_copy);
    assert_string_equal(arena_strndup(&arena, file.statements[0].copy_data,
                                      file.statements[0].copy_length),
                        "1\n");
    read_transaction("COPY a TO STDOUT;");
    assert_true(file.has_copy);
    read_transaction("COPY a FROM '/b';");
    assert_false(file.has_copy);
}

static const char dump[] =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict 7gTq\n\n"
    "SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n"
    "SET standard_conforming_strings = on;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n"
    "SET check_function_bodies = false;\n\n"
    "CREATE FUNCTION public.f() RETURNS trigger\n    LANGUAGE plpgsql\n    AS $$\n"
    "BEGIN\n  -- don't\n  RETURN NEW;\nEND;\n$$;\n\n"
    "COPY public.t (id, name) FROM stdin;\n1\tO'Hara; \"x\n2\t\\N\n\\.\n\n\n"
    "SELECT pg_catalog.setval('public.t_id_seq', 2, true);\n\n\\unrestrict 7gTq\n\n";

static void
output_of_pg_dump_is_a_migration(void **state)
{
    (void)state;
    read_transaction(dump);
    assert_int_equal(file.count, 8);
    assert_int_equal(file.classes[3].kind, SQL_SESSION);
    assert_int_equal(file.statements[6].line, 22);
    assert_non_null(file.statements[6].copy_data);
    assert_int_equal(file.classes[7].kind, SQL_ORDINARY);
}

/* Shapes that public migration folders hold (quotes in comments, CRLF, no last `;`). */
static void
odd_files_of_the_field_are_read(void **state)
{
    (void)state;
    read_transaction(
        "-- don't; \"really\r\nSELECT 'a;\r\n--b', E'\\'' ;\r\n\r\nSELECT 2");
    assert_int_equal(file.count, 2);
    read_transaction("DO $body$ BEGIN EXECUTE $q$ SELECT '$$;$$' $q$; END $body$");
    assert_int_equal(file.count, 1);
    read_transaction("/* BEGIN; */ ALTER TABLE a ADD b text DEFAULT '\\d;'; -- COMMIT;");
    assert_int_equal(file.count, 1);
    read_transaction("\xEF\xBB\xBF"
                     "BEGIN;\r\na;\r\nCOMMIT;\r\n");
    assert_parts("a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(plain_files_are_one_transaction, release),
        cmocka_unit_test_teardown(blank_files_are_a_transaction_of_nothing, release),
        cmocka_unit_test_teardown(a_pair_round_the_file_is_dropped, release),
        cmocka_unit_test_teardown(the_modes_of_its_begin_are_kept, release),
        cmocka_unit_test_teardown(a_leading_set_transaction_gives_the_modes, release),
        cmocka_unit_test_teardown(read_only_is_refused, release),
        cmocka_unit_test_teardown(what_cannot_run_in_a_block_makes_statements_mode,
                                  release),
        cmocka_unit_test_teardown(transaction_control_makes_statements_mode, release),
        cmocka_unit_test_teardown(control_outside_a_block_is_dropped_with_a_notice,
                                  release),
        cmocka_unit_test_teardown(settings_for_a_block_outside_one_get_a_notice, release),
        cmocka_unit_test_teardown(no_transaction_asks_for_statements_mode, release),
        cmocka_unit_test_teardown(a_block_of_statements_mode_keeps_its_modes, release),
        cmocka_unit_test_teardown(blocks_must_be_ended, release),
        cmocka_unit_test_teardown(what_no_migration_can_do_is_refused, release),
        cmocka_unit_test_teardown(bytes_that_are_not_text_are_refused, release),
        cmocka_unit_test_teardown(every_character_is_accepted, release),
        cmocka_unit_test_teardown(copy_with_the_client_is_known, release),
        cmocka_unit_test_teardown(output_of_pg_dump_is_a_migration, release),
        cmocka_unit_test_teardown(odd_files_of_the_field_are_read, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
