#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

#define BOM "\xEF\xBB\xBF"

static void
to_hex(const unsigned char *bytes, size_t len, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * len] = '\0';
}

void
digest_sha256(const char *bytes, size_t size, char hex[DIGEST_HEX])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    EVP_Digest(bytes, size, sum, &len, EVP_sha256(), NULL);
    to_hex(sum, len, hex);
}

static bool
has_sum(const char *bytes, size_t size, const char *hex)
{
    char mine[DIGEST_HEX];

    digest_sha256(bytes, size, mine);
    return strcmp(mine, hex) == 0;
}

/* The text with LF or CRLF, with and without BOM. */
static bool
matches_form(const char *bytes, size_t size, const char *hex, bool crlf)
{
    struct strbuf form = { 0 };
    bool same;

    strbuf_puts(&form, BOM);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\r' && i + 1 < size && bytes[i + 1] == '\n')
            continue;
        if (crlf && bytes[i] == '\n')
            strbuf_putc(&form, '\r');
        strbuf_putc(&form, bytes[i]);
    }
    same = has_sum(form.text, form.len, hex) ||
           has_sum(form.text + strlen(BOM), form.len - strlen(BOM), hex);
    strbuf_release(&form);
    return same;
}

bool
digest_matches(const char *bytes, size_t size, const char *hex)
{
    size_t bom;

    if (has_sum(bytes, size, hex))
        return true;
    bom = utf8_bom(bytes, size);
    return matches_form(bytes + bom, size - bom, hex, false) ||
           matches_form(bytes + bom, size - bom, hex, true);
}

uint64_t
digest_fnv1a(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++) {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(1099511628211);
    }
    return hash;
}

void
digest_random_hex(char *hex, size_t len)
{
    unsigned char bytes[32];
    size_t count = len / 2 < sizeof(bytes) ? len / 2 : sizeof(bytes);

    RAND_bytes(bytes, (int)count);
    to_hex(bytes, count, hex);
}
