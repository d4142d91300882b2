/* folder.c - migrations of all kinds, and what comes of them when nothing goes wrong */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/faults/faults.h"

/*
 * @ is the version. What is done twice shows in marks and counter, what is done by
 * half in the schema.
 */
static const struct kind {
    const char *ending, *text;
} kinds[] = {
    { "sql", "CREATE TABLE t_@ (id int PRIMARY KEY, x text);\n"
             "INSERT INTO t_@ SELECT i, 'x' FROM generate_series(1, 50) i;\n"
             "INSERT INTO marks VALUES (@, 'a');\n"
             "UPDATE counter SET n = n + 1;\n" },
    { "lua", "db:exec 'CREATE TABLE l_@ (id int)'\n"
             "for i = 1, 10 do db:exec('INSERT INTO l_@ VALUES ($1)', i) end\n"
             "db:exec [[INSERT INTO marks VALUES (@, 'a')]]\n"
             "db:exec 'UPDATE counter SET n = n + 1'\n" },
    { "sql", "-- luamig: no-transaction\n"
             "INSERT INTO marks VALUES (@, 'a');\n"
             "CREATE INDEX CONCURRENTLY common_@ ON common (id, (@));\n"
             "CREATE TABLE u_@ (id int);\n"
             "CREATE INDEX CONCURRENTLY ON u_@ (id);\n"
             "UPDATE counter SET n = n + 1;\n" },
    { "sql", "ALTER TABLE common ADD c_@ int;\n"
             "INSERT INTO marks VALUES (@, 'a');\n"
             "UPDATE counter SET n = n + 1;\n" },
    { "lua",
      "-- luamig: no-transaction\n"
      "db:step('a', function() db:exec [[INSERT INTO marks VALUES (@, 'a')]] end)\n"
      "db:step('b', function() db:exec 'CREATE TABLE s_@ ()' end)\n"
      "db:exec 'CREATE INDEX CONCURRENTLY IF NOT EXISTS common_@ ON common (id)'\n"
      "db:step('c', function() db:exec 'UPDATE counter SET n = n + 1' end)\n" },
    { "sql", "CREATE TABLE c_@ (id int, x text);\n"
             "COPY c_@ FROM STDIN;\n1\tone\n2\ttwo\n\\.\n"
             "INSERT INTO marks VALUES (@, 'a');\n"
             "UPDATE counter SET n = n + 1;\n" },
    { "sql", "SELECT pg_sleep(0.002);\nCREATE VIEW v_@ AS SELECT id FROM common;\n"
             "SELECT pg_sleep(0.002);\nINSERT INTO marks VALUES (@, 'a');\n"
             "UPDATE counter SET n = n + 1;\nSELECT pg_sleep(0.002);\n" },
    /* The last: behind a pooler it is refused. */
    { "sql", "-- luamig: no-transaction\n"
             "CREATE SCHEMA IF NOT EXISTS other;\nSET search_path = other, public;\n"
             "BEGIN;\nCREATE TABLE o_@ ();\nINSERT INTO marks VALUES (@, 'a');\nCOMMIT;\n"
             "REINDEX INDEX CONCURRENTLY common_id;\n"
             "UPDATE counter SET n = n + 1;\nVACUUM marks;\n" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
put(FILE *file, const char *text, size_t version)
{
    for (; *text != '\0'; text++) {
        if (*text == '@')
            fprintf(file, "%zu", version);
        else
            putc(*text, file);
    }
}

static void
write_one(const struct folder *folder, size_t version)
{
    const struct kind *kind = &kinds[version % (folder->for_pool ? KINDS - 1 : KINDS)];
    char path[700];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%04zu_m.up.%s", folder->path, version, kind->ending);
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    put(file, kind->text, version);
    fclose(file);
}

/* One text for schema, effects and record; a random token of pg_dump is left out. */
static const char *
describe(const char *database)
{
    static char sum[33];
    char command[1500], line[64] = "";
    FILE *pipe;

    snprintf(
        command, sizeof(command),
        "{ '%s/pg_dump' -s -T 'luamig.*_lock' -d '%s' | grep -v '^.\\(un\\)\\?restrict '; "
        "echo \"$EFFECTS\"; } | md5sum",
        getenv("PG_BINDIR"), server_url(database));
    setenv("EFFECTS",
           server_ask(
               database,
               "SELECT concat((SELECT n FROM counter), ' ',"
               " (SELECT string_agg(concat(v, part), ',' ORDER BY v, part) FROM marks),"
               " ' ', (SELECT string_agg(concat(version, name), ',' ORDER BY version)"
               " FROM luamig.applied_migrations))"),
           1);
    pipe = popen(command, "r");
    if (pipe == NULL || fgets(line, sizeof(line), pipe) == NULL)
        exit(2);
    pclose(pipe);
    snprintf(sum, sizeof(sum), "%.32s", line);
    return sum;
}

void
folder_make(struct folder *folder, const char *name, size_t count)
{
    static const char *const none[3];
    struct tally tally = { .name = name };
    struct child child;
    int64_t began;

    folder->count = count;
    snprintf(folder->path, sizeof(folder->path), "%s/%s", server_dir(), name);
    mkdir(folder->path, 0755);
    for (size_t v = 1; v <= count; v++)
        write_one(folder, v);
    server_fresh("faults_reference");
    began = now_ms();
    child_up(&child, folder, server_url("faults_reference"), none);
    child_wait(&child, &tally);
    folder->pace = (now_ms() - began) * 1000 / (int64_t)count;
    if (child.status != 0 || child.said != count) {
        fprintf(stderr, "exit %d without any fault\n%s\n", child.status, child.text);
        exit(2);
    }
    snprintf(folder->expected, sizeof(folder->expected), "%s",
             describe("faults_reference"));
}

/* What is half done, and what the counts say, for whoever looks into it. */
static const char left_sql[] =
    "SELECT concat((SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index"
    " WHERE NOT indisvalid), (SELECT string_agg(version::text, ' ')"
    " FROM luamig.applied_migrations_steps))";
static const char counts_sql[] =
    "SELECT concat('counter ', (SELECT n FROM counter), ', marks ',"
    " (SELECT count(*) FROM marks), ', doubled ', (SELECT string_agg(v::text, ' ')"
    " FROM (SELECT v FROM marks GROUP BY v HAVING count(*) > 1) d),"
    " ', applied ', (SELECT count(*) FROM luamig.applied_migrations))";

bool
judge(struct tally *tally, const struct folder *folder, const char *database)
{
    const char *left = server_ask(database, left_sql);

    if (left[0] != '\0') {
        tally_lost(tally, "left behind: %s", left);
        return false;
    }
    if (strcmp(describe(database), folder->expected) == 0)
        return true;
    tally_lost(tally, "%s", server_ask(database, counts_sql));
    return false;
}
