/*
 * fuzz_conninfo.c - connection URLs, whatever they hold: no message shows their password
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pg/conninfo.h"
#include "tests/fuzz.h"

static const char secret[] = "S3CRET";

/* Between a `:` and an `@` it may be a password; elsewhere it may be shown. */
static bool
holds_secret(const char *text)
{
    const char *at = strstr(text, secret), *colon = strchr(text, ':');

    return at != NULL && strstr(at + 1, secret) == NULL && colon != NULL && colon < at &&
           strchr(at, '@') != NULL;
}

static void
check_refusal(const char *text, const struct error *err)
{
    if (err->kind != ERROR_USAGE || err->message[0] == '\0' || err->hint[0] == '\0')
        abort();
    if (holds_secret(text) &&
        (strstr(err->message, secret) != NULL || strstr(err->hint, secret) != NULL))
        abort();
}

static void
check_hidden(const struct secrets *secrets, const char *password, struct arena *arena)
{
    char *message = arena_printf(arena, "connection to \"%s\" (%s) failed%s", password,
                                 password, password);

    conninfo_hide(secrets, message);
    if (strstr("connection to \"***\" (***) failed***", password) == NULL &&
        strstr(message, password) != NULL)
        abort();
}

static void
check_secrets(const char *text, struct arena *arena)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    struct secrets secrets;

    conninfo_secrets(&secrets, text);
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, "password") == 0 && o->val != NULL && o->val[0] != '\0')
            check_hidden(&secrets, o->val, arena);
    }
    PQconninfoFree(options);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct error err = { 0 };

    if (!conninfo_check(text, &err)) {
        check_refusal(text, &err);
    } else {
        const char *other = conninfo_with_database(text, "o'ther\\", &arena);

        check_secrets(text, &arena);
        if (!conninfo_check(other, &err))
            abort();
    }
    arena_release(&arena);
    return 0;
}
