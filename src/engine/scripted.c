#include "engine/scripted.h"

#include <inttypes.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/ramp.h"

/* Where the script lies; one that came from the history has the folder of all. */
static const char *
folder_of(struct migrator *m, const struct content *content)
{
    const char *slash = strrchr(content->path, '/');

    if (slash == NULL)
        return content->unrecorded ? "." : m->settings->dir;
    return arena_strndup(m->arena, content->path, (size_t)(slash - content->path));
}

struct script_facts
scripted_facts(struct migrator *m, const struct content *content)
{
    return (struct script_facts){ .has_version = !content->migration->repeatable,
                                  .version = content->migration->version,
                                  .name = content->migration->name,
                                  .direction = aftermath_direction(content),
                                  .folder = folder_of(m, content),
                                  .environments = m->environments,
                                  .in_transaction = !content_keeps(content),
                                  .attempt = m->ramp.attempt,
                                  .dry_run = m->dry_run };
}

enum script_end
scripted_run(struct migrator *m, const struct content *content, const struct host *host,
             struct error *err)
{
    struct script script = { .path = content->path,
                             .text = content->script.bytes,
                             .size = content->script.size,
                             .facts = scripted_facts(m, content),
                             .settings = m->settings,
                             .stop = m->stop,
                             .host = host };

    return script_run(&script, err);
}

const char *
scripted_before_ddl(struct migrator *m, const struct content *content,
                    struct arena *arena)
{
    if (!ramp_is_on(m, content))
        return NULL;
    return arena_printf(arena, "SET LOCAL lock_timeout = %" PRId64,
                        ramp_timeout(m, content, true));
}

void
scripted_log(void *ctx, enum host_log level, const char *text)
{
    static const enum problem_level levels[] = { PROBLEM_NOTE, PROBLEM_NOTE,
                                                 PROBLEM_WARNING };

    migrator_notify(ctx, (struct event){ .kind = EVENT_NOTICE,
                                         .level = levels[level],
                                         .detail = level == HOST_DEBUG,
                                         .text = text });
}

void
scripted_waiting(void *ctx, const char *text)
{
    migrator_notify(ctx, (struct event){ .kind = EVENT_WAITING, .text = text });
}
