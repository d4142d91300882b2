/* vars.h - the variables of Lua scripts: --set NAME=VALUE, and vars in luamig.lua */
#ifndef LUAMIG_CLI_VARS_H
#define LUAMIG_CLI_VARS_H

#include "cli/options.h"
#include "plan/settings.h"
#include "script/settings_file.h"

/*
 * Those of luamig.lua, and over them those of the command line (NULL: there is none).
 * ERROR_USAGE for what is no NAME=VALUE, NAME being a letter or _, then letters, digits and _.
 */
bool vars_compose(const struct options *options, const struct settings_file *file,
                  struct arena *arena, struct settings *out, struct error *err);

#endif
