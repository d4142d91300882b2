#include "script/rows.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/raise.h"
#include "script/row.h"
#include "script/vm.h"

#define CURSOR_TYPE "luamig.cursor"
#define FIRST_FETCH 100
#define MOST        10000             /* rows of one FETCH */
#define FETCH_BYTES ((size_t)1 << 20) /* what a FETCH aims at */

/* The userdata; its first user value is the db, its second the type of its rows. */
struct cursor {
    struct db *db;
    struct cursor *next; /* in db->cursors */
    unsigned long born;  /* names it, too */
    PGresult *res;
    int row, size; /* next row; rows of the next FETCH */
    bool open;     /* at the server, as far as we know */
    bool ended;    /* there are no more rows */
};

static void
unlink_cursor(struct cursor *c)
{
    struct cursor **at = &c->db->cursors;

    while (*at != NULL && *at != c)
        at = &(*at)->next;
    if (*at == c)
        *at = c->next;
    c->open = false;
}

void
rows_forget(struct db *db, unsigned long born)
{
    while (db->cursors != NULL && db->cursors->born > born)
        unlink_cursor(db->cursors);
}

static void
drop_rows(struct cursor *c)
{
    PQclear(c->res);
    c->res = NULL;
}

/* Gone with a failed transaction anyway; else a CLOSE of its own. */
static void
close_cursor(struct cursor *c)
{
    char sql[64];
    struct error ignored = { 0 };

    drop_rows(c);
    if (!c->open)
        return;
    unlink_cursor(c);
    snprintf(sql, sizeof(sql), "CLOSE luamig_c%lu", c->born);
    if (c->db->host != NULL && c->db->in_transaction && !c->db->failed)
        execute_own(c->db, sql, &ignored);
}

static int
cursor_close(lua_State *L)
{
    close_cursor(luaL_checkudata(L, 1, CURSOR_TYPE));
    return 0;
}

/* A collected cursor sends nothing: its transaction may be another by now. */
static int
cursor_gc(lua_State *L)
{
    struct cursor *c = luaL_checkudata(L, 1, CURSOR_TYPE);

    drop_rows(c);
    if (c->open)
        unlink_cursor(c);
    return 0;
}

/* So many rows that they come to about FETCH_BYTES. */
static int
next_size(const PGresult *res)
{
    int rows = PQntuples(res), columns = PQnfields(res);
    size_t bytes = 1, size;

    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++)
            bytes += (size_t)PQgetlength(res, row, column) + 16;
    }
    size = FETCH_BYTES * (size_t)rows / bytes;
    if (size < 1)
        return 1;
    return size > MOST ? MOST : (int)size;
}

static void
fetch(lua_State *L, struct cursor *c)
{
    char sql[64];
    int len =
        snprintf(sql, sizeof(sql), "FETCH FORWARD %d FROM luamig_c%lu", c->size, c->born);
    struct call call = {
        .db = c->db, .method = "rows", .sql = sql, .length = (size_t)len
    };
    struct error err = { 0 };

    drop_rows(c);
    if (!execute_call(&call, &c->res, &err)) {
        err.sql = (struct error_place){ 0 };
        raise_error(L, &err);
    }
    c->row = 0;
    c->ended = PQntuples(c->res) < c->size;
    c->size = next_size(c->res);
}

static void
check_usable(lua_State *L, const struct cursor *c)
{
    if (c->db->host == NULL)
        luaL_error(L, "a cursor is used after its migration has ended");
    if (!c->open)
        luaL_error(L, "a cursor is used after its end or that of its transaction");
}

/* The iterator; its upvalue is the cursor. */
static int
next_row(lua_State *L)
{
    struct cursor *c = luaL_checkudata(L, lua_upvalueindex(1), CURSOR_TYPE);

    lua_settop(L, 0);
    lua_getiuservalue(L, lua_upvalueindex(1), 1);
    check_usable(L, c);
    db_check(L);
    if (c->row == PQntuples(c->res) && !c->ended)
        fetch(L, c);
    if (c->row == PQntuples(c->res)) {
        close_cursor(c);
        return 0;
    }
    lua_getiuservalue(L, lua_upvalueindex(1), 2);
    row_push(L, c->res, c->row++, lua_gettop(L));
    return 1;
}

static struct cursor *
push_cursor(lua_State *L, struct db *db)
{
    struct cursor *c = lua_newuserdatauv(L, sizeof(*c), 2);

    memset(c, 0, sizeof(*c));
    c->db = db;
    c->size = FIRST_FETCH;
    c->born = ++db->serial;
    luaL_setmetatable(L, CURSOR_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return c;
}

static void
declare(lua_State *L, struct call *call, struct cursor *c)
{
    PGresult **res = db_push_result(L);
    struct error err = { 0 };
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "DECLARE luamig_c%lu NO SCROLL CURSOR FOR ",
             c->born);
    call->prefix = prefix;
    if (!execute_call(call, res, &err)) {
        if (strcmp(err.sqlstate, "42601") == 0 && err.hint[0] == '\0')
            error_hint(&err, "db:rows takes SELECT and VALUES.");
        raise_error(L, &err);
    }
    if (*res == NULL)
        luaL_error(L, "db:rows: there is no statement");
    db_drop_result(res);
    lua_pop(L, 1);
    c->open = true;
    c->next = c->db->cursors;
    c->db->cursors = c;
}

int
rows_open(lua_State *L)
{
    struct call call = db_read_call(L, "rows");
    struct cursor *c;
    int at;

    if (!call.db->in_transaction)
        luaL_error(L, "db:rows needs a transaction: use it inside of db:transaction or "
                      "db:step");
    c = push_cursor(L, call.db);
    at = lua_gettop(L);
    declare(L, &call, c);
    fetch(L, c);
    row_push_type(L, c->res);
    lua_setiuservalue(L, at, 2);
    return vm_push_loop(L, at, next_row);
}

void
rows_register(lua_State *L)
{
    static const luaL_Reg meta[] = {
        { "__close", cursor_close },
        { "__gc", cursor_gc },
        { NULL, NULL },
    };

    vm_new_type(L, CURSOR_TYPE, meta);
}
