/*
 * fuzz.h - what every fuzz target has: libFuzzer's entry, and a main() that replays files
 *
 * Include it in exactly one file of a program.
 */
#ifndef LUAMIG_TESTS_FUZZ_H
#define LUAMIG_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>

#include "base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef LUAMIG_LIBFUZZER
int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct arena arena = { 0 };
        struct fs_text text;
        struct error err = { 0 };

        if (!fs_read(argv[i], &arena, &text, &err)) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)text.bytes, text.size);
        arena_release(&arena);
    }
    return 0;
}
#endif

#endif
