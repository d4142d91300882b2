#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/json_value.h"
#include "cli/settings.h"
#include "cli/table.h"

static const struct option_spec options[] = {
    { "limit", "N", "the newest N only (20; 0: all)" },
    { NULL, NULL, NULL },
};

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void
add_attempt(struct table *table, const struct attempt *a)
{
    bool both = a->version != NULL && a->name != NULL, host = a->host != NULL;
    const char *cells[] = {
        arena_printf(table->arena, "%.19sZ", or_empty(a->started)),
        a->run,
        a->action,
        a->outcome,
        arena_printf(table->arena, "%s%s%s", or_empty(a->version), both ? "_" : "",
                     or_empty(a->name)),
        arena_printf(table->arena, "%s%s%s", or_empty(a->who), host ? "@" : "",
                     or_empty(a->host)),
        a->environments,
    };

    table_add(table, cells);
}

static void
print_message(const struct attempt *a, FILE *out)
{
    if (a->message == NULL)
        return;
    fputs("    ", out);
    if (a->statement != NULL)
        fprintf(out, "statement %s: ", a->statement);
    complaint_text(out, a->message);
    if (a->sqlstate != NULL)
        fprintf(out, " [%s]", a->sqlstate);
    fputc('\n', out);
}

static void
print_attempts(struct arena *arena, const struct attempt *attempts, size_t count,
               FILE *out)
{
    struct table table = table_new(arena, 7);

    for (size_t i = 0; i < count; i++)
        add_attempt(&table, &attempts[i]);
    for (size_t i = 0; i < count; i++) {
        table_print_row(&table, i, out);
        print_message(&attempts[i], out);
    }
    if (count == 0)
        fputs("no attempts\n", out);
}

static bool
read_limit(const char *text, size_t *limit, struct error *err)
{
    size_t len = strlen(text);

    if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
        return error_set(err, ERROR_USAGE, "--limit: '%s' is no number", text);
    *limit = strtoul(text, NULL, 10);
    return true;
}

static int
exec(struct invocation *inv)
{
    const char *text = invocation_value(inv, "limit");
    struct attempt *attempts;
    struct error err = { 0 };
    size_t limit = 20, count;

    if ((text != NULL && !read_limit(text, &limit, &err)) ||
        !settings_need_database(inv->settings, &err) ||
        !look_history(inv->settings, limit, inv->stop, inv->arena, &attempts, &count,
                      &err))
        return invocation_fail(inv, &err);
    if (inv->json)
        json_print(stdout, json_history(attempts, count));
    else
        print_attempts(inv->arena, attempts, count, stdout);
    return invocation_end(inv, EXIT_DONE);
}

const struct command cmd_history = {
    .name = "history",
    .args = "[--limit N]",
    .summary = "the log of attempts, newest first",
    .options = options,
    .has_json = true,
    .exec = exec,
};
