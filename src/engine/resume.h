/*
 * resume.h - a statement that an earlier run marked: done, or perhaps done?
 *
 * The mark `started` of a statement that cannot run in a transaction says that it may have
 * happened. The backend that ran it is waited for; then the catalog answers where it can.
 */
#ifndef LUAMIG_ENGINE_RESUME_H
#define LUAMIG_ENGINE_RESUME_H

#include "engine/content.h"
#include "engine/migrator.h"
#include "pg/steps.h"

enum resume_action {
    RESUME_RUN,      /* nothing is recorded of it */
    RESUME_SKIP,     /* it is done */
    RESUME_AGAIN,    /* it is marked, and is run again */
    RESUME_FINISH,   /* it happened: only the mark is missing */
    RESUME_QUESTION, /* nobody can tell: *err asks */
    RESUME_FAILED    /* *err says why */
};

struct resume {
    struct migrator *m;
    const struct content *content;
    const struct sql_unit *unit;
    const struct step *step; /* NULL: no mark */
    const char *hash;        /* of the unit's text now */
    struct arena *arena;
};

enum resume_action resume_decide(const struct resume *resume, struct error *err);

#endif
