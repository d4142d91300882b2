/* setting_names.h - settings that are names, or lists: base, environments, exclude */
#ifndef LUAMIG_CLI_SETTING_NAMES_H
#define LUAMIG_CLI_SETTING_NAMES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/settings.h"

/* One name. ERROR_USAGE says where it was given. */
bool setting_name(const char *text, const char *where, const char **out,
                  struct error *err);

/* "production, test": names, commas between. ERROR_USAGE likewise. */
bool setting_environments(const char *text, const char *where, struct arena *arena,
                          struct settings *out, struct error *err);

/* "7, 0042_a, seed.up.sql": versions and names, commas between. ERROR_USAGE likewise. */
bool setting_excluded(const char *text, const char *where, struct arena *arena,
                      struct settings *out, struct error *err);

#endif
