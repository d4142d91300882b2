#include "cli/complaint.h"

#include <string.h>

#include "cli/text.h"

#define EXCERPT_WIDTH 100 /* characters of a source line that are shown */

static const char *
red(bool colour)
{
    return colour ? "\033[1;31m" : "";
}

static const char *
yellow(bool colour)
{
    return colour ? "\033[1;33m" : "";
}

static const char *
plain(bool colour)
{
    return colour ? "\033[0m" : "";
}

void
complaint_text(FILE *out, const char *text)
{
    text_put(out, text, strlen(text));
}

/* The lines behind the first one, indented. */
static void
print_more(FILE *out, const char *text)
{
    while (*text == '\n') {
        size_t len = strcspn(++text, "\n");

        if (len > 0)
            fputs("    ", out);
        text_put_message(out, text, len);
        text += len;
        if (len > 0)
            fputc('\n', out);
    }
}

/* A text that may have several lines, if there is one. */
static void
print_lines(FILE *out, const char *label, const char *text)
{
    size_t first = strcspn(text, "\n");

    if (text[0] == '\0')
        return;
    fprintf(out, "  %s", label);
    text_put_message(out, text, first);
    fputc('\n', out);
    print_more(out, text + first);
}

/* What stands behind the first n characters of text. */
static const char *
behind(const char *text, size_t n)
{
    struct text_char c;

    while (n > 0 && text_next(&text, &c))
        n--;
    return text;
}

static size_t
characters(const char *text)
{
    struct text_char c;
    size_t n = 0;

    while (text_next(&text, &c))
        n++;
    return n;
}

/* Prints n characters of a source line as they stand there; returns what is left. */
static const char *
print_source(FILE *out, const char *text, size_t n)
{
    struct text_char c;

    while (n > 0 && text_next(&text, &c)) {
        if (c.shown || c.bytes[0] == '\t')
            fwrite(c.bytes, 1, c.len, out);
        else
            fputc('?', out);
        n--;
    }
    return text;
}

/* Below the character of that number; a tab stays a tab, a wide one takes two blanks. */
static void
print_caret(FILE *out, const char *text, size_t column)
{
    struct text_char c;

    while (--column > 0 && text_next(&text, &c)) {
        size_t columns = c.shown ? c.columns : 1;

        if (c.bytes[0] == '\t')
            fputc('\t', out);
        else
            fprintf(out, "%*s", (int)columns, "");
    }
    fputs("^\n", out);
}

/* The source line, cut round the column, and a caret below it. */
static void
print_excerpt(FILE *out, const struct error_place *place)
{
    size_t column = place->column > place->skipped ? place->column - place->skipped : 0;
    size_t skip = column > EXCERPT_WIDTH ? column - EXCERPT_WIDTH / 2 : 0;
    const char *shown = behind(place->text, skip);
    bool cut = place->skipped + skip > 0;

    fprintf(out, "  %5zu | %s", place->line, cut ? "..." : "");
    fputs(*print_source(out, shown, EXCERPT_WIDTH) != '\0' ? "...\n" : "\n", out);
    if (column == 0 || column > characters(place->text) + 1)
        return;
    fprintf(out, "        | %s", cut ? "   " : "");
    print_caret(out, shown, column - skip);
}

static void
print_place(FILE *out, const struct error_place *place)
{
    if (place->file[0] == '\0')
        return;
    fputs("  ", out);
    complaint_text(out, place->file);
    if (place->line > 0)
        fprintf(out, ":%zu", place->line);
    if (place->line > 0 && place->column > 0)
        fprintf(out, ":%zu", place->column);
    if (place->statement > 0)
        fprintf(out, "  (statement %zu of %zu)", place->statement, place->statements);
    fputc('\n', out);
    if (place->line > 0 && place->text[0] != '\0')
        print_excerpt(out, place);
}

/* The SQL inside of a script, counted from its own first line. */
static void
print_sql(FILE *out, const struct error_place *sql)
{
    if (sql->line == 0)
        return;
    fprintf(out, "  in its SQL, line %zu", sql->line);
    if (sql->column > 0)
        fprintf(out, ":%zu", sql->column);
    if (sql->statements > 1)
        fprintf(out, "  (statement %zu of %zu)", sql->statement, sql->statements);
    fputc('\n', out);
    if (sql->text[0] != '\0')
        print_excerpt(out, sql);
}

void
complaint_error(FILE *out, const struct error *err, bool colour)
{
    size_t first = strcspn(err->message, "\n");

    fprintf(out, "%serror:%s ", red(colour), plain(colour));
    text_put_message(out, err->message, first);
    if (err->sqlstate[0] != '\0')
        fprintf(out, " [%s]", err->sqlstate);
    fputc('\n', out);
    print_more(out, err->message + first);
    print_place(out, &err->place);
    print_sql(out, &err->sql);
    print_lines(out, "", err->object);
    print_lines(out, "detail: ", err->detail);
    print_lines(out, "context: ", err->where);
    print_lines(out, "hint: ", err->hint);
}

void
complaint_problem(FILE *out, const struct problem *problem, bool colour)
{
    struct error_place place = { .line = problem->line, .column = problem->column };

    switch (problem->level) {
    case PROBLEM_NOTE: fputs("note: ", out); break;
    case PROBLEM_WARNING:
        fprintf(out, "%swarning:%s ", yellow(colour), plain(colour));
        break;
    case PROBLEM_ERROR: fprintf(out, "%serror:%s ", red(colour), plain(colour)); break;
    }
    complaint_text(out, problem->message);
    fputc('\n', out);
    error_text(place.file, sizeof(place.file), problem->file);
    error_text(place.text, sizeof(place.text), problem->text);
    print_place(out, &place);
    if (problem->hint != NULL)
        print_lines(out, "hint: ", problem->hint);
}
