#include "base/fs.h"
#include "cli/commands.h"

static const char example[] =
    "-- luamig.lua: settings of this project. Flags, LUAMIG_* and .env win over it.\n"
    "return {\n"
    "    dir = \"migrations\",\n"
    "    -- table = \"luamig.applied_migrations\",\n"
    "    -- legacy_table = \"public.schema_migrations\", -- take over golang-migrate's\n"
    "    -- lock = \"advisory\",         -- advisory, lease, none\n"
    "    -- lock_wait = \"10m\",          -- 0: wait for the run lock as long as it takes\n"
    "    -- timeout = \"5m\",             -- for a whole run\n"
    "    -- migration_timeout = \"1m\",   -- for one migration\n"
    "    -- lock_retry = \"2m\",          -- for all attempts at a migration's locks\n"
    "    -- on_failure = \"stop\",        -- stop, rollback, atomic\n"
    "    -- drift = \"warn\",             -- warn, error, off\n"
    "    -- orphans = \"warn\",           -- warn, error\n"
    "    -- out_of_order = \"apply\",     -- apply, error\n"
    "    -- hooks = \"hooks.lua\",      -- in dir by default; none\n"
    "    -- vars = { BATCH = \"100\" },   -- what scripts read; --set wins\n"
    "}\n";

static bool
make_file(const char *path, struct error *err)
{
    if (fs_exists(path)) {
        printf("kept %s\n", path);
        return true;
    }
    if (!fs_create(path, example, err))
        return false;
    printf("created %s\n", path);
    return true;
}

static bool
make_folder(const char *path, struct error *err)
{
    bool there = fs_is_folder(path);

    if (!fs_make_folder(path, err))
        return false;
    printf("%s %s/\n", there ? "kept" : "created", path);
    return true;
}

static int
exec(struct invocation *inv)
{
    struct error err = { 0 };

    if (!make_folder(inv->settings->dir, &err) || !make_file("luamig.lua", &err))
        return invocation_fail(inv, &err);
    return invocation_end(inv, 0);
}

const struct command cmd_init = {
    .name = "init",
    .args = "",
    .summary = "make the migrations folder and a commented luamig.lua",
    .help = "What is there already is kept.",
    .exec = exec,
};
