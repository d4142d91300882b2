/* pace.h - how many keys the next batch takes: pure, no clock */
#ifndef LUAMIG_BACKFILL_PACE_H
#define LUAMIG_BACKFILL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_FIRST  500
#define PACE_TARGET 250                /* ms */
#define PACE_BYTES  ((int64_t)3 << 20) /* of what a batch reads and writes */

struct pace {
    int64_t target; /* us that a batch is to take; 0: the size is fixed */
    int64_t size;
    int64_t suspects; /* keys of which one fails, while it is looked for; 0: none */
    double us;        /* of a key, smoothed; 0: not known */
    double bytes;     /* that are read of a key; 0: not known */
};

/* target in ms; bytes of a row as a sample had it, 0: nothing is read. */
void pace_init(struct pace *pace, int64_t size, int64_t target, double bytes);

/* Keys of the next batch. */
int64_t pace_size(const struct pace *pace);

/* A batch of so many keys took so long and read so much. */
void pace_done(struct pace *pace, int64_t keys, int64_t us, int64_t bytes);

/* A batch gave way to somebody's lock, or read too much. */
void pace_halve(struct pace *pace);

/*
 * A batch of so many keys failed by one of them: the next ones are halves of what is left,
 * down to one key, until pace_found() or all of them have gone through.
 */
void pace_bisect(struct pace *pace, int64_t keys);
void pace_found(struct pace *pace);

#endif
