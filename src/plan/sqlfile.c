#include "plan/sqlfile.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct reading {
    struct sql_file *file;
    struct arena *arena;
    struct error *err;
    bool asked; /* no-transaction */
};

bool
sqlfile_check_bytes(const char *text, size_t size, struct error *err)
{
    size_t line, column;

    for (size_t at = 0, len; at < size; at += len) {
        len = utf8_length(text + at, size - at);
        if (len > 0)
            continue;
        sqlscan_line(text, size, at, &line, &column);
        error_set(err, ERROR_PLAN, "%s at byte offset %zu",
                  text[at] == '\0' ? "NUL" : "invalid UTF-8", at);
        error_hint(err, "Files are UTF-8 text, with or without BOM.");
        return error_at(err, "", line, column);
    }
    return true;
}

static bool
refuse(struct reading *r, size_t i, const char *message, const char *hint)
{
    error_set(r->err, ERROR_PLAN, "%s", message);
    error_hint(r->err, "%s", hint);
    return error_at(r->err, "", r->file->statements[i].line, 0);
}

static bool
check_statement(struct reading *r, size_t i)
{
    const struct sql_class *class = &r->file->classes[i];

    if (class->kind == SQL_PREPARE_TRANSACTION)
        return refuse(r, i, "PREPARE TRANSACTION is not possible in a migration",
                      "Its fate would no longer be the migration's.");
    if (class->chain)
        return refuse(r, i, "AND CHAIN is not possible in a migration",
                      "Write COMMIT and BEGIN.");
    if (class->bad_encoding)
        return refuse(r, i, "client_encoding must stay UTF8",
                      "Files are read as UTF-8; leave the statement out.");
    if (class->bad_strings)
        return refuse(r, i, "standard_conforming_strings must stay on",
                      "Write E'...' for strings with backslashes.");
    return true;
}

static bool
classify_all(struct reading *r)
{
    struct sql_file *f = r->file;

    f->classes = arena_alloc(r->arena, (f->count + 1) * sizeof(*f->classes));
    for (size_t i = 0; i < f->count; i++) {
        sqlkind_classify(f->text + f->statements[i].offset, f->statements[i].length,
                         r->arena, &f->classes[i]);
        f->has_copy = f->has_copy || f->classes[i].copy_in || f->classes[i].copy_out;
        if (!check_statement(r, i))
            return false;
    }
    return true;
}

/* Every BEGIN has its end; the server would only warn of a second one before it. */
static bool
check_blocks(struct reading *r)
{
    const struct sql_file *f = r->file;
    size_t open = f->count;

    for (size_t i = 0; i < f->count; i++) {
        if (f->classes[i].kind == SQL_BEGIN && open < f->count)
            return refuse(r, i, "BEGIN inside a transaction block",
                          "Write COMMIT before it, or leave it out.");
        if (f->classes[i].kind == SQL_BEGIN)
            open = i;
        else if (f->classes[i].kind == SQL_COMMIT || f->classes[i].kind == SQL_ROLLBACK)
            open = f->count;
    }
    if (open == f->count)
        return true;
    return refuse(r, open, "this transaction block is not ended in the file",
                  "Write COMMIT behind its last statement, or leave BEGIN out.");
}

static bool
is_control(enum sql_kind kind)
{
    return kind == SQL_BEGIN || kind == SQL_COMMIT || kind == SQL_ROLLBACK;
}

/* The whole file is one BEGIN ... COMMIT, savepoints between. */
static bool
is_one_block(const struct sql_file *f)
{
    if (f->count < 2 || f->classes[0].kind != SQL_BEGIN ||
        f->classes[f->count - 1].kind != SQL_COMMIT)
        return false;
    for (size_t i = 1; i + 1 < f->count; i++) {
        if (is_control(f->classes[i].kind) || f->classes[i].kind == SQL_OUTSIDE)
            return false;
    }
    return true;
}

static bool
refuse_read_only(struct reading *r, size_t i)
{
    return refuse(r, i, "a migration cannot be READ ONLY: it records itself",
                  "Leave READ ONLY out.");
}

/*
 * luamig's own query comes before the block's first: modes that SET TRANSACTION gives there
 * must stand behind BEGIN.
 */
static void
lift_modes(struct reading *r)
{
    struct sql_class *classes = r->file->classes;

    for (size_t i = 0; i + 1 < r->file->count; i++) {
        struct sql_class *begin = &classes[i], *set = &classes[i + 1];

        if (begin->kind != SQL_BEGIN || set->kind != SQL_SET_TRANSACTION)
            continue;
        begin->read_only = begin->read_only || set->read_only;
        begin->modes = arena_printf(r->arena, "%s%s%s", begin->modes,
                                    begin->modes[0] != '\0' ? ", " : "", set->modes);
    }
}

/* luamig's own transaction takes the pair's place, with its modes. */
static bool
unwrap(struct reading *r)
{
    struct sql_file *f = r->file;

    if (f->classes[0].read_only)
        return refuse_read_only(r, 0);
    f->modes = f->classes[0].modes;
    f->statements++;
    f->classes++;
    f->count -= 2;
    return true;
}

/* A leading SET TRANSACTION must come before luamig's own first query. */
static bool
take_set_transaction(struct reading *r)
{
    struct sql_file *f = r->file;

    if (f->count == 0 || f->classes[0].kind != SQL_SET_TRANSACTION)
        return true;
    if (f->classes[0].read_only)
        return refuse_read_only(r, 0);
    if (f->modes == NULL)
        f->modes = f->classes[0].modes;
    f->statements++;
    f->classes++;
    f->count--;
    return true;
}

/* The first statement that rules out one transaction for all; count if none does. */
static size_t
find_obstacle(const struct sql_file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->classes[i].kind == SQL_OUTSIDE || is_control(f->classes[i].kind))
            return i;
    }
    return f->count;
}

static const char *
obstacle_notice(struct reading *r, size_t i)
{
    const struct sql_file *f = r->file;
    size_t line = f->statements[i].line;

    if (f->classes[i].kind == SQL_OUTSIDE)
        return arena_printf(r->arena,
                            "runs statement by statement: %s in line %zu cannot run in a "
                            "transaction block",
                            sqlkind_outside_name(f->classes[i].outside), line);
    return arena_printf(r->arena,
                        "runs statement by statement: transaction control of its own in "
                        "line %zu",
                        line);
}

static void
add_notice(struct reading *r, size_t i, const char *text)
{
    struct sql_file *f = r->file;

    f->notice_of[f->notice_count] = i;
    f->notices[f->notice_count++] =
        arena_printf(r->arena, "line %zu: %s", f->statements[i].line, text);
}

static size_t
block_end(const struct sql_file *f, size_t i)
{
    while (f->classes[i].kind != SQL_COMMIT && f->classes[i].kind != SQL_ROLLBACK)
        i++;
    return i;
}

static struct sql_unit
next_unit(struct reading *r, size_t i)
{
    const struct sql_file *f = r->file;
    size_t end;

    switch (f->classes[i].kind) {
    case SQL_BEGIN:
        end = block_end(f, i);
        return (struct sql_unit){ .kind = f->classes[end].kind == SQL_COMMIT
                                              ? UNIT_BLOCK
                                              : UNIT_UNDONE,
                                  .first = i,
                                  .count = end - i + 1 };
    case SQL_COMMIT:
    case SQL_ROLLBACK:
        add_notice(r, i, "dropped: no transaction block is open here");
        return (struct sql_unit){ .kind = UNIT_DROPPED, .first = i, .count = 1 };
    case SQL_SET_LOCAL:
    case SQL_SET_TRANSACTION:
        add_notice(r, i, "has no effect outside a transaction block");
        break;
    case SQL_ORDINARY:
    case SQL_SESSION:
    case SQL_SAVEPOINT:
    case SQL_PREPARE_TRANSACTION:
    case SQL_TEMPORARY:
    case SQL_BLOCK:
    case SQL_OUTSIDE: break;
    }
    return (struct sql_unit){ .kind = UNIT_SINGLE, .first = i, .count = 1 };
}

static bool
build_units(struct reading *r)
{
    struct sql_file *f = r->file;

    f->units = arena_alloc(r->arena, (f->count + 1) * sizeof(*f->units));
    f->notices = arena_alloc(r->arena, (f->count + 1) * sizeof(*f->notices));
    f->notice_of = arena_alloc(r->arena, (f->count + 1) * sizeof(*f->notice_of));
    for (size_t i = 0; i < f->count; i += f->units[f->unit_count - 1].count) {
        f->units[f->unit_count] = next_unit(r, i);
        if (f->units[f->unit_count++].kind == UNIT_BLOCK && f->classes[i].read_only)
            return refuse_read_only(r, i);
    }
    return true;
}

static bool
decide_mode(struct reading *r)
{
    struct sql_file *f = r->file;
    size_t obstacle;

    lift_modes(r);
    f->mode = SQL_MODE_TRANSACTION;
    if (!r->asked && is_one_block(f))
        return unwrap(r) && take_set_transaction(r);
    obstacle = find_obstacle(f);
    if (!r->asked && obstacle == f->count)
        return take_set_transaction(r);
    f->mode = SQL_MODE_STATEMENTS;
    if (!r->asked)
        f->notice = obstacle_notice(r, obstacle);
    return build_units(r);
}

bool
sqlfile_read(const char *text, size_t size, bool no_transaction, struct arena *arena,
             struct sql_file *out, struct error *err)
{
    struct reading r = {
        .file = out, .arena = arena, .err = err, .asked = no_transaction
    };
    struct sql_statements split;

    *out = (struct sql_file){ .text = text, .size = size };
    if (!sqlfile_check_bytes(text, size, err) ||
        !sqlscan_split(text, size, arena, &split, err))
        return false;
    out->statements = split.list;
    out->count = split.count;
    return classify_all(&r) && check_blocks(&r) && decide_mode(&r);
}

/* Whether unit i begins in the range and can be in a transaction with others. */
static bool
fits(const struct sql_file *file, size_t i, const struct sql_range *range)
{
    const struct sql_unit *unit = &file->units[i];
    size_t offset = file->statements[unit->first].offset;
    enum sql_kind kind = file->classes[unit->first].kind;

    return unit->kind == UNIT_SINGLE && kind != SQL_OUTSIDE && offset >= range->offset &&
           offset - range->offset < range->length;
}

static bool
starts_in(const struct sql_file *file, size_t i, const struct sql_range *range)
{
    size_t offset = file->statements[file->units[i].first].offset;

    return offset >= range->offset && offset - range->offset < range->length;
}

/* How many units from i on are the range's; 0 if one of them has to stand alone. */
static size_t
run_length(const struct sql_file *file, size_t i, const struct sql_range *range)
{
    size_t n = 0;

    for (; i + n < file->unit_count && starts_in(file, i + n, range); n++) {
        if (!fits(file, i + n, range))
            return 0;
    }
    return n;
}

/* SET LOCAL and its like do have an effect in a group. */
static void
drop_notices(struct sql_file *file, const struct sql_unit *group)
{
    size_t kept = 0;

    for (size_t i = 0; i < file->notice_count; i++) {
        size_t statement = file->notice_of[i];

        if (statement >= group->first && statement < group->first + group->count)
            continue;
        file->notices[kept] = file->notices[i];
        file->notice_of[kept++] = statement;
    }
    file->notice_count = kept;
}

static void
make_group(struct sql_file *file, struct sql_unit *unit, size_t count)
{
    unit->kind = UNIT_GROUP;
    unit->count = count;
    drop_notices(file, unit);
}

void
sqlfile_group(struct sql_file *file, const struct sql_range *ranges, size_t count)
{
    size_t kept = 0, range = 0, n;

    for (size_t i = 0; i < file->unit_count; i += n) {
        size_t offset = file->statements[file->units[i].first].offset;

        while (range < count && offset >= ranges[range].offset + ranges[range].length)
            range++;
        n = range < count ? run_length(file, i, &ranges[range]) : 0;
        file->units[kept] = file->units[i];
        if (n > 1)
            make_group(file, &file->units[kept], n);
        n = n > 1 ? n : 1;
        kept++;
    }
    file->unit_count = kept;
}
