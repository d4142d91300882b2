/* fs.h - files and folders */
#ifndef LUAMIG_BASE_FS_H
#define LUAMIG_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct fs_text {
    char *bytes; /* NUL-terminated behind size; in the arena */
    size_t size;
};

struct fs_names {
    const char **list; /* sorted bytewise; "." and ".." left out */
    size_t count;
};

/* Reads the regular file (symlinks are followed) at path, once. ERROR_USAGE on failure. */
bool fs_read(const char *path, struct arena *arena, struct fs_text *out,
             struct error *err);

/* Lists a folder. ERROR_USAGE on failure. */
bool fs_list(const char *path, struct arena *arena, struct fs_names *out,
             struct error *err);

bool fs_is_folder(const char *path);
bool fs_exists(const char *path);

/* Makes a new file; one that exists is an error (O_EXCL). ERROR_USAGE. */
bool fs_create(const char *path, const char *text, struct error *err);

/* Writes all of it, or answers false with errno. Async-signal-safe. */
bool fs_write(int fd, const char *bytes, size_t size);

/* Renames a file; a target that exists is an error, never replaced. ERROR_USAGE. */
bool fs_rename(const char *from, const char *to, struct error *err);

/* Makes a folder; one that exists is fine. ERROR_USAGE. */
bool fs_make_folder(const char *path, struct error *err);

/* "dir/name", or name alone where it is absolute or dir is "" or ".". */
char *fs_join(struct arena *arena, const char *dir, const char *name);

/* Opens closed descriptors 0, 1, 2 on /dev/null: libpq's socket must not become stdout. */
void fs_open_standard(void);

#endif
