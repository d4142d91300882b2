/*
 * unit.h - one unit of a SQL file in statements mode: a statement, or a block of them
 *
 * Each is recorded with its effect, as far as PostgreSQL allows that (DESIGN 7).
 */
#ifndef LUAMIG_ENGINE_UNIT_H
#define LUAMIG_ENGINE_UNIT_H

#include "engine/content.h"
#include "engine/frame.h"
#include "engine/migrator.h"
#include "pg/steps.h"

/* A file at work. */
struct stepper {
    struct migrator *m;
    const struct content *content;
    struct arena arena;
    struct error *err;
    const char *steps; /* the table, quoted */
    struct step *rows; /* of earlier runs */
    size_t row_count;
    size_t at;    /* the statement at work, 1-based */
    bool confirm; /* the transaction at work reads an old snapshot of the lease */
    struct frame_end end;
    bool own_timeout;  /* the file has SET lock_timeout */
    bool role_changed; /* the file may have changed role or session user */
};

/* The row of a unit in _steps, and what its lists of statements are built in. */
struct step_key unit_key(struct stepper *s, const struct sql_unit *unit);
struct frame unit_frame(struct stepper *s, struct items *items);

/* Runs it; marked: an earlier run left its mark, it may have happened. */
bool unit_run(struct stepper *s, const struct sql_unit *unit, bool marked);

/* The same; what is one transaction gives way to a table lock, and is run again. */
bool unit_run_patiently(struct stepper *s, const struct sql_unit *unit);

/* Makes a started one done. */
bool unit_finish(struct stepper *s, const struct sql_unit *unit);

/* What a done block SET for the session is sent again: only its rows are there. */
bool unit_resend_session(struct stepper *s, const struct sql_unit *unit);

#endif
