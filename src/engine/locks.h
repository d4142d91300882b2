/* locks.h - who holds the run lock, for `luamig lock` */
#ifndef LUAMIG_ENGINE_LOCKS_H
#define LUAMIG_ENGINE_LOCKS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "pg/lease.h"
#include "plan/settings.h"

struct locks {
    const char *target;     /* "app@db1" */
    const char *holder;     /* of the run lock, in words; NULL: nobody holds it */
    struct lease_row *rows; /* lock = "lease": every lease that there was */
    size_t count;
    const struct lease_row *run; /* the one that is held; NULL */
};

/*
 * Looks by the setting lock; creates nothing and works on a standby (but not where the
 * answer is to be acted upon: ERROR_CONNECT).
 */
bool locks_look(const struct settings *settings, bool to_act, struct stop *stop,
                struct arena *arena, struct locks *out, struct error *err);

/* Frees the lease locks->run. ERROR_PLAN: somebody else holds it by now. */
bool locks_release(const struct settings *settings, const struct locks *locks,
                   struct stop *stop, struct arena *arena, struct error *err);

#endif
