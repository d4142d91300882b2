#include "tests/test.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pgtest.h"

int luaopen_luamig(lua_State *L);

static struct pgtest t;
static char folder[] = "/tmp/luamig-unit.XXXXXX";

static int
setup(void **state)
{
    FILE *file;

    (void)state;
    pgtest_open(&t);
    strcpy(strrchr(folder, '.'), ".XXXXXX");
    assert_non_null(mkdtemp(folder));
    file = fopen(arena_printf(&t.arena, "%s/1_a.up.sql", folder), "w");
    assert_non_null(file);
    fputs("CREATE TABLE a (a int)", file);
    fclose(file);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    unlink(arena_printf(&t.arena, "%s/1_a.up.sql", folder));
    rmdir(folder);
    pgtest_close(&t);
    return 0;
}

/* A host's allocator, of which the nth call fails, and all behind it. */
static void *
alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    long *left = ud;

    if (nsize == 0) {
        free(ptr);
        return NULL;
    }
    if ((ptr == NULL || nsize > osize) && *left > 0 && --*left == 0) {
        *left = 1;
        return NULL;
    }
    return realloc(ptr, nsize);
}

static int
open_all(lua_State *L)
{
    luaL_openlibs(L);
    luaL_requiref(L, "luamig", luaopen_luamig, 1);
    return 0;
}

/* Runs a script in a host that has the module; the nth allocation from then on fails. */
static bool
run(const char *text, long fail_after)
{
    long left = 0;
    lua_State *L = lua_newstate(alloc, &left);
    bool ok;

    assert_non_null(L);
    lua_pushcfunction(L, open_all);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
    assert_int_equal(luaL_loadstring(L, text), LUA_OK);
    lua_pushstring(L, t.settings.database);
    lua_pushstring(L, folder);
    left = fail_after;
    ok = lua_pcall(L, 2, 0, 0) == LUA_OK;
    if (!ok && fail_after == 0)
        print_message("# %s\n", luaL_tolstring(L, -1, NULL));
    left = 0;
    lua_close(L);
    return ok;
}

/* A backend takes its time to go when its client has gone. */
static void
wait_until_alone(void)
{
    const char *others = NULL;

    for (int i = 0; i < 500; i++) {
        others = pgtest_value(&t, "SELECT count(*) FROM pg_stat_activity WHERE pid <>"
                                  " pg_backend_pid() AND datname = current_database()");
        if (strcmp(others, "0") == 0)
            return;
        stop_poll(&t.stop, NULL, 0, 20);
    }
    fail_msg("%s connections are left", others);
}

static void
no_allocation_that_fails_leaks_or_crashes(const char *text, long most)
{
    long n = 1;

    assert_true(run(text, 0));
    while (!run(text, n))
        assert_true(++n < most);
    assert_true(n > 10);
    wait_until_alone();
    assert_string_equal(pgtest_value(&t, "SELECT count(*) FROM pg_database"
                                         " WHERE datname LIKE 'luamig_scratch_%'"),
                        "0");
}

static void
a_connection_survives_every_allocation_that_fails(void **state)
{
    (void)state;
    no_allocation_that_fails_leaks_or_crashes(
        "local db <close> = luamig.connect((...))\n"
        "db:transaction(function() for row in db:rows 'SELECT 1 AS a' do end end)\n"
        "assert(not pcall(db.exec, db, 'SELECT x'))\n",
        1000);
}

static void
a_scratch_survives_every_allocation_that_fails(void **state)
{
    (void)state;
    no_allocation_that_fails_leaks_or_crashes(
        "local s <close> = luamig.scratch { dir = select(2, ...), vars = { A = 1 }, to = 0 }\n"
        "assert(not pcall(s.up, s, { to = 2 }))\n",
        1000);
}

static void
surroundings_survive_every_allocation_that_fails(void **state)
{
    (void)state;
    no_allocation_that_fails_leaks_or_crashes(
        "local env = luamig.globals { dir = 'tests', lib = 'migrations-example/lib' }\n"
        "assert(env.require('phone').normalise('030 1234567', 'DE') == '+49301234567')\n"
        "assert(#env.files.read 'test.h' > 0)\n"
        "local hooks = luamig.hooks('migrations-example/hooks.lua', { vars = { WINDOW = '00-00' } })\n"
        "assert(not pcall(hooks.before_run, {}))\n",
        5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_survives_every_allocation_that_fails,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_scratch_survives_every_allocation_that_fails,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(surroundings_survive_every_allocation_that_fails,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
