#include <inttypes.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json_backfill.h"
#include "cli/settings.h"
#include "cli/table.h"

static const char *const orders[] = {
    [ORDER_PAUSE] = "pause",     [ORDER_RESUME] = "resume", [ORDER_CANCEL] = "cancel",
    [ORDER_RESTART] = "restart", [ORDER_RETRY] = "retry",
};
#define ORDERS (sizeof(orders) / sizeof(orders[0]))

/* "NAME", "42:NAME"; a name of its own may hold a colon. */
static bool
read_name(const char *text, struct backfill_request *request, struct error *err)
{
    size_t digits = strspn(text, "0123456789");

    request->name = text;
    if (digits == 0 || text[digits] != ':')
        return true;
    request->has_version = true;
    request->name = text + digits + 1;
    return invocation_version(arena_strndup(request->arena, text, digits), "backfill",
                              &request->version, err);
}

static void
add_row(struct table *table, const struct checkpoint *c)
{
    struct arena *arena = table->arena;
    const char *cells[] = {
        backfills_label(c, arena),
        strcmp(c->key.direction, "down") == 0 ? "down" : NULL,
        c->table,
        checkpoint_word(c->status),
        arena_printf(arena, "%.1f%%", checkpoint_percent(c)),
        arena_printf(arena, "%" PRId64 "/%" PRId64 " rows", c->rows, c->estimate),
        arena_printf(arena, "%" PRId64 " written", c->written),
        arena_printf(arena, "%" PRId64 " conflicts", c->conflicts),
        arena_printf(arena, "%" PRId64 " suppressed", c->suppressed),
        arena_printf(arena, "%" PRId64 " errors", c->errors),
        c->worker,
        c->updated,
    };

    table_add(table, cells);
}

static void
print_status(const struct backfills *all, struct arena *arena)
{
    struct table table = table_new(arena, 12);

    for (size_t i = 0; i < all->count; i++)
        add_row(&table, &all->list[i]);
    for (size_t i = 0; i < all->count; i++) {
        table_print_row(&table, i, stdout);
        if (all->list[i].error == NULL)
            continue;
        fputs("    ", stdout);
        complaint_text(stdout, all->list[i].error);
        fputc('\n', stdout);
    }
    if (all->count == 0)
        puts("no backfill is under way");
}

static int
show_status(struct invocation *inv, const struct backfill_request *request)
{
    struct backfills all;
    struct error err = { 0 };

    if (!backfills_look(request, &all, &err))
        return invocation_fail(inv, &err);
    if (inv->json)
        json_print(stdout, json_backfills(&all));
    else
        print_status(&all, inv->arena);
    return invocation_end(inv, EXIT_DONE);
}

static void
print_errors(const struct backfills *one, struct arena *arena)
{
    struct table table = table_new(arena, 5);

    for (size_t i = 0; i < one->error_count; i++) {
        const struct checkpoint_error *e = &one->errors[i];
        const char *cells[] = { e->at, e->key, e->sqlstate, e->message,
                                e->retry ? "(to be tried again)" : NULL };

        table_add(&table, cells);
    }
    table_print(&table, stdout);
    if (one->error_count == 0)
        puts("no row has failed");
}

static int
show_errors(struct invocation *inv, const struct backfill_request *request)
{
    struct backfills one;
    struct error err = { 0 };

    if (!backfills_errors(request, &one, &err))
        return invocation_fail(inv, &err);
    if (inv->json)
        json_print(stdout, json_backfill_errors(&one));
    else
        print_errors(&one, inv->arena);
    return invocation_end(inv, EXIT_DONE);
}

/* What became of it, in words. */
static const char *
effect(enum backfill_order order, const struct backfills *one, struct arena *arena)
{
    static const char *const done[] = {
        [ORDER_PAUSE] = "is paused",
        [ORDER_RESUME] = "may go on",
        [ORDER_CANCEL] = "is cancelled",
        [ORDER_RESTART] = "begins again from the start",
        [ORDER_RETRY] = "tries again first",
    };
    const struct checkpoint *c = &one->list[0];

    if (order == ORDER_RETRY)
        return arena_printf(arena, "has %" PRId64 " failed row%s to try again",
                            one->changed, one->changed == 1 ? "" : "s");
    if (one->changed > 0)
        return done[order];
    return order == ORDER_RESUME
               ? arena_printf(arena, "is not paused: %s", checkpoint_word(c->status))
               : arena_printf(arena, "%s already", done[order]);
}

static void
print_effect(const struct invocation *inv, enum backfill_order order,
             const struct backfills *one)
{
    const struct checkpoint *c = &one->list[0];

    complaint_text(stderr, backfills_label(c, inv->arena));
    fprintf(stderr, " %s", effect(order, one, inv->arena));
    if (one->changed > 0 && c->worker != NULL && order != ORDER_RETRY)
        fprintf(stderr, "; %s heeds it with its next batch", c->worker);
    fputc('\n', stderr);
}

static int
give_order(struct invocation *inv, const struct backfill_request *request,
           enum backfill_order order)
{
    struct backfills one;
    struct error err = { 0 };

    if (!backfills_order(request, order, &one, &err))
        return invocation_fail(inv, &err);
    if (inv->json)
        json_print(stdout, json_backfill_order(orders[order], &one));
    else if (!inv->quiet)
        print_effect(inv, order, &one);
    return invocation_end(inv, EXIT_DONE);
}

static int
run(struct invocation *inv, const char *what, const struct backfill_request *request)
{
    struct error err = { 0 };

    if (strcmp(what, "status") == 0)
        return show_status(inv, request);
    if (request->name == NULL) {
        error_set(&err, ERROR_USAGE, "backfill %s needs a name", what);
        error_hint(&err, "`luamig backfill status` lists those there are.");
        return invocation_fail(inv, &err);
    }
    if (strcmp(what, "errors") == 0)
        return show_errors(inv, request);
    for (size_t i = 0; i < ORDERS; i++) {
        if (strcmp(what, orders[i]) == 0)
            return give_order(inv, request, (enum backfill_order)i);
    }
    return EXIT_USAGE;
}

static bool
is_known(const char *what)
{
    bool known = strcmp(what, "status") == 0 || strcmp(what, "errors") == 0;

    for (size_t i = 0; i < ORDERS; i++)
        known = known || strcmp(what, orders[i]) == 0;
    return known;
}

static int
exec(struct invocation *inv)
{
    struct backfill_request request = { .settings = inv->settings,
                                        .stop = inv->stop,
                                        .arena = inv->arena };
    const char *what = inv->argument_count > 0 ? inv->arguments[0] : "";
    struct error err = { 0 };

    if (!is_known(what)) {
        error_set(
            &err, ERROR_USAGE,
            "backfill: say status, pause, resume, cancel, restart, retry or errors");
        return invocation_fail(inv, &err);
    }
    if ((inv->argument_count > 1 && !read_name(inv->arguments[1], &request, &err)) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    return run(inv, what, &request);
}

const struct command cmd_backfill = {
    .name = "backfill",
    .args = "status|pause|resume|cancel|restart|retry|errors [[V:]NAME]",
    .summary = "look at backfills under way, and steer them",
    .help =
        "status: how far each is. pause: `up` stops there with exit 11, `up --background`\n"
        "leaves it, until resume; cancel: the same with exit 7. restart: from the start.\n"
        "errors: the rows that failed; retry: the next run tries them first. A run at\n"
        "work heeds it with its next batch.",
    .arguments = 2,
    .has_json = true,
    .exec = exec,
};
