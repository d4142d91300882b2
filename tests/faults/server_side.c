/* server_side.c - what happens in the server: a slow autovacuum, a full disk */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_server"

static const char *const none[3];

/* A folder of its own; each text makes a file. */
static void
write_folder(struct folder *folder, const char *name, const char *const texts[],
             size_t count)
{
    *folder = (struct folder){ .count = count };
    snprintf(folder->path, sizeof(folder->path), "%s/%s", server_dir(), name);
    mkdir(folder->path, 0755);
    for (size_t i = 0; i < count; i++) {
        char path[700];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%zu_m.up.sql", folder->path, i + 1);
        file = fopen(path, "w");
        if (file == NULL)
            exit(2);
        fputs(texts[i], file);
        fclose(file);
    }
}

/* Ends when the one row of SQL answers true; false: it did not within a minute. */
static bool
comes(const char *sql)
{
    for (int tries = 0; tries < 600; tries++) {
        if (strcmp(server_ask(DATABASE, sql), "t") == 0)
            return true;
        nap(100000);
    }
    return false;
}

static void
meet_autovacuum(struct tally *tally)
{
    static const char *const texts[] = { "ALTER TABLE big ADD x int;" };
    struct folder folder;
    struct child child;

    write_folder(&folder, "vacuum", texts, 1);
    server_fresh(DATABASE);
    server_ask(
        DATABASE,
        "CREATE TABLE big (id int, t text) WITH (autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,"
        " autovacuum_vacuum_scale_factor = 0);"
        "INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i;"
        "DELETE FROM big WHERE id % 2 = 0");
    if (!comes(
            "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'autovacuum worker' AND query ~ 'public.big'")) {
        snprintf(tally->note, sizeof(tally->note), "no autovacuum came");
        return;
    }
    child_up(&child, &folder, server_url(DATABASE), none);
    child_wait(&child, tally);
    if (child.status != 0)
        tally_lost(tally, "exit %d: %s", child.status, child.text);
    if (strcmp(server_ask(DATABASE, "SELECT autovacuum_count FROM pg_stat_user_tables"
                                    " WHERE relname = 'big'"),
               "0") != 0)
        tally_lost(tally, "the autovacuum was waited for");
}

void
fault_vacuum(struct tally *tally, size_t wanted)
{
    server_ask("postgres", "ALTER SYSTEM SET autovacuum_naptime = '1s'");
    server_ask("postgres", "SELECT pg_reload_conf()");
    for (; tally_goes_on(tally, wanted); tally->injected++)
        meet_autovacuum(tally);
    server_ask("postgres", "ALTER SYSTEM RESET autovacuum_naptime");
    server_ask("postgres", "SELECT pg_reload_conf()");
}

static int
shell(const char *command)
{
    char text[1500];

    snprintf(text, sizeof(text), "dir='%s/small'; { %s; } >/dev/null 2>&1", server_dir(),
             command);
    return system(text);
}

static const char untouched_sql[] =
    "SELECT concat((SELECT count(*) FROM small), (SELECT count(*) FROM pg_index"
    " WHERE NOT indisvalid), (SELECT max(version) FROM luamig.applied_migrations))";
static const char done_sql[] = "SELECT string_agg(v::text, '' ORDER BY v) FROM marks";

static void
up(struct child *child, const struct folder *folder, struct tally *tally)
{
    child_up(child, folder, server_url(DATABASE), none);
    child_wait(child, tally);
}

/* The statement fails when the disk is full, and goes through when there is more of it. */
static void
fill(struct tally *tally, const char *text)
{
    const char *texts[] = { "CREATE TABLE small (i int, t text) TABLESPACE small;", text,
                            "INSERT INTO marks VALUES (3);" };
    struct folder folder;
    struct child child;

    write_folder(&folder, "disk", texts, 3);
    up(&child, &folder, tally);
    if (child.status != 7 || strstr(child.text, "No space left on device") == NULL ||
        strstr(child.text, "[53100]") == NULL)
        tally_lost(tally, "on a full disk: exit %d: %s", child.status, child.text);
    if (strcmp(server_ask(DATABASE, untouched_sql), "001") != 0)
        tally_lost(tally, "something of it stays: %s", child.text);
    shell("mount -o remount,size=200m \"$dir\"");
    up(&child, &folder, tally);
    if (child.status != 0 || strcmp(server_ask(DATABASE, done_sql), "23") != 0)
        tally_lost(tally, "on a larger disk: exit %d: %s", child.status, child.text);
}

#define ROWS "SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 40000) i"

/* A disk of 2 MB with a tablespace on it. */
static bool
begin_disk(void)
{
    char sql[700];

    server_fresh(DATABASE);
    server_ask(DATABASE, "CREATE TABLE source (i int, t text); INSERT INTO source " ROWS);
    if (shell("mkdir -p \"$dir\" && mount -t tmpfs -o size=2m,mode=777 tmpfs \"$dir\"") !=
        0)
        return false;
    shell("mkdir \"$dir/space\"; chown postgres \"$dir/space\"");
    snprintf(sql, sizeof(sql), "CREATE TABLESPACE small LOCATION '%s/small/space'",
             server_dir());
    server_ask("postgres", sql);
    return true;
}

static void
end_disk(void)
{
    server_ask("postgres", "DROP DATABASE " DATABASE " WITH (FORCE)");
    server_ask("postgres", "DROP TABLESPACE small");
    shell("umount \"$dir\" || umount -l \"$dir\"");
}

void
fault_disk(struct tally *tally, size_t wanted)
{
    static const char *const texts[] = {
        "-- luamig: no-transaction\nCREATE INDEX CONCURRENTLY s ON source (t, i) TABLESPACE small;"
        "\nINSERT INTO marks VALUES (2);",
        "INSERT INTO marks VALUES (2);\nINSERT INTO small " ROWS ";",
        "-- luamig: no-transaction\nINSERT INTO small " ROWS
        ";\nINSERT INTO marks VALUES (2);",
        "INSERT INTO marks VALUES (2);\nCREATE TABLE large TABLESPACE small AS " ROWS ";",
        "-- luamig: no-transaction\nBEGIN;\nINSERT INTO small " ROWS ";\nCOMMIT;\n"
        "INSERT INTO marks VALUES (2);",
    };
    const size_t count = sizeof(texts) / sizeof(texts[0]);

    for (; tally_goes_on(tally, wanted); tally->injected++) {
        if (!begin_disk()) {
            snprintf(tally->note, sizeof(tally->note),
                     "skipped: a tmpfs cannot be mounted");
            return;
        }
        fill(tally, texts[tally->injected % count]);
        end_disk();
    }
}
