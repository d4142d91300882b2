/* fuzz_dotenv.c - .env, whatever it holds */
#include <stdint.h>
#include <stdlib.h>

#include "cli/dotenv.h"
#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct dotenv env;
    struct error err = { 0 };

    if (dotenv_parse(text, size, &arena, &env, &err)) {
        for (size_t i = 0; i < env.count; i++) {
            if (env.list[i].key[0] == '\0' || dotenv_value(&env, env.list[i].key) == NULL)
                abort();
        }
    } else if (err.place.line == 0) {
        abort();
    }
    arena_release(&arena);
    return 0;
}
