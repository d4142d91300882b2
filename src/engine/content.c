#include "engine/content.h"

#include <stdlib.h>
#include <string.h>

#include "plan/goose_kept.h"
#include "plan/sqlplace.h"
#include "plan/sqlscan.h"
#include "script/compile.h"

/* The source line of an error that knows only its number. */
static void
add_line(struct error_place *place, const struct fs_text *text)
{
    const char *at = text->bytes, *end = text->bytes + text->size;

    if (place->line == 0 || place->text[0] != '\0')
        return;
    for (size_t line = 1; line < place->line && at < end; line++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));

        at = next != NULL ? next + 1 : end;
    }
    place->skipped =
        sqlscan_line_text(text->bytes, text->size, (size_t)(at - text->bytes),
                          place->text, sizeof(place->text));
}

/* An error of a pure module knows the line; the file is known here. */
static bool
in_file(struct error *err, const char *path, const struct fs_text *text)
{
    if (text != NULL)
        add_line(&err->place, text);
    error_text(err->place.file, sizeof(err->place.file), path);
    err->kind = ERROR_PLAN;
    return false;
}

static const char *
lookup(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

/* How goose's annotations in a migration's file are to be read. */
static struct goose_input
marks_of(const struct migration_file *file, bool down)
{
    return (struct goose_input){ .file = file->goose ? GOOSE_BOTH
                                         : down      ? GOOSE_DOWN
                                                     : GOOSE_UP,
                                 .down = down };
}

/* What of an SQL file is meant: all of it, or of goose's files a section. */
static bool
take_section(struct goose_input in, struct arena *arena, struct fs_text *text,
             struct goose *goose, struct error *err)
{
    in.text = text->bytes;
    in.size = text->size;
    in.env = (struct envsub){ .lookup = lookup };
    if (!goose_read(&in, arena, goose, err))
        return false;
    if (goose->annotated)
        *text = (struct fs_text){ .bytes = arena_strndup(arena, goose->text, goose->size),
                                  .size = goose->size };
    return true;
}

/* Its bytes are checked too: the history keeps it as text, that it can stand alone. */
static bool
read_undo(const struct migration *migration, struct arena *arena, struct content *out,
          struct error *err)
{
    const struct migration_file *down = &migration->down;
    struct goose goose = { 0 };
    struct fs_text whole;

    if (down->kind == FILE_NONE)
        return true;
    if (!fs_read(down->path, arena, &out->undo, err))
        return in_file(err, down->path, NULL);
    whole = out->undo;
    if (!sqlfile_check_bytes(whole.bytes, whole.size, err) ||
        (down->kind == FILE_SQL &&
         !take_section(marks_of(down, true), arena, &out->undo, &goose, err)))
        return in_file(err, down->path, &whole);
    if (goose.annotated)
        out->undo.bytes = arena_strdup(arena, goose_kept(&goose, arena));
    out->undo.size = strlen(out->undo.bytes);
    return true;
}

static bool
parse_body(struct arena *arena, const struct goose *goose, struct content *out,
           struct error *err)
{
    const struct fs_text *script = &out->script;

    if (out->kind == FILE_LUA)
        return sqlfile_check_bytes(script->bytes, script->size, err) &&
               script_compile(out->path, script->bytes, script->size, err);
    if (goose->no_transaction)
        out->directives.no_transaction = true;
    if (!sqlfile_read(script->bytes, script->size, out->directives.no_transaction, arena,
                      &out->sql, err))
        return false;
    sqlfile_group(&out->sql, goose->blocks, goose->block_count);
    return true;
}

static bool
parse(struct arena *arena, const struct goose *goose, struct content *out,
      struct error *err)
{
    const struct fs_text *script = &out->script;

    return (directives_read(script->bytes, script->size, arena, &out->directives, err) &&
            parse_body(arena, goose, out, err)) ||
           in_file(err, out->path, script);
}

/*
 * What runs beside deploys must not be one long transaction: their CREATE INDEX
 * CONCURRENTLY would wait for its end.
 */
static bool
check_background(const struct content *out, struct error *err)
{
    const struct migration *migration = out->migration;
    const char *reason = NULL;

    if (!out->directives.background || out->unrecorded)
        return true;
    if (migration->repeatable)
        reason = "is not for repeatables";
    else if (out->down && !migration->down.goose)
        reason = "is for ups only";
    else if (!out->down && !content_keeps(out))
        reason = "needs 'no-transaction'";
    if (reason == NULL)
        return true;
    error_set(err, ERROR_PLAN, "directive 'background' %s", reason);
    if (!content_keeps(out))
        error_hint(err, "A long transaction would hold up deploys: write `-- luamig: "
                        "no-transaction background`, or leave `background` out.");
    error_at(err, "", out->directives.background_line, 0);
    return in_file(err, out->path, &out->script);
}

static bool
ends_in(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);

    return len > n && strcmp(path + len - n, ending) == 0;
}

/* The same for a file of no version: by its name, or by what is in it. */
static struct goose_input
marks_found(const char *path, const struct fs_text *text, bool down)
{
    struct goose_input in = { .file = GOOSE_UP, .down = down };

    if (ends_in(path, ".down.sql"))
        in.file = GOOSE_DOWN;
    else if (!ends_in(path, ".up.sql") &&
             (goose_has_section(text->bytes, text->size, false) ||
              goose_has_section(text->bytes, text->size, true)))
        in.file = GOOSE_BOTH;
    return in;
}

/* The checksum is the whole file's. */
static bool
read_script(const struct migration_file *file, bool down, struct arena *arena,
            struct content *out, struct error *err)
{
    struct goose_input marks = marks_of(file, down);
    struct goose goose = { 0 };
    struct fs_text whole;

    out->path = file->path;
    out->kind = file->kind;
    if (!fs_read(file->path, arena, &out->script, err))
        return in_file(err, file->path, NULL);
    whole = out->script;
    digest_sha256(whole.bytes, whole.size, out->checksum);
    if (out->unrecorded)
        marks = marks_found(file->path, &whole, down);
    if (file->kind == FILE_SQL && !take_section(marks, arena, &out->script, &goose, err))
        return in_file(err, file->path, &whole);
    return parse(arena, &goose, out, err);
}

bool
content_read(const struct migration *migration, struct arena *arena, struct content *out,
             struct error *err)
{
    *out = (struct content){ .migration = migration };
    return read_script(&migration->up, false, arena, out, err) &&
           check_background(out, err) && read_undo(migration, arena, out, err);
}

bool
content_read_down(const struct migration *migration, struct arena *arena,
                  struct content *out, struct error *err)
{
    *out = (struct content){ .migration = migration, .down = true };
    return read_script(&migration->down, true, arena, out, err) &&
           check_background(out, err);
}

bool
content_read_file(const char *path, bool down, struct arena *arena, struct content *out,
                  struct error *err)
{
    struct migration *migration = arena_alloc(arena, sizeof(*migration));

    if (!ends_in(path, ".sql") && !ends_in(path, ".lua"))
        return error_set(err, ERROR_USAGE, "'%s' ends neither in .sql nor in .lua", path);
    migration->version_text = "";
    migration->name = path;
    migration->up.path = path;
    migration->up.kind = ends_in(path, ".lua") ? FILE_LUA : FILE_SQL;
    *out = (struct content){ .migration = migration, .unrecorded = true };
    return read_script(&migration->up, down, arena, out, err);
}

/* What goose_kept() made of a goose file's Down is read back. */
bool
content_take_down(const struct migration *migration, enum file_kind kind,
                  const char *text, struct arena *arena, struct content *out,
                  struct error *err)
{
    struct goose_input marks = { .file = GOOSE_DOWN };
    struct goose goose = { 0 };
    struct fs_text whole;

    *out = (struct content){ .migration = migration, .down = true, .kind = kind };
    out->path =
        arena_printf(arena, "the history's down of %s", source_label(migration, arena));
    out->script.size = strlen(text);
    out->script.bytes = arena_strndup(arena, text, out->script.size);
    digest_sha256(text, out->script.size, out->checksum);
    whole = out->script;
    if (kind == FILE_SQL && !take_section(marks, arena, &out->script, &goose, err))
        return in_file(err, out->path, &whole);
    return parse(arena, &goose, out, err);
}

bool
content_says_background(const struct migration *migration)
{
    struct arena arena = { 0 };
    struct fs_text text;
    struct goose goose = { 0 };
    struct directives directives = { 0 };
    struct error ignored = { 0 };
    bool says = fs_read(migration->up.path, &arena, &text, &ignored) &&
                (migration->up.kind != FILE_SQL ||
                 take_section(marks_of(&migration->up, false), &arena, &text, &goose,
                              &ignored)) &&
                directives_read(text.bytes, text.size, &arena, &directives, &ignored) &&
                directives.background;

    arena_release(&arena);
    return says;
}

bool
content_has_row(const struct content *content)
{
    return content_has_steps(content) && !content->partial;
}

bool
content_has_steps(const struct content *content)
{
    return !content->unrecorded && !content->migration->repeatable;
}

bool
content_has_history(const struct content *content)
{
    return !content->unrecorded;
}

bool
content_keeps(const struct content *content)
{
    return content->kind == FILE_LUA ? content->directives.no_transaction
                                     : content->sql.mode == SQL_MODE_STATEMENTS;
}

const char *
content_mode(const struct content *content)
{
    if (content->kind == FILE_LUA)
        return "script";
    return content->sql.mode == SQL_MODE_STATEMENTS ? "statements" : "transaction";
}

bool
content_is_empty(const struct content *content)
{
    return content->kind == FILE_SQL && content->sql.count == 0;
}

bool
content_has_drifted(const struct migration *migration, const char *checksum,
                    bool *drifted, struct error *err)
{
    struct arena arena = { 0 };
    struct fs_text text;
    bool ok = fs_read(migration->up.path, &arena, &text, err);

    *drifted = ok && !digest_matches(text.bytes, text.size, checksum);
    arena_release(&arena);
    return ok || in_file(err, migration->up.path, NULL);
}

void
content_place(const struct content *content, size_t statement, bool bytes,
              struct error *err)
{
    struct error_place *place = &err->place;
    struct sqlplace in = { .text = content->script.bytes,
                           .size = content->script.size,
                           .position = err->position,
                           .body_line = err->body_line,
                           .bytes = bytes };

    if (place->file[0] != '\0') /* a hook's */
        return;
    error_text(place->file, sizeof(place->file), content->path);
    if (statement == 0 || statement > content->sql.count)
        return;
    in.offset = content->sql.statements[statement - 1].offset;
    in.length = content->sql.statements[statement - 1].length;
    sqlplace_find(&in, place);
    place->statement = statement;
    place->statements = content->sql.count;
}

void
content_place_script(const struct content *content, struct error *err)
{
    if (err->place.file[0] == '\0')
        error_text(err->place.file, sizeof(err->place.file), content->path);
    if (strcmp(err->place.file, content->path) == 0)
        add_line(&err->place, &content->script);
}
