#include "tests/test.h"

#include <string.h>

#include "pg/exec.h"
#include "script/script.h"
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
    pgtest_close(&t);
    return 0;
}

/* What the engine does for a script without a transaction, without its record. */
static bool
host_begin(void *ctx, struct error *err)
{
    (void)ctx;
    return exec_command(&t.server.work, "BEGIN", NULL, err);
}

static bool
host_commit(void *ctx, const char *step, struct error *err)
{
    (void)ctx;
    (void)step;
    return exec_commit(&t.server.work, err);
}

static bool
host_has_step(void *ctx, const char *step)
{
    (void)ctx;
    return strcmp(step, "done") == 0;
}

static bool
host_again(void *ctx, struct error *err)
{
    (void)ctx;
    (void)err;
    return false;
}

static bool
host_outside(void *ctx, const struct host_statement *statement, PGresult **res,
             struct error *err)
{
    (void)ctx;
    return exec_query(&t.server.work, statement->sql, statement->params, res, err);
}

static enum script_end
run_in(bool in_transaction, const char *text, long fail_after, struct error *err)
{
    static const struct var vars[] = { { "NAME", "value" } };
    struct settings settings = {
        .memory = 64 << 20, .lib = "tests", .vars = vars, .var_count = 1
    };
    struct host host = { .ctx = &t,
                         .work = &t.server.work,
                         .in_transaction = in_transaction,
                         .log = pgtest_log,
                         .begin = host_begin,
                         .commit = host_commit,
                         .has_step = host_has_step,
                         .again = host_again,
                         .outside = host_outside };
    struct script script = { .path = "1_a.up.lua",
                             .text = text,
                             .size = strlen(text),
                             .facts = { .has_version = true,
                                        .version = 1,
                                        .name = "a",
                                        .direction = "up",
                                        .folder = "tests",
                                        .in_transaction = in_transaction,
                                        .attempt = 1 },
                             .settings = &settings,
                             .stop = &t.stop,
                             .host = &host,
                             .fail_after = fail_after };
    enum script_end end;
    struct error ignored = { 0 };

    if (in_transaction)
        assert_true(exec_command(&t.server.work, "BEGIN", NULL, &ignored));
    end = script_run(&script, err);
    assert_true(exec_rollback(&t.server.work, &ignored));
    return end;
}

/* In a transaction that is rolled back afterwards. */
static enum script_end
run(const char *text, long fail_after, struct error *err)
{
    return run_in(true, text, fail_after, err);
}

static void
a_script_sees_its_migration(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(run("log.info('%s %d %s %s %s', migration.name, migration.version,"
                         " migration.direction, migration.mode, vars.NAME)",
                         0, &err),
                     SCRIPT_DONE);
    assert_string_equal(t.logged, "a 1 up transaction value");
}

static void
an_error_has_both_places(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(run("\ndb:exec('SELECT 1;\\n SELECT nmae')", 0, &err),
                     SCRIPT_FAILED);
    assert_int_equal(err.kind, ERROR_SQL);
    assert_string_equal(err.sqlstate, "42703");
    assert_string_equal(err.place.file, "1_a.up.lua");
    assert_int_equal(err.place.line, 2);
    assert_int_equal(err.sql.line, 2);
    assert_int_equal(err.sql.column, 9);
    assert_int_equal(err.sql.statement, 2);
}

/* Everything that joins Lua and libpq, once. */
static const char everything[] =
    "db:exec('CREATE TEMP TABLE x (a int, b text[], c bytea)')\n"
    "db:exec('INSERT INTO x VALUES ($1, $2, $3), (2, NULL, NULL)', 1,"
    " array { 'q\"', null, array and 'z' }, bytea '\\0\\1')\n"
    "for row in db:rows('SELECT * FROM x ORDER BY a') do\n"
    "  db:exec('UPDATE x SET a = a + 10 WHERE a = $1', row.a)\n"
    "  if row.a == 2 then break end\n"
    "end\n"
    "assert(db:query('SELECT * FROM x ORDER BY a')[1].b[1] == 'q\"')\n"
    "assert(db:one('SELECT c FROM x WHERE a = 11').c == '\\0\\1')\n"
    "assert(db:value('SELECT sum(a) FROM x') == 23)\n"
    "assert(not db:try(function() db:exec('SELECT 1/0') end))\n"
    "assert(db:transaction(function(n) return db:value('SELECT $1::float8', n) end, 0.5)"
    " == 0.5)\n"
    "assert(db:copy_in { 'x', columns = { 'a', 'b' }, rows = { { 5, array { 'u' } },"
    " { 6, null } } } == 2)\n"
    "for row in db:copy_out 'SELECT a, b FROM x' do if row[1] == '5' then break end end\n"
    "assert(db:update_many { 'x', key = 'a', set = { 'b' }, rows = {"
    " { a = 5, b = array { 'w', null } }, { a = 6, b = null } } } == 2)\n"
    "assert(db:quote_ident('a b') .. db:quote_literal('c') == [[\"a b\"'c']])\n"
    "assert(json.encode(json.decode('{\"a\": [1, null, 1.5]}')) == '{\"a\":[1,null,1.5]}')\n"
    "for line in files.lines('test.h') do break end\n"
    "assert(#files.read('test.h') > 0 and vars('NO', 1) == 1)\n"
    "log.info('%s', 'end')\n";

/* The rarer ways: CSV, iterators, bounds, errors that are looked at, coroutines. */
static const char the_rest[] =
    "db:exec('CREATE TEMP TABLE y (a int PRIMARY KEY, b text)')\n"
    "assert(db:copy_in { 'y', csv = 'data/rows.csv', header = true } == 2)\n"
    "local n = 2\n"
    "assert(db:copy_in { 'y', rows = function() n = n + 1\n"
    "  if n < 5 then return { db:value('SELECT $1::int', n), 'x' } end end } == 2)\n"
    "local rows = db:query 'SELECT a, b FROM y'\n"
    "assert(db:update_many { 'y', key = 'a', set = 'b',\n"
    "  rows = function() return table.remove(rows) end } == 4)\n"
    "local v = db:one [[SELECT '[0:1]={1,NULL}'::int[] AS i, ARRAY['\\x00'::bytea] AS b,\n"
    "  '{{a,b},{c,\"d e\"}}'::text[] AS t, 1.5::float8 AS f, true AS o, NULL AS n]]\n"
    "assert(db:value('SELECT $1::int[] = $2::int[]', v.i, '[0:1]={1,NULL}'))\n"
    "assert(v.t[2][2] == 'd e' and v.b[1] == '\\0' and v.n == nil)\n"
    "assert(db:one 'SELECT 1 WHERE false' == nil)\n"
    "local ok, err = db:try(function() db:query 'SELECT nmae FROM y' end)\n"
    "assert(err.sqlstate == '42703' and tostring(err) == err.message and err.where)\n"
    "ok, err = db:try(db.transaction, db, function() error { message = 'mine' } end)\n"
    "assert(not ok)\n"
    "assert(not db:try(function() for _ in db:rows 'SELECT 1' do error 'x' end end))\n"
    "assert(not db:try(function() for _ in db:copy_out 'SELECT 1/0' do end end))\n"
    "assert(not db:try(db.copy_in, db, { 'y', rows = { { 1, {} } } }))\n"
    "local each = coroutine.wrap(function() for r in db:rows 'SELECT a FROM y ORDER BY a'\n"
    "  do coroutine.yield(r.a) end end)\n"
    "assert(each() == 1 and each() == 2)\n"
    "assert(not pcall(json.decode, '[1') and json.decode('[]') and vars.NAME == 'value')\n"
    "assert(not pcall(files.read, 'nothing') and migration.version == 1)\n"
    "print(null, array { 1 }[1], bytea 'x')\n";

static const char in_steps[] =
    "assert(db:step('done', error) == nil)\n"
    "db:step('a', function() db:exec('CREATE TABLE z (a int)') end)\n"
    "db:transaction(function() db:copy_in { 'z', rows = { { 1 } } } end)\n"
    "assert(not db:try(function() db:exec 'SELECT 1/0' end))\n"
    "assert(not pcall(db.exec, db, 'SELECT 1/0'))\n"
    "assert(db:value('SELECT count(*) FROM z') == 1)\n"
    "db:exec 'VACUUM z'\n"
    "db:exec 'DROP TABLE z'\n";

/* Fails the first allocation, the second, ... until none is left. */
static void
fail_each(bool in_transaction, const char *text, long least)
{
    struct error err = { 0 }, ignored = { 0 };
    long n = 1;

    run_in(in_transaction, text, 0, &err);
    assert_string_equal(err.message, ""); /* tells what is wrong with the text */
    while (run_in(in_transaction, text, n, &err) != SCRIPT_DONE) {
        assert_int_equal(t.live_results, 0);
        assert_int_not_equal(err.kind, ERROR_NONE);
        if (!in_transaction)
            exec_command(&t.server.work, "DROP TABLE IF EXISTS z", NULL, &ignored);
        n++;
    }
    assert_int_equal(t.live_results, 0);
    assert_true(n > least);
}

static void
no_allocation_that_fails_leaks_or_crashes(void **state)
{
    (void)state;
    fail_each(true, everything, 500);
}

static void
nor_one_of_what_is_used_less(void **state)
{
    (void)state;
    fail_each(true, the_rest, 500);
}

static void
nor_one_outside_of_a_transaction(void **state)
{
    (void)state;
    fail_each(false, in_steps, 50);
}

static void
what_is_closed_at_a_scripts_end_still_has_db(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(run("local t = setmetatable({}, { __close = function()"
                         " db:exec('SELECT 1') end }) local u <close> = t",
                         0, &err),
                     SCRIPT_DONE);
    assert_int_equal(t.live_results, 0);
}

static void
a_lost_connection_ends_the_script(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(run("pcall(function() db:try(function()"
                         " db:exec('SELECT pg_terminate_backend(pg_backend_pid())')"
                         " end) end) error('not here')",
                         0, &err),
                     SCRIPT_FAILED);
    assert_true(t.server.work.lost);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_script_sees_its_migration, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_has_both_places, setup, teardown),
        cmocka_unit_test_setup_teardown(no_allocation_that_fails_leaks_or_crashes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nor_one_of_what_is_used_less, setup, teardown),
        cmocka_unit_test_setup_teardown(nor_one_outside_of_a_transaction, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_closed_at_a_scripts_end_still_has_db,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_connection_ends_the_script, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
