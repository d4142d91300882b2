#include "tests/test.h"

#include <string.h>

#include "backfill/checkpoint.h"
#include "tests/pgtest.h"

static struct pgtest t;
static const struct table_name table = { "luamig", "m" };
static const struct checkpoint_key phones = { 42, "up", "phones" };
static struct error err;

static int
setup(void **state)
{
    struct applied_table found = { 0 };

    (void)state;
    err = (struct error){ 0 };
    pgtest_open(&t);
    pgtest_sql(&t, "CREATE SCHEMA luamig");
    assert_true(checkpoint_create(&t.server.work, &table, &found, &t.arena, &err));
    assert_true(found.has_backfills);
    pgtest_sql(&t, "INSERT INTO luamig.m_backfills (version, direction, name, table_name,"
                   " status, run, owner, checksum, cursor, estimate, rows)"
                   " VALUES (42, 'up', 'phones', 'users', 'running', 'r', 'o', 'c',"
                   " '[7]', 200, 50), (42, 'up', 'done', 'users', 'done', 'r', 'o', 'c',"
                   " NULL, 0, 0)");
    pgtest_sql(&t, "INSERT INTO luamig.m_backfill_errors (version, direction, name, key,"
                   " message) VALUES (42, 'up', 'phones', '[3]', 'no phone')");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    pgtest_close(&t);
    return 0;
}

static const struct checkpoint *
read_phones(void)
{
    struct checkpoint *list;
    size_t count;

    assert_true(checkpoint_read(&t.server.work, &table, &t.arena, &list, &count, &err));
    assert_int_equal(count, 2);
    return strcmp(list[0].key.name, "phones") == 0 ? &list[0] : &list[1];
}

static void
a_row_is_read_as_it_stands(void **state)
{
    const struct checkpoint *row = read_phones();

    (void)state;
    assert_int_equal(row->key.version, 42);
    assert_string_equal(row->key.direction, "up");
    assert_string_equal(row->cursor, "[7]");
    assert_null(row->bounds);
    assert_null(row->worker);
    assert_int_equal(row->status, CHECKPOINT_RUNNING);
    assert_int_equal((int)checkpoint_percent(row), 25);
    assert_int_equal(row->retries, 0);
}

static void
a_status_is_written_unless_it_is_done(void **state)
{
    struct checkpoint_key done = { 42, "up", "done" }, other = { 43, "up", "phones" };
    bool changed;

    (void)state;
    assert_true(checkpoint_set_status(&t.server.work, &table, &phones, CHECKPOINT_PAUSED,
                                      &changed, &err));
    assert_true(changed);
    assert_int_equal(read_phones()->status, CHECKPOINT_PAUSED);
    assert_true(checkpoint_set_status(&t.server.work, &table, &done, CHECKPOINT_PAUSED,
                                      &changed, &err));
    assert_false(changed);
    assert_true(checkpoint_set_status(&t.server.work, &table, &other, CHECKPOINT_PAUSED,
                                      &changed, &err));
    assert_false(changed);
}

static void
a_restart_forgets_everything(void **state)
{
    struct checkpoint_error *list;
    size_t count;
    bool changed;

    (void)state;
    assert_true(checkpoint_restart(&t.server.work, &table, &phones, &changed, &err));
    assert_true(changed);
    assert_null(read_phones()->cursor);
    assert_int_equal(read_phones()->rows, 0);
    assert_true(checkpoint_errors(&t.server.work, &table, &phones, 0, &t.arena, &list,
                                  &count, &err));
    assert_int_equal(count, 0);
}

static void
a_retry_marks_the_errors(void **state)
{
    struct checkpoint_error *list;
    size_t count;
    int64_t marked;

    (void)state;
    assert_true(checkpoint_retry(&t.server.work, &table, &phones, &marked, &err));
    assert_int_equal(marked, 1);
    assert_int_equal(read_phones()->retries, 1);
    assert_true(checkpoint_errors(&t.server.work, &table, &phones, 5, &t.arena, &list,
                                  &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].key, "[3]");
    assert_string_equal(list[0].message, "no phone");
    assert_null(list[0].sqlstate);
    assert_true(list[0].retry);
}

static void
a_table_that_grew_is_not_done_before_it_is(void **state)
{
    struct checkpoint row = { .estimate = 10, .rows = 100 };

    (void)state;
    assert_true(checkpoint_percent(&row) < 100);
    row.status = CHECKPOINT_DONE;
    assert_true(checkpoint_percent(&row) >= 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_is_read_as_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_is_written_unless_it_is_done, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_restart_forgets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_marks_the_errors, setup, teardown),
        cmocka_unit_test(a_table_that_grew_is_not_done_before_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
