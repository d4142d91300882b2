/*
 * stepper.h - one migration in statements mode: what apply_steps and step_outside share
 */
#ifndef LUAMIG_ENGINE_STEPPER_H
#define LUAMIG_ENGINE_STEPPER_H

#include "engine/items.h"
#include "engine/migrator.h"
#include "pg/steps.h"

struct stepper {
    struct migrator *m;
    const struct content *content;
    struct arena arena;
    struct error *err;
    const char *steps; /* the table, quoted */
    struct step *rows; /* of earlier runs */
    size_t row_count;
    size_t at;         /* the statement at work, 1-based */
    bool role_changed; /* the file may have changed role or session user */
    bool guard_failed; /* lock or row were not as they should be before COMMIT */
    bool confirm;      /* the transaction at hand cannot see the lease */
};

const struct sql_class *stepper_class(const struct stepper *s,
                                      const struct sql_unit *unit);

/* Runs the items and releases them; s->at is then the statement that failed, if one did. */
bool stepper_run(struct stepper *s, struct items *items, bool serial);

/* Sends statement n as it stands, outside a transaction. */
bool stepper_send(struct stepper *s, size_t n);

/* Writes the unit's row by itself, as done or as started; makes a started one done. */
bool stepper_mark(struct stepper *s, const struct sql_unit *unit, bool done);
bool stepper_finish(struct stepper *s, const struct sql_unit *unit);

/*
 * Runs a statement that cannot run in a transaction block: marked started before (unless
 * it is marked already), done after.
 */
bool stepper_outside(struct stepper *s, const struct sql_unit *unit, bool marked);

/*
 * After a failure: cleans the session, completes s->err, writes the history's row.
 * *in_doubt is set where the lease is lost and something of the migration stays.
 */
void stepper_explain(struct stepper *s, bool *in_doubt);

#endif
