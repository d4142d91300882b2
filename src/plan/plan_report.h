/*
 * plan_report.h - what plan_build() finds, as problems; its own, for no one else
 */
#ifndef LUAMIG_PLAN_PLAN_REPORT_H
#define LUAMIG_PLAN_PLAN_REPORT_H

#include <stdbool.h>

#include "plan/plan.h"

struct plan_builder {
    const struct plan_input *in;
    struct arena *arena;
    struct plan *plan;
    struct problems *problems;
    struct error *err;
};

/* Half done: some of it is recorded. */
bool plan_is_partial(const struct applied_set *set, int64_t version);

/* No file, but something is applied. */
bool plan_is_wrong_folder(const struct plan_builder *b);

void plan_report_renamed(struct plan_builder *b, const struct plan_entry *entry);
void plan_report_drift(struct plan_builder *b, const struct plan_entry *entry);
void plan_report_orphan(struct plan_builder *b, const struct plan_entry *entry);
void plan_report_only_applied(struct plan_builder *b, const struct plan_entry *entry);

/* One for the background, which may need the lower one: that is for `up` to do. */
void plan_report_left(struct plan_builder *b, const struct plan_entry *entry,
                      const struct plan_entry *lower);

/* Of the whole plan; nothing if there is none. */
void plan_report_late(struct plan_builder *b);
void plan_report_excluded(struct plan_builder *b);
void plan_report_wrong_folder(struct plan_builder *b);

#endif
