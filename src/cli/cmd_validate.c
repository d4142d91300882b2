#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json_value.h"
#include "cli/output.h"
#include "engine/content.h"
#include "plan/filename.h"
#include "script/hooks_file.h"

/* The state of one `validate`: what is wrong, and the document for --json. */
struct validation {
    struct invocation *inv;
    struct json_object *files;
    size_t files_seen, errors;
};

static void
complain(struct validation *v, const struct error *err)
{
    complaint_error(stderr, err, output_colour(v->inv->color, stderr));
    v->errors++;
}

static void
complain_problems(struct validation *v, struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        struct problem *problem = &problems->list[i];

        if (problem->kind == PROBLEM_DOWN_WITHOUT_UP || v->inv->settings->strict)
            problem->level = PROBLEM_ERROR;
        complaint_problem(stderr, problem, output_colour(v->inv->color, stderr));
        v->errors += problem->level == PROBLEM_ERROR;
    }
}

static struct json_object *
file_document(const struct content *content, const char *path)
{
    struct json_object *document = json_object_new_object(),
                       *statements = json_object_new_array();
    const struct sql_file *sql = &content->sql;

    for (size_t i = 0; i < sql->count; i++) {
        const struct sql_statement *s = &sql->statements[i];
        struct json_object *statement = json_object_new_object();

        json_object_object_add(statement, "line",
                               json_object_new_int64((int64_t)s->line));
        json_object_object_add(statement, "text",
                               json_text_sized(sql->text + s->offset, s->length));
        json_object_array_add(statements, statement);
    }
    json_object_object_add(document, "file", json_text(path));
    json_object_object_add(document, "mode", json_text(content_mode(content)));
    json_object_object_add(document, "statements", statements);
    return document;
}

static void
print_file(const struct validation *v, const struct content *content, const char *path)
{
    if (v->inv->json || !v->inv->verbose)
        return;
    complaint_text(stdout, path);
    printf("  %s, %zu statement%s%s\n", content_mode(content), content->sql.count,
           content->sql.count == 1 ? "" : "s",
           content_is_empty(content) ? " (empty)" : "");
    if (content->sql.notice != NULL)
        printf("  %s\n", content->sql.notice);
    for (size_t i = 0; i < content->sql.notice_count; i++)
        printf("  %s\n", content->sql.notices[i]);
}

static bool
is_repeatable(const struct validation *v, const struct migration_file *file)
{
    const char *slash = strrchr(file->path, '/');
    struct filename name;

    filename_parse(slash != NULL ? slash + 1 : file->path, v->inv->arena, &name);
    return name.class == FILENAME_REPEATABLE;
}

/* One file, up or down, as if it were an up file: the same rules hold. */
static void
validate_file(struct validation *v, const struct migration_file *file, bool down)
{
    struct migration alone = { .version_text = "", .name = "", .up = *file };
    bool second = file->goose && down; /* of a file that was counted */
    struct arena arena = { 0 };
    struct content content;
    struct error err = { 0 };

    if (file->kind == FILE_NONE)
        return;
    v->files_seen += !second;
    alone.repeatable = is_repeatable(v, file);
    alone.down = down ? *file : (struct migration_file){ 0 };
    if (down ? content_read_down(&alone, &arena, &content, &err)
             : content_read(&alone, &arena, &content, &err)) {
        print_file(v, &content, file->path);
        json_object_array_add(v->files, file_document(&content, file->path));
    } else {
        complain(v, &err);
    }
    arena_release(&arena);
}

static void
drop_log(void *ctx, enum host_log level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* It is run, too: only then its events are known. */
static void
validate_hooks(struct validation *v)
{
    const struct settings *settings = v->inv->settings;
    const struct host host = { .log = drop_log };
    struct hooks_file file = { 0 };
    struct error err = { 0 };

    if (settings->hooks == NULL)
        return;
    v->files_seen++;
    stop_limit(v->inv->stop, LIMIT_RUN, settings->timeout);
    if (!hooks_file_open(&file, settings->hooks, settings, &host, v->inv->stop, &err))
        complain(v, &err);
    stop_limit(v->inv->stop, LIMIT_RUN, 0);
    hooks_file_close(&file);
}

static bool
validate_folder(struct validation *v, struct error *err)
{
    struct problems problems = { 0 };
    struct source source;

    if (!source_open(v->inv->settings, v->inv->arena, &source, &problems, err))
        return false;
    complain_problems(v, &problems);
    for (size_t i = 0; i < source.count; i++) {
        validate_file(v, &source.migrations[i].up, false);
        validate_file(v, &source.migrations[i].down, true);
    }
    for (size_t i = 0; i < source.repeatable_count; i++)
        validate_file(v, &source.repeatables[i].up, false);
    validate_hooks(v);
    return true;
}

static void
validate_named(struct validation *v, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct migration_file file = { .path = path, .kind = FILE_SQL };
    struct filename name;
    struct error err = { 0 };

    filename_parse(slash != NULL ? slash + 1 : path, v->inv->arena, &name);
    if (name.class == FILENAME_MIGRATION || name.class == FILENAME_REPEATABLE) {
        file.kind = name.kind;
    } else if (name.class == FILENAME_MISNAMED) {
        error_set(&err, ERROR_PLAN, "'%s' is no migration: %s", path, name.reason);
        complain(v, &err);
    }
    file.goose = name.class == FILENAME_BARE;
    validate_file(v, &file, name.down);
    if (file.goose)
        validate_file(v, &file, true);
}

static int
finish(struct validation *v)
{
    if (v->inv->json) {
        struct json_object *document = json_object_new_object();

        json_object_object_add(document, "files", json_object_get(v->files));
        json_print(stdout, document);
    } else if (v->errors == 0) {
        printf("%zu file%s, no error\n", v->files_seen, v->files_seen == 1 ? "" : "s");
    } else {
        printf("%zu error%s in %zu files\n", v->errors, v->errors == 1 ? "" : "s",
               v->files_seen);
    }
    json_object_put(v->files);
    return invocation_end(v->inv, v->errors > 0 ? EXIT_REFUSED : EXIT_DONE);
}

static int
exec(struct invocation *inv)
{
    struct validation v = { .inv = inv, .files = json_object_new_array() };
    struct error err = { 0 };

    for (size_t i = 0; i < inv->argument_count; i++)
        validate_named(&v, inv->arguments[i]);
    if (inv->argument_count == 0 && !validate_folder(&v, &err)) {
        json_object_put(v.files);
        return invocation_fail(inv, &err);
    }
    return finish(&v);
}

const struct command cmd_validate = {
    .name = "validate",
    .args = "[-v] [FILE...]",
    .summary = "check the files without a database",
    .help =
        "Names, bytes, directives, statements, hooks.lua. -v: each file's mode. --json lists every\n"
        "statement with its line and text. The grammar is the server's: `up` asks it\n"
        "before the first migration runs.",
    .arguments = -1,
    .has_json = true,
    .exec = exec,
};
