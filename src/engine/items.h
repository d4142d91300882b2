/* items.h - the list of statements that becomes one pipeline */
#ifndef LUAMIG_ENGINE_ITEMS_H
#define LUAMIG_ENGINE_ITEMS_H

#include "pg/pipeline.h"
#include "plan/sqlfile.h"

/* luamig's own statements round a migration's; 0 is the migration's own. */
enum item_mark {
    ITEM_BODY = 0,
    ITEM_BEGIN,
    ITEM_PROLOGUE,    /* behind a pooler: the transaction's settings */
    ITEM_ROW,         /* the INSERT into the applied set: a rival blocks here */
    ITEM_STEP,        /* the row of a statement in _steps */
    ITEM_SETTING,     /* SET, RESET */
    ITEM_CONSTRAINTS, /* SET CONSTRAINTS ALL IMMEDIATE */
    ITEM_HISTORY,
    ITEM_GUARD,
    ITEM_COMMIT,
    ITEM_AFTER /* behind COMMIT: DISCARD ALL and the settings */
};

/* Valid when zeroed. */
struct items {
    struct pipeline_item *list;
    size_t count, capacity;
};

/* sql and params are borrowed. */
void items_add(struct items *items, enum item_mark mark, const char *sql,
               const struct pg_params *params);

/* Statement n (1-based) of a file. */
void items_add_statement(struct items *items, const struct sql_file *file, size_t n);
void items_release(struct items *items);

/* The index of the first item with that mark; 0: none (what begins is never asked for). */
size_t items_find(const struct items *items, enum item_mark mark);

/* Whether the first count items hold one with that mark. */
bool items_has(const struct items *items, size_t count, enum item_mark mark);

#endif
