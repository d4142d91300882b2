#include "engine/content.h"

#include <string.h>

#include "plan/sqlscan.h"
#include "script/compile.h"

/* An error of a pure module knows the line; the file is known here. */
static bool
in_file(struct error *err, const char *path, const struct fs_text *text)
{
    if (text != NULL && err->place.line > 0 && err->place.text[0] == '\0') {
        const char *at = text->bytes, *end = text->bytes + text->size;

        for (size_t line = 1; line < err->place.line && at < end; line++) {
            const char *next = memchr(at, '\n', (size_t)(end - at));

            at = next != NULL ? next + 1 : end;
        }
        err->place.skipped =
            sqlscan_line_text(text->bytes, text->size, (size_t)(at - text->bytes),
                              err->place.text, sizeof(err->place.text));
    }
    error_text(err->place.file, sizeof(err->place.file), path);
    err->kind = ERROR_PLAN;
    return false;
}

/* Its bytes are checked too: the history keeps it as text. */
static bool
read_undo(const struct migration *migration, struct arena *arena, struct content *out,
          struct error *err)
{
    const char *path = migration->down.path;

    if (migration->down.kind == FILE_NONE)
        return true;
    if (!fs_read(path, arena, &out->undo, err))
        return in_file(err, path, NULL);
    return sqlfile_check_bytes(out->undo.bytes, out->undo.size, err) ||
           in_file(err, path, &out->undo);
}

static bool
parse_body(struct arena *arena, struct content *out, struct error *err)
{
    const struct fs_text *script = &out->script;

    if (out->kind == FILE_LUA)
        return sqlfile_check_bytes(script->bytes, script->size, err) &&
               script_compile(out->path, script->bytes, script->size, err);
    return sqlfile_read(script->bytes, script->size, out->directives.no_transaction,
                        arena, &out->sql, err);
}

static bool
parse(struct arena *arena, struct content *out, struct error *err)
{
    const struct fs_text *script = &out->script;

    digest_sha256(script->bytes, script->size, out->checksum);
    return (directives_read(script->bytes, script->size, arena, &out->directives, err) &&
            parse_body(arena, out, err)) ||
           in_file(err, out->path, script);
}

static bool
read_script(const struct migration_file *file, struct arena *arena, struct content *out,
            struct error *err)
{
    out->path = file->path;
    out->kind = file->kind;
    if (!fs_read(file->path, arena, &out->script, err))
        return in_file(err, file->path, NULL);
    return parse(arena, out, err);
}

bool
content_read(const struct migration *migration, struct arena *arena, struct content *out,
             struct error *err)
{
    *out = (struct content){ .migration = migration };
    return read_script(&migration->up, arena, out, err) &&
           read_undo(migration, arena, out, err);
}

bool
content_read_down(const struct migration *migration, struct arena *arena,
                  struct content *out, struct error *err)
{
    *out = (struct content){ .migration = migration, .down = true };
    return read_script(&migration->down, arena, out, err);
}

bool
content_take_down(const struct migration *migration, enum file_kind kind,
                  const char *text, struct arena *arena, struct content *out,
                  struct error *err)
{
    *out = (struct content){ .migration = migration, .down = true, .kind = kind };
    out->path = arena_printf(arena, "the history's down of %s_%s",
                             migration->version_text, migration->name);
    out->script.size = strlen(text);
    out->script.bytes = arena_strndup(arena, text, out->script.size);
    return parse(arena, out, err);
}

bool
content_is_supported(const struct content *content, struct error *err)
{
    const char *what = content->kind == FILE_LUA ? "Lua migrations" : NULL;

    if (content->directives.background)
        what = "background runs";
    if (what == NULL)
        return true;
    error_set(err, ERROR_PLAN, "%s are not supported by this version of luamig", what);
    return error_at(err, content->path, 0, 0);
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

/* The byte that is the nth character (1-based) from start. */
static size_t
nth_character(const char *text, size_t start, size_t end, size_t n)
{
    size_t at = start;

    while (n > 1 && at < end) {
        at++;
        while (at < end && ((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

/* Where line n of the body behind the first dollar or quote begins. */
static size_t
nth_body_line(const char *text, size_t start, size_t end, size_t n)
{
    const char *body = memchr(text + start, '$', end - start);
    size_t at = body != NULL ? (size_t)(body - text) : start;

    for (; n > 1 && at < end; n--) {
        const char *next = memchr(text + at, '\n', end - at);

        if (next == NULL)
            break;
        at = (size_t)(next - text) + 1;
    }
    while (at < end && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at;
}

void
content_place(const struct content *content, size_t statement, bool bytes,
              struct error *err)
{
    struct error_place *place = &err->place;
    const char *text = content->script.bytes;
    const struct sql_statement *s;
    size_t at, end, column;

    error_text(place->file, sizeof(place->file), content->path);
    if (statement == 0 || statement > content->sql.count)
        return;
    s = &content->sql.statements[statement - 1];
    at = s->offset;
    end = s->offset + s->length;
    if (err->position > 0)
        at = bytes ? at + err->position - 1 : nth_character(text, at, end, err->position);
    else if (err->body_line > 0)
        at = nth_body_line(text, at, end, err->body_line);
    at = at < content->script.size ? at : content->script.size;
    sqlscan_line(text, content->script.size, at, &place->line, &column);
    place->skipped = sqlscan_line_text(text, content->script.size, at, place->text,
                                       sizeof(place->text));
    place->column = err->position > 0 ? column : 0;
    place->statement = statement;
    place->statements = content->sql.count;
}
