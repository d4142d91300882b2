#include "cli/backfill_line.h"

#include <inttypes.h>

#include "cli/json_value.h"

/* "950", "9.8k", "188k", "3.1M" */
static void
add_count(struct strbuf *text, double n)
{
    static const char units[] = "kMGT";
    int unit = -1;

    while (n >= 999.5 && unit < 3) {
        n /= 1000;
        unit++;
    }
    strbuf_printf(text, unit >= 0 && n < 9.95 ? "%.1f" : "%.0f", n);
    if (unit >= 0)
        strbuf_putc(text, units[unit]);
}

/* "23s", "4m10s", "2h05m" */
static void
add_eta(struct strbuf *text, int64_t s)
{
    if (s < 60)
        strbuf_printf(text, " eta %" PRId64 "s", s);
    else if (s < 3600)
        strbuf_printf(text, " eta %" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else
        strbuf_printf(text, " eta %" PRId64 "h%02" PRId64 "m", s / 3600, s % 3600 / 60);
}

static void
add_if_any(struct strbuf *text, const char *what, int64_t n)
{
    if (n > 0)
        strbuf_printf(text, " %s %" PRId64, what, n);
}

void
backfill_line(const struct backfill_progress *p, struct strbuf *text)
{
    strbuf_printf(text, "%s.%s %.1f%% ", p->table, p->name, p->percent);
    add_count(text, (double)p->rows);
    strbuf_putc(text, '/');
    add_count(text, (double)p->total);
    if (p->rate >= 1) {
        strbuf_putc(text, ' ');
        add_count(text, p->rate);
        strbuf_puts(text, "/s");
    }
    if (p->eta >= 0)
        add_eta(text, p->eta);
    strbuf_puts(text, " batch ");
    add_count(text, (double)p->batch);
    strbuf_printf(text, " %" PRId64 "ms", p->elapsed);
    if (p->lag >= 0)
        strbuf_printf(text, " lag %.1fs", p->lag);
    add_if_any(text, "conflicts", p->conflicts);
    add_if_any(text, "suppressed", p->suppressed);
    add_if_any(text, "errors", p->errors);
}

void
backfill_json(struct json_object *object, const struct backfill_progress *p)
{
    struct json_object *one = json_object_new_object();

    json_set_text(one, "name", p->name);
    json_set_text(one, "table", p->table);
    json_set_number(one, "rows", p->rows);
    json_set_number(one, "total", p->total);
    json_object_object_add(one, "percent", json_object_new_double(p->percent));
    json_set_number(one, "rows_per_second", (int64_t)p->rate);
    if (p->eta >= 0)
        json_set_number(one, "eta_s", p->eta);
    json_set_number(one, "batch", p->batch);
    json_set_number(one, "batch_ms", p->elapsed);
    if (p->lag >= 0)
        json_object_object_add(one, "lag_s", json_object_new_double(p->lag));
    json_set_number(one, "conflicts", p->conflicts);
    json_set_number(one, "suppressed", p->suppressed);
    json_set_number(one, "errors", p->errors);
    json_object_object_add(object, "backfill", one);
}
