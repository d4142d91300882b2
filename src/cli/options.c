#include "cli/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "cli/settings.h"
#include "pg/conninfo.h"

#define OPTIONS_MAX 80

static const struct option_spec json[] = {
    { "json", NULL, "machine-readable output on stdout" },
    { NULL, NULL, NULL },
};

static const struct option_spec common[] = {
    { "yes", NULL, "answer questions with yes" },
    { "set", "NAME=VALUE", "a variable for Lua scripts; may be given several times" },
    { "config", "FILE", "read this instead of luamig.lua" },
    { "help", NULL, "this text" },
    { "version", NULL, "print the version" },
    { NULL, NULL, NULL },
};

/* getopt's table: the settings' flags, the common ones, the command's. */
struct table {
    struct option list[OPTIONS_MAX + 1];
    const char *names[OPTIONS_MAX + 1]; /* ended by NULL, for the nearest word */
    size_t count;
};

static void
add(struct table *table, const char *name, bool has_value)
{
    if (table->count == OPTIONS_MAX)
        return;
    table->names[table->count] = name;
    table->list[table->count++] = (struct option){
        .name = name, .has_arg = has_value ? required_argument : no_argument, .val = 256
    };
}

static void
add_specs(struct table *table, const struct option_spec *specs)
{
    for (; specs != NULL && specs->name != NULL; specs++)
        add(table, specs->name, specs->value != NULL);
}

static void
build_table(struct table *table, const struct command *command)
{
    *table = (struct table){ .count = 0 };
    for (const struct setting_spec *s = settings_specs; s->name != NULL; s++)
        add(table, s->flag, s->kind != SETTING_BOOL);
    if (command == NULL || command->has_json)
        add_specs(table, json);
    add_specs(table, common);
    add_specs(table, command != NULL ? command->options : NULL);
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static bool
unknown_command(const char *name, struct error *err)
{
    const char *names[64] = { NULL }, *nearest;
    char shown[256];

    for (size_t i = 0; i < 63 && commands[i] != NULL; i++)
        names[i] = commands[i]->name;
    nearest = words_nearest(name, names);
    error_set(err, ERROR_USAGE, "unknown command '%s'",
              conninfo_shown(name, shown, sizeof(shown)));
    if (nearest != NULL)
        return error_hint(err, "Did you mean '%s'? `luamig help` lists all.", nearest);
    return error_hint(err, "`luamig help` lists all.");
}

static bool
unknown_option(const struct table *table, const char *arg, const struct command *command,
               struct error *err)
{
    char name[64];
    const char *nearest;

    snprintf(name, sizeof(name), "%s", arg + strspn(arg, "-"));
    name[strcspn(name, "=")] = '\0';
    nearest = words_nearest(name, table->names);
    error_set(err, ERROR_USAGE, "unknown option '%s%s'", arg[1] == '-' ? "--" : "-",
              name);
    if (nearest != NULL)
        return error_hint(err, "Did you mean '--%s'?", nearest);
    return error_hint(err, "`luamig help%s%s` lists them.", command != NULL ? " " : "",
                      command != NULL ? command->name : "");
}

static void
keep(struct options *out, const char *name, const char *text)
{
    out->values[out->count++] =
        (struct option_value){ .name = name, .text = text != NULL ? text : "" };
}

static bool
take(const struct table *table, int got, int index, char **argv, struct options *out,
     struct error *err)
{
    switch (got) {
    case 1: out->arguments[out->argument_count++] = optarg; return true;
    case 256: keep(out, table->list[index].name, optarg); return true;
    case 'q': keep(out, "quiet", NULL); return true;
    case 'v': keep(out, "verbose", NULL); return true;
    case 'h': keep(out, "help", NULL); return true;
    case ':':
        return error_set(err, ERROR_USAGE, "option '%s' needs a value", argv[optind - 1]);
    default: return unknown_option(table, argv[optind - 1], out->command, err);
    }
}

/* The command is the first argument; only then its options are known. */
static const struct command *
peek_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct command *command = find_command(argv[i]);

        if (strcmp(argv[i], "--") == 0)
            break;
        if (command != NULL)
            return command;
    }
    return NULL;
}

static bool
parse_all(int argc, char **argv, struct options *out, struct error *err)
{
    struct table table;
    int got, index = 0;

    build_table(&table, out->command);
    optind = 0; /* from the start, and getopt's own state anew */
    opterr = 0;
    while ((got = getopt_long(argc, argv, "-:qvh", table.list, &index)) != -1) {
        if (!take(&table, got, index, argv, out, err))
            return false;
    }
    for (; optind < argc; optind++)
        out->arguments[out->argument_count++] = argv[optind];
    return true;
}

static bool
settle(struct options *out, struct error *err)
{
    char shown[256];

    out->help = options_value(out, "help") != NULL;
    out->version = options_value(out, "version") != NULL;
    if (out->argument_count == 0) {
        out->command = NULL;
        return true;
    }
    out->command = find_command(out->arguments[0]);
    if (out->command == NULL)
        return unknown_command(out->arguments[0], err);
    out->arguments++;
    out->argument_count--;
    if (out->help || out->command->arguments < 0 ||
        (int)out->argument_count <= out->command->arguments)
        return true;
    error_set(err, ERROR_USAGE, "unexpected argument '%s'",
              conninfo_shown(out->arguments[out->command->arguments], shown,
                             sizeof(shown)));
    return error_hint(err, "usage: luamig %s%s%s", out->command->name,
                      out->command->args[0] != '\0' ? " " : "", out->command->args);
}

bool
options_parse(int argc, char **argv, struct arena *arena, struct options *out,
              struct error *err)
{
    size_t room = (size_t)argc + 1;

    *out = (struct options){ .command = peek_command(argc, argv) };
    out->values = arena_alloc(arena, room * 2 * sizeof(*out->values));
    out->arguments = arena_alloc(arena, room * sizeof(*out->arguments));
    return parse_all(argc, argv, out, err) && settle(out, err);
}

const char *
options_value(const struct options *options, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->values[i].name, name) == 0)
            value = options->values[i].text;
    }
    return value;
}

const char *
options_list(const struct options *options, const char *name, struct arena *arena)
{
    const char *list = NULL;

    for (size_t i = 0; i < options->count; i++) {
        const char *text = options->values[i].text;

        if (strcmp(options->values[i].name, name) == 0)
            list = list != NULL ? arena_printf(arena, "%s,%s", list, text) : text;
    }
    return list;
}

static void
print_option(FILE *out, const char *name, const char *value, const char *help)
{
    char left[64];

    snprintf(left, sizeof(left), "--%s%s%s", name, value != NULL ? " " : "",
             value != NULL ? value : "");
    if (strlen(left) > 28)
        fprintf(out, "  %s\n%31s%s\n", left, "", help);
    else
        fprintf(out, "  %-28s %s\n", left, help);
}

static void
print_specs(FILE *out, const struct option_spec *specs)
{
    for (; specs != NULL && specs->name != NULL; specs++)
        print_option(out, specs->name, specs->value, specs->help);
}

void
options_print_overview(FILE *out)
{
    fputs("luamig - PostgreSQL migrations in SQL and Lua\n\nusage: luamig COMMAND "
          "[OPTIONS]\n\n",
          out);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`luamig help COMMAND` says more; so does the README.\n", out);
}

void
options_print_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: luamig %s%s%s\n\n%s\n", command->name,
            command->args[0] != '\0' ? " " : "", command->args, command->summary);
    if (command->help != NULL)
        fprintf(out, "\n%s\n", command->help);
    if (command->options != NULL) {
        fputs("\noptions:\n", out);
        print_specs(out, command->options);
    }
    if (command->without_settings)
        return;
    fputs(
        "\nsettings (also in the environment as LUAMIG_NAME, in .env and luamig.lua):\n",
        out);
    for (const struct setting_spec *s = settings_specs; s->name != NULL; s++)
        print_option(out, s->flag, s->kind != SETTING_BOOL ? s->value : NULL, s->help);
    fputs("\ncommon:\n", out);
    if (command->has_json)
        print_specs(out, json);
    print_specs(out, common);
}
