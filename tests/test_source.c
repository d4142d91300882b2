#include "tests/test.h"

#include <string.h>

#include "plan/directive.h"
#include "plan/filename.h"
#include "plan/source.h"

static struct arena arena;

static struct filename
parse(const char *name)
{
    struct filename out;

    filename_parse(name, &arena, &out);
    return out;
}

static void
test_names_of_migrations(void **state)
{
    struct filename f = parse("0042_add.the-index.sql.down.lua");

    (void)state;
    assert_int_equal(f.class, FILENAME_MIGRATION);
    assert_int_equal(f.version, 42);
    assert_string_equal(f.version_text, "0042");
    assert_string_equal(f.name, "add.the-index.sql");
    assert_int_equal(f.kind, FILE_LUA);
    assert_true(f.down);
    assert_int_equal(parse("9223372036854775807_x.up.sql").version, INT64_MAX);
    assert_int_equal(parse("0_x.up.sql").class, FILENAME_MIGRATION);
}

static const struct {
    const char *name;
    enum filename_class class;
} other_names[] = {
    { "107-x.up.sql", FILENAME_MISNAMED },
    { "x.up.sql", FILENAME_MISNAMED },
    { "0007.up.sql", FILENAME_MISNAMED },
    { "0007_.up.sql", FILENAME_MISNAMED },
    { "9223372036854775808_x.up.sql", FILENAME_MISNAMED },
    { "12345678901234567890_x.down.lua", FILENAME_MISNAMED },
    { ".up.sql", FILENAME_IGNORED },
    { ".0001_x.up.sql", FILENAME_IGNORED },
    { "0007_x_up.sql", FILENAME_SUSPICIOUS },
    { "0007_x.sql", FILENAME_BARE },
    { "0007_x.lua", FILENAME_SUSPICIOUS },
    { "0007_x.UP.SQL", FILENAME_SUSPICIOUS },
    { "README.md", FILENAME_IGNORED },
    { "seed.sql", FILENAME_IGNORED },
    { "0007_x.go", FILENAME_IGNORED },
    { "R__views.sql", FILENAME_REPEATABLE },
    { "R__views.lua", FILENAME_REPEATABLE },
    { "R__1_x.sql", FILENAME_REPEATABLE },
    { "R__.sql", FILENAME_MISNAMED },
    { "R__.lua", FILENAME_MISNAMED },
    { "R__x.up.sql", FILENAME_MISNAMED },
    { "R__x.down.lua", FILENAME_MISNAMED },
    { "R__x.SQL", FILENAME_SUSPICIOUS },
    { "r__x.lua", FILENAME_SUSPICIOUS },
    { "R__x.md", FILENAME_IGNORED },
    { "1_\xff.up.sql", FILENAME_MISNAMED },
    { "1_\xff.sql", FILENAME_MISNAMED },
    { "R__\xff.sql", FILENAME_MISNAMED },
    { "\xff.md", FILENAME_IGNORED },
    { "R_x.sql", FILENAME_IGNORED },
    { "", FILENAME_IGNORED },
};

static void
test_names_that_are_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++) {
        if (parse(other_names[i].name).class != other_names[i].class)
            fail_msg("%s", other_names[i].name);
    }
}

static struct source
build(const char *const *names, size_t count, struct problems *problems)
{
    struct layer layer = { .folder = "m", .names = { .count = count } };
    struct layers layers = { .dir = "m", .list = &layer, .count = 1 };
    struct source source;

    layer.names.list = arena_alloc(&arena, (count + 1) * sizeof(char *));
    memcpy(layer.names.list, names, count * sizeof(char *));
    *problems = (struct problems){ 0 };
    source_build(&layers, &arena, &source, problems);
    return source;
}

/* One layer with up to four names, the rest NULL. */
static struct layer
layer(const char *environment, const char *const *names)
{
    struct layer out = { .environment = environment,
                         .folder = arena_printf(&arena, "m/%s", environment) };

    out.names.list = arena_alloc(&arena, 4 * sizeof(char *));
    for (; out.names.count < 4 && names[out.names.count] != NULL; out.names.count++)
        out.names.list[out.names.count] = names[out.names.count];
    return out;
}

static struct source
build_layers(const char *const *base, const char *const *test, struct problems *problems)
{
    struct layer list[] = { layer("base", base), layer("test", test) };
    struct layers layers = { .dir = "m", .list = list, .count = 2, .selection = "test" };
    struct source source;

    *problems = (struct problems){ 0 };
    source_build(&layers, &arena, &source, problems);
    return source;
}

static void
test_layers_are_one_sequence(void **state)
{
    static const char *const base[4] = { "1_a.up.sql", "3_c.up.sql", "3_c.down.sql" };
    static const char *const test[4] = { "2_b.down.sql", "10_d.up.sql", "2_b.up.sql" };
    struct problems problems;
    struct source source = build_layers(base, test, &problems);

    (void)state;
    assert_int_equal(problems.count, 0);
    assert_int_equal(source.count, 4);
    assert_string_equal(source.environments, "test");
    assert_string_equal(source.migrations[0].environment, "base");
    assert_string_equal(source.migrations[1].up.path, "m/test/2_b.up.sql");
    assert_string_equal(source.migrations[1].down.path, "m/test/2_b.down.sql");
    assert_string_equal(source.migrations[1].environment, "test");
    assert_string_equal(source.migrations[2].environment, "base");
    assert_int_equal(source.migrations[3].version, 10);
}

static bool
is_goose(const char *path, bool *has_down)
{
    *has_down = strstr(path, "both") != NULL;
    return strstr(path, "plain") == NULL;
}

static void
test_goose_files_are_up_and_down(void **state)
{
    static const char *const names[4] = { "1_both.sql", "2_one.sql", "3_plain.sql",
                                          "2_z.up.sql" };
    struct layer list[] = { layer("base", names) };
    struct layers layers = { .is_goose = is_goose, .dir = "m", .list = list, .count = 1 };
    struct problems problems = { 0 };
    struct source source;

    (void)state;
    source_build(&layers, &arena, &source, &problems);
    assert_int_equal(source.count, 2);
    assert_true(source.migrations[0].up.goose && source.migrations[0].down.goose);
    assert_string_equal(source.migrations[0].down.path, source.migrations[0].up.path);
    assert_int_equal(source.migrations[1].down.kind, FILE_NONE);
    assert_int_equal(problems.count, 2);
    assert_int_equal(problems_count(&problems, PROBLEM_WARNING), 1);
    assert_string_equal(
        problems.list[1].message,
        "version 2 has two up files: 'm/base/2_one.sql' and 'm/base/2_z.up.sql'");
}

static void
test_a_version_in_two_layers_is_a_problem(void **state)
{
    static const char *const base[4] = { "1_a.up.sql", "2_b.up.sql" };
    static const char *const test[4] = { "01_z.up.sql", "2_b.down.sql" };
    struct problems problems;

    (void)state;
    build_layers(base, test, &problems);
    assert_int_equal(problems_count(&problems, PROBLEM_ERROR), 2);
    assert_string_equal(problems.list[0].message,
                        "version 1 has two up files: 'm/base/1_a.up.sql' and "
                        "'m/test/01_z.up.sql'");
    assert_string_equal(problems.list[1].message,
                        "version 2 is in two layers: 'm/base/2_b.up.sql' and "
                        "'m/test/2_b.down.sql'");
}

static void
test_repeatables_are_in_name_order(void **state)
{
    static const char *const base[4] = { "R__b.sql", "1_a.up.sql", "R__a.b.lua" };
    static const char *const test[4] = { "R__B.sql", "R__a.sql" };
    static const char *const names[4] = { "R__B", "R__a", "R__a.b", "R__b" };
    struct problems problems;
    struct source source = build_layers(base, test, &problems);

    (void)state;
    assert_int_equal(problems.count, 0);
    assert_int_equal(source.count, 1);
    assert_int_equal(source.repeatable_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(source.repeatables[i].name, names[i]);
    assert_int_equal(source.repeatables[2].up.kind, FILE_LUA);
    assert_string_equal(source.repeatables[1].environment, "test");
    assert_string_equal(source_label(&source.repeatables[3], &arena), "R__b");
}

static void
test_a_repeatable_in_two_files_is_a_problem(void **state)
{
    static const char *const base[4] = { "R__a.sql", "R__b.sql", "R__b.lua" };
    static const char *const test[4] = { "R__a.sql" };
    struct problems problems;

    (void)state;
    build_layers(base, test, &problems);
    assert_int_equal(problems_count(&problems, PROBLEM_ERROR), 2);
    assert_string_equal(problems.list[0].message,
                        "R__a has two files: 'm/base/R__a.sql' and 'm/test/R__a.sql'");
    assert_string_equal(problems.list[1].message,
                        "R__b has two files: 'm/base/R__b.lua' and 'm/base/R__b.sql'");
}

static void
test_names_of_environments(void **state)
{
    static const char *const good[] = { "production",
                                        "eu west",
                                        "Test-2",
                                        "base",
                                        "pr\xC3\xBC"
                                        "fung",
                                        "a.b" };
    static const char *const bad[] = { "",   ".",   "..",   ".git", "a/b",
                                       "/a", "lib", "a\nb", "a,b" };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!layers_is_name(good[i]))
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (layers_is_name(bad[i]))
            fail_msg("'%s'", bad[i]);
    }
}

static void
test_order_is_numeric_and_downs_find_their_up(void **state)
{
    static const char *const names[] = { "10_c.up.sql", "2_b.up.sql", "1_a.up.lua",
                                         "002_other.down.sql", "README" };
    struct problems problems;
    struct source source = build(names, 5, &problems);

    (void)state;
    assert_int_equal(source.count, 3);
    assert_int_equal(problems.count, 0);
    assert_int_equal(source.migrations[0].version, 1);
    assert_int_equal(source.migrations[1].version, 2);
    assert_string_equal(source.migrations[1].down.path, "m/002_other.down.sql");
    assert_int_equal(source.migrations[2].version, 10);
    assert_int_equal(source.migrations[2].down.kind, FILE_NONE);
    assert_string_equal(source_find(&source, 10)->name, "c");
    assert_null(source_find(&source, 3));
}

static void
test_doubles_and_lonely_downs_are_problems(void **state)
{
    static const char *const names[] = {
        "1_a.up.sql",   "0001_b.up.sql", "1_a.up.lua",
        "2_x.down.sql", "1_a.down.sql",  "1_b.down.sql"
    };
    struct problems problems;

    (void)state;
    build(names, 6, &problems);
    assert_int_equal(problems_count(&problems, PROBLEM_ERROR), 3);
    assert_int_equal(problems_count(&problems, PROBLEM_WARNING), 1);
    assert_string_equal(problems.list[0].message,
                        "version 1 has two up files: 'm/0001_b.up.sql' and "
                        "'m/1_a.up.lua'");
}

static void
test_fifty_thousand_files(void **state)
{
    size_t count = 50000;
    const char **names = arena_alloc(&arena, count * sizeof(*names));
    struct problems problems;

    (void)state;
    for (size_t i = 0; i < count; i++)
        names[i] = arena_printf(&arena, "%zu_x.up.sql", count - i);
    assert_int_equal(build(names, count, &problems).count, count);
}

static bool
directives(const char *text, struct directives *out, struct error *err)
{
    *err = (struct error){ 0 };
    return directives_read(text, strlen(text), &arena, out, err);
}

static void
test_directives_stand_in_the_head(void **state)
{
    struct directives d;
    struct error err;

    (void)state;
    assert_true(directives("\xEF\xBB\xBF/* licence /* nested */ */\r\n\n-- luamig: "
                           "no-transaction timeout=2h\r\n--luamig: lock-timeout=2s "
                           "lock-retry=10m background\n"
                           "-- luamig: irreversible=\"drops the old ones\"\nSELECT 1;\n"
                           "-- luamig: nonsense\n",
                           &d, &err));
    assert_true(d.no_transaction);
    assert_true(d.background);
    assert_int_equal(d.timeout, 7200000);
    assert_int_equal(d.lock_timeout, 2000);
    assert_int_equal(d.lock_retry, 600000);
    assert_string_equal(d.irreversible, "drops the old ones");
    assert_true(
        directives("--[==[ ]] luamig: nonsense ]==]\n-- luamig: timeout=0", &d, &err));
    assert_true(d.has_timeout);
    assert_int_equal(d.timeout, 0);
    assert_true(directives("-- about luamig: nonsense\n", &d, &err));
}

static void
test_wrong_directives_have_a_line(void **state)
{
    static const struct {
        const char *text, *message;
        size_t line;
    } cases[] = {
        { "\n-- luamig: no-transactoin", "'no-transactoin' is unknown", 2 },
        { "-- luamig: timeout", "needs a duration", 1 },
        { "-- luamig: timeout=fast", "needs a duration", 1 },
        { "-- luamig: background=1", "takes no value", 1 },
        { "-- luamig: background background", "is given twice", 1 },
        { "-- luamig: irreversible=\"x", "not closed", 1 },
    };
    struct directives d;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(directives(cases[i].text, &d, &err));
        assert_int_equal(err.place.line, cases[i].line);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s", err.message);
    }
    directives("-- luamig: no-transactoin", &d, &err);
    assert_string_equal(err.hint, "Did you mean 'no-transaction'?");
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_migrations),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_order_is_numeric_and_downs_find_their_up),
        cmocka_unit_test(test_doubles_and_lonely_downs_are_problems),
        cmocka_unit_test(test_layers_are_one_sequence),
        cmocka_unit_test(test_goose_files_are_up_and_down),
        cmocka_unit_test(test_a_version_in_two_layers_is_a_problem),
        cmocka_unit_test(test_repeatables_are_in_name_order),
        cmocka_unit_test(test_a_repeatable_in_two_files_is_a_problem),
        cmocka_unit_test(test_names_of_environments),
        cmocka_unit_test(test_fifty_thousand_files),
        cmocka_unit_test(test_directives_stand_in_the_head),
        cmocka_unit_test(test_wrong_directives_have_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
