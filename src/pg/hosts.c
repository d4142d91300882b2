#include "pg/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void
set(char **dst, const char *text)
{
    char *copy = text != NULL && text[0] != '\0' ? xstrdup(text) : NULL;

    free(*dst);
    *dst = copy;
}

/* A list with one name and two addresses fits no longer: the address is pinned, too. */
void
hosts_pin(struct hosts *hosts, const PGconn *conn)
{
    set(&hosts->host, PQhost(conn));
    set(&hosts->hostaddr, PQhostaddr(conn));
    set(&hosts->port, PQport(conn));
}

static const char *
option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0)
            return o->val;
    }
    return NULL;
}

/* What follows the next comma; NULL: nothing does. */
static const char *
behind(const char *list)
{
    const char *comma = list != NULL ? strchr(list, ',') : NULL;

    return comma != NULL ? comma + 1 : NULL;
}

static bool
is_first(const char *list, const char *text)
{
    size_t len = list != NULL ? strcspn(list, ",") : 0;

    return text != NULL && strlen(text) == len &&
           (len == 0 || strncmp(list, text, len) == 0);
}

/* One port may be all hosts'. */
static const char *
next_port(const char *port)
{
    return behind(port) != NULL ? behind(port) : port;
}

bool
hosts_skip(struct hosts *hosts, PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    const char *host = option(options, "host"), *hostaddr = option(options, "hostaddr");
    const char *port = option(options, "port");
    bool found = false, more;

    while (!found && (host != NULL || hostaddr != NULL)) {
        found = is_first(host != NULL ? host : hostaddr, PQhost(conn)) &&
                (port == NULL || is_first(port, PQport(conn)));
        host = behind(host);
        hostaddr = behind(hostaddr);
        port = next_port(port);
    }
    if (host == NULL)
        more = found && hostaddr != NULL && hostaddr[0] != '\0';
    else
        more = found && host[0] != '\0';
    if (more) {
        set(&hosts->host, host);
        set(&hosts->hostaddr, hostaddr);
        set(&hosts->port, port);
    }
    PQconninfoFree(options);
    return more;
}

void
hosts_release(struct hosts *hosts)
{
    free(hosts->host);
    free(hosts->hostaddr);
    free(hosts->port);
    *hosts = (struct hosts){ 0 };
}
