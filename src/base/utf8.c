#include "base/utf8.h"

#include <string.h>

#define BOM "\xEF\xBB\xBF"

size_t
utf8_length(const char *text, size_t left)
{
    static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *bytes = (const unsigned char *)text;
    size_t len = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    unsigned long code = bytes[0] & (0xFFu >> (len + (len > 1)));

    if (bytes[0] == 0 || (bytes[0] >= 0x80 && bytes[0] < 0xC2) || bytes[0] > 0xF4 ||
        len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3F);
    }
    return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)
               ? len
               : 0;
}

size_t
utf8_bom(const char *text, size_t size)
{
    return size >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0 ? strlen(BOM) : 0;
}
