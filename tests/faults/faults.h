/*
 * faults.h - the suite that makes things go wrong: what its kinds of faults share
 *
 * Each kind runs luamig through one and the same folder of migrations, makes things go
 * wrong at moments that are random over its progress (fixed seeds), and compares the
 * database at the end with one that nothing happened to.
 */
#ifndef LUAMIG_TESTS_FAULTS_H
#define LUAMIG_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What came of one kind. */
struct tally {
    const char *name;
    const char *lock, *pool; /* of a crowd: --lock, and PgBouncer's pool_mode or NULL */
    size_t injected, lost;
    char note[160]; /* "worst 0.4 s", or why it was skipped; may be empty */
};

/* Counts something that is lost, and says what on stderr. */
void tally_lost(struct tally *tally, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* How many are wanted of a kind. */
typedef void fault_run(struct tally *tally, size_t wanted);

fault_run fault_kill, fault_terminate, fault_cut, fault_restart, fault_signal,
    fault_limit, fault_crowd, fault_vacuum, fault_disk;

/* 0 <= result < n, from the seed of the kind. */
long chance(long n);
void nap(long microseconds);
int64_t now_ms(void);

/* Whether a kind goes on: until enough was injected, or enough is lost to be looked at. */
bool tally_goes_on(const struct tally *tally, size_t wanted);

/* The server of tests/with-postgres.sh; buffers are the next call's. */
const char *server_dir(void);
const char *server_url(const char *database);
const char *build_file(const char *name);
void server_restart(void);

/* A PgBouncer before it, with a pool_mode and a size of each pool. Kill it in the end. */
pid_t pooler_start(const char *mode, const char *size);
const char *pooler_url(const char *database);

/* The first value, in a buffer that the next call reuses; "" for none. Dies on an error. */
const char *server_ask(const char *database, const char *sql);

/* A new database with what the migrations start from. */
void server_fresh(const char *database);

/* Folders of migrations, and the database that each makes when nothing goes wrong. */
struct folder {
    char path[512];
    bool for_pool; /* without session state */
    size_t count;
    char expected[33]; /* what judge() makes of it */
    int64_t pace;      /* microseconds that a migration takes */
};

/* Writes count migrations of all kinds, applies them, and keeps what came of it. */
void folder_make(struct folder *folder, const char *name, size_t count);
extern struct folder many, few, pooled;

/* Compares: schema, marks, applied set, invalid indexes, half done things. */
bool judge(struct tally *tally, const struct folder *folder, const char *database);

/* A run of luamig. */
struct child {
    pid_t pid;
    int out;          /* its stderr */
    char text[16384]; /* the last of it */
    size_t len;
    size_t read_to; /* lines before this were looked at */
    size_t said;    /* "applied N_name" by itself */
    long last;      /* the last N */
    bool ended;
    int status; /* as a shell has it: 128 + n for a signal */
};

/* luamig up on a database's URL, with up to three more arguments (NULL: none). */
void child_up(struct child *child, const struct folder *folder, const char *url,
              const char *const more[3]);

/* Reads until it said so many were applied; false: it ended before. */
bool child_until(struct child *child, size_t said);

/* Reads for at most ms; false: it has ended. */
bool child_listen(struct child *child, int ms);

/* Reads to the end; kills it after a minute and a half, which is lost. */
void child_wait(struct child *child, struct tally *tally);

/* The rest of the folder must go through without a fault, and the database be right. */
void child_finish(const struct folder *folder, const char *database, struct tally *tally);

#endif
