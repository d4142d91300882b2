/*
 * apply.h - one migration, in either mode
 */
#ifndef LUAMIG_ENGINE_APPLY_H
#define LUAMIG_ENGINE_APPLY_H

#include "base/error.h"
#include "engine/content.h"
#include "engine/migrator.h"

enum apply_result {
    APPLY_DONE,       /* applied, and its row is there */
    APPLY_BY_ANOTHER, /* another run has applied it meanwhile */
    APPLY_FAILED,  /* rolled back; statements mode: the done statements stay, recorded */
    APPLY_IN_DOUBT /* something is half done that nobody can tell, or a question is left */
};

/* One transaction for everything (DESIGN 7 "Transaction mode"); one round trip. */
enum apply_result apply_tx(struct migrator *m, const struct content *content,
                           struct error *err);

/* A Lua migration that is `no-transaction`: in the parts that its script makes. */
enum apply_result apply_script(struct migrator *m, const struct content *content,
                               struct error *err);

/* Statement by statement (DESIGN 7 "Statements mode"), from where an earlier run ended. */
enum apply_result apply_steps(struct migrator *m, const struct content *content,
                              struct error *err);

#endif
