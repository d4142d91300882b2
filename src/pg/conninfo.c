#include "pg/conninfo.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameters that other tools take in the URL, and what to write instead. */
static const struct {
    const char *parameter, *hint;
} strangers[] = {
    { "x-migrations-table", "Use --legacy-table to take over golang-migrate's table." },
    { "x-migrations-table-quoted", "Use --legacy-table." },
    { "x-multi-statement", "Leave it out: luamig splits files by itself." },
    { "x-multi-statement-max-size", "Leave it out: luamig splits files by itself." },
    { "x-statement-timeout", "Use --migration-timeout." },
    { "x-lock-strategy", "Use --lock." },
    { "x-lock-table", "Leave it out: luamig's lock needs no table." },
    { "search_path", "Write options=-csearch_path=NAME." },
    { "schema", "Write options=-csearch_path=NAME." },
    { "currentSchema", "Write options=-csearch_path=NAME." },
    { "pool_max_conns", "Leave it out: luamig has no pool." },
    { "statement_timeout", "Use --migration-timeout." },
    { "ssl", "Write sslmode=require." },
    { "binary_parameters", "Leave it out." },
    { "timezone", "Write options=-cTimeZone=NAME." },
};

static const char escapes[] =
    "In a password write '%' as %25, '@' as %40, '/' as %2F, '?' "
    "as %3F, '#' as %23.";

static bool
is_url(const char *text)
{
    return strncmp(text, "postgres://", 11) == 0 ||
           strncmp(text, "postgresql://", 13) == 0;
}

/* "mysql" of "mysql://..."; a scheme is letters, digits, +, -, . */
static size_t
scheme_length(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || strchr("+-.", text[len]) != NULL) {
        if (text[len] == '\0')
            return 0;
        len++;
    }
    return strncmp(text + len, "://", 3) == 0 ? len : 0;
}

static bool
is_known(const char *name, size_t len)
{
    PQconninfoOption *options = PQconndefaults();
    bool known = len == 3 && strncmp(name, "ssl", 3) == 0;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strlen(o->keyword) == len && strncmp(o->keyword, name, len) == 0)
            known = true;
    }
    PQconninfoFree(options);
    return known;
}

static bool
unknown_parameter(const char *name, size_t len, struct error *err)
{
    error_set(err, ERROR_USAGE, "unknown connection parameter '%.*s'",
              len < 64 ? (int)len : 64, name);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        if (strlen(strangers[i].parameter) == len &&
            strncmp(strangers[i].parameter, name, len) == 0)
            return error_hint(err, "%s", strangers[i].hint);
    }
    return error_hint(err, "See the PostgreSQL manual, section 34.1.2, for those that "
                           "libpq knows.");
}

/* The first parameter of a URL's query that libpq does not know. */
static bool
find_unknown(const char *text, struct error *err)
{
    const char *at = strchr(text, '?');

    while (at != NULL) {
        const char *name = at + 1;
        size_t len = strcspn(name, "=&");

        if (len > 0 && !is_known(name, len))
            return unknown_parameter(name, len, err);
        at = strchr(name, '&');
    }
    return true;
}

static bool
has_bad_escape(const char *text)
{
    for (; (text = strchr(text, '%')) != NULL; text++) {
        if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
            return true;
    }
    return false;
}

/* Behind an unescaped '/' or '?' of a password its rest looks like a parameter. */
static bool
hides_password(const char *text)
{
    const char *query = strchr(text, '?');

    return query != NULL && strchr(query, '@') != NULL;
}

static bool
is_port(const char *text, size_t len)
{
    size_t digits = strspn(text, "0123456789");

    return digits >= len || text[digits] == ',';
}

/*
 * Whether a '/', '?' or '@' of a password was not escaped. It ends the password there; the
 * rest becomes host, port, database or parameter, and those are shown in messages.
 */
static bool
is_torn(const char *text)
{
    const char *start = strstr(text, "://") + 3, *end = start + strcspn(start, "/?");
    const char *query = strchr(end, '?');
    const char *at = memchr(start, '@', (size_t)(end - start)), *colon;
    struct error ignored = { 0 };

    if (at != NULL)
        return memchr(at + 1, '@', (size_t)(end - at - 1)) != NULL;
    colon = memchr(start, ':', (size_t)(end - start));
    at = strchr(end, '@');
    if (colon == NULL || at == NULL || start[0] == '[')
        return false;
    return query == NULL || at < query ||
           !is_port(colon + 1, (size_t)(end - colon - 1)) ||
           !find_unknown(text, &ignored);
}

static bool
explain(const char *text, struct error *err)
{
    if (is_url(text) && has_bad_escape(text)) {
        error_set(err, ERROR_USAGE,
                  "the database URL holds a '%%' that is no %%XX escape");
        return error_hint(err, "%s", escapes);
    }
    if (is_url(text) && hides_password(text)) {
        error_set(err, ERROR_USAGE, "the database URL cannot be read");
        return error_hint(err, "Write a '/' in a password as %%2F, '?' as %%3F, '@' as "
                               "%%40, '#' as %%23.");
    }
    if (is_url(text) && !find_unknown(text, err))
        return false;
    error_set(err, ERROR_USAGE, "the database setting cannot be read");
    return error_hint(err, "Write postgres://USER@HOST:PORT/DATABASE, or keyword=value "
                           "pairs (PostgreSQL manual, section 34.1.1).");
}

bool
conninfo_check(const char *text, struct error *err)
{
    size_t scheme = scheme_length(text);
    PQconninfoOption *options;

    if (scheme > 0 && !is_url(text)) {
        error_set(err, ERROR_USAGE, "scheme '%.*s' is not PostgreSQL's", (int)scheme,
                  text);
        return error_hint(err, "Write postgres://USER@HOST:PORT/DATABASE.");
    }
    if (strchr(text, '=') == NULL && !is_url(text)) {
        error_set(err, ERROR_USAGE,
                  "the database setting is neither a URL nor "
                  "keyword=value pairs");
        return error_hint(err, "Write postgres://USER@HOST:PORT/DATABASE.");
    }
    if (is_url(text) && is_torn(text)) {
        error_set(err, ERROR_USAGE, "the database URL has an '@' where none can be");
        return error_hint(err, "%s", escapes);
    }
    options = PQconninfoParse(text, NULL);
    if (options == NULL)
        return explain(text, err);
    PQconninfoFree(options);
    return true;
}

/* A value in quotes, as keyword=value pairs have it. */
static const char *
quoted(const char *value, struct arena *arena)
{
    char *text = arena_alloc(arena, 2 * strlen(value) + 3), *to = text;

    *to++ = '\'';
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            *to++ = '\\';
        *to++ = *value;
    }
    *to = '\'';
    return text;
}

const char *
conninfo_with_database(const char *text, const char *database, struct arena *arena)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    const char *pairs = arena_printf(arena, "dbname=%s", quoted(database, arena));

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->val != NULL && strcmp(o->keyword, "dbname") != 0)
            pairs =
                arena_printf(arena, "%s %s=%s", pairs, o->keyword, quoted(o->val, arena));
    }
    PQconninfoFree(options);
    return pairs;
}

/* The longer ones first: one may be a part of another. */
static void
add_secret(struct secrets *secrets, const char *text, size_t len)
{
    size_t i = secrets->count;

    if (len == 0 || len >= sizeof(secrets->texts[0]) || i == SECRETS_MAX)
        return;
    for (size_t n = 0; n < i; n++) {
        if (strlen(secrets->texts[n]) == len && memcmp(secrets->texts[n], text, len) == 0)
            return;
    }
    for (; i > 0 && strlen(secrets->texts[i - 1]) < len; i--)
        memcpy(secrets->texts[i], secrets->texts[i - 1], sizeof(secrets->texts[0]));
    memcpy(secrets->texts[i], text, len);
    secrets->texts[i][len] = '\0';
    secrets->count++;
}

/* What stands between the user's ':' and the '@' of a URL, as it is written. */
static void
add_raw_password(struct secrets *secrets, const char *text)
{
    const char *start = strstr(text, "://"), *colon, *at;

    if (start == NULL)
        return;
    start += 3;
    at = start + strcspn(start, "/?");
    while (at > start && *at != '@')
        at--;
    colon = memchr(start, ':', (size_t)(at - start));
    if (*at == '@' && colon != NULL)
        add_secret(secrets, colon + 1, (size_t)(at - colon - 1));
}

static void
add_options(struct secrets *secrets, PQconninfoOption *options)
{
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->val != NULL && (strcmp(o->keyword, "password") == 0 ||
                               strcmp(o->keyword, "sslpassword") == 0))
            add_secret(secrets, o->val, strlen(o->val));
    }
    PQconninfoFree(options);
}

bool
conninfo_has_password(const char *text)
{
    struct secrets secrets = { 0 };

    add_options(&secrets, PQconninfoParse(text, NULL));
    return secrets.count > 0;
}

void
conninfo_secrets(struct secrets *secrets, const char *text)
{
    const char *password = getenv("PGPASSWORD");

    *secrets = (struct secrets){ 0 };
    if (text != NULL) {
        add_options(secrets, PQconninfoParse(text, NULL));
        add_raw_password(secrets, text);
    }
    if (password != NULL)
        add_secret(secrets, password, strlen(password));
}

void
conninfo_learn(struct secrets *secrets, PGconn *conn)
{
    const char *password = PQpass(conn);

    add_options(secrets, PQconninfo(conn));
    if (password != NULL)
        add_secret(secrets, password, strlen(password));
}

static void
hide_one(const char *secret, char *text)
{
    static const char stars[] = "***";
    size_t len = strlen(secret);

    while ((text = strstr(text, secret)) != NULL) {
        size_t put = len < 3 ? len : 3;

        memcpy(text, stars, put);
        memmove(text + put, text + len, strlen(text + len) + 1);
        text += put;
    }
}

void
conninfo_hide(const struct secrets *secrets, char *text)
{
    for (size_t i = 0; i < secrets->count; i++)
        hide_one(secrets->texts[i], text);
}

const char *
conninfo_shown(const char *text, char *dst, size_t size)
{
    const char *start = strstr(text, "://"), *end = strrchr(text, '@');
    const char *colon = start != NULL ? strchr(start + 3, ':') : NULL;

    if (colon == NULL || end == NULL || end < colon)
        snprintf(dst, size, "%s", text);
    else
        snprintf(dst, size, "%.*s***%s", (int)(colon + 1 - text), text, end);
    return dst;
}
