/*
 * frame.h - luamig's own statements round a migration's (DESIGN 7)
 *
 * Each adds to a list that goes out as one pipeline; texts are in the arena.
 */
#ifndef LUAMIG_ENGINE_FRAME_H
#define LUAMIG_ENGINE_FRAME_H

#include "engine/content.h"
#include "engine/items.h"
#include "engine/migrator.h"

#define FRAME_BEGIN "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

/* What the content's statements are sent with: a list and where its texts live. */
struct frame {
    struct migrator *m;
    const struct content *content;
    struct arena *arena;
    struct items *items;
    const char *remark; /* for the history's row of a success; NULL: none */
    bool
        confirm; /* the guard would see an old lease: COMMIT waits for its own question */
};

/* What the guard before COMMIT asks of the content's row. */
enum guard_row frame_guard_row(const struct content *content);

/* What a transaction begins with behind a pooler, right behind its BEGIN; else nothing. */
void frame_add_prologue(const struct frame *frame);

/* sql is BEGIN with its modes; behind a pooler the settings go with it. */
void frame_add_begin(const struct frame *frame, const char *sql);

/* What DISCARD ALL does, within a transaction; luamig's settings are gone as well. */
void frame_add_discard(const struct frame *frame);

/*
 * COMMIT, and the session as it was: behind it DISCARD ALL and the settings, or before it
 * the resets, for a pooler.
 */
void frame_add_end(const struct frame *frame);

/* The INSERT (of a down: the DELETE) of the migration's row. */
void frame_add_row(const struct frame *frame);

/* The history's row of a success. Both add nothing for what is unrecorded. */
void frame_add_history(const struct frame *frame);

/* SET LOCAL lock_timeout for the attempt at hand (engine/ramp). */
void frame_add_lock_timeout(const struct frame *frame, bool ddl);

/* The statements first to last (1-based); before the first DDL lock_timeout changes. */
void frame_add_statements(const struct frame *frame, size_t first, size_t last);

/*
 * luamig's own statements run as luamig's role, the file's as the file's: own_role takes
 * the role away for a while, file_role brings it back.
 */
void frame_add_own_role(const struct frame *frame);
void frame_add_file_role(const struct frame *frame);

/* Behind the file's statements: deferred constraints, and role and path luamig's own. */
void frame_add_resets(const struct frame *frame);

/* The session as the run began, for hooks; resets have to stand before and behind them. */
void frame_add_session(const struct frame *frame);

/* Constraints, guard of the lock alone, COMMIT: the end of a part of a migration. */
void frame_add_commit(const struct frame *frame);

/*
 * Behind a migration that ran in parts: BEGIN, its row, the end of its steps (the table,
 * quoted); then the history's row, guard, COMMIT, and the session as it was.
 */
void frame_add_record(const struct frame *frame, const char *steps);
void frame_add_record_end(const struct frame *frame);

/* How far a list came. */
struct frame_end {
    size_t statement;  /* the file's one that failed; 0: it was none */
    bool guard_failed; /* the lock, or the row */
    bool
        step_is_there; /* the row in _steps: a run that was killed has done it after all */
};

/*
 * Runs the items, one Sync each if serial, and releases them. A COMMIT that came before a
 * cancel is a success.
 */
bool frame_run(const struct frame *frame, bool serial, struct frame_end *end,
               struct error *err);

#endif
