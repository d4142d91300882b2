#include "module/status.h"

#include "engine/look.h"
#include "script/field.h"
#include "script/raise.h"

static void
push_entry(lua_State *L, const struct plan_entry *entry)
{
    const struct migration *m = entry->migration;
    const struct applied *a = entry->applied;

    lua_createtable(L, 0, 8);
    field_set_boolean(L, "background", m != NULL && m->background);
    if (m == NULL || !m->repeatable)
        field_set_integer(L, "version", entry->version);
    field_set_text(L, "name", plan_entry_name(entry));
    field_set_text(L, "state", plan_state_word(entry->state));
    field_set_text(L, "applied_at", a != NULL ? a->applied_at : NULL);
    field_set_text(L, "checksum", a != NULL ? a->checksum : NULL);
    field_set_text(L, "file", m != NULL ? m->up.path : NULL);
    field_set_text(L, "environment", m != NULL ? m->environment : NULL);
}

static void
push_counts(lua_State *L, const struct plan *plan)
{
    int64_t counts[STATE_EXCLUDED + 1];

    plan_count(plan, counts);
    lua_createtable(L, 0, STATE_EXCLUDED + 2);
    field_set_integer(L, "background", (int64_t)plan->background);
    for (int state = 0; state <= STATE_EXCLUDED; state++)
        field_set_integer(L, plan_state_word((enum plan_state)state), counts[state]);
}

static void
push_problem(lua_State *L, const struct problem *problem)
{
    lua_createtable(L, 0, 4);
    field_set_text(L, "kind", problem_kind_word(problem->kind));
    field_set_text(L, "message", problem->message);
    field_set_text(L, "file", problem->file);
    if (problem->has_version)
        field_set_integer(L, "version", problem->version);
}

void
status_push(lua_State *L, const struct settings *settings, struct arena *arena)
{
    struct look_request request = { .depth = LOOK_CONTENTS, .command = "status" };
    struct stop stop = { 0 };
    struct error err = { 0 };
    struct look look;

    if (!look_take(settings, &request, NULL, &stop, arena, &look, &err))
        raise_error(L, &err);
    lua_createtable(L, (int)look.plan.entry_count, 2);
    for (size_t i = 0; i < look.plan.entry_count; i++) {
        push_entry(L, &look.plan.entries[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    push_counts(L, &look.plan);
    lua_setfield(L, -2, "counts");
    lua_createtable(L, (int)look.problems.count, 0);
    for (size_t i = 0; i < look.problems.count; i++) {
        push_problem(L, &look.problems.list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "problems");
}
