/* digest.h - checksums and keys; the only file that includes OpenSSL */
#ifndef LUAMIG_BASE_DIGEST_H
#define LUAMIG_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX 65 /* 64 digits and NUL */

/* SHA-256 of bytes, lower-case hex (OpenSSL EVP). */
void digest_sha256(const char *bytes, size_t size, char hex[DIGEST_HEX]);

/*
 * Whether bytes have the checksum hex, or would have it with or without a BOM, with LF or
 * CRLF line ends: such a file has not drifted.
 */
bool digest_matches(const char *bytes, size_t size, const char *hex);

/* FNV-1a, 64 bits: the key of an advisory lock. */
uint64_t digest_fnv1a(const char *text);

/* len hex digits (and NUL) of randomness: a run's id, a token. */
void digest_random_hex(char *hex, size_t len);

#endif
