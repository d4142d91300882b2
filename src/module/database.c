#include "module/database.h"

#include <stdio.h>

#include "pg/exec.h"

/*
 * Where nothing is kept beyond a crash, files are copied: their bytes through the log cost
 * ten times as much.
 */
static const char how_sql[] =
    "SELECT CASE WHEN pg_catalog.current_setting('fsync') = 'off'"
    " AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 150000"
    " THEN ' STRATEGY FILE_COPY' ELSE '' END";

/* A brief connection to the URL's own database. */
struct visit {
    struct settings settings;
    struct stop stop;
    struct server server;
    struct arena arena;
};

static bool
begin(struct visit *visit, const char *url, struct error *err)
{
    *visit = (struct visit){ .settings = { .database = url } };
    visit->server = (struct server){ .settings = &visit->settings,
                                     .run = "scratch",
                                     .command = "lua",
                                     .stop = &visit->stop };
    conninfo_secrets(&visit->server.secrets, url);
    return session_open(&visit->server, SESSION_WORK, err);
}

static void
end(struct visit *visit)
{
    server_close(&visit->server);
    arena_release(&visit->arena);
}

bool
database_create(const char *url, const char *name, struct error *err)
{
    struct visit visit;
    const char *how;
    bool ok = begin(&visit, url, err) &&
              exec_text(&visit.server.work, how_sql, NULL, &visit.arena, &how, err) &&
              exec_command(&visit.server.work,
                           arena_printf(&visit.arena, "CREATE DATABASE %s%s", name, how),
                           NULL, err);

    end(&visit);
    return ok;
}

bool
database_drop(const char *url, const char *name, struct error *err)
{
    struct visit visit;
    bool ok = begin(&visit, url, err) &&
              exec_command(&visit.server.work,
                           arena_printf(&visit.arena,
                                        "DROP DATABASE IF EXISTS %s WITH (FORCE)", name),
                           NULL, err);

    end(&visit);
    return ok;
}
