#include "cli/progress.h"

#include <string.h>

#include "tests/render.h"
#include "tests/test.h"

static const struct migration phones = { .version = 42,
                                         .version_text = "0042",
                                         .name = "phones" };
static const struct migration views = { .version_text = "",
                                        .name = "R__views",
                                        .repeatable = true };

/* An observer and what it has printed. */
struct watched {
    struct progress progress;
    struct observer observer;
    struct render render;
};

static void
watch(struct watched *w, struct progress how)
{
    w->progress = how;
    w->progress.out = render_begin(&w->render);
    w->observer = progress_observer(&w->progress);
}

static void
tell(struct watched *w, struct event event)
{
    observer_notify(&w->observer, &event);
}

static void
assert_said(struct watched *w, const char *expected)
{
    assert_string_equal(render_text(&w->render), expected);
    render_end(&w->render);
}

static void
tell_failed_of(struct watched *w, const struct migration *migration, const char *mode,
               const struct error *err)
{
    tell(w, (struct event){ .kind = EVENT_MIGRATION_FAILED,
                            .migration = migration,
                            .mode = mode,
                            .keeps = strcmp(mode, "statements") == 0,
                            .elapsed = 12,
                            .error = err });
}

static void
tell_failed(struct watched *w, const char *mode, const struct error *err)
{
    tell_failed_of(w, &phones, mode, err);
}

static void
tell_finished(struct watched *w, struct run_summary summary, const struct error *err)
{
    summary.target = summary.target != NULL ? summary.target : "app@db1";
    summary.elapsed = 12400;
    tell(w,
         (struct event){ .kind = EVENT_RUN_FINISHED, .summary = &summary, .error = err });
}

static void
a_log_has_a_line_for_each_migration_and_one_for_the_run(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ 0 });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_STARTED,
                             .migration = &phones,
                             .mode = "transaction",
                             .step = 1,
                             .steps = 1 });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_APPLIED,
                             .migration = &phones,
                             .mode = "transaction",
                             .elapsed = 12 });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_APPLIED,
                             .migration = &phones,
                             .mode = "statements",
                             .elapsed = 1200,
                             .text = "empty" });
    tell_finished(&w, (struct run_summary){ .applied = 3 }, NULL);
    assert_said(&w, "applied 0042_phones  12 ms\n"
                    "applied 0042_phones  1.2 s  (statement by statement)  (empty)\n"
                    "luamig: app@db1: 3 applied, 0 pending, 12.4 s\n");
}

static void
nothing_to_do_is_said_in_one_line(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ 0 });
    tell_finished(&w, (struct run_summary){ .nothing_to_do = true }, NULL);
    assert_said(&w, "luamig: app@db1: up to date, 0 applied, 0 pending, 12.4 s\n");
}

static void
a_run_that_never_connected_has_no_last_line(void **state)
{
    struct watched w;
    struct error err = { 0 };

    (void)state;
    watch(&w, (struct progress){ 0 });
    error_set(&err, ERROR_CONNECT, "no");
    tell_finished(&w, (struct run_summary){ .outcome = OUTCOME_REFUSED, .target = "" },
                  &err);
    assert_said(&w, "error: no\n  no migration was applied\n");
}

static void
a_failure_says_what_stays_and_what_to_do(void **state)
{
    struct watched w;
    struct error err = { 0 };

    (void)state;
    watch(&w, (struct progress){ 0 });
    error_set(&err, ERROR_SQL, "bad");
    tell_failed(&w, "transaction", &err);
    tell_finished(&w,
                  (struct run_summary){
                      .outcome = OUTCOME_FAILED, .applied = 2, .pending = 2 },
                  &err);
    assert_said(&w, "failed  0042_phones  12 ms\n"
                    "error: bad\n"
                    "  0042 was rolled back; 2 of 4 pending were applied; run `luamig "
                    "up` again after the fix\n"
                    "luamig: app@db1: 2 applied, 2 pending, 12.4 s\n");
}

/* What is said of the migration that failed. */
static void
assert_fate(const struct migration *migration, const char *mode, enum error_kind kind,
            const char *expected)
{
    struct watched w;
    struct error err = { 0 };

    watch(&w, (struct progress){ 0 });
    error_set(&err, kind, "bad");
    err.in_doubt = kind == ERROR_CONNECT;
    tell_failed_of(&w, migration, mode, &err);
    tell_finished(&w, (struct run_summary){ .outcome = OUTCOME_FAILED, .pending = 1 },
                  &err);
    assert_non_null(strstr(render_text(&w.render), expected));
    render_end(&w.render);
}

static void
no_more_is_claimed_than_is_so(void **state)
{
    (void)state;
    assert_fate(&phones, "transaction", ERROR_SQL,
                "\n  0042 was rolled back; 0 of 1 pending");
    assert_fate(&phones, "transaction", ERROR_LOCK, "\n  0042 was rolled back; ");
    assert_fate(&phones, "transaction", ERROR_CONNECT,
                "\n  whether 0042 was committed is told by its row; ");
    assert_fate(&phones, "statements", ERROR_SQL,
                "\n  what was done of 0042 is recorded, `up` goes on behind it; ");
    assert_fate(&views, "transaction", ERROR_SQL, "\n  R__views was rolled back; ");
    assert_fate(&views, "statements", ERROR_SQL,
                "\n  what was done of R__views stays, `up` runs it again from its "
                "beginning; ");
}

/* What is said when a run was stopped between two migrations. */
static void
assert_stopped(size_t applied, size_t pending, const char *expected)
{
    struct watched w;
    struct error err = { 0 };

    watch(&w, (struct progress){ 0 });
    error_set(&err, ERROR_SIGNAL, "stopped");
    tell_finished(&w,
                  (struct run_summary){ .outcome = OUTCOME_SIGNAL,
                                        .target = "",
                                        .applied = applied,
                                        .pending = pending },
                  &err);
    assert_said(&w, expected);
}

static void
a_stopped_run_says_what_is_left(void **state)
{
    (void)state;
    assert_stopped(
        1, 2, "error: stopped\n  1 of 3 pending were applied; run `luamig up` again\n");
    assert_stopped(3, 0, "error: stopped\n  3 of 3 pending were applied\n");
    assert_stopped(0, 0, "error: stopped\n");
}

static void
tell_progress(struct watched *w, int64_t elapsed, const char *text)
{
    tell(w, (struct event){ .kind = EVENT_PROGRESS,
                            .migration = &phones,
                            .statement = 2,
                            .statements = 3,
                            .elapsed = elapsed,
                            .text = text });
}

static void
a_log_tells_progress_after_10_s_30_s_and_every_minute(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ 0 });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_STARTED,
                             .migration = &phones,
                             .mode = "statements" });
    for (int64_t s = 1; s <= 190; s++)
        tell_progress(&w, s * 1000, s == 60 ? "building index 41 %" : NULL);
    assert_said(&w, "0042_phones: statement 2 of 3 for 10.0 s\n"
                    "0042_phones: statement 2 of 3 for 30.0 s\n"
                    "0042_phones: statement 2 of 3 for 1m00s, building index 41 %\n"
                    "0042_phones: statement 2 of 3 for 2m00s\n"
                    "0042_phones: statement 2 of 3 for 3m00s\n");
}

static void
a_terminal_shows_a_live_line_after_2_s_that_is_taken_away(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ .terminal = true });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_STARTED,
                             .migration = &phones,
                             .mode = "transaction",
                             .step = 1,
                             .steps = 4 });
    tell_progress(&w, 1000, NULL);
    tell_progress(&w, 2000, "waiting for pid 7");
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_APPLIED,
                             .migration = &phones,
                             .mode = "transaction",
                             .elapsed = 2500 });
    assert_said(&w, "[1/4] 0042_phones ..."
                    "\r\033[K0042_phones: statement 2 of 3 for 2.0 s, waiting for pid 7"
                    "\r\033[Kapplied 0042_phones  2.5 s\n");
}

static void
a_live_line_never_wraps(void **state)
{
    struct watched w;
    char text[201];
    const char *live;

    (void)state;
    memset(text, 'x', 200);
    text[200] = '\0';
    watch(&w, (struct progress){ .terminal = true });
    tell_progress(&w, 5000, text);
    live = render_text(&w.render);
    assert_int_equal(strlen(live), 79);
    render_end(&w.render);
}

static void
waiting_is_said_at_once_and_when_it_changes(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ 0 });
    tell(&w, (struct event){ .kind = EVENT_WAITING, .text = "pid 7" });
    tell(&w, (struct event){ .kind = EVENT_WAITING, .text = "pid 7" });
    tell(&w, (struct event){ .kind = EVENT_WAITING, .text = "pid 8\x1b" });
    tell(&w, (struct event){ .kind = EVENT_LOCK_ACQUIRED, .elapsed = 3 });
    tell(&w, (struct event){ .kind = EVENT_WAITING, .text = "pid 8\x1b" });
    assert_said(&w, "waiting for pid 7\n"
                    "waiting for pid 8\\x1b\n"
                    "waiting for pid 8\\x1b\n");
}

static void
notices_are_shown_with_their_migration(void **state)
{
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ 0 });
    tell(&w, (struct event){ .kind = EVENT_NOTICE,
                             .migration = &phones,
                             .level = PROBLEM_NOTE,
                             .text = "relation exists, skipping\n" });
    tell(&w, (struct event){
                 .kind = EVENT_NOTICE, .level = PROBLEM_WARNING, .text = "no lock" });
    assert_said(&w, "note: 0042_phones: relation exists, skipping\\n\n"
                    "warning: no lock\n");
}

static void
quiet_leaves_warnings_errors_and_the_last_line(void **state)
{
    const struct problem late = { .level = PROBLEM_NOTE, .message = "late" };
    const struct problem orphan = { .level = PROBLEM_WARNING, .message = "orphan" };
    struct watched w;

    (void)state;
    watch(&w, (struct progress){ .quiet = true });
    tell(&w, (struct event){ .kind = EVENT_PROBLEM, .problem = &late });
    tell(&w, (struct event){ .kind = EVENT_PROBLEM, .problem = &orphan });
    tell(&w, (struct event){ .kind = EVENT_WAITING, .text = "pid 7" });
    tell(&w, (struct event){ .kind = EVENT_NOTICE, .text = "hello" });
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_STARTED,
                             .migration = &phones,
                             .mode = "statements",
                             .text = "why" });
    tell_progress(&w, 70000, NULL);
    tell(&w, (struct event){ .kind = EVENT_MIGRATION_APPLIED,
                             .migration = &phones,
                             .mode = "statements" });
    tell_finished(&w, (struct run_summary){ .applied = 1 }, NULL);
    assert_said(&w, "warning: orphan\n"
                    "luamig: app@db1: 1 applied, 0 pending, 12.4 s\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_has_a_line_for_each_migration_and_one_for_the_run),
        cmocka_unit_test(nothing_to_do_is_said_in_one_line),
        cmocka_unit_test(a_run_that_never_connected_has_no_last_line),
        cmocka_unit_test(a_failure_says_what_stays_and_what_to_do),
        cmocka_unit_test(no_more_is_claimed_than_is_so),
        cmocka_unit_test(a_stopped_run_says_what_is_left),
        cmocka_unit_test(a_log_tells_progress_after_10_s_30_s_and_every_minute),
        cmocka_unit_test(a_terminal_shows_a_live_line_after_2_s_that_is_taken_away),
        cmocka_unit_test(a_live_line_never_wraps),
        cmocka_unit_test(waiting_is_said_at_once_and_when_it_changes),
        cmocka_unit_test(notices_are_shown_with_their_migration),
        cmocka_unit_test(quiet_leaves_warnings_errors_and_the_last_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
