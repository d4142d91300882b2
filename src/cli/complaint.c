#include "cli/complaint.h"

#include <string.h>

#define EXCERPT_WIDTH 100 /* columns of a source line that are shown */

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
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

/* A text that may have several lines: each is indented. */
static void
print_lines(FILE *out, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(out, "  %s", label);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[1100];

        snprintf(line, sizeof(line), "%.*s", (int)len, text);
        complaint_text(out, line);
        text += len;
        if (*text == '\n' && *++text != '\0')
            fputs("\n    ", out);
    }
    fputc('\n', out);
}

/* Bytes of the first n characters of text. */
static size_t
bytes_of(const char *text, size_t n)
{
    size_t at = 0;

    while (n > 0 && text[at] != '\0') {
        at++;
        while (((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

/* The source line, cut round the column, and a caret below it; tabs stay tabs. */
static void
print_excerpt(FILE *out, const struct error_place *place)
{
    size_t skip = place->column > EXCERPT_WIDTH ? place->column - EXCERPT_WIDTH / 2 : 0;
    const char *shown = place->text + bytes_of(place->text, skip);
    size_t width = bytes_of(shown, EXCERPT_WIDTH), column = place->column - skip;

    fprintf(out, "  %5zu | %s", place->line, skip > 0 ? "..." : "");
    for (size_t i = 0; i < width; i++)
        fputc((unsigned char)shown[i] < 0x20 && shown[i] != '\t' ? ' ' : shown[i], out);
    fputs(shown[width] != '\0' ? "...\n" : "\n", out);
    if (place->column == 0)
        return;
    fprintf(out, "        | %s", skip > 0 ? "   " : "");
    for (size_t i = 0, n = 1; n < column && shown[i] != '\0'; i++) {
        if (((unsigned char)shown[i] & 0xC0) == 0x80)
            continue;
        fputc(shown[i] == '\t' ? '\t' : ' ', out);
        n++;
    }
    fputs("^\n", out);
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

void
complaint_error(FILE *out, const struct error *err, bool colour)
{
    fprintf(out, "%serror:%s ", red(colour), plain(colour));
    complaint_text(out, err->message);
    if (err->sqlstate[0] != '\0')
        fprintf(out, " [%s]", err->sqlstate);
    fputc('\n', out);
    print_place(out, &err->place);
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
