/*
 * takeover.h - another tool's tracker: what it says, and whether it is ours to take over
 *
 * A database may host several programs: a guess would mark our files applied without
 * running them. So a tracker that was not named is only reported (DESIGN 4).
 */
#ifndef LUAMIG_PG_TAKEOVER_H
#define LUAMIG_PG_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"
#include "plan/source.h"

enum takeover_action {
    TAKEOVER_NOTHING,
    TAKEOVER_RECORD
};

/* A version on disk that the tracker has applied. */
struct takeover_row {
    const struct migration *migration;
    const char *applied_at; /* RFC 3339; NULL: the tracker does not know */
};

struct takeover {
    enum takeover_action action;
    const char *tracker; /* "public.schema_migrations" */
    int64_t version;     /* the tracker stands at; goose: its highest applied */
    const char *text;    /* the tracker and what it says, for people */
    const struct takeover_row *rows; /* to be recorded, ascending */
    size_t count;
    const char *without_file; /* "3, 7": applied there, not on disk; NULL: none */
};

struct takeover_input {
    const struct settings *settings;
    const struct source *source;
    bool set_is_empty;   /* main table empty or absent */
    const char *history; /* quoted; NULL: there is none */
};

/*
 * Looks at trackers. RECORD: out->rows are to be recorded: of golang-migrate's every
 * version on disk up to its own, of goose's those it has applied. ERROR_PLAN: one was found
 * that nobody named; it is dirty; its version, or none of those applied, has a file; it
 * moved since it was taken over.
 */
bool takeover_look(struct session *session, const struct takeover_input *in,
                   struct arena *arena, struct takeover *out, struct error *err);

/* The tracker that was taken over and where it stands now; tracker NULL: there is none. */
bool takeover_present(struct session *session, const struct takeover_input *in,
                      struct arena *arena, struct takeover *out, struct error *err);

/* Writes the history's row that says where the tracker stands. */
bool takeover_note(struct session *session, const struct takeover_input *in,
                   const struct takeover *takeover, struct error *err);

/* Records the rows (checksum NULL) and the history's row, in one transaction. */
bool takeover_record(struct session *session, const struct takeover_input *in,
                     const struct takeover *takeover, struct arena *arena,
                     struct error *err);

#endif
