#include "plan/sqlplace.h"

#include <string.h>

#include "plan/sqlscan.h"

/* The byte that is the nth character (1-based) from start. */
static size_t
nth_character(const char *text, size_t start, size_t end, size_t n)
{
    size_t at = start;

    while (n > 1 && at < end) {
        at++;
        while (at < end && ((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

/* Where line n of the body behind the first dollar or quote begins. */
static size_t
nth_body_line(const char *text, size_t start, size_t end, size_t n)
{
    const char *body = memchr(text + start, '$', end - start);
    size_t at = body != NULL ? (size_t)(body - text) : start;

    for (; n > 1 && at < end; n--) {
        const char *next = memchr(text + at, '\n', end - at);

        if (next == NULL)
            break;
        at = (size_t)(next - text) + 1;
    }
    while (at < end && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at;
}

void
sqlplace_find(const struct sqlplace *in, struct error_place *place)
{
    size_t at = in->offset, end = in->offset + in->length, column;

    if (in->position > 0)
        at = in->bytes ? at + in->position - 1
                       : nth_character(in->text, at, end, in->position);
    else if (in->body_line > 0)
        at = nth_body_line(in->text, at, end, in->body_line);
    at = at < in->size ? at : in->size;
    sqlscan_line(in->text, in->size, at, &place->line, &column);
    place->skipped =
        sqlscan_line_text(in->text, in->size, at, place->text, sizeof(place->text));
    place->column = in->position > 0 ? column : 0;
}
