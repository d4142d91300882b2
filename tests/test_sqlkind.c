#include "tests/test.h"

#include <string.h>

#include "plan/sqlkind.h"

static struct arena arena;

static int
release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct sql_class
class_of(const char *sql)
{
    struct sql_class class;

    sqlkind_classify(sql, strlen(sql), &arena, &class);
    return class;
}

static void
assert_kind(const char *sql, enum sql_kind kind)
{
    if (class_of(sql).kind != kind)
        fail_msg("%s is %d, not %d", sql, (int)class_of(sql).kind, (int)kind);
}

static void
assert_outside(const char *sql, enum sql_outside outside)
{
    struct sql_class class = class_of(sql);

    assert_kind(sql, outside == OUTSIDE_NONE ? SQL_ORDINARY : SQL_OUTSIDE);
    if (class.outside != outside)
        fail_msg("%s is %d, not %d", sql, (int)class.outside, (int)outside);
}

static void
assert_text(const char *got, const char *expected)
{
    if (expected == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, expected);
}

static void
assert_names(const char *sql, const char *index, const char *relation)
{
    struct sql_class class = class_of(sql);

    assert_int_equal(class.kind, SQL_OUTSIDE);
    assert_text(class.index, index);
    assert_text(class.relation, relation);
}

static void
knows_transaction_commands(void **state)
{
    (void)state;
    assert_kind("BEGIN", SQL_BEGIN);
    assert_kind("begin work", SQL_BEGIN);
    assert_kind("Start /* c */ Transaction", SQL_BEGIN);
    assert_kind("COMMIT", SQL_COMMIT);
    assert_kind("COMMIT WORK", SQL_COMMIT);
    assert_kind("END", SQL_COMMIT);
    assert_kind("END TRANSACTION", SQL_COMMIT);
    assert_kind("ROLLBACK", SQL_ROLLBACK);
    assert_kind("ABORT", SQL_ROLLBACK);
    assert_kind("SAVEPOINT a", SQL_SAVEPOINT);
    assert_kind("RELEASE a", SQL_SAVEPOINT);
    assert_kind("RELEASE SAVEPOINT a", SQL_SAVEPOINT);
    assert_kind("ROLLBACK TO a", SQL_SAVEPOINT);
    assert_kind("ROLLBACK WORK TO SAVEPOINT a", SQL_SAVEPOINT);
    assert_kind("PREPARE TRANSACTION 'a'", SQL_PREPARE_TRANSACTION);
    assert_kind("SET TRANSACTION READ WRITE", SQL_SET_TRANSACTION);
}

static void
reads_the_modes_of_a_transaction(void **state)
{
    (void)state;
    assert_string_equal(class_of("BEGIN").modes, "");
    assert_string_equal(class_of("BEGIN TRANSACTION").modes, "");
    assert_string_equal(class_of("START TRANSACTION ISOLATION LEVEL SERIALIZABLE").modes,
                        "ISOLATION LEVEL SERIALIZABLE");
    assert_string_equal(
        class_of("BEGIN WORK isolation level /* c */ serializable,\n deferrable").modes,
        "isolation level /* c */ serializable,\n deferrable");
    assert_string_equal(class_of("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").modes,
                        "ISOLATION LEVEL REPEATABLE READ");
}

static void
knows_read_only_transactions(void **state)
{
    (void)state;
    assert_true(class_of("BEGIN READ ONLY").read_only);
    assert_true(class_of("BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY").read_only);
    assert_true(
        class_of("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").read_only);
    assert_false(class_of("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").read_only);
    assert_false(class_of("SET TRANSACTION READ WRITE").read_only);
}

static void
knows_chains(void **state)
{
    (void)state;
    assert_true(class_of("COMMIT AND CHAIN").chain);
    assert_true(class_of("ROLLBACK WORK AND CHAIN").chain);
    assert_true(class_of("END TRANSACTION AND CHAIN").chain);
    assert_false(class_of("COMMIT AND NO CHAIN").chain);
    assert_false(class_of("COMMIT").chain);
    assert_false(class_of("ROLLBACK TO chain").chain);
}

static void
knows_what_stays_in_the_session(void **state)
{
    (void)state;
    assert_kind("SET search_path = a, b", SQL_SESSION);
    assert_kind("SET SESSION search_path TO a", SQL_SESSION);
    assert_kind("SET TIME ZONE 'UTC'", SQL_SESSION);
    assert_kind("SET ROLE app", SQL_SESSION);
    assert_kind("SET SESSION AUTHORIZATION app", SQL_SESSION);
    assert_kind("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", SQL_SESSION);
    assert_kind("RESET ALL", SQL_SESSION);
    assert_kind("SELECT set_config('a.b', '1', false)", SQL_SESSION);
    assert_kind("SELECT pg_catalog.set_config('search_path', '', false)", SQL_SESSION);
    assert_kind("LOAD 'auto_explain'", SQL_SESSION);
    assert_kind("LISTEN a", SQL_SESSION);
    assert_kind("UNLISTEN *", SQL_SESSION);
    assert_kind("DISCARD PLANS", SQL_SESSION);
}

static void
knows_what_does_not_stay(void **state)
{
    (void)state;
    assert_kind("SET LOCAL search_path = a", SQL_SET_LOCAL);
    assert_kind("SET CONSTRAINTS ALL DEFERRED", SQL_ORDINARY);
    assert_kind("SET TRANSACTION SNAPSHOT '1'", SQL_ORDINARY);
    assert_kind("SELECT 1 AS set_config", SQL_ORDINARY);
    assert_kind("UPDATE t SET a = 1", SQL_ORDINARY);
}

static void
knows_what_a_resume_cannot_bring_back(void **state)
{
    (void)state;
    assert_kind("CREATE TEMP TABLE a (b int)", SQL_TEMPORARY);
    assert_kind("CREATE TEMPORARY SEQUENCE a", SQL_TEMPORARY);
    assert_kind("CREATE LOCAL TEMP TABLE a AS SELECT 1", SQL_TEMPORARY);
    assert_kind("CREATE OR REPLACE TEMP VIEW a AS SELECT 1", SQL_TEMPORARY);
    assert_kind("SELECT a, (SELECT 1) INTO TEMP b FROM c", SQL_TEMPORARY);
    assert_kind("SELECT 1 INTO TEMPORARY TABLE b", SQL_TEMPORARY);
    assert_kind("PREPARE a AS SELECT 1", SQL_TEMPORARY);
    assert_kind("DECLARE a CURSOR WITH HOLD FOR SELECT 1", SQL_TEMPORARY);
    assert_kind("SELECT 1 INTO b", SQL_ORDINARY);
    assert_kind("CREATE TABLE temp (a int)", SQL_ORDINARY);
    assert_kind("CREATE TABLE a (temporary int)", SQL_ORDINARY);
}

static void
knows_blocks_that_may_commit(void **state)
{
    (void)state;
    assert_kind("DO $$ BEGIN COMMIT; END $$", SQL_BLOCK);
    assert_kind("DO LANGUAGE plpgsql 'BEGIN END'", SQL_BLOCK);
    assert_kind("CALL a.b(1)", SQL_BLOCK);
}

static void
knows_what_cannot_run_in_a_transaction(void **state)
{
    (void)state;
    assert_outside("VACUUM", OUTSIDE_VACUUM);
    assert_outside("vacuum (analyze) a", OUTSIDE_VACUUM);
    assert_outside("CLUSTER", OUTSIDE_CLUSTER);
    assert_outside("CLUSTER VERBOSE", OUTSIDE_CLUSTER);
    assert_outside("CLUSTER (VERBOSE)", OUTSIDE_CLUSTER);
    assert_outside("ALTER SYSTEM SET a = 1", OUTSIDE_ALTER_SYSTEM);
    assert_outside("CREATE DATABASE a", OUTSIDE_CREATE_DATABASE);
    assert_outside("DROP DATABASE IF EXISTS a", OUTSIDE_DROP_DATABASE);
    assert_outside("CREATE TABLESPACE a LOCATION '/b'", OUTSIDE_CREATE_TABLESPACE);
    assert_outside("DROP TABLESPACE a", OUTSIDE_DROP_TABLESPACE);
    assert_outside("ALTER DATABASE a SET TABLESPACE b", OUTSIDE_MOVE_DATABASE);
    assert_outside("CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b",
                   OUTSIDE_CREATE_SUBSCRIPTION);
    assert_outside("DROP SUBSCRIPTION a", OUTSIDE_DROP_SUBSCRIPTION);
    assert_outside("COMMIT PREPARED 'a'", OUTSIDE_FINISH_PREPARED);
    assert_outside("ROLLBACK PREPARED 'a'", OUTSIDE_FINISH_PREPARED);
    assert_outside("DISCARD ALL", OUTSIDE_DISCARD_ALL);
}

static void
knows_reindex(void **state)
{
    (void)state;
    assert_outside("REINDEX TABLE CONCURRENTLY a", OUTSIDE_REINDEX);
    assert_outside("REINDEX (VERBOSE, CONCURRENTLY) INDEX a", OUTSIDE_REINDEX);
    assert_outside("REINDEX SCHEMA a", OUTSIDE_REINDEX_MANY);
    assert_outside("REINDEX (VERBOSE) SCHEMA a", OUTSIDE_REINDEX_MANY);
    assert_outside("REINDEX DATABASE CONCURRENTLY a", OUTSIDE_REINDEX_MANY);
    assert_outside("REINDEX SYSTEM a", OUTSIDE_REINDEX_MANY);
    assert_outside("REINDEX TABLE a", OUTSIDE_NONE);
    assert_outside("REINDEX (VERBOSE) INDEX a", OUTSIDE_NONE);
}

static void
knows_what_only_looks_like_it(void **state)
{
    (void)state;
    assert_outside("REFRESH MATERIALIZED VIEW CONCURRENTLY a", OUTSIDE_NONE);
    assert_outside("CREATE INDEX a ON b (c)", OUTSIDE_NONE);
    assert_outside("CREATE UNIQUE INDEX IF NOT EXISTS a ON b (concurrently)",
                   OUTSIDE_NONE);
    assert_outside("DROP INDEX a", OUTSIDE_NONE);
    assert_outside("CLUSTER a USING b", OUTSIDE_NONE);
    assert_outside("CLUSTER VERBOSE a", OUTSIDE_NONE);
    assert_outside("SELECT 'VACUUM'", OUTSIDE_NONE);
    assert_outside("ANALYZE a", OUTSIDE_NONE);
    assert_outside("ALTER DATABASE a SET timezone = 'UTC'", OUTSIDE_NONE);
    assert_outside("ALTER TABLE a DETACH PARTITION b", OUTSIDE_NONE);
    assert_outside("ALTER TABLE a DETACH PARTITION b FINALIZE", OUTSIDE_NONE);
    assert_outside("ALTER TYPE a ADD VALUE 'b'", OUTSIDE_NONE);
    assert_outside("COMMENT ON INDEX a IS 'concurrently'", OUTSIDE_NONE);
}

static void
reads_the_names_of_indexes(void **state)
{
    (void)state;
    assert_names("CREATE INDEX CONCURRENTLY a ON b (c)", "a", "b");
    assert_names("create unique index concurrently if not exists \"A b\" on only \"S\".t "
                 "using btree (c)",
                 "\"A b\"", "\"S\".t");
    assert_names("CREATE INDEX CONCURRENTLY ON s.t (c)", NULL, "s.t");
    assert_names("CREATE INDEX CONCURRENTLY a ON db.s.t (c)", "a", "db.s.t");
    assert_names("DROP INDEX CONCURRENTLY a", "a", NULL);
    assert_names("DROP INDEX CONCURRENTLY IF EXISTS s.\"A\" CASCADE", "s.\"A\"", NULL);
    assert_names("REINDEX INDEX CONCURRENTLY s.a", "s.a", NULL);
    assert_names("REINDEX (CONCURRENTLY) TABLE s.t", NULL, "s.t");
    assert_names("REINDEX TABLE CONCURRENTLY t", NULL, "t");
    assert_names("REINDEX SCHEMA CONCURRENTLY s", NULL, NULL);
    assert_names("ALTER TABLE IF EXISTS ONLY s.t DETACH PARTITION s.p CONCURRENTLY",
                 "s.p", "s.t");
    assert_names("DROP DATABASE IF EXISTS \"a\"", "\"a\"", NULL);
}

static void
knows_if_exists(void **state)
{
    (void)state;
    assert_true(
        class_of("CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)").if_not_exists);
    assert_true(class_of("DROP INDEX CONCURRENTLY IF EXISTS a").if_not_exists);
    assert_false(class_of("CREATE INDEX CONCURRENTLY a ON b (c)").if_not_exists);
}

static void
knows_what_waits_for_transactions(void **state)
{
    (void)state;
    assert_true(class_of("CREATE INDEX CONCURRENTLY a ON b (c)").concurrently);
    assert_true(class_of("DROP INDEX CONCURRENTLY a").concurrently);
    assert_true(class_of("REINDEX (CONCURRENTLY) TABLE a").concurrently);
    assert_true(class_of("REINDEX SCHEMA CONCURRENTLY a").concurrently);
    assert_true(class_of("ALTER TABLE a DETACH PARTITION b CONCURRENTLY").concurrently);
    assert_false(class_of("REINDEX SCHEMA a").concurrently);
    assert_false(class_of("VACUUM a").concurrently);
    assert_false(class_of("REFRESH MATERIALIZED VIEW CONCURRENTLY a").concurrently);
}

static void
knows_copy_from_and_to_the_client(void **state)
{
    (void)state;
    assert_true(class_of("COPY a FROM STDIN").copy_in);
    assert_true(class_of("COPY a (b, c) FROM stdin WITH (FORMAT csv)").copy_in);
    assert_true(class_of("COPY a (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13,"
                         " c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25,"
                         " c26, c27, c28, c29, c30) FROM stdin")
                    .copy_in);
    assert_false(class_of("COPY a FROM '/b'").copy_in);
    assert_true(class_of("COPY a TO STDOUT").copy_out);
    assert_true(class_of("COPY (SELECT 1 FROM stdin) TO STDOUT").copy_out);
    assert_false(class_of("COPY (SELECT 1 FROM stdin) TO STDOUT").copy_in);
    assert_false(class_of("COPY a TO PROGRAM 'stdout'").copy_out);
}

static void
knows_a_changed_encoding(void **state)
{
    (void)state;
    assert_true(class_of("SET client_encoding = 'LATIN1'").bad_encoding);
    assert_true(class_of("SET SESSION client_encoding TO sql_ascii").bad_encoding);
    assert_true(class_of("SET LOCAL Client_Encoding TO win1252").bad_encoding);
    assert_true(class_of("SET \"client_encoding\" = 'LATIN1'").bad_encoding);
    assert_true(class_of("SET NAMES 'LATIN1'").bad_encoding);
    assert_true(
        class_of("SELECT pg_catalog.set_config('client_encoding', 'LATIN1', false)")
            .bad_encoding);
    assert_false(class_of("SET client_encoding = 'UTF8'").bad_encoding);
    assert_false(class_of("SET client_encoding TO utf8").bad_encoding);
    assert_false(class_of("SET client_encoding = DEFAULT").bad_encoding);
    assert_false(class_of("SET NAMES 'UTF-8'").bad_encoding);
    assert_false(
        class_of("SELECT set_config('client_encoding', 'UTF8', false)").bad_encoding);
    assert_false(
        class_of("SELECT set_config('search_path', 'LATIN1', false)").bad_encoding);
    assert_false(class_of("RESET client_encoding").bad_encoding);
}

static void
knows_strings_that_no_longer_conform(void **state)
{
    (void)state;
    assert_true(class_of("SET standard_conforming_strings = off").bad_strings);
    assert_true(class_of("SET standard_conforming_strings TO 'F'").bad_strings);
    assert_true(class_of("SET LOCAL standard_conforming_strings = 0").bad_strings);
    assert_true(class_of("SELECT set_config('standard_conforming_strings', 'off', true)")
                    .bad_strings);
    assert_false(class_of("SET standard_conforming_strings = on").bad_strings);
    assert_false(class_of("SET standard_conforming_strings TO 'True'").bad_strings);
}

static void
ordinary_statements_are_ordinary(void **state)
{
    (void)state;
    assert_kind("", SQL_ORDINARY);
    assert_kind("(SELECT 1)", SQL_ORDINARY);
    assert_kind("WITH a AS (SELECT 1) SELECT * FROM a", SQL_ORDINARY);
    assert_kind("\"begin\"", SQL_ORDINARY);
    assert_kind("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
                SQL_ORDINARY);
    assert_kind("ALTER TABLE a RENAME TO b", SQL_ORDINARY);
    assert_kind("EXECUTE a", SQL_ORDINARY);
    assert_kind("'unterminated", SQL_ORDINARY);
}

static void
cut_off_statements_are_read_to_their_end(void **state)
{
    static const char *const cut[] = {
        "SET",
        "SET LOCAL",
        "SET NAMES",
        "SET client_encoding",
        "SELECT set_config",
        "SELECT set_config(",
        "SELECT set_config('client_encoding'",
        "SELECT set_config('client_encoding',",
        "SELECT set_config('', '",
        "CREATE INDEX CONCURRENTLY",
        "CREATE INDEX CONCURRENTLY IF",
        "CREATE INDEX CONCURRENTLY a ON",
        "CREATE INDEX CONCURRENTLY a ON b.",
        "DROP INDEX CONCURRENTLY IF EXISTS",
        "REINDEX (",
        "REINDEX (CONCURRENTLY",
        "REINDEX TABLE CONCURRENTLY",
        "ALTER TABLE IF EXISTS",
        "ALTER TABLE a DETACH CONCURRENTLY",
        "CLUSTER (",
        "COPY a FROM",
        "BEGIN ISOLATION",
        "COMMIT AND",
        "CHAIN",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
        class_of(arena_strdup(&arena, cut[i]));
}

static void
what_is_outside_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(sqlkind_outside_name(OUTSIDE_NONE), "");
    for (int i = OUTSIDE_CREATE_INDEX; i <= OUTSIDE_DISCARD_ALL; i++)
        assert_true(sqlkind_outside_name((enum sql_outside)i)[0] != '\0');
    assert_string_equal(sqlkind_outside_name(OUTSIDE_CREATE_INDEX),
                        "CREATE INDEX CONCURRENTLY");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(knows_transaction_commands, release),
        cmocka_unit_test_teardown(reads_the_modes_of_a_transaction, release),
        cmocka_unit_test_teardown(knows_read_only_transactions, release),
        cmocka_unit_test_teardown(knows_chains, release),
        cmocka_unit_test_teardown(knows_what_stays_in_the_session, release),
        cmocka_unit_test_teardown(knows_what_does_not_stay, release),
        cmocka_unit_test_teardown(knows_what_a_resume_cannot_bring_back, release),
        cmocka_unit_test_teardown(knows_blocks_that_may_commit, release),
        cmocka_unit_test_teardown(knows_what_cannot_run_in_a_transaction, release),
        cmocka_unit_test_teardown(knows_reindex, release),
        cmocka_unit_test_teardown(knows_what_only_looks_like_it, release),
        cmocka_unit_test_teardown(reads_the_names_of_indexes, release),
        cmocka_unit_test_teardown(knows_if_exists, release),
        cmocka_unit_test_teardown(knows_what_waits_for_transactions, release),
        cmocka_unit_test_teardown(knows_copy_from_and_to_the_client, release),
        cmocka_unit_test_teardown(knows_a_changed_encoding, release),
        cmocka_unit_test_teardown(knows_strings_that_no_longer_conform, release),
        cmocka_unit_test_teardown(ordinary_statements_are_ordinary, release),
        cmocka_unit_test_teardown(cut_off_statements_are_read_to_their_end, release),
        cmocka_unit_test_teardown(what_is_outside_has_a_name, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
