#include "script/compile.h"

#include "base/arena.h"
#include "script/vm.h"

#define MEMORY_CAP ((size_t)512 << 20)

bool
script_compile(const char *path, const char *text, size_t size, struct error *err)
{
    struct vm vm = { .cap = MEMORY_CAP };
    struct arena arena = { 0 };
    bool ok = vm_init(&vm, err) &&
              vm_load(&vm, text, size, arena_printf(&arena, "@%s", path), err);

    vm_release(&vm);
    arena_release(&arena);
    return ok;
}
