/*
 * record.h - change the record, not the schema: baseline, mark, repair
 */
#ifndef LUAMIG_ENGINE_RECORD_H
#define LUAMIG_ENGINE_RECORD_H

#include "base/arena.h"
#include "base/stop.h"
#include "engine/event.h"
#include "plan/settings.h"

enum record_kind {
    RECORD_BASELINE, /* every unrecorded version on disk up to versions[0], with checksums */
    RECORD_APPLIED, /* these versions; each needs its file */
    RECORD_PENDING, /* these versions' rows go, file or not */
    RECORD_REPAIR /* renamed and drifted ones (of versions, or all) are as in the files */
};

struct record_request {
    enum record_kind kind;
    const char *command; /* for application_name and messages */
    const int64_t *versions;
    size_t count;
    bool look_only; /* compute the changes, take no lock, write nothing */
};

/* One version's change; names and checksums are NULL where there is none. */
struct record_change {
    int64_t version;
    const char *old_name, *new_name;
    const char *old_checksum, *new_checksum;
    bool needed; /* false: it was so already */
};

struct record_result {
    const char *target; /* "app@db1" */
    struct record_change *changes;
    size_t count, needed;
};

/*
 * Changes all that is asked for in one transaction, under the run lock, with a history row
 * each. ERROR_USAGE: a baseline that is not on disk; ERROR_PLAN: no file to mark.
 */
bool record_change(const struct settings *settings, const struct record_request *request,
                   const struct observer *observer, struct stop *stop,
                   struct arena *arena, struct record_result *out, struct error *err);

/* What a person says of a statement that luamig could not decide. */
struct record_statement {
    int64_t version;
    size_t n;
    bool done; /* else it is to run again */
};

/* ERROR_PLAN if no such statement is recorded. */
bool record_decide(const struct settings *settings,
                   const struct record_statement *statement,
                   const struct observer *observer, struct stop *stop,
                   struct arena *arena, struct error *err);

#endif
