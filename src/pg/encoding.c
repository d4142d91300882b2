#include "pg/encoding.h"

#include <string.h>

#include "pg/exec.h"

static bool
keeps_all(const struct session *session)
{
    const char *encoding = PQparameterStatus(session->conn, "server_encoding");

    return encoding == NULL || strcmp(encoding, "UTF8") == 0 ||
           strcmp(encoding, "SQL_ASCII") == 0;
}

static bool
is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

bool
encoding_keeps(struct session *session, const char *text, struct error *err)
{
    return is_ascii(text) || keeps_all(session) ||
           exec_command(session, "SELECT $1::pg_catalog.text", PG_PARAMS(text), err);
}
