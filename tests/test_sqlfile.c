#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "plan/sqlfile.h"

static struct arena arena;

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct sql_file
read_as(const char *text, bool no_transaction)
{
    struct sql_file file;
    struct error err = { 0 };

    if (!sqlfile_read(text, strlen(text), no_transaction, &arena, &file, &err))
        fail_msg("%s: %s", text, err.message);
    return file;
}

static struct sql_file
read_text(const char *text)
{
    return read_as(text, false);
}

/* The statements, joined by '|'. */
static const char *
split(const char *text)
{
    struct sql_file file = read_as(text, true);
    char *all = arena_alloc(&arena, strlen(text) + file.count + 1);

    for (size_t i = 0; i < file.count; i++)
        sprintf(all + strlen(all), "%s%.*s", i > 0 ? "|" : "",
                (int)file.statements[i].length, text + file.statements[i].offset);
    return all;
}

static void
refused(const char *text, size_t line, const char *message)
{
    struct sql_file file;
    struct error err = { 0 };

    assert_false(sqlfile_read(text, strlen(text), false, &arena, &file, &err));
    if (strstr(err.message, message) == NULL)
        fail_msg("'%s' is not '%s'", err.message, message);
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_int_equal(err.place.line, line);
}

static void
test_splits_where_psql_does(void **state)
{
    static const char *const cases[][2] = {
        { "SELECT 1; SELECT 2", "SELECT 1|SELECT 2" },
        { "", "" },
        { "-- only\n/* this */ ;;; ", "" },
        { "\xEF\xBB\xBFSELECT 1;", "SELECT 1" },
        { "SELECT ';';X", "SELECT ';'|X" },
        { "SELECT 'it''s; \\'; X", "SELECT 'it''s; \\'|X" },
        { "SELECT E'\\';'; X", "SELECT E'\\';'|X" },
        { "SELECT E'a'\n'\\';'; X", "SELECT E'a'\n'\\';'|X" },
        { "SELECT e 'a;'; X", "SELECT e 'a;'|X" },
        { "SELECT \"a;\"\"b\"; X", "SELECT \"a;\"\"b\"|X" },
        { "SELECT U&'\\0041;', U&\"x;\"; X", "SELECT U&'\\0041;', U&\"x;\"|X" },
        { "SELECT $$;$$; X", "SELECT $$;$$|X" },
        { "SELECT $a$ $$;$b$ $a$; X", "SELECT $a$ $$;$b$ $a$|X" },
        { "SELECT a$b$; X$b$ Y", "SELECT a$b$|X$b$ Y" },
        { "SELECT $1; X", "SELECT $1|X" },
        { "SELECT 1$$;$$; X", "SELECT 1$$;$$|X" },
        { "a -- it's ; \n b; c", "a -- it's ; \n b|c" },
        { "a /* ; /* ; */ ' ; */ b; c", "a /* ; /* ; */ ' ; */ b|c" },
        { "CREATE RULE r AS DO (SELECT 1; SELECT 2); X",
          "CREATE RULE r AS DO (SELECT 1; SELECT 2)|X" },
        { "SELECT 1); X", "SELECT 1)|X" },
        { "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; "
          "SELECT 2; END; X",
          "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; "
          "SELECT 2; END|X" },
        { "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END; X",
          "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END|X" },
        { "CREATE TABLE begin (a int); X", "CREATE TABLE begin (a int)|X" },
        { "\\restrict abc\nSELECT 1;\n\\unrestrict abc\n", "SELECT 1" },
        { "SELECT 1;\r\nSELECT 2;\r\n", "SELECT 1|SELECT 2" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(split(cases[i][0]), cases[i][1]);
}

static void
test_takes_copy_data(void **state)
{
    struct sql_file file = read_text("COPY t FROM STDIN WITH (FORMAT csv);\r\na;b\r\n'\n"
                                     "\\.\r\nSELECT 1;");

    (void)state;
    assert_int_equal(file.count, 2);
    assert_int_equal(file.statements[0].copy_length, 7);
    assert_memory_equal(file.statements[0].copy_data, "a;b\r\n'\n", 7);
    assert_int_equal(file.statements[1].line, 5);
    assert_true(file.has_copy);
    assert_false(read_text("COPY t FROM '/stdin'; X").has_copy);
    assert_true(read_text("COPY (SELECT 1) TO STDOUT;").has_copy);
    assert_int_equal(read_text("COPY t FROM STDIN;\n\\.\n").statements[0].copy_length, 0);
}

static void
test_refuses_what_cannot_be_read(void **state)
{
    struct sql_file file;
    struct error err = { 0 };

    (void)state;
    refused("SELECT 1;\n 'x", 2, "unterminated string");
    refused("SELECT \"x", 1, "unterminated quoted name");
    refused("\n\nDO $x$ $$ x", 3, "unterminated dollar-quoted string");
    refused("/* /* */", 1, "unterminated comment");
    refused("COPY t FROM stdin;\n1\n", 1, "not ended");
    refused("SELECT 1;\n\\d x\n", 2, "meta command '\\d'");
    refused("SELECT '\xff'", 1, "invalid UTF-8 at byte offset 8");
    refused("SELECT '\xc0\xaf'", 1, "invalid UTF-8");
    refused("SELECT '\xed\xa0\x80'", 1, "invalid UTF-8");
    assert_false(sqlfile_read("a\0b", 3, false, &arena, &file, &err));
    assert_string_equal(err.message, "NUL at byte offset 1");
}

static void
test_refuses_what_cannot_be_run(void **state)
{
    (void)state;
    refused("SELECT 1;\nBEGIN;\nSELECT 2;", 2, "not ended");
    refused("PREPARE TRANSACTION 'x';", 1, "PREPARE TRANSACTION");
    refused("BEGIN; COMMIT AND CHAIN; COMMIT;", 1, "AND CHAIN");
    refused("BEGIN READ ONLY; SELECT 1; COMMIT;", 1, "READ ONLY");
    refused("SET TRANSACTION READ ONLY; SELECT 1;", 1, "READ ONLY");
    refused("SET client_encoding TO latin1;", 1, "client_encoding");
    refused("SET NAMES 'LATIN1';", 1, "client_encoding");
    refused("SELECT pg_catalog.set_config('client_encoding', 'latin1', false);", 1,
            "client_encoding");
    refused("SET standard_conforming_strings = off;", 1, "standard_conforming_strings");
    read_text("SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;");
    read_text("BEGIN; COMMIT AND NO CHAIN;");
}

static void
test_decides_the_mode(void **state)
{
    static const struct {
        const char *text;
        enum sql_mode mode;
        size_t count;
    } cases[] = {
        { "SELECT 1; SELECT 2;", SQL_MODE_TRANSACTION, 2 },
        { "BEGIN; SELECT 1; COMMIT;", SQL_MODE_TRANSACTION, 1 },
        { "START TRANSACTION; SAVEPOINT a; ROLLBACK TO a; END;", SQL_MODE_TRANSACTION, 2 },
        { "BEGIN; COMMIT;", SQL_MODE_TRANSACTION, 0 },
        { "BEGIN; SELECT 1; COMMIT; SELECT 2;", SQL_MODE_STATEMENTS, 4 },
        { "BEGIN; SELECT 1; ROLLBACK;", SQL_MODE_STATEMENTS, 3 },
        { "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;", SQL_MODE_STATEMENTS, 6 },
        { "SELECT 1; COMMIT;", SQL_MODE_STATEMENTS, 2 },
        { "BEGIN; VACUUM; COMMIT;", SQL_MODE_STATEMENTS, 3 },
        { "CREATE INDEX CONCURRENTLY i ON t (a);", SQL_MODE_STATEMENTS, 1 },
        { "REFRESH MATERIALIZED VIEW CONCURRENTLY m;", SQL_MODE_TRANSACTION, 1 },
        { "SELECT 'VACUUM';", SQL_MODE_TRANSACTION, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sql_file file = read_text(cases[i].text);

        assert_int_equal(file.mode, cases[i].mode);
        assert_int_equal(file.count, cases[i].count);
        assert_int_equal(file.notice != NULL, file.mode == SQL_MODE_STATEMENTS);
    }
    assert_int_equal(read_as("SELECT 1;", true).mode, SQL_MODE_STATEMENTS);
    assert_null(read_as("VACUUM;", true).notice);
}

static void
test_keeps_the_transaction_modes(void **state)
{
    (void)state;
    assert_string_equal(read_text("BEGIN ISOLATION LEVEL SERIALIZABLE; X; COMMIT;").modes,
                        "ISOLATION LEVEL SERIALIZABLE");
    assert_string_equal(read_text("BEGIN WORK; X; COMMIT;").modes, "");
    assert_string_equal(
        read_text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; X;").modes,
        "ISOLATION LEVEL REPEATABLE READ");
    assert_null(read_text("X;").modes);
}

static void
test_groups_units(void **state)
{
    struct sql_file file = read_as("A; BEGIN; B; COMMIT; BEGIN; C; ROLLBACK; COMMIT; D;"
                                   "SET LOCAL x = 1;",
                                   true);

    (void)state;
    assert_int_equal(file.unit_count, 6);
    assert_int_equal(file.units[0].kind, UNIT_SINGLE);
    assert_int_equal(file.units[1].kind, UNIT_BLOCK);
    assert_int_equal(file.units[1].first, 1);
    assert_int_equal(file.units[1].count, 3);
    assert_int_equal(file.units[2].kind, UNIT_UNDONE);
    assert_int_equal(file.units[3].kind, UNIT_DROPPED);
    assert_int_equal(file.notice_count, 2);
}

static struct sql_class
class_of(const char *text)
{
    struct sql_class class;

    sqlkind_classify(text, strlen(text), &arena, &class);
    return class;
}

static void
test_knows_what_cannot_run_in_a_block(void **state)
{
    static const struct {
        const char *text;
        enum sql_outside outside;
        const char *index, *relation;
    } cases[] = {
        { "CREATE INDEX CONCURRENTLY i ON t (a)", OUTSIDE_CREATE_INDEX, "i", "t" },
        { "create unique index concurrently if not exists \"I x\" on only s.t using btree (a)",
          OUTSIDE_CREATE_INDEX, "\"I x\"", "s.t" },
        { "CREATE INDEX CONCURRENTLY ON s.\"T\" (a)", OUTSIDE_CREATE_INDEX, NULL,
          "s.\"T\"" },
        { "CREATE INDEX i ON t (a)", OUTSIDE_NONE, NULL, NULL },
        { "DROP INDEX CONCURRENTLY IF EXISTS s.i", OUTSIDE_DROP_INDEX, "s.i", NULL },
        { "REINDEX (VERBOSE, CONCURRENTLY) TABLE t", OUTSIDE_REINDEX, NULL, "t" },
        { "REINDEX INDEX CONCURRENTLY i", OUTSIDE_REINDEX, "i", NULL },
        { "REINDEX TABLE t", OUTSIDE_NONE, NULL, "t" },
        { "REINDEX SCHEMA s", OUTSIDE_REINDEX_MANY, NULL, NULL },
        { "REINDEX (VERBOSE) DATABASE d", OUTSIDE_REINDEX_MANY, NULL, NULL },
        { "VACUUM (FULL) t", OUTSIDE_VACUUM, NULL, NULL },
        { "CLUSTER", OUTSIDE_CLUSTER, NULL, NULL },
        { "CLUSTER VERBOSE", OUTSIDE_CLUSTER, NULL, NULL },
        { "CLUSTER t", OUTSIDE_NONE, NULL, NULL },
        { "ALTER SYSTEM SET x = 1", OUTSIDE_ALTER_SYSTEM, NULL, NULL },
        { "CREATE DATABASE d", OUTSIDE_CREATE_DATABASE, "d", NULL },
        { "DROP DATABASE IF EXISTS d", OUTSIDE_DROP_DATABASE, "d", NULL },
        { "CREATE TABLESPACE x LOCATION '/y'", OUTSIDE_CREATE_TABLESPACE, "x", NULL },
        { "ALTER DATABASE d SET TABLESPACE x", OUTSIDE_MOVE_DATABASE, "d", NULL },
        { "ALTER DATABASE d SET search_path = x", OUTSIDE_NONE, NULL, NULL },
        { "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
          OUTSIDE_CREATE_SUBSCRIPTION, "s", NULL },
        { "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", OUTSIDE_DETACH, "p", "t" },
        { "ALTER TABLE t DETACH PARTITION p", OUTSIDE_NONE, NULL, NULL },
        { "COMMIT PREPARED 'x'", OUTSIDE_FINISH_PREPARED, NULL, NULL },
        { "DISCARD ALL", OUTSIDE_DISCARD_ALL, NULL, NULL },
        { "/* VACUUM */ SELECT 1", OUTSIDE_NONE, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sql_class class = class_of(cases[i].text);

        if (class.outside != cases[i].outside)
            fail_msg("%s", cases[i].text);
        if (cases[i].index != NULL)
            assert_string_equal(class.index, cases[i].index);
        if (cases[i].relation != NULL)
            assert_string_equal(class.relation, cases[i].relation);
    }
}

static void
test_knows_session_state(void **state)
{
    static const struct {
        const char *text;
        enum sql_kind kind;
    } cases[] = {
        { "SET search_path = x", SQL_SESSION },
        { "SET SESSION x = 1", SQL_SESSION },
        { "SET ROLE x", SQL_SESSION },
        { "SET SESSION AUTHORIZATION x", SQL_SESSION },
        { "RESET ALL", SQL_SESSION },
        { "SELECT set_config('a', 'b', false)", SQL_SESSION },
        { "SELECT pg_catalog.set_config('a', 'b', false)", SQL_SESSION },
        { "LOAD 'x'", SQL_SESSION },
        { "LISTEN x", SQL_SESSION },
        { "DISCARD TEMP", SQL_SESSION },
        { "SET LOCAL x = 1", SQL_SET_LOCAL },
        { "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", SQL_SET_TRANSACTION },
        { "SET CONSTRAINTS ALL DEFERRED", SQL_ORDINARY },
        { "CREATE TEMP TABLE x ()", SQL_TEMPORARY },
        { "CREATE LOCAL TEMPORARY TABLE x ()", SQL_TEMPORARY },
        { "CREATE OR REPLACE TEMP VIEW v AS SELECT 1", SQL_TEMPORARY },
        { "PREPARE p AS SELECT 1", SQL_TEMPORARY },
        { "DECLARE c CURSOR FOR SELECT 1", SQL_TEMPORARY },
        { "DO $$ $$", SQL_BLOCK },
        { "CALL p()", SQL_BLOCK },
        { "SAVEPOINT a", SQL_SAVEPOINT },
        { "ROLLBACK TO SAVEPOINT a", SQL_SAVEPOINT },
        { "ROLLBACK", SQL_ROLLBACK },
        { "ABORT", SQL_ROLLBACK },
        { "END", SQL_COMMIT },
        { "SELECT 1", SQL_ORDINARY },
        { "CREATE TABLE temp (a int)", SQL_ORDINARY },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (class_of(cases[i].text).kind != cases[i].kind)
            fail_msg("%s", cases[i].text);
    }
}

static void
test_counts_lines_and_characters(void **state)
{
    const char *text = "a\n\xC3\xBC\xC3\xBC b\nc";
    size_t line, column;
    char copy[16];

    (void)state;
    sqlscan_line(text, strlen(text), 7, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 4);
    sqlscan_line_text(text, strlen(text), 7, copy, sizeof(copy));
    assert_string_equal(copy, "\xC3\xBC\xC3\xBC b");
}

static void
test_is_linear(void **state)
{
    size_t size = (size_t)8 << 20;
    char *text = arena_alloc(&arena, size + 1);
    struct sql_file file;
    struct error err = { 0 };

    (void)state;
    for (size_t i = 0; i + 10 <= size; i += 10)
        memcpy(text + i, "SELECT 1;\n", 10);
    assert_true(sqlfile_read(text, size / 10 * 10, false, &arena, &file, &err));
    assert_int_equal(file.count, size / 10);
    assert_int_equal(file.statements[file.count - 1].line, size / 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_splits_where_psql_does, teardown),
        cmocka_unit_test_teardown(test_takes_copy_data, teardown),
        cmocka_unit_test_teardown(test_refuses_what_cannot_be_read, teardown),
        cmocka_unit_test_teardown(test_refuses_what_cannot_be_run, teardown),
        cmocka_unit_test_teardown(test_decides_the_mode, teardown),
        cmocka_unit_test_teardown(test_keeps_the_transaction_modes, teardown),
        cmocka_unit_test_teardown(test_groups_units, teardown),
        cmocka_unit_test_teardown(test_knows_what_cannot_run_in_a_block, teardown),
        cmocka_unit_test_teardown(test_knows_session_state, teardown),
        cmocka_unit_test_teardown(test_counts_lines_and_characters, teardown),
        cmocka_unit_test_teardown(test_is_linear, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
