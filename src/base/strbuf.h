/* strbuf.h - a text that grows */
#ifndef LUAMIG_BASE_STRBUF_H
#define LUAMIG_BASE_STRBUF_H

#include <stddef.h>

/* Valid when zeroed. text is NUL-terminated; NULL as long as nothing was added. */
struct strbuf {
    char *text;
    size_t len, size;
};

void strbuf_add(struct strbuf *sb, const char *bytes, size_t len);
void strbuf_puts(struct strbuf *sb, const char *text);
void strbuf_putc(struct strbuf *sb, char c);
void strbuf_printf(struct strbuf *sb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void strbuf_reserve(struct strbuf *sb, size_t len); /* room for len bytes more */
void strbuf_reset(struct strbuf *sb);               /* empty, memory kept */
void strbuf_release(struct strbuf *sb);
const char *strbuf_text(const struct strbuf *sb); /* never NULL */

#endif
