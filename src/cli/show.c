#include "cli/show.h"

#include "cli/complaint.h"
#include "cli/output.h"
#include "cli/progress.h"

bool
show_take(struct invocation *inv, const struct look_request *request, struct look *look,
          struct error *err)
{
    struct progress progress = { .out = stderr, .quiet = inv->quiet };
    struct observer observer = progress_observer(&progress);

    return look_take(inv->settings, request, &observer, inv->stop, inv->arena, look, err);
}

void
show_problems(const struct invocation *inv, const struct look *look)
{
    output_push(stdout);
    for (size_t i = 0; i < look->problems.count; i++) {
        if (!inv->quiet || look->problems.list[i].level != PROBLEM_NOTE)
            complaint_problem(stderr, &look->problems.list[i],
                              output_colour(inv->color, stderr));
    }
}

void
show_standby(const struct look *look)
{
    if (look->standby_until != NULL)
        printf("standby, replayed until %s\n", look->standby_until);
}
