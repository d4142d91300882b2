/*
 * parts.h - what stands before and behind a migration that runs in parts
 */
#ifndef LUAMIG_ENGINE_PARTS_H
#define LUAMIG_ENGINE_PARTS_H

#include "engine/doubt.h"
#include "engine/frame.h"

/* before_migration, in a transaction of its own. The frame's items are empty. */
bool parts_begin(const struct frame *frame, struct frame_end *end, struct error *err);

/*
 * One transaction with the migration's row, the end of its steps (the table, quoted) and
 * what after_migration does.
 */
bool parts_record(const struct frame *frame, const char *steps, struct frame_end *end,
                  struct error *err);

/*
 * Cleans up behind a failed attempt; what a lost connection leaves open is settled. A step
 * that is there after all, by a run that was killed, is what another attempt goes on from.
 */
enum doubt parts_settle(const struct frame *frame, const struct frame_end *end,
                        struct error *err);

/* Completes the error of a statement (0: none), and records it. true: it is half done. */
bool parts_explain(const struct frame *frame, size_t statement, struct error *err);

#endif
