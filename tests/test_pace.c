#include "tests/test.h"

#include "backfill/pace.h"

static struct pace pace;

static int
setup(void **state)
{
    (void)state;
    pace_init(&pace, PACE_FIRST, PACE_TARGET, 0);
    return 0;
}

static void
the_size_aims_at_the_target_by_half_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(pace_size(&pace), 500);
    pace_done(&pace, 500, 5000, 0); /* 10 us each: 25,000 would fit */
    assert_int_equal(pace_size(&pace), 750);
    for (int i = 0; i < 20; i++)
        pace_done(&pace, pace_size(&pace), 10 * pace_size(&pace), 0);
    assert_int_equal(pace_size(&pace), 25000);
    pace_done(&pace, 25000, 25000 * 1000, 0);
    assert_int_equal(pace_size(&pace), 12500);
}

static void
it_stays_within_its_bounds(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++)
        pace_done(&pace, pace_size(&pace), 1, 0);
    assert_int_equal(pace_size(&pace), 50000);
    for (int i = 0; i < 60; i++)
        pace_done(&pace, pace_size(&pace), 1000000 * pace_size(&pace), 0);
    assert_int_equal(pace_size(&pace), 100);
}

static void
large_rows_make_small_batches(void **state)
{
    (void)state;
    pace_init(&pace, PACE_FIRST, PACE_TARGET, 1 << 20);
    assert_int_equal(pace_size(&pace), PACE_BYTES >> 20);
    pace_init(&pace, PACE_FIRST, PACE_TARGET, 1 << 30);
    assert_int_equal(pace_size(&pace), 1);
    pace_init(&pace, PACE_FIRST, PACE_TARGET, 10);
    pace_done(&pace, 10, 100, 10 << 20); /* what was read says more than the sample */
    assert_true(pace_size(&pace) <= PACE_BYTES / (1 << 18));
}

static void
a_fixed_size_stays(void **state)
{
    (void)state;
    pace_init(&pace, 10000, 0, 0);
    pace_done(&pace, 10000, 1, 0);
    assert_int_equal(pace_size(&pace), 10000);
    pace_halve(&pace);
    assert_int_equal(pace_size(&pace), 5000);
}

static void
a_row_that_fails_is_found_by_halves(void **state)
{
    int64_t at = 0, bad = 277, batches = 0;

    (void)state;
    pace_bisect(&pace, 400);
    while (batches++ < 100) {
        int64_t size = pace_size(&pace);

        if (bad < at || bad >= at + size) {
            pace_done(&pace, size, 1000, 0);
            at += size;
        } else if (size > 1) {
            pace_bisect(&pace, size);
        } else {
            break;
        }
    }
    assert_int_equal(at, bad);
    assert_true(batches <= 10);
    pace_found(&pace);
    assert_int_equal(pace_size(&pace), 500);
}

static void
a_row_that_no_longer_fails_ends_the_search(void **state)
{
    (void)state;
    pace_bisect(&pace, 8);
    for (int i = 0; i < 8; i++)
        pace_done(&pace, pace_size(&pace), 1000, 0);
    assert_true(pace_size(&pace) >= 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_size_aims_at_the_target_by_half_at_a_time, setup),
        cmocka_unit_test_setup(it_stays_within_its_bounds, setup),
        cmocka_unit_test_setup(large_rows_make_small_batches, setup),
        cmocka_unit_test_setup(a_fixed_size_stays, setup),
        cmocka_unit_test_setup(a_row_that_fails_is_found_by_halves, setup),
        cmocka_unit_test_setup(a_row_that_no_longer_fails_ends_the_search, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
