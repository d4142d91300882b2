#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/settings.h"

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

bool
output_flush(void)
{
    static bool told;
    int failed = ferror(stdout);

    errno = 0;
    if (fflush(stdout) == 0 && !failed)
        return true;
    if (errno == EPIPE)
        return true;
    if (!told)
        fprintf(stderr, "error: output could not be written: %s\n",
                errno != 0 ? strerror(errno) : "an earlier write failed");
    told = true;
    return false;
}
