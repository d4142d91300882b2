#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "pg/exec.h"
#include "pg/guard.h"
#include "pg/lock.h"
#include "pg/parse.h"
#include "pg/pipeline.h"
#include "tests/pgtest.h"

static struct pgtest t;

static int
setup(void **state)
{
    (void)state;
    pgtest_open(&t);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(t.live_results, 0);
    pgtest_close(&t);
    return 0;
}

static struct pipeline
pipeline_of(const char *const *sql, size_t count, bool serial)
{
    struct pipeline_item *items = arena_alloc(&t.arena, (count + 1) * sizeof(*items));

    for (size_t i = 0; i < count; i++)
        items[i] = (struct pipeline_item){
            .sql = sql[i], .length = strlen(sql[i]), .statement = i + 1, .flush = true
        };
    return (struct pipeline){
        .session = &t.server.work, .items = items, .count = count, .serial = serial
    };
}

static void
test_a_pipeline_is_one_round_trip(void **state)
{
    static const char *const sql[] = { "BEGIN", "CREATE TABLE a (x int)",
                                       "INSERT INTO a SELECT generate_series(1, 5000)",
                                       "SELECT * FROM a", "COMMIT" };
    struct pipeline p = pipeline_of(sql, 5, false);
    struct error err = { 0 };
    size_t before = t.server.work.syncs;

    (void)state;
    assert_true(pipeline_run(&p, &err));
    assert_int_equal(p.answered, 5);
    assert_int_equal(t.server.work.syncs - before, 1);
    assert_string_equal(pgtest_value(&t, "SELECT count(*) FROM a"), "5000");
}

static void
test_the_failed_item_is_known(void **state)
{
    static const char *const sql[] = { "BEGIN", "CREATE TABLE a ()", "SELECT 1/0",
                                       "CREATE TABLE b ()", "COMMIT" };

    (void)state;
    for (int serial = 0; serial < 2; serial++) {
        struct pipeline p = pipeline_of(sql, 5, serial == 1);
        struct error err = { 0 };

        assert_false(pipeline_run(&p, &err));
        assert_int_equal(p.answered, 2);
        assert_string_equal(err.sqlstate, "22012");
        assert_int_equal(PQtransactionStatus(t.server.work.conn), PQTRANS_INERROR);
        assert_true(exec_rollback(&t.server.work, &err));
        assert_string_equal(pgtest_value(&t, "SELECT to_regclass('a')"), "");
    }
}

static void
test_long_lists_do_not_hang(void **state)
{
    size_t count = 3000;
    const char **sql = arena_alloc(&t.arena, count * sizeof(*sql));
    char *large = arena_alloc(&t.arena, 100001);
    struct error err = { 0 };
    struct pipeline p;

    (void)state;
    memset(large, ' ', 100000);
    memcpy(large, "SELECT 1", 8);
    for (size_t i = 0; i < count; i++)
        sql[i] = i % 100 == 7 ? large : "SELECT generate_series(1, 20)";
    p = pipeline_of(sql, count, false);
    assert_true(pipeline_run(&p, &err));
    assert_int_equal(p.answered, count);
}

/* The rest of a long list is not sent then, nor was the Sync. */
static void
test_an_early_failure_of_a_long_list_ends_it(void **state)
{
    size_t count = 3000;
    const char **sql = arena_alloc(&t.arena, count * sizeof(*sql));
    struct error err = { 0 };
    struct pipeline p;
    int64_t began = stop_now();

    (void)state;
    for (size_t i = 0; i < count; i++)
        sql[i] = i == 5 ? "SELECT 1/0" : "SELECT 1";
    p = pipeline_of(sql, count, false);
    assert_false(pipeline_run(&p, &err));
    assert_int_equal(p.answered, 5);
    assert_string_equal(err.sqlstate, "22012");
    assert_true(stop_now() - began < 500);
    pgtest_sql(&t, "SELECT 1");
}

static void
test_two_statements_in_one_are_refused(void **state)
{
    static const char *const sql[] = { "SELECT 1; COMMIT" };
    struct pipeline p = pipeline_of(sql, 1, false);
    struct error err = { 0 };

    (void)state;
    assert_false(pipeline_run(&p, &err));
    assert_string_equal(err.sqlstate, "42601");
}

static void
test_copy_goes_serially(void **state)
{
    struct pipeline_item items[] = {
        { .sql = "CREATE TABLE a (x int)", .length = 22 },
        { .sql = "COPY a FROM STDIN",
          .length = 17,
          .copy_data = "1\n2\n",
          .copy_length = 4 },
        { .sql = "COPY a TO STDOUT", .length = 16 },
        { .sql = "COPY a FROM STDIN", .length = 17 },
    };
    struct pipeline p = {
        .session = &t.server.work, .items = items, .count = 4, .serial = true
    };
    struct error err = { 0 };

    (void)state;
    assert_false(pipeline_run(&p, &err));
    assert_int_equal(p.answered, 3);
    assert_non_null(strstr(err.message, "needs its data in the file"));
    assert_string_equal(pgtest_value(&t, "SELECT sum(x) FROM a"), "3");
}

static void
test_a_limit_cancels_and_says_so(void **state)
{
    static const char *const sql[] = { "BEGIN", "SELECT pg_sleep(20)", "COMMIT" };
    struct pipeline p = pipeline_of(sql, 3, false);
    struct error err = { 0 };
    int64_t began = stop_now();

    (void)state;
    stop_limit(&t.stop, LIMIT_MIGRATION, 200);
    assert_false(pipeline_run(&p, &err));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
    assert_string_equal(err.sqlstate, "57014");
    assert_true(stop_now() - began < 1500);
}

static void
test_a_lost_connection_is_known(void **state)
{
    static const char *const sql[] = { "SELECT pg_terminate_backend(pg_backend_pid())",
                                       "SELECT 1" };
    struct pipeline p = pipeline_of(sql, 2, false);
    struct error err = { 0 };

    (void)state;
    assert_false(pipeline_run(&p, &err));
    assert_true(t.server.work.lost);
    assert_int_equal(err.kind, ERROR_CONNECT);
}

static void
test_commit_of_a_failed_block_is_an_error(void **state)
{
    struct error err = { 0 };

    (void)state;
    pgtest_sql(&t, "BEGIN");
    assert_false(exec_command(&t.server.work, "SELECT 1/0", NULL, &err));
    assert_false(exec_commit(&t.server.work, &err));
    assert_non_null(strstr(err.message, "rolled back"));
}

/* The guard inside a transaction that made the row, or did not. */
static bool
guarded(const struct guard *guard, const char *body)
{
    struct error err = { 0 };
    bool ok;

    pgtest_sql(&t, "BEGIN");
    pgtest_sql(&t, "INSERT INTO t VALUES (7)");
    pgtest_sql(&t, body);
    ok = exec_command(&t.server.work, guard_sql(guard, &t.arena), NULL, &err);
    assert_true(ok || strcmp(err.sqlstate, "22P02") == 0);
    pgtest_sql(&t, "ROLLBACK");
    return ok;
}

static void
test_the_guard_asks_for_lock_and_row(void **state)
{
    struct guard guard = { .has_lock = true,
                           .lock.fence = lock_fence(&t.settings.table, "12345678"),
                           .row = GUARD_ROW_IS,
                           .table = "public.t",
                           .version = 7 };
    struct error err = { 0 };

    (void)state;
    pgtest_sql(&t, "CREATE TABLE t (version bigint)");
    assert_false(guarded(&guard, "SELECT 1"));
    assert_true(
        lock_acquire(&t.server, lock_key(&t.settings.table), guard.lock.fence, &err));
    assert_true(guarded(&guard, "SELECT 1"));
    assert_false(guarded(&guard, "DELETE FROM t"));
    assert_false(guarded(&guard, "TRUNCATE t"));
    guard.version = 8;
    assert_false(guarded(&guard, "SELECT 1"));
    guard.row = GUARD_NO_ROW;
    assert_true(guarded(&guard, "SELECT 1"));
    lock_release(&t.server);
    assert_false(guarded(&guard, "SELECT 1"));
    guard.has_lock = false;
    assert_true(guarded(&guard, "SELECT 1"));
}

static void
test_a_row_of_an_earlier_transaction_does_not_count(void **state)
{
    struct guard guard = { .row = GUARD_ROW_IS, .table = "public.t", .version = 7 };
    struct error err = { 0 };

    (void)state;
    pgtest_sql(&t, "CREATE TABLE t (version bigint)");
    pgtest_sql(&t, "INSERT INTO t VALUES (7)");
    pgtest_sql(&t, "BEGIN");
    assert_false(exec_command(&t.server.work, guard_sql(&guard, &t.arena), NULL, &err));
}

static void
test_the_parser_judges_grammar_only(void **state)
{
    static const struct parse_text good[] = {
        { "SELECT * FROM not_there_yet", 27 },
        { "CREATE TABLE a (x int)", 22 },
        { "VACUUM", 6 },
    };
    static const struct parse_text bad[] = { { "SELECT 1", 8 },
                                             { "SELEC 2", 7 },
                                             { "SELECT 3; SELECT 4", 18 } };
    struct error err = { 0 };
    size_t failed;

    (void)state;
    assert_true(parse_check(&t.server.work, good, 3, &failed, &err));
    assert_string_equal(pgtest_value(&t, "SELECT to_regclass('a')"), "");
    assert_string_equal(pgtest_value(&t, "SHOW lock_timeout"), "0");
    assert_false(parse_check(&t.server.work, bad, 3, &failed, &err));
    assert_int_equal(failed, 1);
    assert_int_equal(err.position, 1);
    assert_false(parse_check(&t.server.work, bad + 2, 1, &failed, &err));
    assert_int_equal(failed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_pipeline_is_one_round_trip, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_failed_item_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lists_do_not_hang, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_early_failure_of_a_long_list_ends_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_statements_in_one_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_copy_goes_serially, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_limit_cancels_and_says_so, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_connection_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_of_a_failed_block_is_an_error, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_guard_asks_for_lock_and_row, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_row_of_an_earlier_transaction_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_parser_judges_grammar_only, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
