/* fuzz_directive.c - the head of a file, whatever it holds */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/directive.h"
#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct directives directives;
    struct error err = { 0 };

    if (!directives_read(text, size, &arena, &directives, &err) && err.place.line == 0)
        abort(); /* an error without its place */
    arena_release(&arena);
    return 0;
}
