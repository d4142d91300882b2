#include "engine/preflight.h"

#include <stdlib.h>

#include "engine/backfilled.h"
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

bool
preflight(struct migrator *m, const struct content *contents, size_t count,
          struct error *err)
{
    struct texts texts = { 0 };
    size_t failed = 0;
    bool ok = backfilled_check(m, contents, count, err);

    if (!ok)
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
