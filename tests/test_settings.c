#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dotenv.h"
#include "cli/settings.h"
#include "pg/conninfo.h"
#include "pg/exec.h"
#include "script/vm.h"

static struct arena arena;

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void
test_dotenv(void **state)
{
    static const char text[] =
        "\xEF\xBB\xBF# comment\r\nA=1\r\nexport B = two words # not\n"
        "C='single $x \\n'\nD=\"double\\n\\\"q\\\"\" # c\nE=a#b\nF=\n"
        "G=\"two\nlines\"\nA=again";
    struct dotenv env;
    struct error err = { 0 };

    (void)state;
    assert_true(dotenv_parse(text, strlen(text), &arena, &env, &err));
    assert_string_equal(dotenv_value(&env, "A"), "again");
    assert_string_equal(dotenv_value(&env, "B"), "two words");
    assert_string_equal(dotenv_value(&env, "C"), "single $x \\n");
    assert_string_equal(dotenv_value(&env, "D"), "double\n\"q\"");
    assert_string_equal(dotenv_value(&env, "E"), "a#b");
    assert_string_equal(dotenv_value(&env, "F"), "");
    assert_string_equal(dotenv_value(&env, "G"), "two\nlines");
    assert_null(dotenv_value(&env, "H"));
}

static void
test_dotenv_errors_have_a_line(void **state)
{
    static const struct {
        const char *text;
        size_t line;
    } cases[] = { { "A=1\nB\n", 2 }, { "A='x\n\n", 1 }, { "=x", 1 }, { "\nA='x'y", 2 } };
    struct dotenv env;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        err = (struct error){ 0 };
        assert_false(
            dotenv_parse(cases[i].text, strlen(cases[i].text), &arena, &env, &err));
        assert_int_equal(err.place.line, cases[i].line);
    }
}

static void
test_table_names_fold_as_in_sql(void **state)
{
    static const char *const good[][3] = {
        { "Luamig.Applied", "luamig", "applied" },
        { "x", "public", "x" },
        { "\"A b\".\"c\"\"d\"", "A b", "c\"d" },
        { "\"a.b\".c", "a.b", "c" },
    };
    static const char *const bad[] = { "",    ".",    "a.",   ".b",    "a.b.c",
                                       "\"a", "a\"b", "\"\"", "\"a\"b" };
    struct table_name table;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(settings_parse_table(good[i][0], &arena, &table, &err));
        assert_string_equal(table.schema, good[i][1]);
        assert_string_equal(table.name, good[i][2]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (settings_parse_table(bad[i], &arena, &table, &err))
            fail_msg("%s", bad[i]);
    }
}

static const char *const bad_conninfo[] = {
    "mysql://u:SECRET@h/d",
    "postgres://u:SECRET%zz@h/d",
    "postgres://u:SECRET@h/d?x-migrations-table=t",
    "host=h pasword=SECRET",
    "SECRET",
    "host='h password=SECRET",
    "postgres://u:SECRET@h@h/d",
    "postgres://u:x@SECRET@h/d",
    "postgres://u:x/SECRET@h/d",
    "postgres://u:12/SECRET@h/d",
    "postgres://u:x?SECRET@h/d",
    "postgres://u:12?SECRET&x=@h/d",
    "postgres://u:12/34?SECRET=1@h/d",
    "postgres://SECRET/x:x@h/d?y@z",
};

static const char *const good_conninfo[] = {
    "postgres://h:5432/d?application_name=a@b",
    "postgres://u:p@h1:1,h2:2/d?application_name=a@b",
    "postgres://h1:1,h2:2/d?application_name=a@b",
    "postgres://[::1]:5432/d?application_name=a@b",
    "postgres:///d?host=/x&user=a@b",
    "postgres://h/d@x",
    "host=h password=a@b/c@d",
};

static void
test_conninfo_is_checked_without_showing_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_conninfo) / sizeof(bad_conninfo[0]); i++) {
        struct error err = { 0 };

        if (conninfo_check(bad_conninfo[i], &err))
            fail_msg("%s", bad_conninfo[i]);
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_null(strstr(err.message, "SECRET"));
        assert_null(strstr(err.detail, "SECRET"));
        assert_null(strstr(err.hint, "SECRET"));
    }
    for (size_t i = 0; i < sizeof(good_conninfo) / sizeof(good_conninfo[0]); i++) {
        struct error err = { 0 };

        if (!conninfo_check(good_conninfo[i], &err))
            fail_msg("%s: %s", good_conninfo[i], err.message);
    }
}

static void
test_secrets_are_hidden_raw_and_decoded(void **state)
{
    struct secrets secrets;
    char text[] = "tried p%40ss/x and p@ss/x, p%40ss/x";

    (void)state;
    setenv("PGPASSWORD", "fromenv", 1);
    conninfo_secrets(&secrets, "postgres://u:p%40ss%2Fx@h/d?application_name=a");
    unsetenv("PGPASSWORD");
    conninfo_hide(&secrets, text);
    assert_string_equal(text, "tried p%40ss/x and ***, p%40ss/x");
    snprintf(text, sizeof(text), "p%%40ss%%2Fx fromenv");
    conninfo_hide(&secrets, text);
    assert_string_equal(text, "*** ***");
    setenv("PGPASSWORD", "p@ss/x and more", 1);
    conninfo_secrets(&secrets, "postgres://u:p%40ss%2Fx@h/d?application_name=a");
    unsetenv("PGPASSWORD");
    snprintf(text, sizeof(text), "p@ss/x and more, p@ss/x");
    conninfo_hide(&secrets, text);
    assert_string_equal(text, "***, ***");
    assert_true(conninfo_has_password("host=h password=x"));
    assert_false(conninfo_has_password("postgres://u@h/d"));
}

/* libpq repeats a socket's folder that is too long, up to 1023 bytes of it. */
static void
test_a_secret_where_a_message_is_cut_is_hidden(void **state)
{
    static struct server server;
    struct session session = { .server = &server, .role = SESSION_WORK };
    size_t whole = 0, cut = 0;

    (void)state;
    conninfo_secrets(&server.secrets, "postgres://u:SECRET@h/d");
    for (int len = 900; len < 1010; len++) {
        struct error err = { 0 };

        session.conn = PQconnectdb(arena_printf(&arena, "host=/%0*d/SECRET", len, 0));
        assert_false(exec_error(&session, NULL, &err));
        PQfinish(session.conn);
        assert_int_equal(err.kind, ERROR_CONNECT);
        assert_null(strstr(err.detail, "/S"));
        whole += strstr(err.detail, "0/***/") != NULL;
        cut += strstr(err.detail, "0/") == NULL;
    }
    assert_true(whole > 0 && cut > 0);
}

static bool
run_chunk(struct vm *vm, const char *text, struct error *err)
{
    return vm_init(vm, err) && vm_load(vm, text, strlen(text), "@chunk.lua", err) &&
           vm_call(vm, 0, 0, err);
}

static void
test_lua_errors_have_file_and_line(void **state)
{
    struct vm vm = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_false(run_chunk(&vm, "\n\nerror('no')", &err));
    assert_string_equal(err.message, "no");
    assert_string_equal(err.place.file, "chunk.lua");
    assert_int_equal(err.place.line, 3);
    vm_release(&vm);
    assert_false(run_chunk(&vm, "\nx = = 1", &err));
    assert_int_equal(err.place.line, 2);
    vm_release(&vm);
    assert_false(run_chunk(&vm, "error({})", &err));
    vm_release(&vm);
}

static void
test_lua_memory_is_capped(void **state)
{
    struct vm vm = { .cap = (size_t)4 << 20 };
    struct error err = { 0 };

    (void)state;
    assert_false(run_chunk(&vm, "local s = ('x'):rep(2^26)", &err));
    assert_string_equal(err.message, "not enough memory");
    vm_release(&vm);
    assert_int_equal(vm.used, 0);
}

static void
test_lua_loops_end_with_the_limit(void **state)
{
    struct stop stop = { 0 };
    struct vm vm = { .stop = &stop };
    struct error err = { 0 };

    (void)state;
    stop_limit(&stop, LIMIT_RUN, 50);
    assert_false(run_chunk(&vm,
                           "while true do pcall(function() while true do end end) end",
                           &err));
    assert_int_equal(err.kind, ERROR_TIMEOUT);
    vm_release(&vm);
}

static void
test_every_allocation_of_lua_may_fail(void **state)
{
    long points = 0;
    bool ok = false;

    (void)state;
    for (long n = 1; !ok; n++, points++) {
        struct vm vm = { .fail_after = n };
        struct error err = { 0 };

        ok = run_chunk(&vm,
                       "local t = {} for i = 1, 10 do t[i] = ('x'):rep(i) end "
                       "pcall(error, { 'x' }) return t",
                       &err);
        vm_release(&vm);
        assert_int_equal(vm.used, 0);
    }
    assert_true(points > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_dotenv, teardown),
        cmocka_unit_test_teardown(test_dotenv_errors_have_a_line, teardown),
        cmocka_unit_test_teardown(test_table_names_fold_as_in_sql, teardown),
        cmocka_unit_test_teardown(test_conninfo_is_checked_without_showing_it, teardown),
        cmocka_unit_test_teardown(test_secrets_are_hidden_raw_and_decoded, teardown),
        cmocka_unit_test_teardown(test_a_secret_where_a_message_is_cut_is_hidden,
                                  teardown),
        cmocka_unit_test_teardown(test_lua_errors_have_file_and_line, teardown),
        cmocka_unit_test_teardown(test_lua_memory_is_capped, teardown),
        cmocka_unit_test_teardown(test_lua_loops_end_with_the_limit, teardown),
        cmocka_unit_test_teardown(test_every_allocation_of_lua_may_fail, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
