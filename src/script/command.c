#include "script/command.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/process.h"
#include "base/strbuf.h"
#include "base/words.h"
#include "pg/wait.h"
#include "script/raise.h"
#include "script/vm.h"

#define TYPE         "luamig.command"
#define LONGEST_LINE 2000 /* bytes; what is longer is logged in parts */
#define MOST_LINES   500
#define PATIENCE     2000  /* ms until it is said what is waited for, */
#define SAY_AGAIN    60000 /* and again */

/* A program at work. */
struct command {
    const struct globals *globals;
    struct strbuf output, line;
    size_t keep, lines;
    bool cut;
    const char *name;
    int64_t due; /* when it is said that it takes long */
};

static int
command_gc(lua_State *L)
{
    struct command *command = luaL_checkudata(L, 1, TYPE);

    strbuf_release(&command->output);
    strbuf_release(&command->line);
    return 0;
}

/* The owner comes first: what the program writes is kept outside of Lua's memory. */
static struct command *
push(lua_State *L)
{
    struct command *command = lua_newuserdatauv(L, sizeof(*command), 0);

    *command = (struct command){ 0 };
    luaL_setmetatable(L, TYPE);
    return command;
}

static void
write_log(const struct command *command, enum host_log level, const char *text)
{
    const struct host *host = command->globals->host;

    host->log(host->ctx, level, text);
}

static void
end_line(struct command *command)
{
    command->lines++;
    if (command->lines <= MOST_LINES)
        write_log(command, HOST_INFO, strbuf_text(&command->line));
    else if (command->lines == MOST_LINES + 1)
        write_log(command, HOST_WARN, "the rest of its output is not shown");
    strbuf_reset(&command->line);
}

static void
take_line(void *ctx, const char *bytes, size_t size)
{
    struct command *command = ctx;

    for (size_t i = 0; i < size && command->lines <= MOST_LINES; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\0')
            strbuf_putc(&command->line, bytes[i]);
        if (bytes[i] == '\n' || command->line.len >= LONGEST_LINE)
            end_line(command);
    }
}

static void
take_output(void *ctx, const char *bytes, size_t size)
{
    struct command *command = ctx;
    size_t room = command->keep - command->output.len;

    command->cut = command->cut || size > room;
    strbuf_add(&command->output, bytes, size < room ? size : room);
}

static void
take_both(void *ctx, const char *bytes, size_t size)
{
    take_output(ctx, bytes, size);
    take_line(ctx, bytes, size);
}

static void
say_patience(void *ctx)
{
    struct command *command = ctx;
    const struct host *host = command->globals->host;
    char text[200], name[160];

    if (stop_now() < command->due || host->waiting == NULL)
        return;
    command->due = stop_now() + SAY_AGAIN;
    error_text(name, sizeof(name), command->name);
    snprintf(text, sizeof(text), "'%s' to end", name);
    host->waiting(host->ctx, text);
}

/* The request's words stay on the stack of the table that is at index 1. */
static const char *const *
read_words(lua_State *L)
{
    size_t count = lua_rawlen(L, 1), len;
    const char **words = lua_newuserdatauv(L, (count + 1) * sizeof(*words), 0);

    if (count == 0)
        luaL_error(L, "no program is named: write command { \"program\", ... }");
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "argument %d must be a string, not a %s", (int)i,
                       luaL_typename(L, -1));
        words[i] = lua_tolstring(L, -1, &len);
        if (strlen(words[i]) != len)
            luaL_error(L, "argument %d holds a zero byte", (int)i);
        lua_pop(L, 1); /* the table keeps it */
    }
    words[count] = NULL;
    return words;
}

static int64_t
read_timeout(lua_State *L)
{
    int64_t ms = 0;

    if (lua_getfield(L, 1, "timeout") == LUA_TNIL)
        return 0;
    if (lua_type(L, -1) != LUA_TSTRING || !words_duration(lua_tostring(L, -1), &ms))
        luaL_error(L, "timeout is no duration: write \"500ms\", \"30s\", \"5m\"");
    return ms;
}

/* What a person would call it: of a shell's the text. */
static const char *
read_name(lua_State *L, const struct process *process)
{
    if (lua_getfield(L, 1, "name") == LUA_TSTRING)
        return lua_tostring(L, -1);
    return process->argv[0];
}

static void
read_input(lua_State *L, struct process *process)
{
    int type = lua_getfield(L, 1, "stdin");

    if (type != LUA_TNIL && type != LUA_TSTRING)
        luaL_error(L, "stdin must be a string, not a %s", luaL_typename(L, -1));
    process->input = lua_tolstring(L, -1, &process->input_size);
}

static int
push_end(lua_State *L, const struct command *command, const struct process *process,
         enum process_end end)
{
    const char *how = process->signalled ? "signal" : "exit";

    lua_pushstring(L, end == PROCESS_TIMED_OUT ? "timeout" : how);
    lua_pushinteger(L, process->status);
    lua_pushlstring(L, strbuf_text(&command->output), command->output.len);
    lua_pushboolean(L, !command->cut);
    return 4;
}

static enum process_end
run_process(struct command *command, struct process *process, struct error *err)
{
    enum process_end end;

    stop_signals_shut();
    end = process_run(process, err);
    if (command->line.len > 0)
        end_line(command);
    stop_signals_open();
    return end;
}

static int
run(lua_State *L)
{
    const struct globals *globals = lua_touserdata(L, lua_upvalueindex(1));
    struct process process = { .stop = globals->stop };
    struct error err = { 0 };
    struct command *command;
    const char *name;
    enum process_end end;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 3);
    process.argv = read_words(L);
    process.timeout = read_timeout(L);
    read_input(L, &process);
    name = read_name(L, &process);
    command = push(L);
    command->globals = globals;
    command->name = name;
    command->due = stop_now() + PATIENCE;
    command->keep = (size_t)luaL_checkinteger(L, 2);
    process.ctx = command;
    process.tick = say_patience;
    process.output = lua_toboolean(L, 3) ? take_output : take_both;
    process.errors = lua_toboolean(L, 3) ? take_line : NULL;
    end = run_process(command, &process, &err);
    if (end == PROCESS_STOPPED)
        wait_cause_error(globals->stop, stop_cause(globals->stop), &err);
    if (end == PROCESS_STOPPED || end == PROCESS_REFUSED)
        return raise_error(L, &err);
    return push_end(L, command, &process, end);
}

void
command_push(lua_State *L, const struct globals *globals)
{
    static const luaL_Reg meta[] = { { "__gc", command_gc }, { NULL, NULL } };

    vm_new_type(L, TYPE, meta);
    lua_pushlightuserdata(L, (void *)(uintptr_t)globals);
    lua_pushcclosure(L, run, 1);
}
