/* blockers.h - who is in the way, asked on control */
#ifndef LUAMIG_PG_BLOCKERS_H
#define LUAMIG_PG_BLOCKERS_H

#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"

/*
 * Who blocks backend pid, one clause each: "pid 4711 ('billing' as bob, idle in
 * transaction for 5m02s): UPDATE ..."; NULL if nobody does. In the arena. What the role
 * may not see is said to be hidden (pg_read_all_stats shows it).
 */
bool blockers_of(struct session *control, int pid, struct arena *arena, const char **text,
                 struct error *err);

/* Who holds the advisory lock, and what the other backends of that run do; NULL: nobody. */
bool blockers_lock_holder(struct session *control, uint64_t key, struct arena *arena,
                          const char **text, struct error *err);

/*
 * What the active backends of a lease's holder do ("application as role"); NULL: nothing
 * that can be seen.
 */
bool blockers_holder_at(struct session *session, const char *holder, struct arena *arena,
                        const char **text, struct error *err);

#endif
