#include "engine/resume.h"

#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "pg/exec.h"
#include "pg/indexes.h"
#include "pg/wait.h"

#define ASK_AGAIN 1000 /* ms */

static const struct sql_class *
class_of(const struct resume *r)
{
    return &r->content->sql.classes[r->unit->first];
}

static enum resume_action
changed(const struct resume *r, struct error *err)
{
    error_set(err, ERROR_PLAN, "statement %zu was changed since it ran", r->step->n);
    error_hint(err,
               "Put it back as it was, or say that it is done: luamig repair %s "
               "--statement %zu --done.",
               r->content->migration->version_text, r->step->n);
    return RESUME_FAILED;
}

static bool
has_temporary(const struct resume *r)
{
    for (size_t i = 0; i < r->unit->count; i++) {
        if (r->content->sql.classes[r->unit->first + i].kind == SQL_TEMPORARY)
            return true;
    }
    return false;
}

/* A done CREATE TEMP, PREPARE or DECLARE lived in a session that is gone. */
static enum resume_action
cannot_bring_back(const struct resume *r, struct error *err)
{
    error_set(err, ERROR_SQL, "statement %zu made something that ended with its session",
              r->step->n);
    error_hint(err,
               "Run it again: luamig repair %s --statement %zu --again; or, if nothing "
               "behind it needs it: --done.",
               r->content->migration->version_text, r->step->n);
    return RESUME_QUESTION;
}

/* Whether the backend still runs; waits until it does not. */
static bool
wait_for_worker(const struct resume *r, struct error *err)
{
    const char *ident = migrator_table(r->m, "_steps");
    const char *worker = r->step->worker;

    while (worker != NULL) {
        enum stop_cause cause;
        struct step *rows;
        size_t count;
        char text[256];

        snprintf(text, sizeof(text), "%s, which still runs statement %zu of run %s",
                 worker, r->step->n, r->step->run);
        migrator_notify(r->m, (struct event){ .kind = EVENT_WAITING, .text = text });
        stop_poll(r->m->stop, NULL, 0, ASK_AGAIN);
        if ((cause = stop_cause(r->m->stop)) != STOP_NONE)
            return wait_cause_error(r->m->stop, cause, err);
        if (!steps_read(&r->m->server.work, ident, r->content->migration->version,
                        aftermath_direction(r->content), r->arena, &rows, &count, err))
            return false;
        worker = NULL;
        for (size_t i = 0; i < count; i++)
            worker = rows[i].n == r->step->n ? rows[i].worker : worker;
    }
    return true;
}

static bool
ask(const struct resume *r, const char *sql, const char *name, bool *yes,
    struct error *err)
{
    PGresult *res;

    if (!exec_query(&r->m->server.work, sql, PG_PARAMS(name), &res, err))
        return false;
    *yes = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return true;
}

static enum resume_action
question(const struct resume *r, struct error *err)
{
    error_set(err, ERROR_SQL,
              "statement %zu was started by run %s; whether it finished is not known",
              r->step->n, r->step->run);
    error_hint(err,
               "Look, then say so: luamig repair %s --statement %zu --done, or --again.",
               r->content->migration->version_text, r->step->n);
    return RESUME_QUESTION;
}

/*
 * Of the statement's own table: an index of the same name elsewhere on the search_path is
 * another. A table that is not named is found through the index.
 */
static const char index_of_sql[] =
    "SELECT c.oid, i.indisvalid FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " WHERE CASE WHEN $1::pg_catalog.text IS NULL"
    " THEN c.oid = pg_catalog.to_regclass($2)"
    " ELSE i.indrelid = pg_catalog.to_regclass($1)"
    " AND c.relname = (pg_catalog.parse_ident($2))[1]::pg_catalog.name END";

static bool
find_index(const struct resume *r, const char **oid, bool *valid, struct error *err)
{
    PGresult *res;

    *oid = NULL;
    *valid = false;
    if (!exec_query(&r->m->server.work, index_of_sql,
                    PG_PARAMS(class_of(r)->relation, class_of(r)->index), &res, err))
        return false;
    if (PQntuples(res) > 0) {
        *oid = arena_strdup(r->arena, PQgetvalue(res, 0, 0));
        *valid = PQgetvalue(res, 0, 1)[0] == 't';
    }
    PQclear(res);
    return true;
}

/* x_ccnew, x_ccold, x_ccnew1: what REINDEX CONCURRENTLY works with. */
static bool
is_of_reindex(const char *name)
{
    size_t len = strlen(name);

    while (len > 0 && name[len - 1] >= '0' && name[len - 1] <= '9')
        len--;
    return len > 6 && (strncmp(name + len - 6, "_ccnew", 6) == 0 ||
                       strncmp(name + len - 6, "_ccold", 6) == 0);
}

/* Drops what a killed build left, so that it can be built again. oid NULL: of a REINDEX. */
static bool
drop_invalid(const struct resume *r, const char *oid, struct error *err)
{
    const struct sql_class *class = class_of(r);
    struct indexes found;

    if (!indexes_invalid(&r->m->server.work, class->relation,
                         oid == NULL ? class->index : NULL, r->arena, &found, err))
        return false;
    for (size_t i = 0; i < found.count; i++) {
        const struct index *index = &found.list[i];
        bool left =
            oid != NULL ? strcmp(index->oid, oid) == 0 : is_of_reindex(index->name);

        if (left && !index->building && !indexes_drop(&r->m->server.work, index, err))
            return false;
    }
    return true;
}

/*
 * What was built on the table since the statement was marked, under a name that the server
 * made up: of table and columns, each cut to 28 bytes at most. The file's role may be at
 * work, which reads no table of luamig's.
 */
static const char unnamed_sql[] =
    "SELECT i.indexrelid, i.indisvalid, c.relname FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
    " WHERE i.indrelid = pg_catalog.to_regclass($1)"
    " AND pg_catalog.starts_with(c.relname, pg_catalog.left(t.relname, 28))"
    " AND c.relname ~ '_idx[0-9]*$'"
    " AND pg_catalog.age(i.xmin) < pg_catalog.age($2::pg_catalog.xid)"
    " ORDER BY i.indisvalid";

static enum resume_action
finish_unnamed(const struct resume *r, const char *name)
{
    migrator_notify(r->m,
                    (struct event){
                        .kind = EVENT_NOTICE,
                        .level = PROBLEM_NOTE,
                        .text = arena_printf(r->arena,
                                             "statement %zu: run %s had built index %s",
                                             r->step->n, r->step->run, name) });
    return RESUME_FINISH;
}

/* An invalid one is what the killed build left; a valid one, if it is the only one, is it. */
static enum resume_action
decide_unnamed(const struct resume *r, struct error *err)
{
    enum resume_action action = RESUME_AGAIN;
    PGresult *res;
    int count;

    if (!exec_query(&r->m->server.work, unnamed_sql,
                    PG_PARAMS(class_of(r)->relation, r->step->written), &res, err))
        return RESUME_FAILED;
    count = PQntuples(res);
    if (count > 0 && PQgetvalue(res, 0, 1)[0] == 'f') {
        for (int i = 0; i < count && action == RESUME_AGAIN; i++) {
            if (!drop_invalid(r, PQgetvalue(res, i, 0), err))
                action = RESUME_FAILED;
        }
    } else if (count > 0) {
        action = count > 1 ? question(r, err) : finish_unnamed(r, PQgetvalue(res, 0, 2));
    }
    PQclear(res);
    return action;
}

static enum resume_action
decide_index(const struct resume *r, struct error *err)
{
    const char *oid = NULL;
    bool valid = false;

    if (class_of(r)->index == NULL)
        return decide_unnamed(r, err);
    if (!find_index(r, &oid, &valid, err))
        return RESUME_FAILED;
    if (valid)
        return RESUME_FINISH;
    return oid == NULL || drop_invalid(r, oid, err) ? RESUME_AGAIN : RESUME_FAILED;
}

static enum resume_action
decide_reindex(const struct resume *r, struct error *err)
{
    return drop_invalid(r, NULL, err) ? RESUME_AGAIN : RESUME_FAILED;
}

/* sql answers whether the object named is there; done when that is as it should be. */
static enum resume_action
decide_exists(const struct resume *r, const char *sql, bool should, struct error *err)
{
    bool exists;

    if (!ask(r, sql, class_of(r)->index, &exists, err))
        return RESUME_FAILED;
    return exists == should ? RESUME_FINISH : RESUME_AGAIN;
}

static const char database_sql[] =
    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database d"
    " WHERE pg_catalog.quote_ident(d.datname) = $1 OR d.datname = pg_catalog.lower($1))";
static const char tablespace_sql[] =
    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tablespace s"
    " WHERE pg_catalog.quote_ident(s.spcname) = $1 OR s.spcname = pg_catalog.lower($1))";
static const char subscription_sql[] =
    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_subscription s WHERE s.subdbid ="
    " (SELECT d.oid FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database())"
    " AND (pg_catalog.quote_ident(s.subname) = $1 OR s.subname = pg_catalog.lower($1)))";
static const char index_sql[] = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";
static const char attached_sql[] = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i"
                                   " WHERE i.inhrelid = pg_catalog.to_regclass($1))";

static enum resume_action
decide_started(const struct resume *r, struct error *err)
{
    switch (class_of(r)->outside) {
    case OUTSIDE_CREATE_INDEX: return decide_index(r, err);
    case OUTSIDE_DROP_INDEX: return decide_exists(r, index_sql, false, err);
    case OUTSIDE_CREATE_DATABASE: return decide_exists(r, database_sql, true, err);
    case OUTSIDE_DROP_DATABASE: return decide_exists(r, database_sql, false, err);
    case OUTSIDE_CREATE_TABLESPACE: return decide_exists(r, tablespace_sql, true, err);
    case OUTSIDE_DROP_TABLESPACE: return decide_exists(r, tablespace_sql, false, err);
    case OUTSIDE_CREATE_SUBSCRIPTION:
        return decide_exists(r, subscription_sql, true, err);
    case OUTSIDE_DROP_SUBSCRIPTION: return decide_exists(r, subscription_sql, false, err);
    case OUTSIDE_DETACH: return decide_exists(r, attached_sql, false, err);
    case OUTSIDE_REINDEX: return decide_reindex(r, err);
    case OUTSIDE_REINDEX_MANY:
    case OUTSIDE_VACUUM:
    case OUTSIDE_CLUSTER:
    case OUTSIDE_ALTER_SYSTEM:
    case OUTSIDE_MOVE_DATABASE:
    case OUTSIDE_DISCARD_ALL: return RESUME_AGAIN;
    case OUTSIDE_NONE:
    case OUTSIDE_FINISH_PREPARED: break;
    }
    return question(r, err);
}

enum resume_action
resume_decide(const struct resume *r, struct error *err)
{
    if (r->step == NULL)
        return RESUME_RUN;
    if (strcmp(r->step->hash, r->hash) != 0)
        return changed(r, err);
    if (r->step->done)
        return has_temporary(r) ? cannot_bring_back(r, err) : RESUME_SKIP;
    if (!wait_for_worker(r, err))
        return RESUME_FAILED;
    return decide_started(r, err);
}
