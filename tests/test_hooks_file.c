#include "tests/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "pg/exec.h"
#include "script/hooks_file.h"
#include "tests/pgtest.h"

static struct pgtest t;
static char path[] = "/tmp/luamig-hooks.XXXXXX";

static int
setup(void **state)
{
    (void)state;
    pgtest_open(&t);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    close(mkstemp(path));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    unlink(path);
    pgtest_close(&t);
    return 0;
}

static void
write_hooks(const char *text)
{
    struct error err = { 0 };

    unlink(path);
    assert_true(fs_create(path, text, &err));
}

/* Reads the file and calls the event's first function, in a transaction. */
static bool
run(enum hook_event event, long fail_after, struct error *err)
{
    struct settings settings = { .memory = 64 << 20, .lib = "tests", .dir = "tests" };
    struct host host = { .ctx = &t,
                         .work = &t.server.work,
                         .is_hook = true,
                         .in_transaction = true,
                         .log = pgtest_log };
    struct hook_run run = { .id = "00000000",
                            .command = "up",
                            .direction = "up",
                            .environments = "one,two",
                            .database = "d",
                            .host = "h",
                            .user = "u",
                            .started = "2026-05-20T10:38:00Z" };
    struct hook_step plan = { .has_version = true, .version = 1, .name = "a" };
    struct script_facts facts = { .name = "a", .direction = "up", .folder = "f" };
    struct error failure = { .message = "oh" };
    struct hook_call call = { .event = event,
                              .run = &run,
                              .plan = &plan,
                              .plan_count = 1,
                              .migration = &facts,
                              .duration = 1500,
                              .error = &failure,
                              .host = &host,
                              .stop = &t.stop };
    struct hooks_file file = { .fail_after = fail_after };
    struct error ignored = { 0 };
    bool ok;

    assert_true(exec_command(&t.server.work, "BEGIN", NULL, &ignored));
    ok = hooks_file_open(&file, path, &settings, &host, &t.stop, err);
    if (ok)
        assert_int_equal(file.counts[event], 1);
    ok = ok && hooks_file_call(&file, 0, &call, err) == SCRIPT_DONE;
    hooks_file_close(&file);
    assert_true(exec_rollback(&t.server.work, &ignored));
    return ok;
}

static void
a_hook_is_called_with_all_there_is(void **state)
{
    struct error err = { 0 };

    (void)state;
    write_hooks(
        "return { after_run = { function(e)\n"
        "log.info('%s %s %s %d %s %s %s', e.event, e.run.id, e.run.environments[2],"
        " e.plan[1].version, e.migration.name, e.duration, e.error.message) end } }");
    assert_true(run(HOOK_AFTER_RUN, 0, &err));
    assert_string_equal(t.logged, "after_run 00000000 two 1 a 1.5 oh");
}

static void
a_name_that_is_no_event_is_refused(void **state)
{
    struct error err = { 0 };

    (void)state;
    write_hooks("return { on_failed = print }");
    assert_false(run(HOOK_ON_FAILURE, 0, &err));
    assert_string_equal(err.message, "unknown event 'on_failed'");
    assert_string_equal(err.hint, "Did you mean 'on_failure'?");
    assert_string_equal(err.place.file, path);
}

/* Everything that joins Lua, libpq and programs, once. */
static void
no_allocation_that_fails_leaks_or_crashes(void **state)
{
    struct error err = { 0 };
    long n = 1;

    (void)state;
    write_hooks(
        "local function all(e)\n"
        "  local status, output = command { 'sh', '-c', 'cat; echo no >&2; exit 3',"
        " stdin = 'in', timeout = '10s' }\n"
        "  assert(status == 3 and output == 'inno\\n')\n"
        "  assert(e.db:value('SELECT $1::text', output) == output)\n"
        "  local pipe = io.popen 'echo out'\n"
        "  assert(pipe:read 'a' == 'out\\n' and pipe:close())\n"
        "  log.info('%s', json.encode { e.plan[1].name, e.error.message })\n"
        "end\n"
        "return { before_run = print, on_failure = { all } }");
    assert_true(run(HOOK_ON_FAILURE, 0, &err));
    assert_string_equal(t.logged, "[\"a\",\"oh\"]");
    for (; !run(HOOK_ON_FAILURE, n, &err); n += n < 950 ? 7 : 1) {
        assert_int_equal(t.live_results, 0);
        assert_int_not_equal(err.kind, ERROR_NONE);
    }
    assert_int_equal(t.live_results, 0);
    assert_true(n > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hook_is_called_with_all_there_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_no_event_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_allocation_that_fails_leaks_or_crashes, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
