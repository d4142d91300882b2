#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "base/strbuf.h"

static struct strbuf output;
static size_t written;

static int
forget(void **state)
{
    (void)state;
    strbuf_release(&output);
    written = 0;
    return 0;
}

static void
keep(void *ctx, const char *bytes, size_t size)
{
    (void)ctx;
    written += size;
    if (output.len < 65536)
        strbuf_add(&output, bytes, size);
}

static void
count(void *ctx, const char *bytes, size_t size)
{
    (void)ctx;
    (void)bytes;
    written += size;
}

/* Runs sh -c text, or with text NULL what argv says. */
static enum process_end
run(struct process *process, const char *text)
{
    const char *shell[] = { "sh", "-c", text, NULL };
    static const struct stop never = { 0 };
    struct error err = { 0 };
    enum process_end why;

    if (text != NULL)
        process->argv = shell;
    if (process->stop == NULL)
        process->stop = &never;
    process->output = keep;
    why = process_run(process, &err);
    if (why == PROCESS_REFUSED)
        strbuf_puts(&output, err.message);
    return why;
}

static void
status_and_output_come_back(void **state)
{
    struct process process = { 0 };

    (void)state;
    assert_int_equal(run(&process, "echo out; echo err >&2; exit 3"), PROCESS_EXITED);
    assert_int_equal(process.status, 3);
    assert_false(process.signalled);
    assert_string_equal(output.text, "out\nerr\n");
    process.errors = count;
    assert_int_equal(run(&process, "echo out; echo err >&2"), PROCESS_EXITED);
    assert_string_equal(output.text, "out\nerr\nout\n");
    assert_int_equal(process.status, 0);
    assert_int_equal(run(&process, "kill -9 $$"), PROCESS_EXITED);
    assert_true(process.signalled);
    assert_int_equal(process.status, 9);
}

static void
arguments_meet_no_shell(void **state)
{
    static const char *const argv[] = { "printf", "%s.", "$HOME", "a b", "*", "", NULL };
    struct process process = { .argv = argv };

    (void)state;
    assert_int_equal(run(&process, NULL), PROCESS_EXITED);
    assert_string_equal(output.text, "$HOME.a b.*..");
}

static void
what_cannot_be_run_is_said(void **state)
{
    static const char *const argv[] = { "no-such-program", NULL };
    struct process process = { .argv = argv };

    (void)state;
    assert_int_equal(run(&process, NULL), PROCESS_REFUSED);
    assert_string_equal(output.text,
                        "cannot run 'no-such-program': No such file or directory");
}

static void
input_of_any_size_is_read_or_left(void **state)
{
    size_t size = 3000000;
    char *text = malloc(size);
    struct process process = { .input = text, .input_size = size };

    (void)state;
    memset(text, 'x', size);
    assert_int_equal(run(&process, "cat"), PROCESS_EXITED);
    assert_int_equal(written, size);
    assert_int_equal(run(&process, "exit 0"), PROCESS_EXITED);
    process.input = NULL;
    assert_int_equal(run(&process, "read line"), PROCESS_EXITED);
    assert_int_equal(process.status, 1); /* nothing there, and no terminal to wait for */
    free(text);
}

static void
it_has_a_group_and_default_signals(void **state)
{
    struct process process = { 0 };
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    (void)state;
    assert_int_equal(run(&process, "test $(ps -o pgid= -p $$) = $$ || exit 1;"
                                   "exit $({ { yes; echo $? >&3; } | head -1; } 3>&1"
                                   " >/dev/null)"),
                     PROCESS_EXITED);
    signal(SIGPIPE, before);
    assert_int_equal(process.status, 141); /* yes was ended by SIGPIPE */
}

/* The group's id is the first word of the output. */
static void
expect_group_gone(void)
{
    pid_t group = (pid_t)strtol(output.text, NULL, 10);
    struct stop never = { 0 };

    assert_true(group > 1);
    for (int i = 0; i < 500 && kill(-group, 0) == 0; i++)
        stop_poll(&never, NULL, 0, 10); /* init reaps what was left behind */
    assert_int_equal(kill(-group, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void
time_is_up_for_the_whole_group_term_ignored_or_not(void **state)
{
    struct process process = { .timeout = 200 };
    int64_t began = stop_now();

    (void)state;
    assert_int_equal(run(&process, "trap '' TERM; echo $$; sh -c 'sleep 60; echo no' &"
                                   "sleep 60; sleep 60; sleep 60"),
                     PROCESS_TIMED_OUT);
    assert_true(stop_now() - began < 20000);
    assert_true(process.signalled);
    assert_int_equal(process.status, SIGKILL);
    expect_group_gone();
}

static void
sigterm_leaves_time_for_last_words(void **state)
{
    struct process process = { .timeout = 200 };

    (void)state;
    assert_int_equal(run(&process, "trap 'echo bye; exit 5' TERM; echo hi; while :; do :;"
                                   " done"),
                     PROCESS_TIMED_OUT);
    assert_false(process.signalled);
    assert_int_equal(process.status, 5);
    assert_string_equal(output.text, "hi\nbye\n");
}

static void
a_flood_does_not_outrun_a_limit(void **state)
{
    struct stop stop = { 0 };
    struct process process = { .stop = &stop };

    (void)state;
    stop_limit(&stop, LIMIT_RUN, 200);
    assert_int_equal(run(&process, "echo $$; exec yes"), PROCESS_STOPPED);
    assert_true(written > 65536);
    expect_group_gone();
}

static void
one_that_closed_its_output_is_waited_for(void **state)
{
    struct process process = { 0 };

    (void)state;
    assert_int_equal(run(&process, "exec >&- 2>&-; sleep 0.2; exit 7"), PROCESS_EXITED);
    assert_int_equal(process.status, 7);
}

static void
one_left_behind_is_not_waited_for(void **state)
{
    struct process process = { 0 };
    int64_t began = stop_now();

    (void)state;
    assert_int_equal(run(&process, "echo $$; sleep 60 & exit 0"), PROCESS_EXITED);
    assert_true(stop_now() - began < 30000);
    kill(-(pid_t)strtol(output.text, NULL, 10), SIGKILL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(status_and_output_come_back, forget),
        cmocka_unit_test_teardown(arguments_meet_no_shell, forget),
        cmocka_unit_test_teardown(what_cannot_be_run_is_said, forget),
        cmocka_unit_test_teardown(input_of_any_size_is_read_or_left, forget),
        cmocka_unit_test_teardown(it_has_a_group_and_default_signals, forget),
        cmocka_unit_test_teardown(time_is_up_for_the_whole_group_term_ignored_or_not,
                                  forget),
        cmocka_unit_test_teardown(sigterm_leaves_time_for_last_words, forget),
        cmocka_unit_test_teardown(a_flood_does_not_outrun_a_limit, forget),
        cmocka_unit_test_teardown(one_that_closed_its_output_is_waited_for, forget),
        cmocka_unit_test_teardown(one_left_behind_is_not_waited_for, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
