#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

static struct arena arena;
static struct settings settings;
static struct problems problems;
static struct plan plan;
static struct error err;

static int
setup(void **state)
{
    (void)state;
    arena_release(&arena);
    settings = (struct settings){ 0 };
    problems = (struct problems){ 0 };
    err = (struct error){ 0 };
    return 0;
}

/* Files "1 a", "2 b"; the names are the letters of names. */
static struct source
files(const char *versions, const char *names)
{
    struct source source = { .dir = "migrations" };

    source.migrations = arena_alloc(&arena, 16 * sizeof(*source.migrations));
    for (; versions[source.count] != '\0'; source.count++) {
        struct migration *m = &source.migrations[source.count];

        m->version = versions[source.count] - '0';
        m->version_text = arena_printf(&arena, "%c", versions[source.count]);
        m->name = arena_printf(&arena, "%c", names[source.count]);
        m->up = (struct migration_file){ .kind = FILE_SQL,
                                         .path = arena_printf(&arena, "%s_x", m->name) };
    }
    return source;
}

static struct applied_set
rows(const char *versions, const char *names)
{
    struct applied_set set = { 0 };

    set.rows = arena_alloc(&arena, 16 * sizeof(*set.rows));
    for (; versions[set.count] != '\0'; set.count++)
        set.rows[set.count] =
            (struct applied){ .version = versions[set.count] - '0',
                              .name = arena_printf(&arena, "%c", names[set.count]) };
    return set;
}

static bool
build(struct source source, struct applied_set set, struct plan_request request,
      const bool *drifted)
{
    struct plan_input in = { .source = &source,
                             .set = &set,
                             .request = &request,
                             .settings = &settings,
                             .drifted = drifted };

    return plan_build(&in, &arena, &plan, &problems, &err);
}

/* "1 applied, 2 late" as letters: a p l h r d o */
static const char *
states(void)
{
    char *text = arena_alloc(&arena, plan.entry_count + 1);

    for (size_t i = 0; i < plan.entry_count; i++)
        text[i] = "aplhrdo"[plan.entries[i].state];
    return text;
}

static const char *
steps(void)
{
    char *text = arena_alloc(&arena, plan.step_count + 1);

    for (size_t i = 0; i < plan.step_count; i++)
        text[i] = (char)('0' + plan.steps[i]->version);
    return text;
}

static size_t
count(enum problem_level level)
{
    return problems_count(&problems, level);
}

static void
test_pending_is_disk_minus_applied(void **state)
{
    (void)state;
    assert_true(
        build(files("1234", "abcd"), rows("13", "ac"), (struct plan_request){ 0 }, NULL));
    assert_string_equal(states(), "alap");
    assert_string_equal(steps(), "24");
    assert_int_equal(plan.pending, 2);
    assert_int_equal(plan.late, 1);
    assert_int_equal(plan.highest, 3);
    assert_int_equal(count(PROBLEM_ERROR) + count(PROBLEM_WARNING), 0);
    assert_int_equal(count(PROBLEM_NOTE), 1);
}

/* 2 and 4 are for the background; 1 and 5 are applied. */
static void
test_those_for_the_background_are_for_its_runs_alone(void **state)
{
    struct source source = files("12345", "abcde");
    int64_t two = 2;

    (void)state;
    settings.out_of_order_error = true;
    source.migrations[1].background = source.migrations[3].background = true;
    assert_true(build(source, rows("135", "ace"), (struct plan_request){ 0 }, NULL));
    assert_string_equal(states(), "apapa");
    assert_string_equal(steps(), "");
    assert_int_equal(plan.pending + plan.late, 0);
    assert_int_equal(plan.background, 2);
    assert_int_equal(count(PROBLEM_ERROR), 0);

    assert_true(build(source, rows("15", "ae"),
                      (struct plan_request){ .background = true }, NULL));
    assert_string_equal(steps(), "2");
    assert_int_equal(plan.pending, 1);
    assert_int_equal(count(PROBLEM_NOTE), 1); /* 4 is left: 3 is pending */

    assert_true(build(source, rows("15", "ae"),
                      (struct plan_request){ .only = &two, .only_count = 1 }, NULL));
    assert_string_equal(steps(), "2");
}

static void
test_late_ones_may_be_refused(void **state)
{
    (void)state;
    settings.out_of_order_error = true;
    assert_true(
        build(files("12", "ab"), rows("2", "b"), (struct plan_request){ 0 }, NULL));
    assert_int_equal(count(PROBLEM_ERROR), 1);
}

static void
test_renamed_drifted_and_orphaned_are_found(void **state)
{
    bool drifted[] = { false, true, false };

    (void)state;
    assert_true(build(files("12", "ab"), rows("129", "xbz"), (struct plan_request){ 0 },
                      drifted));
    assert_string_equal(states(), "rdo");
    assert_int_equal(count(PROBLEM_ERROR), 1);
    assert_int_equal(count(PROBLEM_WARNING), 2);
}

static void
test_settings_make_errors_of_warnings(void **state)
{
    bool drifted[] = { true };

    (void)state;
    settings.drift = DRIFT_ERROR;
    settings.orphans_error = true;
    assert_true(
        build(files("1", "a"), rows("19", "az"), (struct plan_request){ 0 }, drifted));
    assert_int_equal(count(PROBLEM_ERROR), 2);
    setup(NULL);
    settings.strict = true;
    assert_true(
        build(files("1", "a"), rows("19", "az"), (struct plan_request){ 0 }, drifted));
    assert_int_equal(count(PROBLEM_ERROR), 2);
    setup(NULL);
    settings.drift = DRIFT_OFF;
    assert_true(
        build(files("1", "a"), rows("1", "a"), (struct plan_request){ 0 }, drifted));
    assert_string_equal(states(), "a");
}

static void
test_the_wrong_folder_is_one_problem(void **state)
{
    (void)state;
    assert_true(
        build(files("", ""), rows("123", "abc"), (struct plan_request){ 0 }, NULL));
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.list[0].kind, PROBLEM_WRONG_FOLDER);
    assert_string_equal(problems.list[0].message,
                        "wrong folder? all 3 applied are orphans");
}

static void
test_nothing_at_all_is_no_problem(void **state)
{
    (void)state;
    assert_true(build(files("", ""), rows("", ""), (struct plan_request){ 0 }, NULL));
    assert_int_equal(problems.count, 0);
    assert_int_equal(plan.step_count, 0);
}

static void
test_a_half_done_one_is_a_step(void **state)
{
    static const int64_t partial[] = { 2 };
    struct applied_set set = rows("1", "a");

    (void)state;
    set.partial = partial;
    set.partial_count = 1;
    assert_true(build(files("123", "abc"), set, (struct plan_request){ 0 }, NULL));
    assert_string_equal(states(), "ahp");
    assert_string_equal(steps(), "23");
    assert_int_equal(plan.pending, 2);
}

static void
test_requests_choose_steps(void **state)
{
    static const int64_t only[] = { 4, 2 }, applied[] = { 1 };

    (void)state;
    assert_true(build(files("1234", "abcd"), rows("1", "a"),
                      (struct plan_request){ .has_to = true, .to = 3 }, NULL));
    assert_string_equal(steps(), "23");
    assert_true(build(files("1234", "abcd"), rows("1", "a"),
                      (struct plan_request){ .has_count = true, .count = 1 }, NULL));
    assert_string_equal(steps(), "2");
    assert_true(build(files("1234", "abcd"), rows("1", "a"),
                      (struct plan_request){ .only = only, .only_count = 2 }, NULL));
    assert_string_equal(steps(), "24");
    assert_true(build(files("1234", "abcd"), rows("1", "a"),
                      (struct plan_request){ .only = applied, .only_count = 1 }, NULL));
    assert_int_equal(plan.step_count, 0);
    assert_non_null(strstr(problems.list[problems.count - 1].message, "already applied"));
}

static void
test_requests_that_do_not_fit_are_refused(void **state)
{
    static const int64_t only[] = { 9 };
    struct plan_request requests[] = {
        { .has_to = true, .to = 9 },
        { .has_count = true },
        { .only = only, .only_count = 1 },
        { .only = only, .only_count = 1, .has_to = true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_false(build(files("12", "ab"), rows("1", "a"), requests[i], NULL));
        assert_int_equal(err.kind, ERROR_USAGE);
    }
}

/* R__old ran as it is, R__new did not; the one version is the highest that can be. */
static bool
build_repeats(struct plan_request request)
{
    static const struct migration changed = {
        .version = INT64_MAX, .version_text = "", .name = "R__new", .repeatable = true
    };
    static const struct migration same = {
        .version = INT64_MAX, .version_text = "", .name = "R__old", .repeatable = true
    };
    static const struct applied ran = { .version = INT64_MAX, .name = "R__old" };
    const struct repeat repeats[] = {
        { .migration = &changed, .changed = true },
        { .migration = &same, .applied = &ran },
    };
    struct source source = files("1", "a");
    struct applied_set set = rows("", "");
    struct plan_input in = { .source = &source,
                             .set = &set,
                             .request = &request,
                             .settings = &settings,
                             .repeats = repeats,
                             .repeat_count = 2 };

    source.migrations[0].version = INT64_MAX;
    return plan_build(&in, &arena, &plan, &problems, &err);
}

static void
test_changed_repeatables_are_the_last_steps(void **state)
{
    (void)state;
    assert_true(build_repeats((struct plan_request){ 0 }));
    assert_string_equal(states(), "ppa");
    assert_int_equal(plan.step_count, 2);
    assert_string_equal(plan.steps[1]->migration->name, "R__new");
    assert_int_equal(plan.pending, 2);
    assert_int_equal(plan.late, 0);
    assert_false(plan.has_highest);
}

static void
test_repeatables_are_not_asked_for_by_number(void **state)
{
    static const int64_t only[] = { INT64_MAX };
    const struct plan_request requests[] = {
        { .has_to = true, .to = INT64_MAX },
        { .has_count = true, .count = 9 },
        { .only = only, .only_count = 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_true(build_repeats(requests[i]));
        assert_int_equal(plan.step_count, 1);
        assert_false(plan.steps[0]->migration->repeatable);
        assert_int_equal(plan.pending, 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pending_is_disk_minus_applied, setup),
        cmocka_unit_test_setup(test_those_for_the_background_are_for_its_runs_alone,
                               setup),
        cmocka_unit_test_setup(test_late_ones_may_be_refused, setup),
        cmocka_unit_test_setup(test_renamed_drifted_and_orphaned_are_found, setup),
        cmocka_unit_test_setup(test_settings_make_errors_of_warnings, setup),
        cmocka_unit_test_setup(test_the_wrong_folder_is_one_problem, setup),
        cmocka_unit_test_setup(test_nothing_at_all_is_no_problem, setup),
        cmocka_unit_test_setup(test_a_half_done_one_is_a_step, setup),
        cmocka_unit_test_setup(test_requests_choose_steps, setup),
        cmocka_unit_test_setup(test_requests_that_do_not_fit_are_refused, setup),
        cmocka_unit_test_setup(test_changed_repeatables_are_the_last_steps, setup),
        cmocka_unit_test_setup(test_repeatables_are_not_asked_for_by_number, setup),
    };

    return cmocka_run_group_tests(tests, NULL, setup);
}
