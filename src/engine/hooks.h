/*
 * hooks.h - the project's hooks at their places in a run (DESIGN 9)
 *
 * `m->hooks` is NULL where there are none; then every function here does nothing.
 */
#ifndef LUAMIG_ENGINE_HOOKS_H
#define LUAMIG_ENGINE_HOOKS_H

#include "engine/content.h"
#include "engine/migrator.h"
#include "script/hooks_file.h"

/* Which run of an invocation it is. */
enum hooks_part {
    HOOKS_UP,
    HOOKS_BACKGROUND,
    HOOKS_DOWN,  /* also a redo's first half */
    HOOKS_SECOND /* a redo's second half: before_run was called */
};

/*
 * Reads the file that the settings name. ERROR_PLAN where it is no hooks file;
 * ERROR_USAGE where it cannot be read. To be called on an open connection, before anything
 * is done.
 */
bool hooks_open(struct migrator *m, enum hooks_part part, struct error *err);
void hooks_close(struct migrator *m);

/* Whether a function waits for the event. */
bool hooks_has(const struct migrator *m, enum hook_event event);

/*
 * Under the lock, with the final plan; the contents must stay. ERROR_PLAN: a hook refuses
 * the run.
 */
bool hooks_before_run(struct migrator *m, const struct content *contents, size_t count,
                      struct error *err);

/* After a success; what fails here is a warning. */
void hooks_after_run(struct migrator *m);

/*
 * HOOK_BEFORE_MIGRATION or HOOK_AFTER_MIGRATION in the open transaction of an attempt,
 * whose end is the caller's.
 */
enum script_end hooks_in_transaction(struct migrator *m, const struct content *content,
                                     enum hook_event event, struct error *err);

/* Keeps what on_failure is to know of the migration that failed; the first one counts. */
void hooks_note_failure(struct migrator *m, const struct content *content);

/*
 * After a failure with that error, whatever undid it: has 10 s of its own, and a new
 * connection if the old one is lost. Its own failure is a warning.
 */
void hooks_on_failure(struct migrator *m, const struct error *why);

#endif
