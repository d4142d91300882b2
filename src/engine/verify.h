/*
 * verify.h - database against files: every difference is a problem
 */
#ifndef LUAMIG_ENGINE_VERIFY_H
#define LUAMIG_ENGINE_VERIFY_H

#include "engine/migrator.h"
#include "engine/survey.h"

/*
 * Adds to survey->problems: pending and half-done versions, and invalid indexes; orphans
 * and drift become errors. An index is ours if a CONCURRENTLY statement of a file on disk
 * names it or, where it has no name, its table; other invalid ones are notes.
 */
bool verify_survey(struct migrator *m, struct survey *survey, struct error *err);

#endif
