#include "plan/goose_line.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/words.h"

/* By enum annotation. */
static const char *const words[] = {
    "Up",         "Down", "StatementBegin", "StatementEnd", "NO TRANSACTION", "ENVSUB ON",
    "ENVSUB OFF", NULL
};

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *
goose_line_first(const char *text, size_t size)
{
    return text + utf8_bom(text, size);
}

bool
goose_line_next(const char **at, const char *end, struct goose_line *line)
{
    const char *newline;

    if (*at == end)
        return false;
    newline = memchr(*at, '\n', (size_t)(end - *at));
    *line = (struct goose_line){ .text = *at, .len = (size_t)(end - *at) };
    if (newline != NULL) {
        line->end = newline > *at && newline[-1] == '\r' ? 2 : 1;
        line->len = (size_t)(newline + 1 - *at) - line->end;
    }
    *at += line->len + line->end;
    return true;
}

bool
goose_line_is_comment(const struct goose_line *line)
{
    size_t i = 0;

    while (i < line->len && is_blank(line->text[i]))
        i++;
    return line->len - i >= 2 && line->text[i] == '-' && line->text[i + 1] == '-';
}

const char *
goose_line_nearest(const char *word)
{
    return words_nearest(word, words);
}

static enum annotation
annotation_of(const char *word, size_t len)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
            return (enum annotation)i;
    }
    return ANNOTATION_UNKNOWN;
}

/* Of what follows "+goose" without a blank: "Down" and "Dwon", not "'s docs". */
static bool
is_meant(const struct goose_mark *mark)
{
    char text[32] = "";

    if (mark->len >= sizeof(text))
        return false;
    memcpy(text, mark->word, mark->len);
    return mark->annotation != ANNOTATION_UNKNOWN || goose_line_nearest(text) != NULL;
}

bool
goose_line_mark(const struct goose_line *line, struct goose_mark *mark)
{
    const char *at = line->text, *end = at + line->len;
    bool glued;

    if (!goose_line_is_comment(line))
        return false;
    mark->indented = is_blank(*at);
    while (at < end && (is_blank(*at) || *at == '-'))
        at++;
    if (end - at < 6 || strncasecmp(at, "+goose", 6) != 0)
        return false;
    at += 6;
    glued = at < end && !is_blank(*at);
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    mark->word = at;
    mark->len = (size_t)(end - at);
    mark->annotation = annotation_of(mark->word, mark->len);
    return !glued || is_meant(mark);
}

bool
goose_line_mentioned(const char *text, size_t size)
{
    for (const char *at = text;
         (at = memchr(at, '+', size - (size_t)(at - text))) != NULL; at++) {
        if (size - (size_t)(at - text) >= 6 && strncasecmp(at, "+goose", 6) == 0)
            return true;
    }
    return false;
}
