#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "backfill/backfill.h"
#include "backfill/talk.h"
#include "pg/exec.h"
#include "script/script.h"
#include "tests/pgtest.h"

static struct pgtest t;
static const struct table_name table = { "luamig", "m" };
static struct applied_table found;

static int
setup(void **state)
{
    struct error err = { 0 };

    (void)state;
    pgtest_open(&t);
    found = (struct applied_table){ 0 };
    pgtest_sql(&t, "CREATE SCHEMA luamig");
    assert_true(checkpoint_create(&t.server.work, &table, &found, &t.arena, &err));
    pgtest_sql(&t, "CREATE TABLE t (id int PRIMARY KEY, name text, tags text[], x int)");
    pgtest_sql(&t, "INSERT INTO t SELECT i, 'n' || i, '{a,NULL}', 0"
                   " FROM generate_series(1, 40) i");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    pgtest_close(&t);
    return 0;
}

static void
ignore_progress(void *ctx, const struct backfill_progress *progress, bool done)
{
    (void)ctx;
    (void)progress;
    (void)done;
}

static void
ignore_text(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static bool
never_again(void *ctx, struct error *err)
{
    (void)ctx;
    (void)err;
    return false;
}

/* From the start each time: what a failed run recorded is forgotten. */
static enum script_end
run(const char *text, long fail_after, struct error *err)
{
    struct settings settings = { .memory = 64 << 20, .lib = "tests" };
    struct backfill_env env = { .work = &t.server.work,
                                .table = &table,
                                .state = &found,
                                .version = 1,
                                .direction = "up",
                                .checksum = "c",
                                .run = "12345678",
                                .lock_retry = 1000,
                                .lock_timeout = -1,
                                .progress = ignore_progress,
                                .warn = ignore_text,
                                .again = never_again };
    struct host host = {
        .ctx = &t, .work = &t.server.work, .log = pgtest_log, .backfill = &env
    };
    struct script script = {
        .path = "1_a.up.lua",
        .text = text,
        .size = strlen(text),
        .facts = { .name = "a", .direction = "up", .folder = "tests" },
        .settings = &settings,
        .stop = &t.stop,
        .host = &host,
        .fail_after = fail_after
    };

    pgtest_sql(&t, "DELETE FROM luamig.m_backfills");
    return script_run(&script, err);
}

static void
fail_each(const char *text, long least)
{
    struct error err = { 0 };
    long n = 1;

    run(text, 0, &err);
    assert_string_equal(err.message, ""); /* tells what is wrong with the text */
    while (run(text, n, &err) != SCRIPT_DONE) {
        assert_int_equal(t.live_results, 0);
        assert_int_not_equal(err.kind, ERROR_NONE);
        assert_int_equal(PQtransactionStatus(t.server.work.conn), PQTRANS_IDLE);
        n++;
    }
    assert_int_equal(t.live_results, 0);
    assert_true(n > least);
}

static void
ignore_result(void *ctx, int id, PGresult *res)
{
    (void)ctx;
    (void)id;
    (void)res;
}

static void
a_connection_that_was_given_up_is_not_waited_for(void **state)
{
    struct talk talk = { .session = &t.server.work,
                         .on_row = ignore_result,
                         .on_end = ignore_result };
    struct error err = { 0 };

    (void)state;
    talk_begin(&talk);
    talk_send(&talk, 1, "SELECT pg_catalog.pg_sleep(120)", NULL);
    talk_sync(&talk);
    t.server.work.lost = true;
    alarm(60); /* ends the test where it is waited for */
    assert_false(talk_end(&talk, &err));
    alarm(0);
    assert_int_equal(err.kind, ERROR_CONNECT);
}

static void
no_allocation_that_fails_in_map_leaks_or_crashes(void **state)
{
    (void)state;
    fail_each("db:backfill { 'b', table = 't', read = { 'name', 'tags' },"
              " set = { 'tags', 'x' }, where = 'id < 15', size = 20, target = '0',"
              " map = function(row)"
              " return { x = #row.name, tags = array { row.tags[1], null } } end }",
              100);
}

static void
nor_one_in_each(void **state)
{
    (void)state;
    fail_each("db:backfill { 'b', table = 't', read = 'name', size = 20, target = '0',"
              " each = function(batch) for i, row in ipairs(batch.rows) do"
              " if i % 10 == 0 then"
              " db:exec('UPDATE t SET x = $1 WHERE id = $2', #row.name, row.id) end"
              " end end }",
              100);
}

/* Whatever memory does, a batch's rows and its place go together. */
static void
what_fails_is_gone_on_with_once(void **state)
{
    static const char text[] =
        "db:backfill { 'b', table = 't', read = 'x', set = 'x', size = 10, target = '0',"
        " map = function(row) return { x = row.x + 1 } end }";
    struct error err = { 0 };

    (void)state;
    for (long n = 60; n < 400; n += 20) {
        pgtest_sql(&t, "UPDATE t SET x = 0");
        run(text, n, &err);
        assert_string_equal(
            pgtest_value(&t, "SELECT sum(t.x) = COALESCE((SELECT rows FROM"
                             " luamig.m_backfills), 0) AND max(t.x) <= 1 FROM t"),
            "t");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_allocation_that_fails_in_map_leaks_or_crashes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nor_one_in_each, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fails_is_gone_on_with_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_was_given_up_is_not_waited_for,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
