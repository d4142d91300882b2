#include "pg/refusal.h"

#include <string.h>

/* By what libpq and the server say; where they say it in another language there is no hint. */
static const struct {
    const char *text, *hint;
} hints[] = {
    { "server does not support SSL",
      "The server takes no TLS: turn it on there (ssl = on), or write sslmode=prefer if the "
      "network may be trusted." },
    { "does not match host name",
      "Connect to a name that the certificate holds, or with sslmode=verify-ca check only "
      "who signed it." },
    { "certificate verify failed",
      "The certificate was signed by no CA of sslrootcert, or has expired; `openssl s_client "
      "-starttls postgres -connect HOST:PORT -CAfile FILE` says which." },
    { "root certificate file",
      "Write sslrootcert=FILE, the certificate of the CA that signed the server's." },
    { "requires a valid client certificate",
      "Write sslcert=FILE and sslkey=FILE, signed by a CA that the server knows." },
    { "certificate authentication failed",
      "The certificate's common name must be the role's, or be mapped to it on the server "
      "(pg_ident.conf)." },
    { "no encryption", "The server may want TLS here: write sslmode=require." },
    { "no password supplied",
      "Give the password in PGPASSWORD, a passfile (~/.pgpass, PGPASSFILE) or a service file." },
    { "session is read-only",
      "Of the hosts none takes writes: is the primary among them (target_session_attrs)?" },
    { "unsupported startup parameter",
      "A pooler refuses it. Leave it out of the URL and of the environment (options, "
      "PGOPTIONS); what it says can be said with ALTER ROLE ... SET, or give luamig a direct "
      "connection to the server." },
    { "server is in hot standby mode",
      "Of the hosts none is a primary (target_session_attrs)." },
};

/* libpq's lines of advice begin with a tab. */
static void
tidy(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '\t')
            *to++ = *from;
    }
    while (to > text && to[-1] == '\n')
        to--;
    *to = '\0';
}

bool
refusal_explain(struct strbuf *text, const struct secrets *secrets, struct error *err)
{
    if (text->len == 0)
        strbuf_puts(text, "no reason is known");
    conninfo_hide(secrets, text->text);
    tidy(text->text);
    error_set(err, ERROR_CONNECT, "cannot connect: %s", text->text);
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(text->text, hints[i].text) != NULL)
            return error_hint(err, "%s", hints[i].hint);
    }
    return false;
}
