#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/settings.h"

void
output_begin(void)
{
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

size_t
output_columns(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 80;
    return size.ws_col;
}

bool
output_is_terminal(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) && (term == NULL || strcmp(term, "dumb") != 0);
}

bool
output_colour(int mode, FILE *out)
{
    const char *none = getenv("NO_COLOR");

    if (mode == COLOR_ALWAYS)
        return true;
    return mode == COLOR_AUTO && (none == NULL || none[0] == '\0') &&
           output_is_terminal(out);
}

static int write_error; /* the first one of stdout */

/* A pipe or socket whose other end is closed; `status | head`. */
static bool
is_reader_gone(FILE *out)
{
    struct pollfd fd = { .fd = fileno(out) };

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

void
output_push(FILE *out)
{
    if (fflush(out) != 0 && out == stdout && write_error == 0)
        write_error = errno;
}

bool
output_flush(void)
{
    static bool told;

    output_push(stdout);
    if ((write_error == 0 && !ferror(stdout)) || write_error == EPIPE ||
        is_reader_gone(stdout))
        return true;
    if (!told)
        fprintf(stderr, "error: output could not be written: %s\n",
                write_error != 0 ? strerror(write_error) : "an earlier write failed");
    told = true;
    return false;
}
