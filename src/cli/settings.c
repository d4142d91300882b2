#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "base/words.h"
#include "cli/dotenv.h"
#include "cli/options.h"
#include "cli/setting_names.h"
#include "cli/vars.h"
#include "pg/conninfo.h"
#include "script/settings_file.h"

#define TABLE_MAX 47 /* side tables append to it; names end at 63 bytes */

#define SHORTEST_LEASE 100 /* ms; a sixth of it must be time for a round trip */

#define AT(field) offsetof(struct composed, field)

const struct setting_spec settings_specs[] = {
    { "database", "database", SETTING_TEXT, "URL", NULL, AT(settings.database),
      "postgres://USER@HOST:PORT/DB, or keyword=value pairs" },
    { "dir", "dir", SETTING_PATH, "DIR", "migrations", AT(settings.dir),
      "the migrations folder (migrations)" },
    { "base", "base", SETTING_NAME, "NAME", "base", AT(settings.base),
      "the layer of the folder that is always on (base)" },
    { "environments", "env", SETTING_ENVIRONMENTS, "NAME", NULL,
      AT(settings.environments), "add this layer; repeatable (LUAMIG_ENVIRONMENTS=a,b)" },
    { "exclude", "exclude", SETTING_EXCLUDE, "V|NAME", NULL, AT(settings.excluded),
      "do not apply this version, title or file; repeatable (LUAMIG_EXCLUDE=a,b)" },
    { "table", "table", SETTING_TABLE, "SCHEMA.NAME", "luamig.applied_migrations",
      AT(settings.table), "the applied set (luamig.applied_migrations)" },
    { "legacy_table", "legacy-table", SETTING_TEXT, "TABLE", NULL,
      AT(settings.legacy_table), "another tool's table to take over, or none" },
    { "lock", "lock", SETTING_CHOICE, "advisory|lease|none", "advisory",
      AT(settings.lock), "the run lock (advisory)" },
    { "lease", "lease", SETTING_DURATION, "D", "30s", AT(settings.lease),
      "of lock = lease: how long it outlives its holder (30s)" },
    { "timeout", "timeout", SETTING_DURATION, "D", "5m", AT(settings.timeout),
      "for the whole run, once the lock is held (5m)" },
    { "lock_wait", "lock-wait", SETTING_DURATION, "D", "0", AT(settings.lock_wait),
      "for the run lock (0: as long as it takes)" },
    { "migration_timeout", "migration-timeout", SETTING_DURATION, "D", "1m",
      AT(settings.migration_timeout), "for one migration (1m)" },
    { "lock_timeout", "lock-timeout", SETTING_RAMP, "D", "ramp",
      AT(settings.lock_timeout),
      "for one attempt at a table lock (ramp: 100ms, growing; 0 waits for ever)" },
    { "lock_retry", "lock-retry", SETTING_DURATION, "D", "2m", AT(settings.lock_retry),
      "for all attempts at a migration's table locks (2m)" },
    { "connect_wait", "connect-wait", SETTING_DURATION, "D", "0",
      AT(settings.connect_wait), "connect again until the server accepts (0)" },
    { "memory", "memory", SETTING_SIZE, "SIZE", "512MiB", AT(settings.memory),
      "that a Lua script may use (512MiB; 0: no cap)" },
    { "lib", "lib", SETTING_PATH, "DIR", NULL, AT(settings.lib),
      "the folder of a script's `require` (lib in the migrations folder)" },
    { "hooks", "hooks", SETTING_PATH, "FILE", NULL, AT(settings.hooks),
      "the project's hooks (hooks.lua in the migrations folder), or none" },
    { "on_failure", "on-failure", SETTING_CHOICE, "stop|rollback|atomic", "stop",
      AT(settings.on_failure),
      "of `up`: stop, undo what it applied, or all or nothing (stop)" },
    { "drift", "drift", SETTING_CHOICE, "warn|error|off", "warn", AT(settings.drift),
      "applied files that were edited (warn)" },
    { "orphans", "orphans", SETTING_CHOICE, "warn|error", "warn",
      AT(settings.orphans_error), "applied versions without a file (warn)" },
    { "out_of_order", "out-of-order", SETTING_CHOICE, "apply|error", "apply",
      AT(settings.out_of_order_error), "late versions (apply)" },
    { "strict", "strict", SETTING_BOOL, NULL, "false", AT(settings.strict),
      "warnings are errors" },
    { "color", "color", SETTING_CHOICE, "auto|always|never", "auto", AT(color),
      "colours on a terminal (auto)" },
    { "quiet", "quiet", SETTING_BOOL, NULL, "false", AT(quiet),
      "-q: only warnings, errors and the last line" },
    { "verbose", "verbose", SETTING_BOOL, NULL, "false", AT(verbose), "-v: say more" },
    { NULL, NULL, SETTING_TEXT, NULL, NULL, 0, NULL },
};

/* A value and where it was given, for messages: "--lock", "LUAMIG_LOCK", "luamig.lua". */
struct given {
    const char *text, *where;
    const char *base; /* the folder that a path is relative to; "" is the current one */
};

struct composing {
    const struct options *options; /* NULL: neither flags nor environment count */
    struct arena *arena;
    struct composed *out;
    struct error *err;
    struct dotenv dotenv;
    struct settings_file file;
    const char *file_path, *file_folder;
};

static bool
fail(struct composing *c, const struct given *given, const char *what)
{
    return error_set(c->err, ERROR_USAGE, "%s %s", given->where, what);
}

/* Index of the choice among "a|b|c"; -1: none. */
static int
choice_index(const char *choices, const char *text)
{
    size_t len = strlen(text);

    for (int i = 0; *choices != '\0'; i++) {
        size_t n = strcspn(choices, "|");

        if (n == len && strncmp(choices, text, n) == 0)
            return i;
        choices += n + (choices[n] == '|');
    }
    return -1;
}

static bool
is_any(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcasecmp(text, *words) == 0)
            return true;
    }
    return false;
}

static bool
parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = { "", "true", "1", "yes", "on", NULL };
    static const char *const no[] = { "false", "0", "no", "off", NULL };

    *value = is_any(text, yes);
    return *value || is_any(text, no);
}

/* One part of schema.name at *at, folded unless quoted. */
static bool
parse_part(const char **at, struct strbuf *part)
{
    const char *text = *at;

    if (*text != '"') {
        for (; *text != '\0' && *text != '.'; text++)
            strbuf_putc(part, (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text));
        *at = text;
        return part->len > 0 && strchr(part->text, '"') == NULL;
    }
    for (text++; *text != '\0'; text++) {
        if (*text == '"' && *++text != '"')
            break;
        strbuf_putc(part, *text);
    }
    *at = text;
    return part->len > 0 && text[-1] == '"' && (*text == '\0' || *text == '.');
}

bool
settings_parse_table(const char *text, struct arena *arena, struct table_name *out,
                     struct error *err)
{
    struct strbuf first = { 0 }, second = { 0 };
    const char *at = text;
    bool ok = parse_part(&at, &first), qualified = ok && *at == '.';

    if (qualified) {
        at++;
        ok = parse_part(&at, &second) && *at == '\0';
    }
    if (ok) {
        out->schema = qualified ? arena_strdup(arena, first.text) : "public";
        out->name = arena_strdup(arena, qualified ? second.text : first.text);
    }
    strbuf_release(&first);
    strbuf_release(&second);
    if (!ok)
        return error_set(err, ERROR_USAGE, "'%s' is not a table: write schema.name",
                         text);
    if (strlen(out->name) <= TABLE_MAX)
        return true;
    return error_set(err, ERROR_USAGE,
                     "table name '%s' is longer than %d bytes; side tables append to it",
                     out->name, TABLE_MAX);
}

static bool
set_choice(struct composing *c, const struct setting_spec *spec,
           const struct given *given, void *field)
{
    int index = choice_index(spec->value, given->text);

    if (index < 0) {
        error_set(c->err, ERROR_USAGE, "%s: '%s' is none of %s", given->where,
                  given->text, spec->value);
        return false;
    }
    if (strcmp(spec->name, "orphans") == 0 || strcmp(spec->name, "out_of_order") == 0)
        *(bool *)field = index == 1;
    else
        *(int *)field = index;
    return true;
}

static bool
set_duration(struct composing *c, const struct given *given, void *field)
{
    if (words_duration(given->text, field))
        return true;
    error_set(c->err, ERROR_USAGE, "%s: '%s' is no duration", given->where, given->text);
    return error_hint(c->err, "Write 500ms, 30s, 5m or 2h; 0 is none.");
}

static bool
set_field(struct composing *c, const struct setting_spec *spec, const struct given *given)
{
    void *field = (char *)c->out + spec->offset;

    switch (spec->kind) {
    case SETTING_TEXT: *(const char **)field = given->text; return true;
    case SETTING_PATH:
        if (given->text[0] == '\0')
            return fail(c, given, "is empty");
        *(const char **)field =
            field == &c->out->settings.hooks && strcmp(given->text, "none") == 0
                ? given->text
                : fs_join(c->arena, given->base, given->text);
        return true;
    case SETTING_RAMP:
        if (strcmp(given->text, "ramp") == 0) {
            *(int64_t *)field = -1;
            return true;
        }
        return set_duration(c, given, field);
    case SETTING_DURATION: return set_duration(c, given, field);
    case SETTING_SIZE:
        if (words_size(given->text, field))
            return true;
        error_set(c->err, ERROR_USAGE, "%s: '%s' is no size", given->where, given->text);
        return error_hint(c->err, "Write 64MiB or 2GiB; 0 is no cap.");
    case SETTING_CHOICE: return set_choice(c, spec, given, field);
    case SETTING_BOOL:
        return parse_bool(given->text, field) || fail(c, given, "must be true or false");
    case SETTING_NAME: return setting_name(given->text, given->where, field, c->err);
    case SETTING_ENVIRONMENTS:
        return setting_environments(given->text, given->where, c->arena,
                                    &c->out->settings, c->err);
    case SETTING_EXCLUDE:
        return setting_excluded(given->text, given->where, c->arena, &c->out->settings,
                                c->err);
    case SETTING_TABLE:
        return settings_parse_table(given->text, c->arena, field, c->err) ||
               error_within(c->err, "%s", given->where);
    }
    return false;
}

static const struct file_setting *
file_value(const struct composing *c, const char *name)
{
    for (size_t i = 0; i < c->file.count; i++) {
        if (strcmp(c->file.list[i].name, name) == 0)
            return &c->file.list[i];
    }
    return NULL;
}

/* LUAMIG_LOCK_WAIT of lock_wait. */
static const char *
variable_name(struct composing *c, const struct setting_spec *spec)
{
    char *name = arena_printf(c->arena, "LUAMIG_%s", spec->name);

    for (char *p = name; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    }
    return name;
}

static const char *
in_environment(const struct composing *c, const char *name, bool *dotenv)
{
    const char *text = getenv(name);

    *dotenv = text == NULL;
    return text != NULL ? text : dotenv_value(&c->dotenv, name);
}

/* DATABASE_URL stands for LUAMIG_DATABASE, behind it in each place. */
static bool
look_in_environment(struct composing *c, const struct setting_spec *spec,
                    struct given *given)
{
    const char *names[] = { variable_name(c, spec), NULL };
    bool dotenv;

    if (strcmp(spec->name, "database") == 0)
        names[1] = "DATABASE_URL";
    for (int place = 0; place < 2; place++) {
        for (size_t i = 0; i < 2 && names[i] != NULL; i++) {
            const char *text = in_environment(c, names[i], &dotenv);

            if (text == NULL || dotenv != (place == 1))
                continue;
            *given =
                (struct given){ .text = text,
                                .where = dotenv ? arena_printf(c->arena, "%s in .env",
                                                               names[i])
                                                : names[i],
                                .base = "" };
            return true;
        }
    }
    return false;
}

static bool
find_flag(struct composing *c, const struct setting_spec *spec, struct given *given)
{
    bool list = spec->kind == SETTING_ENVIRONMENTS || spec->kind == SETTING_EXCLUDE;
    const char *flag = list ? options_list(c->options, spec->flag, c->arena)
                            : options_value(c->options, spec->flag);

    if (flag == NULL)
        return false;
    *given = (struct given){ .text = flag,
                             .where = arena_printf(c->arena, "--%s", spec->flag),
                             .base = "" };
    return true;
}

static bool
find_given(struct composing *c, const struct setting_spec *spec, struct given *given)
{
    const struct file_setting *setting;

    if (c->options != NULL &&
        (find_flag(c, spec, given) || look_in_environment(c, spec, given)))
        return true;
    setting = file_value(c, spec->name);
    if (setting == NULL)
        return false;
    *given = (struct given){ .text = setting->value,
                             .where = arena_printf(c->arena, "%s in %s", spec->name,
                                                   c->file_path),
                             .base = c->file_folder };
    return true;
}

static bool
compose_one(struct composing *c, const struct setting_spec *spec)
{
    struct given given = { .text = spec->standard, .where = spec->name, .base = "" };
    bool is_given = find_given(c, spec, &given);

    if (given.text == NULL)
        return true;
    if (is_given && given.text[0] == '\0' && spec->kind != SETTING_BOOL)
        return fail(c, &given, "is set but empty");
    return set_field(c, spec, &given);
}

static bool
read_dotenv(struct composing *c)
{
    struct fs_text text;

    if (!fs_exists(".env"))
        return true;
    if (!fs_read(".env", c->arena, &text, c->err))
        return false;
    if (!dotenv_parse(text.bytes, text.size, c->arena, &c->dotenv, c->err))
        return error_at(c->err, ".env", c->err->place.line, 0);
    for (size_t i = 0; i < c->dotenv.count; i++) {
        if (strncmp(c->dotenv.list[i].key, "PG", 2) == 0)
            setenv(c->dotenv.list[i].key, c->dotenv.list[i].value, 0);
    }
    return true;
}

static bool
check_names(struct composing *c)
{
    const char *known[64] = { NULL };
    size_t count = 0;

    for (const struct setting_spec *s = settings_specs; s->name != NULL; s++)
        known[count++] = s->name;
    for (size_t i = 0; i < c->file.count; i++) {
        const char *name = c->file.list[i].name, *nearest = words_nearest(name, known);

        if (nearest != NULL && strcmp(nearest, name) == 0)
            continue;
        error_set(c->err, ERROR_USAGE, "unknown setting '%s'", name);
        if (nearest != NULL)
            error_hint(c->err, "Did you mean '%s'?", nearest);
        return error_at(c->err, c->file_path, 0, 0);
    }
    return true;
}

static bool
read_file(struct composing *c)
{
    const char *config = options_value(c->options, "config"), *slash;

    c->file_path = config != NULL ? config : "luamig.lua";
    slash = strrchr(c->file_path, '/');
    c->file_folder = slash != NULL ? arena_strndup(c->arena, c->file_path,
                                                   (size_t)(slash - c->file_path) + 1)
                                   : "";
    if (config == NULL && !fs_exists(c->file_path))
        return true;
    return settings_file_read(c->file_path, c->arena, &c->file, c->err) && check_names(c);
}

/* hooks.lua in the migrations folder, if it is there; "none" switches it off. */
static void
settle_hooks(struct composing *c)
{
    struct settings *settings = &c->out->settings;
    const char *path = fs_join(c->arena, settings->dir, "hooks.lua");

    if (settings->hooks == NULL && fs_exists(path))
        settings->hooks = path;
    else if (settings->hooks != NULL && strcmp(settings->hooks, "none") == 0)
        settings->hooks = NULL;
}

/* What was read, and the defaults. */
static bool
compose(struct composing *c)
{
    struct composed *out = c->out;

    for (const struct setting_spec *spec = settings_specs; spec->name != NULL; spec++) {
        if (!compose_one(c, spec))
            return false;
    }
    if (out->settings.lib == NULL)
        out->settings.lib = fs_join(c->arena, out->settings.dir, "lib");
    settle_hooks(c);
    if (out->settings.lease < SHORTEST_LEASE)
        return error_set(c->err, ERROR_USAGE, "lease must be %dms or more",
                         SHORTEST_LEASE);
    return vars_compose(c->options, &c->file, c->arena, &out->settings, c->err);
}

bool
settings_compose(const struct options *options, struct arena *arena, struct composed *out,
                 struct error *err)
{
    struct composing c = { .options = options, .arena = arena, .out = out, .err = err };

    *out = (struct composed){ 0 };
    if (!read_dotenv(&c) || !read_file(&c) || !compose(&c))
        return false;
    out->database_on_command_line = options_value(options, "database") != NULL;
    return true;
}

bool
settings_of_table(const struct settings_file *table, const char *where,
                  struct arena *arena, struct composed *out, struct error *err)
{
    struct composing c = {
        .arena = arena,
        .out = out,
        .err = err,
        .file = *table,
        .file_path = where,
        .file_folder = "",
    };

    *out = (struct composed){ 0 };
    return compose(&c);
}

bool
settings_need_database(const struct settings *settings, struct error *err)
{
    const char *service = getenv("PGSERVICE"), *database = getenv("PGDATABASE");

    if (settings->database != NULL)
        return conninfo_check(settings->database, err);
    if ((service != NULL && service[0] != '\0') ||
        (database != NULL && database[0] != '\0'))
        return true;
    error_set(err, ERROR_USAGE, "no database is chosen");
    return error_hint(err, "Set DATABASE_URL=postgres://USER@HOST/DATABASE, or use "
                           "--database.");
}
