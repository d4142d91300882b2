#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/json_value.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "cli/show_plan.h"
#include "cli/table.h"

static const struct option_spec options[] = {
    { "to", "V", "up to version V" },
    { "count", "N", "the first N pending ones" },
    { "only", "V", "this one; may be given several times" },
    { "background", NULL, "what `up --background` would do" },
    { NULL, NULL, NULL },
};

/* "transaction, late, 3 statements" */
static const char *
manner(const struct look_step *step, struct arena *arena)
{
    bool late = step->entry->state == STATE_LATE;
    bool partial = step->entry->state == STATE_PARTIAL;
    const char *text =
        arena_printf(arena, "%s%s%s%s", step->mode,
                     step->entry->migration->background ? ", background" : "",
                     late ? ", late" : "",
                     partial ? ", half done: goes on where it stopped" : "");

    if (step->entry->migration->up.kind != FILE_SQL)
        return text;
    return arena_printf(arena, "%s, %zu statement%s", text, step->statements,
                        step->statements == 1 ? "" : "s");
}

static void
print_steps(const struct look *look, struct arena *arena, FILE *out)
{
    struct table table = table_new(arena, 2);
    size_t count = look->plan.step_count;

    for (size_t i = 0; i < count; i++) {
        const struct look_step *step = &look->steps[i];
        const char *cells[] = { arena_printf(arena, "  %s",
                                             step->entry->migration->up.path),
                                manner(step, arena) };

        table_add(&table, cells);
    }
    for (size_t i = 0; i < count; i++) {
        table_print_row(&table, i, out);
        if (look->steps[i].notice == NULL)
            continue;
        fputs("    ", out);
        complaint_text(out, look->steps[i].notice);
        fputc('\n', out);
    }
}

static void
print_plan(const struct look *look, struct arena *arena, FILE *out)
{
    if (look->taken_over != NULL)
        fprintf(out, "takes over %s\n", look->taken_over);
    if (look->plan.step_count == 0)
        fputs("nothing to do\n", out);
    else
        fprintf(out, "%zu to apply:\n", look->plan.step_count);
    print_steps(look, arena, out);
}

int
show_plan(struct invocation *inv, const struct plan_request *request)
{
    struct look_request what = { .depth = LOOK_CONTENTS,
                                 .plan = *request,
                                 .command = "plan" };
    struct look look;
    struct error err = { 0 };
    bool refused;

    if (!show_take(inv, &what, &look, &err))
        return invocation_fail(inv, &err);
    refused = problems_count(&look.problems, PROBLEM_ERROR) > 0;
    if (inv->json)
        json_print(stdout, json_plan(&look));
    else
        print_plan(&look, inv->arena, stdout);
    show_problems(inv, &look);
    return invocation_end(inv, refused ? EXIT_REFUSED : EXIT_DONE);
}

static int
exec(struct invocation *inv)
{
    struct plan_request request;
    struct error err = { 0 };

    if (!request_read(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    return show_plan(inv, &request);
}

const struct command cmd_plan = {
    .name = "plan",
    .args = "[--to V] [--count N] [--only V]... [--background]",
    .summary = "print what `up` would do, and how",
    .options = options,
    .has_json = true,
    .exec = exec,
};
