/*
 * parts.h - what stands before and behind a migration that runs in parts
 */
#ifndef LUAMIG_ENGINE_PARTS_H
#define LUAMIG_ENGINE_PARTS_H

#include "engine/frame.h"

/* before_migration, in a transaction of its own. The frame's items are empty. */
bool parts_begin(const struct frame *frame, struct frame_end *end, struct error *err);

/*
 * One transaction with the migration's row, the end of its steps (the table, quoted) and
 * what after_migration does.
 */
bool parts_record(const struct frame *frame, const char *steps, struct frame_end *end,
                  struct error *err);

#endif
