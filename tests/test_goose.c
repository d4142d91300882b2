#include "tests/test.h"

#include <string.h>

#include "plan/goose_kept.h"

static struct arena arena;

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static const char *
lookup(void *ctx, const char *name)
{
    (void)ctx;
    if (strcmp(name, "V") == 0)
        return "value";
    if (strcmp(name, "UMLAUT") == 0)
        return "\xC3\xA4";
    if (strcmp(name, "LINES") == 0)
        return "1\n2";
    return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static bool
read_as(enum goose_file file, const char *text, bool down, struct goose *out,
        struct error *err)
{
    struct goose_input in = { .text = text,
                              .size = strlen(text),
                              .file = file,
                              .down = down,
                              .env = { .lookup = lookup } };

    *err = (struct error){ 0 };
    return goose_read(&in, &arena, out, err);
}

static void
a_section_keeps_its_lines(void **state)
{
    static const char text[] = "-- a\n-- +goose Up\nCREATE TABLE a ();\n\n"
                               "-- +goose Down\r\nDROP TABLE a;\r\n";
    struct goose g;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_BOTH, text, false, &g, &err));
    assert_string_equal(g.text, "-- a\n\nCREATE TABLE a ();\n\n\r\n\r\n");
    assert_true(g.annotated && g.has_down && !g.no_transaction);
    assert_true(read_as(GOOSE_BOTH, text, true, &g, &err));
    assert_string_equal(g.text, "-- a\n\n\n\n\r\nDROP TABLE a;\r\n");
    assert_true(goose_is(text, strlen(text)));
    assert_true(goose_has_section(text, strlen(text), true));
}

static void
annotations_are_read_in_any_case(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_BOTH,
                        "\xEF\xBB\xBF--+GOOSE no transaction\n-- +goose uP\n"
                        "-- +goose statementbegin\nSELECT 1; SELECT 2\n"
                        "--   +goose STATEMENTEND  \n-- see +goose docs\n",
                        false, &g, &err));
    assert_true(g.no_transaction);
    assert_int_equal(g.block_count, 1);
    assert_memory_equal(g.text + g.blocks[0].offset, "\nSELECT 1; SELECT 2\n",
                        g.blocks[0].length);
    assert_non_null(strstr(g.text, "SELECT 2\n;\n-- see +goose docs"));
}

static void
assert_refused(enum goose_file file, const char *text, size_t line, const char *message)
{
    struct goose g;
    struct error err;

    assert_false(read_as(file, text, false, &g, &err));
    assert_non_null(strstr(err.message, message));
    assert_int_equal(err.place.line, line);
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_true(err.hint[0] != '\0');
}

static void
what_goose_refuses_is_refused_with_its_line(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose Up\n", 2, "twice");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose Down\n-- +goose Down\n", 3,
                   "twice");
    assert_refused(GOOSE_BOTH, "-- +goose Down\n-- +goose Up\n", 1, "before");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose Down\n-- +goose Up\n", 3,
                   "twice");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose StatementEnd\n", 2,
                   "without StatementBegin");
    assert_refused(GOOSE_BOTH,
                   "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n",
                   2, "missing '-- +goose StatementEnd'");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", 2,
                   "missing '-- +goose StatementEnd'");
    assert_refused(GOOSE_BOTH,
                   "-- +goose Up\n-- +goose StatementBegin\nx\n-- +goose Down\n", 2,
                   "missing '-- +goose StatementEnd'");
    assert_refused(GOOSE_BOTH, "-- +goose StatementBegin\n-- +goose Up\n", 1, "before");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose Dwon\n", 2,
                   "unknown annotation '-- +goose Dwon'");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n  -- +goose Down\n", 2, "white space");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n\r-- +goose Down\n", 2, "white space");
    assert_refused(GOOSE_BOTH, "\nSELECT 1;\n-- +goose Up\n", 2, "a statement before");
    assert_refused(GOOSE_BOTH, "-- +goose Up\nSELECT 1\n", 2, "missing semicolon");
    assert_refused(GOOSE_BOTH, "-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;", 2,
                   "missing semicolon");
    assert_refused(GOOSE_BOTH,
                   "-- +goose Up\nSELECT 1\n-- +goose StatementBegin\nSELECT 2;\n"
                   "-- +goose StatementEnd\n",
                   2, "missing semicolon");
    assert_refused(GOOSE_BOTH, "SELECT 1;\n", 1, "no '-- +goose Up'");
    assert_refused(GOOSE_UP, "-- +goose Up\nSELECT 1;\n-- +goose Down\n", 3,
                   "Down section in an up file");
    assert_refused(GOOSE_DOWN, "-- +goose Up\n", 1, "Up section in a down file");
    assert_false(read_as(GOOSE_BOTH, "-- +goose Up\nSELECT 1;\n", true, &g, &err));
    assert_non_null(strstr(err.message, "there is no '-- +goose Down'"));
}

static bool
is_goose(const char *text)
{
    return goose_is(text, strlen(text));
}

static void
whatever_goose_takes_for_an_annotation_is_one(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_BOTH,
                        "---- +gooseUp\nSELECT 1;\n-- -- +goose\tDown\nSELECT 2;\n",
                        false, &g, &err));
    assert_true(g.has_down);
    assert_string_equal(g.text, "\nSELECT 1;\n\n\n");
    assert_refused(GOOSE_BOTH, "-- +goose Up\nSELECT 1;\n-- +gooseDonw\nSELECT 2;\n", 3,
                   "unknown annotation '-- +goose Donw'");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose\n", 2,
                   "unknown annotation '-- +goose'");
    assert_refused(GOOSE_BOTH, "-- +goose Up\n-- +goose +goose Up\n", 2,
                   "unknown annotation '-- +goose +goose Up'");
    assert_true(is_goose("SELECT 1;\n-- +goose Upp\n") && is_goose("--+goose down"));
    assert_false(is_goose("-- +goosey\n-- see +goose Up\n-- +goose's docs\nSELECT 1;"));
    assert_false(is_goose("-- +gooseplus\n- +goose Up\n'-- +goose Up'\n"));
}

static void
a_semicolon_in_a_comment_ends_nothing(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_refused(GOOSE_BOTH, "-- +goose Up\nSELECT 1 -- it;\n", 2, "missing semicolon");
    assert_refused(GOOSE_BOTH, "-- +goose Up\nSELECT 1 /* ; */\n", 2,
                   "missing semicolon");
    assert_true(
        read_as(GOOSE_BOTH, "-- +goose Up\nSELECT 1 -- a\n; -- b\n", false, &g, &err));
}

static void
dollar_quotes_need_no_block(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_BOTH,
                        "-- +goose Up\nDO $$ BEGIN PERFORM 1; END $$;\n-- +goose Down\n",
                        false, &g, &err));
    assert_true(read_as(GOOSE_UP, "SELECT 'no annotation'", false, &g, &err));
    assert_false(g.annotated);
    assert_true(read_as(GOOSE_UP, "-- +goose NO TRANSACTION\nSELECT 1", false, &g, &err));
    assert_true(g.annotated && g.no_transaction);
}

static void
assert_expands(const char *text, const char *expected)
{
    struct envsub env = { .lookup = lookup };
    struct strbuf out = { 0 };
    struct error err = { 0 };

    assert_true(envsub_expand(&env, text, strlen(text), &out, &err));
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_release(&out);
}

static void
variables_are_substituted(void **state)
{
    (void)state;
    assert_expands("$V ${V} $NONE.${NONE}", "value value .");
    assert_expands("${NONE-a} ${EMPTY-a} ${NONE:-b} ${EMPTY:-b} ${V:-c}", "a  b b value");
    assert_expands("${V:1} ${V:1:2} ${V: -3} ${V:9} ${V: -9:2}", "alue al lue  va");
    assert_expands("${NONE:-${V}} ${NONE:-${EMPTY:-x}y}", "value xy");
    assert_expands("$$ $1 $tag$ body $tag$ a$ $", "$$ $1 $tag$ body $tag$ a$ $");
    assert_expands("\\$V ${V?must}", "$V value");
    assert_expands("\\\\$V \\n \\", "\\\\value \\n \\");
    assert_expands("${V:1:-1} ${V:0:-9} ${V:4:-4} ${NONE:1:-1} ${V: 1 : 2 }",
                   "alu    al");
    assert_expands("${A}$V $(V) ${NONE:--:{}}", "value $(V) -:{}");
    assert_expands("${LINES}", "1\n2");
}

static void
assert_not_expanded(const char *text, const char *message)
{
    struct envsub env = { .lookup = lookup };
    struct strbuf out = { 0 };
    struct error err = { 0 };

    assert_false(envsub_expand(&env, text, strlen(text), &out, &err));
    assert_non_null(strstr(err.message, message));
    strbuf_release(&out);
}

static void
bad_substitutions_are_errors(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_not_expanded("${NONE?give it}", "variable 'NONE' is not set: give it");
    assert_not_expanded("${EMPTY:?give it}", "give it");
    assert_not_expanded("${V", "is no substitution");
    assert_not_expanded("${}", "is no substitution");
    assert_not_expanded("${V:x}", "is no substitution");
    assert_not_expanded("${V!}", "is no substitution");
    assert_false(
        read_as(GOOSE_BOTH,
                "-- +goose Up\n-- +goose ENVSUB ON\nSELECT $V;\nSELECT ${NONE?x};\n",
                false, &g, &err));
    assert_int_equal(err.place.line, 4);
    assert_true(read_as(GOOSE_BOTH,
                        "-- +goose ENVSUB ON\n-- +goose Up\nSELECT '$V';\n"
                        "-- +goose ENVSUB OFF\nSELECT '$V';\n",
                        false, &g, &err));
    assert_string_equal(g.text, "\n\nSELECT 'value';\n\nSELECT '$V';\n");
}

static void
comments_are_not_substituted(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_BOTH,
                        "-- +goose ENVSUB ON\n-- ${x $V\n-- +goose Up\n\t-- ${NONE?x}\n"
                        "SELECT $V; -- $V\n",
                        false, &g, &err));
    assert_string_equal(g.text,
                        "\n-- ${x $V\n\n\t-- ${NONE?x}\nSELECT value; -- value\n");
}

static void
what_is_no_text_is_refused_where_it_stands(void **state)
{
    struct goose g;
    struct error err;

    (void)state;
    assert_false(read_as(GOOSE_BOTH, "-- +goose Up\nSELECT 1;\n-- +goose Down\n'\xFF'\n",
                         false, &g, &err));
    assert_non_null(strstr(err.message, "invalid UTF-8 at byte offset 39"));
    assert_int_equal(err.place.line, 4);
    assert_refused(GOOSE_BOTH,
                   "-- +goose Up\n-- +goose ENVSUB ON\n\nSELECT '${UMLAUT:0:1}';\n", 4,
                   "the value of a variable is not UTF-8");
    assert_true(read_as(GOOSE_BOTH,
                        "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$UMLAUT';\n", false,
                        &g, &err));
}

/* The Down of a file, as it is kept. */
static const char *
kept(const char *text)
{
    struct goose g;
    struct error err;

    assert_true(read_as(GOOSE_BOTH, text, true, &g, &err));
    return goose_kept(&g, &arena);
}

static void
a_kept_down_means_the_same_by_itself(void **state)
{
    static const char *const blocks = "-- +goose NO TRANSACTION\n-- +goose Up\n"
                                      "-- +goose Down\n"
                                      "-- +goose StatementBegin\nSELECT 1; SELECT 2\n"
                                      "-- +goose StatementEnd\nVACUUM;\n";
    static const char *const alone = "-- luamig: no-transaction\n"
                                     "-- +goose StatementBegin\nSELECT 1; SELECT 2\n"
                                     "-- +goose StatementEnd\nVACUUM;\n";
    struct goose g, again;
    struct error err;

    (void)state;
    assert_string_equal(kept("-- +goose Up\n-- +goose Down\nSELECT 1;\n"), "SELECT 1;\n");
    assert_string_equal(kept("-- luamig: no-transaction\n-- +goose NO TRANSACTION\n"
                             "-- +goose Up\n-- +goose Down\nSELECT 1;"),
                        "-- luamig: no-transaction\n\n\n\nSELECT 1;");
    assert_string_equal(kept("-- +goose Up\n-- +goose Down\n"), "");
    assert_string_equal(kept(blocks), alone);
    assert_true(read_as(GOOSE_BOTH, blocks, true, &g, &err));
    assert_true(read_as(GOOSE_DOWN, alone, true, &again, &err));
    assert_int_equal(again.block_count, 1);
    assert_int_equal(again.blocks[0].length, g.blocks[0].length);
    assert_string_equal(strstr(again.text, "SELECT"), strstr(g.text, "SELECT"));
}

static void
a_block_becomes_one_unit(void **state)
{
    struct goose g;
    struct sql_file file;
    struct error err;

    (void)state;
    assert_true(
        read_as(GOOSE_BOTH,
                "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n"
                "-- +goose StatementBegin\nSELECT 2; SELECT 3;\n"
                "-- +goose StatementEnd\n-- +goose StatementBegin\nVACUUM; SELECT 4;\n"
                "-- +goose StatementEnd\n",
                false, &g, &err));
    assert_true(sqlfile_read(g.text, g.size, g.no_transaction, &arena, &file, &err));
    sqlfile_group(&file, g.blocks, g.block_count);
    assert_int_equal(file.count, 5);
    assert_int_equal(file.unit_count, 4);
    assert_int_equal(file.units[1].kind, UNIT_GROUP);
    assert_int_equal(file.units[1].first, 1);
    assert_int_equal(file.units[1].count, 2);
    assert_int_equal(file.units[2].kind, UNIT_SINGLE);
}

static void
settings_belong_to_their_block(void **state)
{
    struct goose g;
    struct sql_file file;
    struct error err;

    (void)state;
    assert_true(read_as(GOOSE_UP,
                        "-- +goose NO TRANSACTION\nSET LOCAL work_mem = 1000;\n"
                        "-- +goose StatementBegin\nSET LOCAL work_mem = 2000;\n"
                        "SET search_path = x; SELECT 1;\n-- +goose StatementEnd\n",
                        false, &g, &err));
    assert_true(sqlfile_read(g.text, g.size, g.no_transaction, &arena, &file, &err));
    assert_int_equal(file.notice_count, 2);
    sqlfile_group(&file, g.blocks, g.block_count);
    assert_int_equal(file.unit_count, 2);
    assert_int_equal(file.units[1].kind, UNIT_GROUP);
    assert_int_equal(file.units[1].count, 3);
    assert_int_equal(file.notice_count, 1);
    assert_non_null(strstr(file.notices[0], "line 2: "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_keeps_its_lines),
        cmocka_unit_test(annotations_are_read_in_any_case),
        cmocka_unit_test(what_goose_refuses_is_refused_with_its_line),
        cmocka_unit_test(whatever_goose_takes_for_an_annotation_is_one),
        cmocka_unit_test(a_semicolon_in_a_comment_ends_nothing),
        cmocka_unit_test(dollar_quotes_need_no_block),
        cmocka_unit_test(variables_are_substituted),
        cmocka_unit_test(bad_substitutions_are_errors),
        cmocka_unit_test(comments_are_not_substituted),
        cmocka_unit_test(what_is_no_text_is_refused_where_it_stands),
        cmocka_unit_test(a_kept_down_means_the_same_by_itself),
        cmocka_unit_test(a_block_becomes_one_unit),
        cmocka_unit_test(settings_belong_to_their_block),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
