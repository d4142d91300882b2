#include "plan/problem.h"

#include <stdlib.h>
#include <string.h>

void
problems_add(struct problems *problems, struct arena *arena,
             const struct problem *problem)
{
    if (problems->count == problems->capacity) {
        size_t capacity = problems->capacity > 0 ? problems->capacity * 2 : 16;
        struct problem *list = arena_alloc(arena, capacity * sizeof(*list));

        if (problems->count > 0)
            memcpy(list, problems->list, problems->count * sizeof(*list));
        problems->list = list;
        problems->capacity = capacity;
    }
    problems->list[problems->count++] = *problem;
}

size_t
problems_count(const struct problems *problems, enum problem_level level)
{
    size_t count = 0;

    for (size_t i = 0; i < problems->count; i++)
        count += problems->list[i].level == level;
    return count;
}

const char *
problem_kind_word(enum problem_kind kind)
{
    switch (kind) {
    case PROBLEM_MISNAMED: return "misnamed";
    case PROBLEM_DUPLICATE: return "duplicate";
    case PROBLEM_MISPLACED: return "misplaced";
    case PROBLEM_ENVIRONMENT: return "environment";
    case PROBLEM_DOWN_WITHOUT_UP: return "down_without_up";
    case PROBLEM_FILE: return "file";
    case PROBLEM_RENAMED: return "renamed";
    case PROBLEM_DRIFT: return "drift";
    case PROBLEM_ORPHAN: return "orphan";
    case PROBLEM_LATE: return "late";
    case PROBLEM_WRONG_FOLDER: return "wrong_folder";
    case PROBLEM_IRREVERSIBLE: return "irreversible";
    case PROBLEM_PARTIAL: return "partial";
    case PROBLEM_PENDING: return "pending";
    case PROBLEM_EXCLUDED: return "excluded";
    case PROBLEM_BACKGROUND: return "background";
    case PROBLEM_INVALID_INDEX: return "invalid_index";
    case PROBLEM_TABLE: return "table";
    case PROBLEM_TRACKER: return "tracker";
    }
    return "file";
}

static bool
from_one(const struct problem *problem, struct error *err)
{
    error_set(err, ERROR_PLAN, "%s", problem->message);
    if (problem->hint != NULL)
        error_hint(err, "%s", problem->hint);
    if (problem->file != NULL)
        error_at(err, problem->file, problem->line, problem->column);
    error_text(err->place.text, sizeof(err->place.text), problem->text);
    return false;
}

bool
problems_error(const struct problems *problems, struct error *err)
{
    size_t count = problems_count(problems, PROBLEM_ERROR);

    for (size_t i = 0; count == 1 && i < problems->count; i++) {
        if (problems->list[i].level == PROBLEM_ERROR)
            return from_one(&problems->list[i], err);
    }
    return error_set(err, ERROR_PLAN, "%zu problems", count);
}
