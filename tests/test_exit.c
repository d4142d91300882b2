#include "cli/exit.h"

#include <signal.h>

#include "base/stop.h"
#include "tests/test.h"

static int
status_of(enum outcome outcome, enum error_kind kind)
{
    struct error err = { .kind = kind };

    return exit_status(outcome, &err);
}

static void
a_run_that_is_done_exits_0(void **state)
{
    (void)state;
    assert_int_equal(exit_status(OUTCOME_DONE, NULL), 0);
    assert_int_equal(status_of(OUTCOME_DONE, ERROR_NONE), 0);
}

static void
a_refusal_exits_by_what_went_wrong(void **state)
{
    (void)state;
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_INTERNAL), 1);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_USAGE), 2);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_PLAN), 4);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_CONNECT), 5);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_LOCK), 6);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_SQL), 7);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_TIMEOUT), 10);
}

static void
a_refusal_without_a_reason_is_no_success(void **state)
{
    (void)state;
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_NONE), 1);
}

static void
a_failure_exits_7_whatever_failed(void **state)
{
    (void)state;
    assert_int_equal(status_of(OUTCOME_FAILED, ERROR_SQL), 7);
    assert_int_equal(status_of(OUTCOME_FAILED, ERROR_SCRIPT), 7);
    assert_int_equal(status_of(OUTCOME_FAILED, ERROR_CONNECT), 7);
    assert_int_equal(status_of(OUTCOME_FAILED, ERROR_LOCK), 7);
    assert_int_equal(status_of(OUTCOME_FAILED, ERROR_PLAN), 7);
}

static void
a_lost_lease_exits_6(void **state)
{
    (void)state;
    assert_int_equal(status_of(OUTCOME_LOCK_LOST, ERROR_LOCK), 6);
}

static void
a_question_that_is_left_and_a_time_limit_have_their_own(void **state)
{
    (void)state;
    assert_int_equal(status_of(OUTCOME_NOT_RESTORED, ERROR_SQL), 9);
    assert_int_equal(status_of(OUTCOME_NOT_RESTORED, ERROR_SIGNAL), 9);
    assert_int_equal(status_of(OUTCOME_TIMEOUT, ERROR_TIMEOUT), 10);
}

static void
a_signal_exits_128_and_its_number(void **state)
{
    (void)state;
    stop_signals_init();
    stop_signals_block();
    raise(SIGTERM);
    stop_poll(&(struct stop){ .signals = true }, NULL, 0, 0);
    assert_int_equal(stop_signal(), SIGTERM);
    assert_int_equal(status_of(OUTCOME_SIGNAL, ERROR_SIGNAL), 143);
    assert_int_equal(status_of(OUTCOME_REFUSED, ERROR_SIGNAL), 143);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_done_exits_0),
        cmocka_unit_test(a_refusal_exits_by_what_went_wrong),
        cmocka_unit_test(a_refusal_without_a_reason_is_no_success),
        cmocka_unit_test(a_failure_exits_7_whatever_failed),
        cmocka_unit_test(a_lost_lease_exits_6),
        cmocka_unit_test(a_question_that_is_left_and_a_time_limit_have_their_own),
        cmocka_unit_test(a_signal_exits_128_and_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
