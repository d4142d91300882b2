#include "backfill/pace.h"

#define FEWEST 100
#define MOST   50000
#define WEIGHT 0.3 /* of the newest batch */

static int64_t
between(int64_t value, int64_t low, int64_t high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

/* Rows may be large: then a batch has less than FEWEST. */
static int64_t
most(const struct pace *pace)
{
    double fit = pace->bytes > 1 ? (double)PACE_BYTES / pace->bytes : MOST;

    return between((int64_t)fit, 1, MOST);
}

void
pace_init(struct pace *pace, int64_t size, int64_t target, double bytes)
{
    *pace = (struct pace){ .target = target * 1000, .size = size, .bytes = bytes };
}

int64_t
pace_size(const struct pace *pace)
{
    int64_t size = pace->suspects > 0 ? pace->suspects / 2 : pace->size;

    return between(size, 1, most(pace));
}

static double
smooth(double old, double now)
{
    return old > 0 ? old + WEIGHT * (now - old) : now;
}

/* By x 0.5 to x 1.5 at a time. */
static void
aim(struct pace *pace)
{
    int64_t ideal = (int64_t)((double)pace->target / pace->us);

    ideal = between(ideal, pace->size / 2, pace->size + pace->size / 2);
    pace->size = between(ideal, FEWEST, MOST);
}

void
pace_done(struct pace *pace, int64_t keys, int64_t us, int64_t bytes)
{
    if (keys <= 0)
        return;
    pace->us = smooth(pace->us, (double)(us > 0 ? us : 1) / (double)keys);
    if (bytes > 0)
        pace->bytes = smooth(pace->bytes, (double)bytes / (double)keys);
    if (pace->suspects > 0)
        pace->suspects = keys < pace->suspects ? pace->suspects - keys : 0;
    else if (pace->target > 0)
        aim(pace);
}

void
pace_halve(struct pace *pace)
{
    pace->size = between(pace->size / 2, 1, MOST);
}

void
pace_bisect(struct pace *pace, int64_t keys)
{
    pace->suspects = keys;
}

void
pace_found(struct pace *pace)
{
    pace->suspects = 0;
}
