/* render.h - what is printed, as a string */
#ifndef LUAMIG_TESTS_RENDER_H
#define LUAMIG_TESTS_RENDER_H

#include <stdio.h>
#include <stdlib.h>

struct render {
    FILE *out;
    char *text;
    size_t len;
};

static inline FILE *
render_begin(struct render *render)
{
    render->text = NULL;
    render->out = open_memstream(&render->text, &render->len);
    return render->out;
}

static inline const char *
render_text(struct render *render)
{
    fflush(render->out);
    return render->text;
}

static inline void
render_end(struct render *render)
{
    fclose(render->out);
    free(render->text);
}

#endif
