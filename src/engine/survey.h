/*
 * survey.h - files and record, seen together: what up, plan, status and verify start from
 */
#ifndef LUAMIG_ENGINE_SURVEY_H
#define LUAMIG_ENGINE_SURVEY_H

#include "engine/content.h"
#include "engine/migrator.h"
#include "pg/takeover.h"
#include "plan/plan.h"

/* Valid when zeroed. Everything is in the migrator's arena. */
struct survey {
    bool quick; /* names and versions are enough */
    struct source source;
    struct applied_set set;
    struct takeover takeover; /* what is to be taken over before anything else */
    struct plan plan;
    bool *read; /* per source migration: its directives were looked at; or NULL */
    struct problems file_problems; /* of the names */
    struct problems problems;      /* all of them */
    struct repeat *repeats;        /* source.repeatable_count of them */
    struct content *contents;      /* plan.step_count of them, once they were read */
    struct content *downs; /* the same, where a failure is to be undone; or NULL */
    bool *drifted;         /* per set row; NULL: contents were not read */
};

/* Lists the folder, or its selected layers. Its problems fail nothing yet. */
bool survey_files(struct migrator *m, struct survey *survey, struct error *err);

/* The same for who applies, or says what would be: the settings' excluded are marked. */
bool survey_up_files(struct migrator *m, struct survey *survey, struct error *err);

/* Reads the rows, and the half-done versions, as m->table says. */
bool survey_rows(struct migrator *m, struct survey *survey, struct error *err);

/*
 * Reads the record on work: the table's shape, the set, the half-done ones, another tool's
 * tracker. In what is read here a take-over that is to come counts as done.
 */
bool survey_record(struct migrator *m, struct survey *survey, struct error *err);

/* What the take-over has to know; to be asked after survey_record(). */
struct takeover_input survey_takeover(struct migrator *m, const struct survey *survey);

/*
 * Builds the plan. Its problems replace those of an earlier one; those of the files stay.
 * false: ERROR_USAGE, the request does not fit.
 */
bool survey_plan(struct migrator *m, struct survey *survey,
                 const struct plan_request *request, struct error *err);

/*
 * Reads the files: every step's, and of the applied ones those with a checksum (unless
 * drift is off). What is wrong with a file becomes a problem.
 */
void survey_contents(struct migrator *m, struct survey *survey);

/* Adds what is wrong with a file, once, to the problems that every plan begins with. */
void survey_add_file_problem(struct migrator *m, struct survey *survey,
                             const struct migration *migration, const struct error *err);

/* Tells the observer every problem. */
void survey_tell(struct migrator *m, const struct survey *survey);

/* Says when the environments are not those of the newest successful up. */
bool survey_tell_environments(struct migrator *m, struct error *err);

/* false if there is a problem of level error; *err then sums them up. */
bool survey_check(const struct survey *survey, struct error *err);

#endif
