#include "tests/test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "pg/exec.h"
#include "pg/guard.h"
#include "pg/heartbeat.h"
#include "pg/lease.h"
#include "pg/pipeline.h"
#include "tests/pgtest.h"

#define ROW   "luamig.applied_migrations_lock"
#define BRIEF 600 /* ms */

static struct pgtest t;
static struct lease lease;

static int
setup(void **state)
{
    (void)state;
    pgtest_open(&t);
    t.settings.lock = LOCK_LEASE;
    t.settings.lease = BRIEF;
    lease = lease_new(&t.settings, LEASE_RUN, &t.arena);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    lease_release(&t.server, &lease, "done");
    pgtest_close(&t);
    return 0;
}

static const char *
acquire(void)
{
    struct error err = { 0 };
    const char *from;

    if (!lease_acquire(&t.server, &lease, &t.arena, &from, &err))
        fail_msg("%s", err.message);
    return from;
}

/* Nothing of luamig runs in the main thread meanwhile: a hook in os.execute. */
static void
block(int ms)
{
    poll(NULL, 0, ms);
}

static bool
is_lost_within(int ms)
{
    struct pollfd fd = { .fd = heartbeat_descriptor(t.server.heartbeat),
                         .events = POLLIN };

    return poll(&fd, 1, ms) == 1 && lease_lost(&t.server) != NULL;
}

static const char *
state_of_row(void)
{
    struct error err = { 0 };
    struct lease_row *rows;
    size_t count;

    assert_true(lease_read(&t.server.work, lease.table, LEASE_RUN, &t.arena, &rows,
                           &count, &err));
    return count > 0 ? rows[0].state : "absent";
}

static void
test_it_outlasts_a_blocking_call(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_null(acquire());
    assert_null(t.server.lock.conn);
    for (int i = 0; i < 5; i++) {
        block(BRIEF / 2);
        assert_string_equal(state_of_row(), "held");
    }
    assert_null(lease_lost(&t.server));
    assert_true(lease_confirm(&t.server, &err));
}

static void
test_given_back_it_keeps_the_outcome(void **state)
{
    (void)state;
    acquire();
    lease_release(&t.server, &lease, "failed");
    assert_null(t.server.heartbeat);
    assert_string_equal(state_of_row(), "free");
    assert_string_equal(pgtest_value(&t, "SELECT outcome FROM " ROW), "failed");
    assert_string_equal(pgtest_value(&t, "SELECT expires <= ended FROM " ROW), "t");
    assert_null(acquire());
    assert_string_equal(pgtest_value(&t, "SELECT outcome FROM " ROW), "");
}

static void
test_a_dead_holder_is_named_when_it_is_taken_over(void **state)
{
    (void)state;
    acquire();
    lease_release(&t.server, &lease, "done");
    pgtest_sql(&t, "UPDATE " ROW " SET pid = 4711, host = 'db1', outcome = NULL,"
                   " expires = clock_timestamp() - interval '12.3 s'");
    assert_string_equal(acquire(), "pid 4711 on host db1, expired 12 s ago");
    lease_release(&t.server, &lease, "done");
    pgtest_sql(&t, "UPDATE " ROW " SET outcome = NULL, expires = '-infinity'");
    assert_non_null(acquire());
}

static char said[600];

static void
note(void *ctx, const char *text)
{
    (void)ctx;
    snprintf(said, sizeof(said), "%s", text);
}

static void
test_a_rival_waits_and_hears_of_the_holder(void **state)
{
    struct stop stop = { 0 };
    struct server rival = { .settings = &t.settings,
                            .run = "11111111",
                            .command = "rival",
                            .stop = &stop,
                            .patience = { .waiting = note } };
    struct lease other = lease_new(&t.settings, LEASE_RUN, &t.arena);
    struct error err = { 0 };
    const char *from;
    int64_t began;

    (void)state;
    acquire();
    assert_true(session_open(&rival, SESSION_WORK, &err));
    said[0] = '\0';
    began = stop_now();
    stop_limit(&stop, LIMIT_LOCK_WAIT, 2 * BRIEF);
    assert_false(lease_acquire(&rival, &other, &t.arena, &from, &err));
    assert_int_equal(err.kind, ERROR_LOCK);
    assert_true(stop_now() - began >= 2 * BRIEF);
    assert_non_null(strstr(said, "held by pid "));
    assert_non_null(strstr(said, "luamig 00000000 test as postgres"));
    session_close(&rival.lock);
    stop_limit(&stop, LIMIT_LOCK_WAIT, 0);
    lease_release(&t.server, &lease, "done");
    assert_true(lease_acquire(&rival, &other, &t.arena, &from, &err));
    lease_release(&rival, &other, "done");
    server_close(&rival);
}

static void
test_a_stolen_one_cancels_the_statement(void **state)
{
    struct error err = { 0 };
    int64_t began = stop_now();

    (void)state;
    t.settings.lease = 30000;
    lease = lease_new(&t.settings, LEASE_RUN, &t.arena);
    acquire();
    pgtest_sql(&t, "UPDATE " ROW " SET token = 'stolen'");
    assert_false(exec_command(&t.server.work, "SELECT pg_sleep(20)", NULL, &err));
    assert_int_equal(err.kind, ERROR_LOCK);
    assert_non_null(strstr(err.message, "not ours any more"));
    assert_true(stop_now() - began < 2500);
    lease_release(&t.server, &lease, "failed");
    assert_string_equal(pgtest_value(&t, "SELECT outcome FROM " ROW), "");
}

static void
test_a_row_or_table_that_is_gone_is_a_loss(void **state)
{
    (void)state;
    acquire();
    pgtest_sql(&t, "DELETE FROM " ROW);
    assert_true(is_lost_within(BRIEF));
    lease_release(&t.server, &lease, "failed");
    acquire();
    pgtest_sql(&t, "DROP SCHEMA luamig CASCADE");
    assert_true(is_lost_within(BRIEF));
    lease_release(&t.server, &lease, "failed");
    acquire();
}

static void
test_its_connection_may_be_lost(void **state)
{
    struct error err = { 0 };

    (void)state;
    acquire();
    for (int i = 0; i < 4; i++) {
        pgtest_sql(&t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                       " WHERE application_name = 'luamig 00000000 test'"
                       " AND datname = current_database() AND pid <> pg_backend_pid()");
        block(BRIEF / 2);
    }
    assert_true(lease_confirm(&t.server, &err));
    assert_string_equal(state_of_row(), "held");
}

static void
test_one_that_cannot_be_renewed_expires_by_our_clock(void **state)
{
    struct error err = { 0 };
    int64_t began;

    (void)state;
    acquire();
    pgtest_sql(&t, "BEGIN");
    pgtest_sql(&t, "SELECT 1 FROM " ROW " FOR UPDATE");
    began = stop_now();
    assert_true(is_lost_within(2 * BRIEF));
    assert_true(stop_now() - began <= BRIEF + 100);
    assert_non_null(strstr(t.server.lock_lost, "could not be renewed"));
    assert_false(lease_confirm(&t.server, &err));
    assert_int_equal(err.kind, ERROR_LOCK);
    t.server.cleaning = true;
    assert_true(exec_rollback(&t.server.work, &err));
}

static bool
guarded(const struct guard *guard, const char *begin, const char *between)
{
    struct error err = { 0 };
    bool ok;

    pgtest_sql(&t, begin);
    pgtest_sql(&t, "SELECT count(*) FROM " ROW);
    pgtest_sql(&t, between);
    ok = exec_command(&t.server.work, guard_sql(guard, &t.arena), NULL, &err);
    assert_true(ok || strcmp(err.sqlstate, "22P02") == 0);
    pgtest_sql(&t, "ROLLBACK");
    return ok;
}

static void
test_the_guard_asks_for_row_token_and_time(void **state)
{
    struct guard guard = { .has_lock = true, .lock.lease = &lease, .row = GUARD_NO_ROW };
    struct error err = { 0 };
    bool held = false;

    (void)state;
    t.settings.lease = 30000;
    lease = lease_new(&t.settings, LEASE_RUN, &t.arena);
    acquire();
    assert_true(guarded(&guard, "BEGIN", "SELECT 1"));
    assert_true(guard_lock_held(&t.server.work, &guard, &held, &err) && held);
    assert_false(guarded(&guard, "BEGIN", "UPDATE " ROW " SET token = 'x'"));
    assert_false(
        guarded(&guard, "BEGIN", "UPDATE " ROW " SET expires = clock_timestamp()"));
    assert_false(guarded(&guard, "BEGIN", "DELETE FROM " ROW));
    lease_release(&t.server, &lease, "done");
    assert_false(guarded(&guard, "BEGIN", "SELECT 1"));
    assert_true(guard_lock_held(&t.server.work, &guard, &held, &err) && !held);
}

/* The statements of a SERIALIZABLE migration; the lease is confirmed before COMMIT. */
static bool
serializable(const char *body, bool serial, size_t *answered, struct error *err)
{
    const char *const sql[] = { "BEGIN ISOLATION LEVEL SERIALIZABLE",
                                "CREATE TABLE made ()", body, "COMMIT", "SELECT 1" };
    struct pipeline_item items[5];
    struct pipeline p = { .session = &t.server.work,
                          .items = items,
                          .count = 5,
                          .serial = serial,
                          .confirm = 3 };
    bool ok;

    for (size_t i = 0; i < 5; i++)
        items[i] = (struct pipeline_item){ .sql = sql[i], .length = strlen(sql[i]) };
    ok = pipeline_run(&p, err);
    *answered = p.answered;
    return ok;
}

static void
test_commit_waits_until_the_lease_is_confirmed(void **state)
{
    struct error err = { 0 };
    size_t answered;

    (void)state;
    acquire();
    for (int serial = 0; serial < 2; serial++) {
        size_t before = t.server.work.syncs;

        assert_true(serializable("SELECT 1", serial == 1, &answered, &err));
        assert_int_equal(answered, 5);
        assert_int_equal(t.server.work.syncs - before, serial == 1 ? 5 : 1);
        pgtest_sql(&t, "DROP TABLE made");
    }
}

static void
test_commit_is_not_sent_when_the_lease_is_lost(void **state)
{
    struct error err = { 0 };
    size_t answered;

    (void)state;
    t.settings.lease = 30000;
    lease = lease_new(&t.settings, LEASE_RUN, &t.arena);
    for (int serial = 0; serial < 2; serial++) {
        acquire();
        pgtest_sql(&t, "UPDATE " ROW " SET token = 'stolen'");
        assert_false(serializable("SELECT 1", serial == 1, &answered, &err));
        assert_int_equal(answered, 3);
        assert_int_equal(err.kind, ERROR_LOCK);
        t.server.cleaning = true;
        assert_true(exec_rollback(&t.server.work, &err));
        assert_string_equal(pgtest_value(&t, "SELECT to_regclass('made')"), "");
        lease_release(&t.server, &lease, "failed");
        pgtest_sql(&t, "DELETE FROM " ROW);
        t.server.cleaning = false;
    }
}

static void
test_a_signal_or_limit_ends_a_confirmation(void **state)
{
    struct error err = { 0 };

    (void)state;
    t.settings.lease = 30000;
    lease = lease_new(&t.settings, LEASE_RUN, &t.arena);
    acquire();
    pgtest_sql(&t, "BEGIN");
    pgtest_sql(&t, "SELECT 1 FROM " ROW " FOR UPDATE");
    stop_limit(&t.stop, LIMIT_MIGRATION, 300);
    assert_false(lease_confirm(&t.server, &err));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
    stop_limit(&t.stop, LIMIT_MIGRATION, 0);
    pgtest_sql(&t, "ROLLBACK");
    assert_true(lease_confirm(&t.server, &err));
}

static void
test_only_the_row_as_it_was_read_is_freed(void **state)
{
    struct error err = { 0 };
    struct lease_row *rows;
    size_t count;
    bool freed;

    (void)state;
    acquire();
    assert_true(
        lease_read(&t.server.work, lease.table, NULL, &t.arena, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].token, lease.token);
    assert_true(rows[0].left > 0 && rows[0].left <= BRIEF);
    assert_true(lease_free(&t.server.work, lease.table, &rows[0], &freed, &err));
    assert_true(freed);
    assert_true(is_lost_within(BRIEF));
    lease_release(&t.server, &lease, "failed");
    assert_string_equal(pgtest_value(&t, "SELECT outcome FROM " ROW), "released by hand");
    assert_true(lease_free(&t.server.work, lease.table, &rows[0], &freed, &err));
    assert_false(freed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_outlasts_a_blocking_call),
        TEST(test_given_back_it_keeps_the_outcome),
        TEST(test_a_dead_holder_is_named_when_it_is_taken_over),
        TEST(test_a_rival_waits_and_hears_of_the_holder),
        TEST(test_a_stolen_one_cancels_the_statement),
        TEST(test_a_row_or_table_that_is_gone_is_a_loss),
        TEST(test_its_connection_may_be_lost),
        TEST(test_one_that_cannot_be_renewed_expires_by_our_clock),
        TEST(test_the_guard_asks_for_row_token_and_time),
        TEST(test_commit_waits_until_the_lease_is_confirmed),
        TEST(test_commit_is_not_sent_when_the_lease_is_lost),
        TEST(test_a_signal_or_limit_ends_a_confirmation),
        TEST(test_only_the_row_as_it_was_read_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
