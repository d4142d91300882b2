#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/settings.h"

static const struct option_spec options[] = {
    { "limit", "N", "the newest N only (20; 0: all)" },
    { NULL, NULL, NULL },
};

static void
print_attempt(const struct attempt *a)
{
    printf("%-20.19sZ %s  %-9s %-6s ", a->started, a->run, a->action, a->outcome);
    complaint_text(stdout, a->version != NULL ? a->version : "");
    if (a->name != NULL) {
        fputc(' ', stdout);
        complaint_text(stdout, a->name);
    }
    printf("  (%s%s%s)", a->who, a->host != NULL ? "@" : "",
           a->host != NULL ? a->host : "");
    fputc('\n', stdout);
    if (a->message == NULL)
        return;
    fputs("    ", stdout);
    if (a->statement != NULL)
        printf("statement %s: ", a->statement);
    complaint_text(stdout, a->message);
    printf("%s%s%s\n", a->sqlstate != NULL ? " [" : "",
           a->sqlstate != NULL ? a->sqlstate : "", a->sqlstate != NULL ? "]" : "");
}

static int
exec(struct invocation *inv)
{
    const char *text = invocation_value(inv, "limit");
    struct attempt *attempts;
    struct error err = { 0 };
    size_t limit = 20, count;

    if (text != NULL && (strspn(text, "0123456789") != strlen(text) || text[0] == '\0' ||
                         strlen(text) > 9)) {
        error_set(&err, ERROR_USAGE, "--limit: '%s' is no number", text);
        return invocation_fail(inv, &err);
    }
    limit = text != NULL ? strtoul(text, NULL, 10) : limit;
    if (!settings_need_database(inv->settings, &err) ||
        !look_history(inv->settings, limit, inv->stop, inv->arena, &attempts, &count,
                      &err))
        return invocation_fail(inv, &err);
    if (inv->json)
        json_print(stdout, json_history(attempts, count));
    for (size_t i = 0; !inv->json && i < count; i++)
        print_attempt(&attempts[i]);
    return invocation_end(inv, EXIT_DONE);
}

const struct command cmd_history = {
    .name = "history",
    .args = "[--limit N]",
    .summary = "the log of attempts, newest first",
    .options = options,
    .exec = exec,
};
