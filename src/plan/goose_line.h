/*
 * goose_line.h - lines of a file with goose's annotations: which are one, and which
 */
#ifndef LUAMIG_PLAN_GOOSE_LINE_H
#define LUAMIG_PLAN_GOOSE_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum annotation {
    ANNOTATION_UP,
    ANNOTATION_DOWN,
    ANNOTATION_BEGIN,
    ANNOTATION_END,
    ANNOTATION_NO_TRANSACTION,
    ANNOTATION_ENVSUB_ON,
    ANNOTATION_ENVSUB_OFF,
    ANNOTATION_UNKNOWN
};

/* Points into the file. */
struct goose_line {
    const char *text;
    size_t len; /* without its end */
    size_t end; /* bytes of the end: \n, \r\n or none */
};

/* What follows "+goose" on such a line. */
struct goose_mark {
    const char *word;
    size_t len;
    enum annotation annotation;
    bool indented; /* white space before it, which goose refuses */
};

/* Takes the line at *at and moves *at behind it; false at the end. */
bool goose_line_next(const char **at, const char *end, struct goose_line *line);

/* Behind a BOM, if there is one. */
const char *goose_line_first(const char *text, size_t size);

/*
 * Whether "+goose" is the first thing of a comment; prose is none. As in goose, further
 * dashes and a missing blank do not matter: a Down that is taken for a comment would have
 * its statements run by the up.
 */
bool goose_line_mark(const struct goose_line *line, struct goose_mark *mark);

bool goose_line_is_comment(const struct goose_line *line);

/* The annotation that a misspelled one may mean; NULL: none is near. */
const char *goose_line_nearest(const char *word);

/* Whether "+goose" stands anywhere: nearly no file has anything more to look at. */
bool goose_line_mentioned(const char *text, size_t size);

#endif
