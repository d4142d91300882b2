#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
failed(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERROR_USAGE, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
static int
open_regular(const char *path, struct stat *st, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        failed(err, "read", path);
        return -1;
    }
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    error_set(err, ERROR_USAGE, "cannot read '%s': not a regular file", path);
    close(fd);
    return -1;
}

/* Reads until the end, even if the file is not as long as stat said. */
static bool
read_all(int fd, size_t expected, struct arena *arena, struct fs_text *out)
{
    size_t room = expected + 1;
    ssize_t got;

    out->bytes = arena_alloc(arena, room + 1);
    out->size = 0;
    while ((got = read(fd, out->bytes + out->size, room - out->size)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        out->size += (size_t)got;
        if (out->size == room) {
            char *bigger = arena_alloc(arena, room * 2 + 1);

            memcpy(bigger, out->bytes, out->size);
            out->bytes = bigger;
            room *= 2;
        }
    }
    out->bytes[out->size] = '\0';
    return true;
}

bool
fs_read(const char *path, struct arena *arena, struct fs_text *out, struct error *err)
{
    struct stat st;
    int fd = open_regular(path, &st, err);
    bool ok;

    if (fd < 0)
        return false;
    ok = read_all(fd, (size_t)st.st_size, arena, out);
    if (!ok)
        failed(err, "read", path);
    close(fd);
    return ok;
}

static int
compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

static bool
is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool
list_entries(DIR *dir, struct arena *arena, struct fs_names *out)
{
    const char **list = NULL;
    size_t count = 0, capacity = 0;
    struct dirent *entry;

    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (is_dots(entry->d_name))
            continue;
        list = xgrow(list, count, &capacity, sizeof(*list));
        list[count++] = arena_strdup(arena, entry->d_name);
    }
    out->list = arena_alloc(arena, (count + 1) * sizeof(*list));
    if (count > 0)
        memcpy(out->list, list, count * sizeof(*list));
    out->count = count;
    free(list);
    return errno == 0;
}

bool
fs_list(const char *path, struct arena *arena, struct fs_names *out, struct error *err)
{
    DIR *dir = opendir(path);
    bool ok;

    if (dir == NULL)
        return failed(err, "list", path);
    ok = list_entries(dir, arena, out);
    if (!ok)
        failed(err, "list", path);
    closedir(dir);
    if (ok && out->count > 1)
        qsort(out->list, out->count, sizeof(*out->list), compare_names);
    return ok;
}

bool
fs_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
fs_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

bool
fs_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(fd, bytes, size);

        if (wrote < 0 && errno != EINTR)
            return false;
        if (wrote > 0) {
            bytes += wrote;
            size -= (size_t)wrote;
        }
    }
    return true;
}

bool
fs_create(const char *path, const char *text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok;

    if (fd < 0)
        return failed(err, "create", path);
    ok = fs_write(fd, text, strlen(text));
    if (close(fd) != 0)
        ok = false;
    if (ok)
        return true;
    failed(err, "write", path);
    unlink(path);
    return false;
}

bool
fs_rename(const char *from, const char *to, struct error *err)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    return failed(err, "rename to", to);
}

bool
fs_make_folder(const char *path, struct error *err)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && fs_is_folder(path)))
        return true;
    return failed(err, "create folder", path);
}

char *
fs_join(struct arena *arena, const char *dir, const char *name)
{
    size_t len = strlen(dir);

    if (name[0] == '/' || len == 0 || strcmp(dir, ".") == 0)
        return arena_strdup(arena, name);
    return arena_printf(arena, "%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

void
fs_open_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}
