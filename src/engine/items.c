#include "engine/items.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void
add(struct items *items, struct pipeline_item item)
{
    items->list =
        xgrow(items->list, items->count, &items->capacity, sizeof(*items->list));
    items->list[items->count++] = item;
}

void
items_add(struct items *items, enum item_mark mark, const char *sql,
          const struct pg_params *params)
{
    add(items, (struct pipeline_item){ .sql = sql,
                                       .length = strlen(sql),
                                       .params = params,
                                       .mark = (int)mark,
                                       .flush = mark == ITEM_ROW || mark == ITEM_PROLOGUE,
                                       .backend = mark == ITEM_PROLOGUE });
}

void
items_add_statement(struct items *items, const struct sql_file *file, size_t n)
{
    const struct sql_statement *s = &file->statements[n - 1];

    add(items, (struct pipeline_item){ .sql = file->text + s->offset,
                                       .length = s->length,
                                       .writable = true,
                                       .statement = n,
                                       .flush = true,
                                       .copy_data = s->copy_data,
                                       .copy_length = s->copy_length });
}

void
items_release(struct items *items)
{
    free(items->list);
    *items = (struct items){ 0 };
}

bool
items_has(const struct items *items, size_t count, enum item_mark mark)
{
    for (size_t i = 0; i < count; i++) {
        if (items->list[i].mark == (int)mark)
            return true;
    }
    return false;
}

size_t
items_find(const struct items *items, enum item_mark mark)
{
    size_t i = 0;

    while (i < items->count && items->list[i].mark != (int)mark)
        i++;
    return i < items->count ? i : 0;
}
