/*
 * proxy.c - stands between luamig and the server and counts round trips
 *
 * proxy SOCKET COUNTS: listens on 127.0.0.1, prints its port, and forwards each connection
 * (without TLS: sslmode=disable) to the unix socket of a server. When a connection ends, a
 * line is appended to COUNTS: how many Sync and Query messages the client sent, each of
 * which the server answers at once.
 *
 * With a third argument, a file that holds "N MODE", the first connection that sends its
 * Nth such message is cut there, once:
 *
 *     b  before the server gets it          a  after the server answered; the answer is swallowed
 *     c  at once, when the server has it    p  when the server has only the first half
 *     h  the client alone: the server answers, and keeps the connection for a while
 *     d  the same, but the server gets the message only after a while
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The client's messages, told apart as they pass: type, length, body. */
struct count {
    bool started; /* the startup message, which has no type, has passed */
    size_t have;  /* bytes of the header at hand */
    uint8_t head[5];
    uint32_t left; /* bytes of the body still to pass */
    unsigned long syncs;
    const char *cut; /* the file that says where; NULL: nowhere */
};

static void
count_byte(struct count *c, uint8_t byte)
{
    size_t head = c->started ? 5 : 4;

    if (c->left > 0) {
        c->left--;
        return;
    }
    c->head[c->have++] = byte;
    if (c->have < head)
        return;
    c->left = ((uint32_t)c->head[head - 4] << 24 | (uint32_t)c->head[head - 3] << 16 |
               (uint32_t)c->head[head - 2] << 8 | c->head[head - 1]) -
              4;
    if (c->started && (c->head[0] == 'S' || c->head[0] == 'Q'))
        c->syncs++;
    c->started = true;
    c->have = 0;
}

/* How the connection is to be cut now, or 0. Whoever takes the file away cuts. */
static char
cut_now(const struct count *count)
{
    unsigned long n = 0;
    FILE *file = count->cut != NULL ? fopen(count->cut, "r") : NULL;
    char when = 0;
    int got;

    if (file == NULL)
        return 0;
    got = fscanf(file, "%lu %c", &n, &when);
    fclose(file);
    return got == 2 && count->syncs >= n && unlink(count->cut) == 0 ? when : 0;
}

static bool
write_all(int to, const uint8_t *bytes, ssize_t len)
{
    for (ssize_t done = 0, put; done < len; done += put) {
        put = write(to, bytes + done, (size_t)(len - done));
        if (put <= 0)
            return false;
    }
    return true;
}

/* Until the server has been quiet for a moment; nobody hears what it says. */
static void
swallow(int server, int quiet)
{
    struct pollfd fd = { .fd = server, .events = POLLIN };
    uint8_t buffer[16384];

    while (poll(&fd, 1, quiet) > 0 && read(server, buffer, sizeof(buffer)) > 0)
        ;
}

/* The client's end goes; what the server gets of the message, and when, is the mode's. */
static void
cut(int client, int server, const uint8_t *bytes, ssize_t got, char mode)
{
    if (mode == 'd' || mode == 'h')
        shutdown(client, SHUT_RDWR);
    if (mode == 'd')
        usleep(150000);
    if (mode != 'b')
        write_all(server, bytes, mode == 'p' ? got / 2 : got);
    if (mode == 'a')
        swallow(server, 100);
    if (mode == 'd' || mode == 'h')
        swallow(server, 1500);
}

static bool
forward(int from, int to, struct count *count)
{
    uint8_t buffer[16384];
    ssize_t got = read(from, buffer, sizeof(buffer));
    char mode;

    if (got <= 0)
        return false;
    for (ssize_t i = 0; count != NULL && i < got; i++)
        count_byte(count, buffer[i]);
    mode = count != NULL ? cut_now(count) : 0;
    if (mode == 0)
        return write_all(to, buffer, got);
    cut(from, to, buffer, got, mode);
    return false;
}

static int
connect_server(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return -1;
    return fd;
}

static void
serve(int client, const char *path, const char *counts, const char *cut)
{
    int server = connect_server(path), out;
    struct count count = { .cut = cut };
    bool alive = server >= 0;

    while (alive) {
        struct pollfd fds[] = { { .fd = client, .events = POLLIN },
                                { .fd = server, .events = POLLIN } };

        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            alive = forward(client, server, &count);
        if (alive && fds[1].revents != 0)
            alive = forward(server, client, NULL);
    }
    out = open(counts, O_WRONLY | O_CREAT | O_APPEND, 0666);
    dprintf(out, "%lu\n", count.syncs);
    _exit(0);
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client;

    if (argc < 3 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return 1;
    signal(SIGCHLD, SIG_IGN);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    fclose(stdout);
    for (;;) {
        client = accept(listener, NULL, NULL);
        if (client < 0)
            continue; /* it went before it was served */
        if (fork() == 0)
            serve(client, argv[1], argv[2], argc > 3 ? argv[3] : NULL);
        close(client);
    }
}
