#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json_value.h"
#include "cli/output.h"
#include "pg/conninfo.h"

bool
invocation_has(const struct invocation *inv, const char *name)
{
    return invocation_value(inv, name) != NULL;
}

const char *
invocation_value(const struct invocation *inv, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < inv->value_count; i++) {
        if (strcmp(inv->values[i].name, name) == 0)
            value = inv->values[i].text;
    }
    return value;
}

bool
invocation_version(const char *text, const char *what, int64_t *version,
                   struct error *err)
{
    size_t len = strlen(text);
    char shown[256];

    errno = 0;
    *version = len > 0 ? strtoll(text, NULL, 10) : 0;
    if (len > 0 && strspn(text, "0123456789") == len && errno == 0)
        return true;
    error_set(err, ERROR_USAGE, "%s: '%s' is no version", what,
              conninfo_shown(text, shown, sizeof(shown)));
    return error_hint(err, "A version is digits, 0 to 9223372036854775807.");
}

bool
invocation_agree(const struct invocation *inv, const char *question, const char *hint,
                 struct error *err)
{
    char answer[16] = "";

    if (inv->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        error_set(err, ERROR_USAGE, "nobody can be asked here");
        return error_hint(err, "%s", hint);
    }
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof(answer), stdin) != NULL &&
        (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    return error_set(err, ERROR_USAGE, "not agreed; nothing was changed");
}

int
invocation_fail(const struct invocation *inv, const struct error *err)
{
    complaint_error(stderr, err, output_colour(inv->color, stderr));
    if (inv->json)
        json_print(stdout, json_error(err));
    return invocation_end(inv, exit_status_refused(err));
}

int
invocation_end(const struct invocation *inv, int status)
{
    (void)inv;
    return output_flush() || status != EXIT_DONE ? status : EXIT_INTERNAL;
}
