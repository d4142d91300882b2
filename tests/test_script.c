#include "tests/test.h"

#include <libpq-events.h>
#include <string.h>

#include "pg/exec.h"
#include "script/script.h"
#include "tests/pgtest.h"

static struct pgtest t;
static long live_results;
static char logged[1024];

static int
count_results(PGEventId id, void *info, void *pass)
{
    (void)info;
    (void)pass;
    live_results += id == PGEVT_RESULTCREATE;
    live_results -= id == PGEVT_RESULTDESTROY;
    return 1;
}

static int
setup(void **state)
{
    (void)state;
    pgtest_open(&t);
    live_results = 0;
    logged[0] = '\0';
    PQregisterEventProc(t.server.work.conn, count_results, "count", NULL);
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
keep_log(void *ctx, enum host_log level, const char *text)
{
    (void)ctx;
    (void)level;
    error_text(logged, sizeof(logged), text);
}

/* In a transaction that is rolled back afterwards. */
static enum script_end
run(const char *text, long fail_after, struct error *err)
{
    static const struct var vars[] = { { "NAME", "value" } };
    struct settings settings = {
        .memory = 64 << 20, .lib = "tests", .vars = vars, .var_count = 1
    };
    struct host host = { .work = &t.server.work,
                         .in_transaction = true,
                         .log = keep_log };
    struct script script = { .path = "1_a.up.lua",
                             .text = text,
                             .size = strlen(text),
                             .facts = { .has_version = true,
                                        .version = 1,
                                        .name = "a",
                                        .direction = "up",
                                        .folder = "tests",
                                        .in_transaction = true,
                                        .attempt = 1 },
                             .settings = &settings,
                             .stop = &t.stop,
                             .host = &host,
                             .fail_after = fail_after };
    enum script_end end;
    struct error ignored = { 0 };

    assert_true(exec_command(&t.server.work, "BEGIN", NULL, &ignored));
    end = script_run(&script, err);
    assert_true(exec_rollback(&t.server.work, &ignored));
    return end;
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
    assert_string_equal(logged, "a 1 up transaction value");
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

static void
no_allocation_that_fails_leaks_or_crashes(void **state)
{
    struct error err = { 0 };
    long n = 1;

    (void)state;
    assert_int_equal(run(everything, 0, &err), SCRIPT_DONE);
    while (run(everything, n, &err) != SCRIPT_DONE) {
        assert_int_equal(live_results, 0);
        assert_int_not_equal(err.kind, ERROR_NONE);
        n++;
    }
    assert_int_equal(live_results, 0);
    assert_true(n > 500);
}

static void
a_db_that_was_kept_is_dead(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_int_equal(run("local t = setmetatable({}, { __close = function()"
                         " db:exec('SELECT 1') end }) local u <close> = t",
                         0, &err),
                     SCRIPT_DONE);
    assert_int_equal(live_results, 0);
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
        cmocka_unit_test_setup_teardown(a_db_that_was_kept_is_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_connection_ends_the_script, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
