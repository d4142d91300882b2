/* scripted.h - the engine's side of a Lua migration */
#ifndef LUAMIG_ENGINE_SCRIPTED_H
#define LUAMIG_ENGINE_SCRIPTED_H

#include "engine/content.h"
#include "engine/migrator.h"
#include "script/script.h"

/* What the content's script, and hooks, see as `migration`. */
struct script_facts scripted_facts(struct migrator *m, const struct content *content);

/* Runs the content's script in a VM of its own with that host. */
enum script_end scripted_run(struct migrator *m, const struct content *content,
                             const struct host *host, struct error *err);

/* A host's before_ddl, for the attempt at hand. */
const char *scripted_before_ddl(struct migrator *m, const struct content *content,
                                struct arena *arena);

/* A host's log(): lines become notices of the migration at work. ctx is the migrator. */
void scripted_log(void *ctx, enum host_log level, const char *text);

/* A host's waiting(), likewise. */
void scripted_waiting(void *ctx, const char *text);

#endif
