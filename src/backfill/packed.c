#include "backfill/packed.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEPT ((size_t)4 << 20) /* bytes of memory that a large array may leave */

/* What stands before the elements. All of it in the order of the network. */
struct head {
    uint32_t dimensions, nulls, type, count, first;
};

static const struct {
    const char *type;
    uint32_t oid;
} kinds[] = {
    [PACKED_TEXT] = { "pg_catalog.text", 25 },
    [PACKED_INT8] = { "pg_catalog.int8", 20 },
    [PACKED_XID] = { "pg_catalog.xid", 28 },
};

const char *
packed_type(enum packed_kind kind)
{
    return kinds[kind].type;
}

static void
add(struct packed *packed, const void *bytes, size_t size)
{
    uint32_t length = htobe32((uint32_t)size);

    strbuf_reserve(&packed->bytes, sizeof(length) + size);
    strbuf_add(&packed->bytes, (const char *)&length, sizeof(length));
    strbuf_add(&packed->bytes, bytes, size);
}

void
packed_add(struct packed *packed, const char *text, size_t length)
{
    static const char null[] = "\xff\xff\xff\xff";
    uint64_t eight;
    uint32_t four;

    if (packed->count++ == 0)
        strbuf_add(&packed->bytes, (const char *)&(struct head){ 0 },
                   sizeof(struct head));
    if (text == NULL) {
        strbuf_add(&packed->bytes, null, sizeof(null) - 1);
        return;
    }
    switch (packed->kind) {
    case PACKED_TEXT: add(packed, text, length); break;
    case PACKED_INT8:
        eight = htobe64((uint64_t)strtoll(text, NULL, 10));
        add(packed, &eight, sizeof(eight));
        break;
    case PACKED_XID:
        four = htobe32((uint32_t)strtoul(text, NULL, 10));
        add(packed, &four, sizeof(four));
        break;
    }
}

/* An empty array has no dimension. */
const char *
packed_end(struct packed *packed, size_t *length)
{
    struct head head = { .dimensions = htobe32(packed->count > 0),
                         .nulls = htobe32(1), /* there may be some */
                         .type = htobe32(kinds[packed->kind].oid),
                         .count = htobe32((uint32_t)packed->count),
                         .first = htobe32(1) };

    if (packed->count == 0) {
        strbuf_reset(&packed->bytes);
        strbuf_add(&packed->bytes, (const char *)&head, offsetof(struct head, count));
    } else {
        memcpy(packed->bytes.text, &head, sizeof(head));
    }
    *length = packed->bytes.len;
    return packed->bytes.text;
}

void
packed_reset(struct packed *packed)
{
    if (packed->bytes.size > KEPT)
        strbuf_release(&packed->bytes);
    strbuf_reset(&packed->bytes);
    packed->count = 0;
}

void
packed_release(struct packed *packed)
{
    strbuf_release(&packed->bytes);
    packed->count = 0;
}
