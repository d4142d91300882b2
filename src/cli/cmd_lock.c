#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/json_value.h"
#include "cli/settings.h"
#include "cli/table.h"

static const struct option_spec options[] = {
    { "release", NULL, "free a lease whose holder is gone; asks, or --yes" },
    { NULL, NULL, NULL },
};

static void
add_lease(struct table *table, const struct lease_row *row)
{
    bool given_back = row->outcome != NULL && row->ended != NULL;
    const char *end = given_back
                          ? arena_printf(table->arena, "%s %s", row->outcome, row->ended)
                          : arena_printf(table->arena, "expires %s", row->expires);
    const char *cells[] = {
        row->name,
        row->state,
        arena_printf(table->arena, "pid %s on host %s", row->pid, row->host),
        row->holder,
        arena_printf(table->arena, "since %s", row->acquired),
        end,
    };

    table_add(table, cells);
}

static void
print_locks(const struct invocation *inv, const struct locks *locks)
{
    struct table table = table_new(inv->arena, 6);

    for (size_t i = 0; i < locks->count; i++)
        add_lease(&table, &locks->rows[i]);
    table_print(&table, stdout);
    if (locks->holder == NULL)
        puts(inv->settings->lock == LOCK_NONE ? "no run lock is taken (lock = none)"
                                              : "nobody holds the run lock");
    else if (locks->run == NULL) {
        complaint_text(stdout, locks->holder);
        putchar('\n');
    }
}

static int
show(struct invocation *inv, const struct locks *locks)
{
    if (inv->json)
        json_print(stdout, json_locks(inv->settings->lock, locks));
    else
        print_locks(inv, locks);
    return invocation_end(inv, EXIT_DONE);
}

/* An advisory lock is its session's; only that can give it back. */
static bool
can_be_released(const struct invocation *inv, const struct locks *locks,
                struct error *err)
{
    if (inv->settings->lock == LOCK_LEASE)
        return true;
    if (inv->settings->lock == LOCK_NONE)
        return error_set(err, ERROR_PLAN, "there is no run lock (lock = none)");
    error_set(err, ERROR_PLAN,
              "an advisory lock ends with its session; it cannot be released");
    if (locks->holder == NULL)
        return error_hint(err, "Nobody holds it now.");
    error_detail(err, "It is %s.", locks->holder);
    return error_hint(err, "SELECT pg_terminate_backend(PID) ends that session.");
}

static bool
agree(struct invocation *inv, const struct locks *locks, struct error *err)
{
    if (!inv->yes && !inv->quiet) {
        complaint_text(stderr, locks->holder);
        fputs("\nIf its process still runs it will stop without committing more.\n",
              stderr);
    }
    return invocation_agree(inv,
                            arena_printf(inv->arena, "Release the run lock of %s?",
                                         locks->target),
                            "Say --yes if the lease is to be released.", err);
}

static int
release(struct invocation *inv)
{
    struct locks locks;
    struct error err = { 0 };

    if (!locks_look(inv->settings, true, inv->stop, inv->arena, &locks, &err) ||
        !can_be_released(inv, &locks, &err))
        return invocation_fail(inv, &err);
    if (locks.run == NULL) {
        fputs("nobody holds the run lock\n", stderr);
        return invocation_end(inv, EXIT_DONE);
    }
    if (!agree(inv, &locks, &err) ||
        !locks_release(inv->settings, &locks, inv->stop, inv->arena, &err))
        return invocation_fail(inv, &err);
    fputs("released ", stderr);
    complaint_text(stderr, locks.holder);
    fputc('\n', stderr);
    return invocation_end(inv, EXIT_DONE);
}

static int
exec(struct invocation *inv)
{
    struct locks locks;
    struct error err = { 0 };

    if (!settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    if (invocation_has(inv, "release"))
        return release(inv);
    if (!locks_look(inv->settings, false, inv->stop, inv->arena, &locks, &err))
        return invocation_fail(inv, &err);
    return show(inv, &locks);
}

const struct command cmd_lock = {
    .name = "lock",
    .args = "[--release]",
    .summary = "who holds the run lock",
    .help =
        "With lock = lease every lease is shown, with the outcome of the last run. An\n"
        "advisory lock ends with its session and cannot be released.",
    .options = options,
    .has_json = true,
    .exec = exec,
};
