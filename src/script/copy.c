#include "script/copy.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "pg/copy.h"
#include "script/bulk.h"
#include "script/db.h"
#include "script/files.h"
#include "script/raise.h"
#include "script/value.h"
#include "script/vm.h"

#define READER_TYPE "luamig.copy"
#define FILE_TYPE   "luamig.csv"
#define CHUNK       ((size_t)1 << 20)
#define PIECE       ((size_t)64 << 10)

/* $1 the table, $2 its columns or NULL for all that can be written, $3 the NULL of csv. */
static const char target_sql[] =
    "SELECT t.oid::pg_catalog.regclass::pg_catalog.text,"
    " pg_catalog.string_agg(pg_catalog.quote_ident(c.name), ', ' ORDER BY c.n),"
    " count(*), pg_catalog.quote_literal($3::pg_catalog.text)"
    " FROM (SELECT $1::pg_catalog.regclass) t (oid),"
    " LATERAL pg_catalog.unnest(COALESCE($2::pg_catalog.text[],"
    " ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " AND a.attgenerated = '' ORDER BY a.attnum))) WITH ORDINALITY c (name, n)"
    " GROUP BY 1, 4";

/* Pushes the COPY command for the options at index 2; returns the number of columns. */
static int
push_command(lua_State *L, struct db *db)
{
    int first = lua_gettop(L) + 1, columns;
    PGresult **res;
    bool csv;

    bulk_push_table_name(L);
    if (lua_getfield(L, 2, "columns") == LUA_TTABLE)
        value_set_array(L, lua_gettop(L));
    lua_getfield(L, 2, "null");
    res = bulk_query(L, db, target_sql, first);
    if (PQntuples(*res) != 1)
        luaL_error(L, "db:copy_in: there is no column to write");
    columns = atoi(PQgetvalue(*res, 0, 2));
    csv = lua_getfield(L, 2, "csv") != LUA_TNIL;
    lua_getfield(L, 2, "header");
    lua_pushfstring(L, "COPY %s (%s) FROM STDIN%s%s%s%s%s", PQgetvalue(*res, 0, 0),
                    PQgetvalue(*res, 0, 1), csv ? " WITH (FORMAT csv" : "",
                    csv && lua_toboolean(L, -1) ? ", HEADER" : "",
                    csv && !PQgetisnull(*res, 0, 3) ? ", NULL " : "",
                    csv && !PQgetisnull(*res, 0, 3) ? PQgetvalue(*res, 0, 3) : "",
                    csv ? ")" : "");
    lua_replace(L, first);
    db_drop_result(res);
    lua_settop(L, first);
    return columns;
}

/* COPY's text format: what would end a value or a line is escaped. */
static void
add_escaped(struct strbuf *out, const char *text)
{
    static const char special[] = "\\\n\r\t";
    static const char letters[] = "\\nrt";

    for (; *text != '\0'; text++) {
        size_t plain = strcspn(text, special);

        strbuf_add(out, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        strbuf_putc(out, '\\');
        strbuf_putc(out, letters[strchr(special, *text) - special]);
    }
}

/* The row on top, number n. */
static void
add_row(lua_State *L, struct strbuf *out, int columns, lua_Integer n)
{
    int row = lua_gettop(L);

    for (int i = 1; i <= columns; i++) {
        const char *text, *why;

        lua_geti(L, row, i);
        text = value_text(L, row + 1, &why);
        if (why != NULL)
            luaL_error(L, "db:copy_in: row %I, value %d %s", (LUAI_UACINT)n, i, why);
        if (i > 1)
            strbuf_putc(out, '\t');
        if (text == NULL)
            strbuf_puts(out, "\\N");
        else
            add_escaped(out, text);
        lua_settop(L, row);
    }
    if (lua_geti(L, row, columns + 1) != LUA_TNIL)
        luaL_error(L, "db:copy_in: row %I has more than %d values", (LUAI_UACINT)n,
                   columns);
    strbuf_putc(out, '\n');
    lua_settop(L, row);
}

/* One COPY of what was gathered. */
static bool
send_chunk(struct db *db, const char *sql, const struct strbuf *data, int64_t *total,
           struct error *err)
{
    struct copy copy;
    int64_t rows = 0;
    bool ok = copy_begin(&copy, db->host->work, sql, err);

    for (size_t at = 0; ok && at < data->len; at += PIECE) {
        size_t left = data->len - at;

        ok = copy_put(&copy, data->text + at, left < PIECE ? left : PIECE, err);
    }
    ok = ok && copy_end(&copy, NULL, &rows, err);
    *total += rows;
    return ok;
}

static void
flush_chunk(lua_State *L, struct db *db, const char *sql, struct strbuf *data,
            int64_t *total)
{
    struct error err = { 0 };
    bool ok;

    if (data->len == 0)
        return;
    stop_signals_shut();
    ok = send_chunk(db, sql, data, total, &err);
    if (!ok)
        execute_failed(db, &err);
    stop_signals_open();
    if (!ok)
        raise_error(L, &err);
    strbuf_reset(data);
}

static int64_t
copy_rows(lua_State *L, struct db *db, int columns)
{
    const char *sql = lua_tostring(L, -1);
    struct strbuf *data = bulk_push_buffers(L, 1);
    lua_Integer n = 0;
    int64_t total = 0;
    int rows;

    lua_getfield(L, 2, "rows");
    rows = lua_gettop(L);
    if (!lua_istable(L, rows) && !lua_isfunction(L, rows))
        luaL_error(L, "db:copy_in: give rows, an array or an iterator, or csv, a path");
    while (bulk_next(L, rows, &n, "copy_in")) {
        add_row(L, data, columns, n);
        lua_settop(L, rows);
        if (data->len >= CHUNK) {
            db_check(L);
            flush_chunk(L, db, sql, data, &total);
        }
    }
    db_check(L);
    flush_chunk(L, db, sql, data, &total);
    bulk_drop_buffers(data, 1);
    return total;
}

static int
file_gc(lua_State *L)
{
    FILE **file = luaL_checkudata(L, 1, FILE_TYPE);

    if (*file != NULL)
        fclose(*file);
    *file = NULL;
    return 0;
}

static bool
send_file(struct db *db, const char *sql, FILE *file, int64_t *rows, struct error *err)
{
    char piece[8192];
    struct copy copy;
    bool ok = copy_begin(&copy, db->host->work, sql, err);

    while (ok && !feof(file) && !ferror(file))
        ok = copy_put(&copy, piece, fread(piece, 1, sizeof(piece), file), err);
    return ok &&
           copy_end(&copy, ferror(file) ? "the file cannot be read on" : NULL, rows, err);
}

static int64_t
copy_csv(lua_State *L, struct db *db)
{
    const char *sql = lua_tostring(L, -1), *name;
    FILE **file = lua_newuserdatauv(L, sizeof(FILE *), 0);
    char path[PATH_MAX];
    struct error err = { 0 };
    int64_t rows = 0;
    bool ok;

    *file = NULL;
    luaL_setmetatable(L, FILE_TYPE);
    lua_getfield(L, 2, "csv");
    name = luaL_checkstring(L, -1);
    files_resolve(L, db->folder, name, path);
    *file = fopen(path, "rbe");
    if (*file == NULL)
        luaL_error(L, "cannot read '%s': %s", name, strerror(errno));
    stop_signals_shut();
    ok = send_file(db, sql, *file, &rows, &err);
    if (!ok)
        execute_failed(db, &err);
    stop_signals_open();
    if (!ok)
        raise_error(L, &err);
    fclose(*file);
    *file = NULL;
    return rows;
}

int
copy_in(lua_State *L)
{
    struct db *db = bulk_check(L, "copy_in");
    int columns = push_command(L, db);
    bool csv = lua_getfield(L, 2, "csv") != LUA_TNIL;

    lua_pop(L, 1);
    lua_pushinteger(L, csv ? copy_csv(L, db) : copy_rows(L, db, columns));
    return 1;
}

/* The userdata; its user value is the db. */
struct reader {
    struct db *db;
    struct copy copy;
    bool open;
    char *row; /* libpq's, while it is taken apart */
};

/*
 * A COPY that is left early is cancelled, which kills what came since its savepoint, and
 * nothing else.
 */
static void
close_reader(struct reader *r, bool early)
{
    struct error ignored = { 0 };

    PQfreemem(r->row);
    r->row = NULL;
    if (!r->open)
        return;
    r->open = false;
    r->db->copying = NULL;
    if (r->db->host == NULL || r->db->failed)
        return;
    if (early) {
        stop_signals_shut();
        copy_abandon(&r->copy);
        stop_signals_open();
        execute_own(r->db, "ROLLBACK TO SAVEPOINT luamig_copy", &ignored);
    }
    execute_own(r->db, "RELEASE SAVEPOINT luamig_copy", &ignored);
}

static int
reader_close(lua_State *L)
{
    close_reader(luaL_checkudata(L, 1, READER_TYPE), true);
    return 0;
}

/* Pushes the value that ends at the next tab or newline; *at is then behind that. */
static void
push_value(lua_State *L, char **at, const char *end)
{
    static const char letters[] = "bfnrtv", bytes[] = "\b\f\n\r\t\v";
    char *from = *at, *to = *at, *start = *at;
    const char *letter;

    if (end - from >= 2 && from[0] == '\\' && from[1] == 'N') {
        *at += 3;
        value_push_null(L);
        return;
    }
    for (; from < end && *from != '\t' && *from != '\n'; from++) {
        if (*from != '\\' || from + 1 == end) {
            *to++ = *from;
            continue;
        }
        letter = strchr(letters, *++from);
        *to++ = letter != NULL ? bytes[letter - letters] : *from;
    }
    *at = from + 1;
    lua_pushlstring(L, start, (size_t)(to - start));
}

static void
push_row(lua_State *L, char *row, size_t len)
{
    char *at = row;

    lua_newtable(L);
    for (lua_Integer i = 1; at < row + len; i++) {
        push_value(L, &at, row + len);
        lua_rawseti(L, -2, i);
    }
}

static int
next_row(lua_State *L)
{
    struct reader *r = luaL_checkudata(L, lua_upvalueindex(1), READER_TYPE);
    enum copy_got got;
    struct error err = { 0 };
    size_t len = 0;

    if (!r->open)
        luaL_error(L, "a db:copy_out loop is used after its end");
    stop_signals_shut();
    got = copy_get(&r->copy, &r->row, &len, &err);
    if (got == COPY_FAILED)
        execute_failed(r->db, &err);
    stop_signals_open();
    if (got == COPY_FAILED) {
        close_reader(r, false);
        raise_error(L, &err);
    }
    if (got == COPY_END) {
        close_reader(r, false);
        return 0;
    }
    push_row(L, r->row, len);
    PQfreemem(r->row);
    r->row = NULL;
    return 1;
}

static void
begin_reading(lua_State *L, struct reader *r, const char *sql)
{
    struct error err = { 0 };
    bool ok = execute_own(r->db, "SAVEPOINT luamig_copy", &err);

    if (ok) {
        stop_signals_shut();
        ok = copy_begin(&r->copy, r->db->host->work, sql, &err);
        if (!ok)
            execute_failed(r->db, &err);
        stop_signals_open();
    }
    if (!ok)
        raise_error(L, &err);
    r->open = true;
    r->db->copying = &r->copy;
}

int
copy_out(lua_State *L)
{
    struct db *db = db_check(L);
    const char *query = luaL_checkstring(L, 2);
    struct reader *r;
    int at;

    if (!db->in_transaction)
        luaL_error(L,
                   "db:copy_out needs a transaction: use it inside of db:transaction or "
                   "db:step");
    lua_pushfstring(L, "COPY (%s\n) TO STDOUT", query);
    r = lua_newuserdatauv(L, sizeof(*r), 1);
    at = lua_gettop(L);
    *r = (struct reader){ .db = db };
    luaL_setmetatable(L, READER_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, at, 1);
    begin_reading(L, r, lua_tostring(L, at - 1));
    return vm_push_loop(L, at, next_row);
}

void
copy_register(lua_State *L)
{
    static const luaL_Reg meta[] = {
        { "__close", reader_close },
        { "__gc", reader_close },
        { NULL, NULL },
    };
    static const luaL_Reg file_meta[] = { { "__gc", file_gc }, { NULL, NULL } };

    vm_new_type(L, READER_TYPE, meta);
    vm_new_type(L, FILE_TYPE, file_meta);
}
