/* progress.h - how far a backend's statement is, asked on control */
#ifndef LUAMIG_PG_PROGRESS_H
#define LUAMIG_PG_PROGRESS_H

#include "base/arena.h"
#include "pg/session.h"

/* "building index 41 %", "vacuuming heap 12 %", "waiting for a lock"; NULL: not known. */
bool progress_of(struct session *control, int pid, struct arena *arena, const char **text,
                 struct error *err);

#endif
