#include "engine/preflight.h"

#include <stdlib.h>

#include "engine/backfilled.h"
#include "pg/encoding.h"
#include "pg/parse.h"

#define LARGEST ((size_t)1 << 20)

struct origin {
    const struct content *content;
    size_t statement;
};

struct texts {
    struct parse_text *list;
    struct origin *origins;
    size_t count, list_capacity, origin_capacity;
};

static void
add_file(struct texts *texts, const struct content *content)
{
    const struct sql_file *sql = &content->sql;

    for (size_t i = 0; i < sql->count; i++) {
        const struct sql_statement *s = &sql->statements[i];

        if (s->length > LARGEST)
            continue;
        texts->list =
            xgrow(texts->list, texts->count, &texts->list_capacity, sizeof(*texts->list));
        texts->origins = xgrow(texts->origins, texts->count, &texts->origin_capacity,
                               sizeof(*texts->origins));
        texts->list[texts->count] =
            (struct parse_text){ .sql = sql->text + s->offset, .length = s->length };
        texts->origins[texts->count++] =
            (struct origin){ .content = content, .statement = i + 1 };
    }
}

/*
 * What the row and the history keep: the name, and the down as it is now. Among the downs
 * a repeatable's place is blank.
 */
static bool
is_recordable(struct migrator *m, const struct content *content, struct error *err)
{
    struct session *work = &m->server.work;
    const char *undo = content->undo.bytes, *at = content->path;

    if (content->unrecorded || content->migration == NULL)
        return true;
    if (encoding_keeps(work, content->migration->name, err)) {
        at = content->migration->down.path;
        if (undo == NULL || encoding_keeps(work, undo, err))
            return true;
    }
    if (err->kind != ERROR_SQL)
        return false;
    err->kind = ERROR_PLAN;
    error_hint(err, "The database cannot keep %s: write it in characters that it has.",
               at == content->path ? "the file's name" : "this down, comments included");
    return error_at(err, at, 0, 0);
}

/* What only a session of one's own could keep from one statement to the next. */
static bool
needs_session(const struct sql_class *class, const struct sql_unit *unit)
{
    if (class->kind == SQL_TEMPORARY)
        return unit->kind == UNIT_SINGLE;
    return class->kind == SQL_SESSION || class->outside == OUTSIDE_DISCARD_ALL;
}

static bool
refuse_session(const struct content *content, size_t n, bool bytes, struct error *err)
{
    const struct sql_class *class = &content->sql.classes[n - 1];

    error_set(err, ERROR_PLAN,
              "%s would be lost behind a pooler, which may run the next statement in "
              "another session",
              class->kind == SQL_TEMPORARY ? "what this makes in its session"
                                           : "a setting of the session");
    error_hint(err, "Give luamig a direct connection to the server (--database)%s.",
               class->kind == SQL_SESSION ? ", or write SET LOCAL inside of BEGIN ... "
                                            "COMMIT"
                                          : "");
    content_place(content, n, bytes, err);
    return false;
}

static bool
check_session(const struct content *content, bool bytes, struct error *err)
{
    const struct sql_file *sql = &content->sql;

    for (size_t i = 0; i < sql->unit_count; i++) {
        const struct sql_unit *unit = &sql->units[i];

        for (size_t n = unit->first; n < unit->first + unit->count; n++) {
            if (needs_session(&sql->classes[n], unit))
                return refuse_session(content, n + 1, bytes, err);
        }
    }
    return true;
}

static bool
check_sessions(const struct migrator *m, const struct content *contents, size_t count,
               struct error *err)
{
    for (size_t i = 0; m->server.pooled && i < count; i++) {
        if (contents[i].sql.mode == SQL_MODE_STATEMENTS &&
            !check_session(&contents[i], m->server.bytes, err))
            return false;
    }
    return true;
}

bool
preflight(struct migrator *m, const struct content *contents, size_t count,
          struct error *err)
{
    struct texts texts = { 0 };
    size_t failed = 0;
    bool ok = backfilled_check(m, contents, count, err);

    for (size_t i = 0; i < count && ok; i++)
        ok = is_recordable(m, &contents[i], err);
    if (!ok || !check_sessions(m, contents, count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        add_file(&texts, &contents[i]);
    if (texts.count > 0)
        ok = parse_check(&m->server.work, texts.list, texts.count, &failed, err);
    if (!ok && failed < texts.count) {
        content_place(texts.origins[failed].content, texts.origins[failed].statement,
                      m->server.bytes, err);
        err->kind = ERROR_PLAN;
    }
    free(texts.list);
    free(texts.origins);
    return ok;
}
