/* words.h - the nearest known word, and durations */
#ifndef LUAMIG_BASE_WORDS_H
#define LUAMIG_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word of the NULL-terminated list that is nearest to word; NULL if none is near. */
const char *words_nearest(const char *word, const char *const *known);

/* "500ms", "30s", "5m", "2h", "0" to milliseconds; false if it is none. */
bool words_duration(const char *text, int64_t *ms);

/* "64MiB", "2GiB", "100KiB", "1048576" to bytes; false if it is none. */
bool words_size(const char *text, int64_t *bytes);

/* Milliseconds as people write them: "250 ms", "12.4 s", "4m10s", "2h05m". */
const char *words_elapsed(int64_t ms, char *buf, size_t size);

/* Bytes as people write them: "16 kB", "1.2 GB", by 1024 as PostgreSQL's pg_size_pretty. */
const char *words_bytes(int64_t bytes, char *buf, size_t size);

/* Milliseconds as settings write them: "10s", "1m", "250ms", "0". */
const char *words_setting(int64_t ms, char *buf, size_t size);

#endif
