#include "script/update_many.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/bulk.h"
#include "script/db.h"
#include "script/raise.h"
#include "script/value.h"

#define MOST_ROWS    10000
#define MOST_BYTES   ((size_t)8 << 20)
#define MOST_COLUMNS 200

/*
 * $1 the table, $2 the columns, $3 how many of them are the key. Arrays travel as text,
 * because unnest() flattens arrays of arrays (measured).
 */
static const char statements_sql[] =
    "SELECT pg_catalog.format('UPDATE %s t SET %s FROM ROWS FROM (%s) s (%s)"
    " WHERE %s', t.oid::pg_catalog.regclass, sets.list, args.list, args.names, keys.list),"
    " pg_catalog.format('SELECT count(*) - count(DISTINCT (%s)) FROM"
    " ROWS FROM (%s) s (%s)', keys.names, args.list, args.names), args.missing"
    " FROM (SELECT $1::pg_catalog.regclass) t (oid), LATERAL (SELECT"
    " pg_catalog.string_agg(pg_catalog.format('pg_catalog.unnest($%s::%s[])', c.n,"
    " CASE WHEN y.typcategory = 'A' THEN 'text' ELSE"
    " pg_catalog.format_type(a.atttypid, -1) END), ', ' ORDER BY c.n) AS list,"
    " pg_catalog.string_agg(pg_catalog.quote_ident('c' || c.n), ', ' ORDER BY c.n) AS names,"
    " max(c.name) FILTER (WHERE a.attnum IS NULL) AS missing"
    " FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY c (name, n)"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name"
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_type y ON y.oid = a.atttypid) args,"
    " LATERAL (SELECT pg_catalog.string_agg(pg_catalog.format('%I = s.c%s%s', c.name, c.n,"
    " CASE WHEN y.typcategory = 'A' THEN '::' || pg_catalog.format_type(a.atttypid, -1)"
    " ELSE '' END), ', ' ORDER BY c.n) AS list"
    " FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY c (name, n)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name"
    " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
    " WHERE c.n > $3::pg_catalog.int4) sets,"
    " LATERAL (SELECT pg_catalog.string_agg(pg_catalog.format('t.%I = s.c%s', c.name, c.n),"
    " ' AND ' ORDER BY c.n) AS list,"
    " pg_catalog.string_agg('s.c' || c.n, ', ' ORDER BY c.n) AS names"
    " FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY c (name, n)"
    " WHERE c.n <= $3::pg_catalog.int4) keys";

struct update {
    struct db *db;
    int names; /* stack index of the columns' names, the key first */
    int columns, keys;
    const char *sql, *doubles_sql;
    struct strbuf *values; /* an array literal for each column */
    int rows;              /* gathered */
    lua_Integer n;
    int64_t total;
};

/* Appends the names of a field, one or an array of them, to the table at index names. */
static int
add_names(lua_State *L, int names, const char *field)
{
    int count = (int)lua_rawlen(L, names), added = 0;
    int type = lua_getfield(L, 2, field);

    if (type == LUA_TSTRING) {
        lua_rawseti(L, names, count + 1);
        return 1;
    }
    if (type != LUA_TTABLE)
        luaL_error(L, "db:update_many: give %s, a column's name or an array of them",
                   field);
    while (lua_geti(L, -1, added + 1) == LUA_TSTRING) {
        added++;
        lua_rawseti(L, names, count + added);
    }
    lua_pop(L, 2);
    if (added == 0)
        luaL_error(L, "db:update_many: %s is empty", field);
    return added;
}

/* Pushes names and statements. */
static void
prepare(lua_State *L, struct update *u)
{
    PGresult **res;
    int first;

    lua_newtable(L);
    u->names = lua_gettop(L);
    u->keys = add_names(L, u->names, "key");
    u->columns = u->keys + add_names(L, u->names, "set");
    if (u->columns > MOST_COLUMNS)
        luaL_error(L, "db:update_many: more than %d columns", MOST_COLUMNS);
    first = lua_gettop(L) + 1;
    bulk_push_table_name(L);
    lua_pushvalue(L, u->names);
    value_set_array(L, lua_gettop(L));
    lua_pushinteger(L, u->keys);
    res = bulk_query(L, u->db, statements_sql, first);
    if (!PQgetisnull(*res, 0, 2))
        luaL_error(L, "db:update_many: the table has no column '%s'",
                   PQgetvalue(*res, 0, 2));
    u->sql = lua_pushstring(L, PQgetvalue(*res, 0, 0));
    u->doubles_sql = lua_pushstring(L, PQgetvalue(*res, 0, 1));
    db_drop_result(res);
}

static void
add_quoted(struct strbuf *out, const char *text)
{
    strbuf_putc(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            strbuf_putc(out, '\\');
        strbuf_putc(out, *text);
    }
    strbuf_putc(out, '"');
}

/* The value of column i (1-based) of the row on top; in db's own rows NULL is absent. */
static void
add_value(lua_State *L, struct update *u, int i)
{
    struct strbuf *out = &u->values[i - 1];
    int row = lua_gettop(L);
    const char *name, *text, *why;

    lua_rawgeti(L, u->names, i);
    name = lua_tostring(L, -1);
    if (lua_getfield(L, row, name) == LUA_TNIL && !luaL_getmetafield(L, row, "__index"))
        luaL_error(L, "db:update_many: row %I has no '%s': write null for NULL",
                   (LUAI_UACINT)u->n, name);
    lua_settop(L, row + 2);
    text = value_text(L, row + 2, &why);
    if (why != NULL)
        luaL_error(L, "db:update_many: row %I, column '%s' %s", (LUAI_UACINT)u->n, name,
                   why);
    strbuf_putc(out, u->rows == 0 ? '{' : ',');
    if (text == NULL)
        strbuf_puts(out, "NULL");
    else
        add_quoted(out, text);
    lua_settop(L, row);
}

static size_t
gathered(const struct update *u)
{
    size_t bytes = 0;

    for (int i = 0; i < u->columns; i++)
        bytes += u->values[i].len;
    return bytes;
}

/* Runs sql with the gathered columns (the first count) as arguments. */
static PGresult **
run(lua_State *L, struct update *u, const char *sql)
{
    const char *values[MOST_COLUMNS];
    struct call call = { .db = u->db,
                         .method = "update_many",
                         .sql = sql,
                         .length = strlen(sql),
                         .params = { .count = u->columns, .values = values } };
    PGresult **res = db_push_result(L);
    struct error err = { 0 };

    for (int i = 0; i < u->columns; i++)
        values[i] = strbuf_text(&u->values[i]);
    if (!execute_call(&call, res, &err)) {
        err.sql = (struct error_place){ 0 };
        raise_error(L, &err);
    }
    return res;
}

/* Of two rows with one key only one would be written, and nobody knows which. */
static void
check_doubles(lua_State *L, struct update *u)
{
    PGresult **res = run(L, u, u->doubles_sql);

    if (strcmp(PQgetvalue(*res, 0, 0), "0") != 0)
        luaL_error(L, "db:update_many: a key stands twice among rows %I to %I",
                   (LUAI_UACINT)(u->n - u->rows), (LUAI_UACINT)(u->n - 1));
    db_drop_result(res);
}

static void
flush(lua_State *L, struct update *u)
{
    int top = lua_gettop(L);
    PGresult **res;
    int64_t updated;

    if (u->rows == 0)
        return;
    db_check(L);
    for (int i = 0; i < u->columns; i++)
        strbuf_putc(&u->values[i], '}');
    res = run(L, u, u->sql);
    updated = strtoll(PQcmdTuples(*res), NULL, 10);
    db_drop_result(res);
    if (updated < u->rows)
        check_doubles(L, u);
    u->total += updated;
    u->rows = 0;
    for (int i = 0; i < u->columns; i++)
        strbuf_reset(&u->values[i]);
    lua_settop(L, top);
}

int
update_many(lua_State *L)
{
    struct update u = { .db = bulk_check(L, "update_many") };
    int rows;

    prepare(L, &u);
    u.values = bulk_push_buffers(L, (size_t)u.columns);
    lua_getfield(L, 2, "rows");
    rows = lua_gettop(L);
    if (!lua_istable(L, rows) && !lua_isfunction(L, rows))
        luaL_error(L, "db:update_many: give rows, an array or an iterator");
    while (bulk_next(L, rows, &u.n, "update_many")) {
        for (int i = 1; i <= u.columns; i++)
            add_value(L, &u, i);
        u.rows++;
        lua_settop(L, rows);
        if (u.rows == MOST_ROWS || gathered(&u) >= MOST_BYTES)
            flush(L, &u);
    }
    flush(L, &u);
    bulk_drop_buffers(u.values, (size_t)u.columns);
    lua_pushinteger(L, u.total);
    return 1;
}
