#include "cli/runner.h"

#include "cli/output.h"

void
runner_init(struct runner *runner, const struct invocation *inv)
{
    runner->progress =
        (struct progress){ .out = stderr,
                           .plan = inv->json ? NULL : stdout, /* it was asked for */
                           .terminal = !inv->json && output_is_terminal(stderr),
                           .colour = output_colour(inv->color, stderr),
                           .quiet = inv->quiet,
                           .verbose = inv->verbose };
    runner->people = progress_observer(&runner->progress);
    runner->lines = (struct json_lines){ .out = stdout, .next = &runner->people };
    runner->machine = json_observer(&runner->lines);
    runner->observer = inv->json ? &runner->machine : &runner->people;
}
