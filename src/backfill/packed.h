/*
 * packed.h - an array of one dimension in the server's binary format
 *
 * Nothing is quoted here nor parsed there: a fiftieth of a batch (measured).
 */
#ifndef LUAMIG_BACKFILL_PACKED_H
#define LUAMIG_BACKFILL_PACKED_H

#include <stddef.h>

#include "base/strbuf.h"

enum packed_kind {
    PACKED_TEXT, /* text[] */
    PACKED_INT8, /* int8[] */
    PACKED_XID   /* xid[] */
};

/* Valid when zeroed. */
struct packed {
    struct strbuf bytes;
    enum packed_kind kind;
    size_t count;
};

/* The type of its elements, as SQL writes it. */
const char *packed_type(enum packed_kind kind);

/* The element's text, of an integer in decimal; NULL is NULL. */
void packed_add(struct packed *packed, const char *text, size_t length);

/* The whole; good until the next element. */
const char *packed_end(struct packed *packed, size_t *length);

/* Forgets the elements, keeps the kind and memory that is not too much. */
void packed_reset(struct packed *packed);
void packed_release(struct packed *packed);

#endif
