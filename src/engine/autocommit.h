/*
 * autocommit.h - the db of a hook that stands outside of any migration
 *
 * Each statement is a transaction of its own, if it can be in one, and so is db:transaction.
 */
#ifndef LUAMIG_ENGINE_AUTOCOMMIT_H
#define LUAMIG_ENGINE_AUTOCOMMIT_H

#include "engine/migrator.h"
#include "script/host.h"

struct autocommit {
    struct migrator *m;
    bool guarded; /* nothing commits once the run lock is lost */
};

/* The host borrows *autocommit. */
struct host autocommit_host(struct autocommit *autocommit);

#endif
