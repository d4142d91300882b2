#include "engine/rival.h"

#include <string.h>

#include "engine/doubt.h"

bool
rival_did(struct migrator *m, const struct content *content, bool *did, struct error *err)
{
    const struct migration *migration = content->migration;
    const char *name = NULL;

    *did = false;
    if (!content_has_row(content))
        return true;
    if (!applied_name(&m->server.work, migrator_table(m, ""), migration->version,
                      m->arena, &name, err))
        return false;
    *did = content->down ? name == NULL : name != NULL;
    if (content->down || name == NULL || strcmp(name, migration->name) == 0)
        return true;
    return error_set(err, ERROR_PLAN, "%s was applied meanwhile under another name: '%s'",
                     migration->version_text, name);
}

enum apply_result
rival_or_ours(struct migrator *m, const struct content *content)
{
    struct error ignored = { 0 };
    bool ours = false;

    if (m->losses > 0 && doubt_was_ours(m, content, &ours, &ignored) && ours)
        return APPLY_DONE;
    return APPLY_BY_ANOTHER;
}
