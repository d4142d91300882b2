/*
 * goose_kept.h - a section of a goose file as a text that stands alone
 *
 * What the history keeps of a Down. Variables are substituted, NO TRANSACTION is luamig's
 * directive, and blocks keep their marks: goose_read() as GOOSE_DOWN reads it back.
 */
#ifndef LUAMIG_PLAN_GOOSE_KEPT_H
#define LUAMIG_PLAN_GOOSE_KEPT_H

#include "plan/goose.h"

/* In the arena; without the empty lines that stand for what was before the section. */
const char *goose_kept(const struct goose *goose, struct arena *arena);

#endif
