/*
 * background.h - which pending migrations wait for `up --background` (DESIGN 9.1)
 */
#ifndef LUAMIG_ENGINE_BACKGROUND_H
#define LUAMIG_ENGINE_BACKGROUND_H

#include "engine/migrator.h"
#include "engine/survey.h"

/*
 * Marks those of the survey's source that say so, as far as its set has them not: of these
 * the files are read, once. What is wrong with one becomes a problem of the files.
 */
void background_mark(struct migrator *m, struct survey *survey);

/* A note for each that the plan leaves to `up --background`, and how far its backfills are. */
bool background_report(struct migrator *m, struct survey *survey,
                       const struct plan_request *request, struct error *err);

#endif
