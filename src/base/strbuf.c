#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void
strbuf_reserve(struct strbuf *sb, size_t len)
{
    if (sb->size - sb->len > len)
        return;
    sb->size = sb->size * 2 > sb->len + len + 1 ? sb->size * 2 : sb->len + len + 64;
    sb->text = xrealloc(sb->text, sb->size);
}

void
strbuf_add(struct strbuf *sb, const char *bytes, size_t len)
{
    strbuf_reserve(sb, len);
    if (len > 0)
        memcpy(sb->text + sb->len, bytes, len);
    sb->len += len;
    sb->text[sb->len] = '\0';
}

void
strbuf_puts(struct strbuf *sb, const char *text)
{
    strbuf_add(sb, text, strlen(text));
}

void
strbuf_putc(struct strbuf *sb, char c)
{
    strbuf_add(sb, &c, 1);
}

void
strbuf_printf(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap, again;
    int len;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    if (len > 0) {
        strbuf_reserve(sb, (size_t)len);
        vsnprintf(sb->text + sb->len, (size_t)len + 1, fmt, again);
        sb->len += (size_t)len;
    }
    va_end(again);
    va_end(ap);
}

void
strbuf_reset(struct strbuf *sb)
{
    sb->len = 0;
    if (sb->text != NULL)
        sb->text[0] = '\0';
}

void
strbuf_release(struct strbuf *sb)
{
    free(sb->text);
    *sb = (struct strbuf){ 0 };
}

const char *
strbuf_text(const struct strbuf *sb)
{
    return sb->text != NULL ? sb->text : "";
}
