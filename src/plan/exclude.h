/* exclude.h - migrations that the setting `exclude` keeps from running */
#ifndef LUAMIG_PLAN_EXCLUDE_H
#define LUAMIG_PLAN_EXCLUDE_H

#include <stdbool.h>

#include "base/error.h"
#include "plan/settings.h"
#include "plan/source.h"

/*
 * Marks the migrations that are named: digits are a version; all else is a title, a title
 * with its version ("0042_a") or the name of a file, with or without its folder. ERROR_USAGE:
 * one names nothing.
 */
bool exclude_mark(const struct settings *settings, struct source *source,
                  struct error *err);

#endif
