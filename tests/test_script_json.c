#include "tests/test.h"

#include <lauxlib.h>
#include <string.h>

#include "base/arena.h"
#include "script/decimal.h"
#include "script/json.h"
#include "script/value.h"
#include "script/vm.h"

static int
open_globals(lua_State *L)
{
    value_open(L);
    lua_pushglobaltable(L);
    value_set_globals(L);
    json_open(L);
    lua_setglobal(L, "json");
    return 0;
}

static bool
load(struct vm *vm, const char *code, struct error *err)
{
    if (!vm_init(vm, err))
        return false;
    lua_pushcfunction(vm->L, open_globals);
    return vm_call(vm, 0, 0, err) && vm_load(vm, code, strlen(code), "@t.lua", err);
}

/* What the code returns as text, or the message of its error. Lives until the next call. */
static const char *
run(const char *code)
{
    static char text[2048];
    struct vm vm = { 0 };
    struct error err = { 0 };

    if (load(&vm, code, &err) && vm_call(&vm, 0, 1, &err))
        error_text(text, sizeof(text), luaL_tolstring(vm.L, -1, NULL));
    else
        error_text(text, sizeof(text), err.message);
    vm_release(&vm);
    return text;
}

static const char *
call(const char *before, const char *text, const char *after)
{
    static char code[2048];

    snprintf(code, sizeof(code), "%s%s%s", before, text, after);
    return run(code);
}

/* text may not hold ]==] */
static const char *
decode(const char *text)
{
    return call("local v = json.decode([==[", text,
                "]==]) return (math.type(v) or type(v)) .. ' ' .. tostring(v)");
}

static const char *
round_trip(const char *text)
{
    return call("return json.encode(json.decode([==[", text, "]==]))");
}

static const char *
encode(const char *value)
{
    return call("return json.encode(", value, ")");
}

static void
texts_come_back_as_they_were(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "\"\"",
        "[]",
        "{}",
        "[[],{},null,[null]]",
        "9223372036854775807",
        "-9223372036854775808",
        "{\"a\":[1,2,{\"b\":null}],\"b\":{\"a\":false}}",
        "\"\\u0000\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\x7F\xC3\xA9\xF0\x9F\x98\x80\"",
        "[0.1,1.5,-2.25,1e+300,-0.0]",
        "{\"\":1,\"1\":2}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_string_equal(round_trip(texts[i]), texts[i]);
    assert_string_equal(round_trip(" [ 1 ,\t{ \"b\" : 2 ,\r\n\"a\" : 1 } ] "),
                        "[1,{\"a\":1,\"b\":2}]");
    assert_string_equal(round_trip("\"\\u00e9\\uD83D\\ude00\\/\""),
                        "\"\xC3\xA9\xF0\x9F\x98\x80/\"");
    assert_string_equal(round_trip("{\"a\":1,\"a\":2}"), "{\"a\":2}");
}

static void
decode_makes_the_values_of_scripts(void **state)
{
    (void)state;
    assert_string_equal(run("local t = json.decode('{\"a\":null,\"b\":[1]}')"
                            " return tostring(t.a == null) .. #t.b .. t.b[1]"
                            " .. tostring(getmetatable(t))"),
                        "true11nil");
    assert_string_equal(decode("null"), "userdata null");
    assert_string_equal(decode("9223372036854775807"), "integer 9223372036854775807");
    assert_string_equal(decode("-9223372036854775808"), "integer -9223372036854775808");
    assert_string_equal(decode("-0"), "integer 0");
    assert_string_equal(decode("-0.0"), "float -0.0");
    assert_string_equal(decode("1.10"), "float 1.1");
    assert_string_equal(decode("0.1"), "float 0.1");
    assert_string_equal(decode("1e2"), "float 100.0");
    assert_string_equal(decode("10E-1"), "float 1.0");
    assert_string_equal(decode("0e999999999999999999999"), "float 0.0");
}

static void
no_number_is_rounded(void **state)
{
    static const char *const inexact[] = { "1e400",
                                           "-1e400",
                                           "1e-400",
                                           "1e99999999999999999999",
                                           "0.1000000000000000055",
                                           "9007199254740993.0",
                                           "123456789.12345678901" };
    char expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof(inexact) / sizeof(inexact[0]); i++) {
        snprintf(expected, sizeof(expected),
                 "json.decode: %s cannot be held exactly; keep it as text", inexact[i]);
        assert_string_equal(decode(inexact[i]), expected);
    }
    assert_string_equal(decode("9223372036854775808"),
                        "json.decode: integer beyond 64 bits (keep it as text) at 1");
    assert_string_equal(decode("[-9223372036854775809]"),
                        "json.decode: integer beyond 64 bits (keep it as text) at 2");
    assert_string_equal(
        decode("{\"items\":[1,2,{\"price\":0.1000000000000000055}]}"),
        "json.decode: .items[3].price: 0.1000000000000000055 cannot be held exactly; "
        "keep it as text");
    assert_string_equal(decode("{\"a b\":[1e400]}"),
                        "json.decode: [\"a b\"][1]: 1e400 cannot be held exactly; "
                        "keep it as text");
    assert_string_equal(
        decode("0.123456789012345678901234567890123456789012345678901234567890123"),
        "json.decode: 0.1234567890123456789012345678901234567890123456789012345678..."
        " cannot be held exactly; keep it as text");
}

static void
decimals_are_equal_by_value(void **state)
{
    static const char *const equal[][2] = { { "1.10", "1.1" },     { "1e2", "100" },
                                            { "-0.00", "0" },      { "0.001", "1E-3" },
                                            { "1200", "1.2e3" },   { "0.0120e1", ".12" },
                                            { "101.0", "1010e-1" } };
    static const char *const different[][2] = {
        { "1", "-1" }, { "1", "10" }, { "1", "0" }, { "101", "111" }, { "1e1", "1e-1" }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++)
        assert_true(decimal_equal(equal[i][0], equal[i][1]));
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
        assert_false(decimal_equal(different[i][0], different[i][1]));
}

static const char *const no_json[][2] = {
    { "", "unexpected end at 1" },
    { " ", "unexpected end at 2" },
    { "[1", "unexpected end at 3" },
    { "\"a", "unexpected end at 3" },
    { "-", "unexpected end at 2" },
    { "1.", "unexpected end at 3" },
    { "1e+", "unexpected end at 4" },
    { "{\"a\":", "unexpected end at 6" },
    { "[1,2,3,4,5,6,7,*]", "unexpected character at 16" },
    { "01", "unexpected character at 2" },
    { "-01", "unexpected character at 3" },
    { "00", "unexpected character at 2" },
    { ".5", "unexpected character at 1" },
    { "+1", "unexpected character at 1" },
    { "1.e5", "unexpected character at 3" },
    { "0x10", "unexpected character at 2" },
    { "NaN", "unexpected character at 1" },
    { "[Infinity]", "unexpected character at 2" },
    { "-Infinity", "unexpected character at 2" },
    { "True", "unexpected character at 1" },
    { "nul", "unexpected character at 1" },
    { "nullnull", "unexpected character at 5" },
    { "[1,]", "unexpected character at 4" },
    { "{\"a\":1,}", "unexpected character at 8" },
    { "{'a':1}", "unexpected character at 2" },
    { "['a']", "unexpected character at 2" },
    { "[1] // x", "unexpected character at 5" },
    { "/**/1", "unexpected character at 1" },
    { "1 2", "unexpected character at 3" },
    { "[1]]", "unexpected character at 4" },
    { "]", "unexpected character at 1" },
    { "[1}", "array value separator ',' expected at 3" },
    { "[1 2]", "array value separator ',' expected at 4" },
    { "{1:2}", "quoted object property name expected at 2" },
    { "{\"a\" 1}", "object property name separator ':' expected at 6" },
    { "\v1", "unexpected character at 1" },
    { "\xEF\xBB\xBF"
      "1",
      "unexpected character at 1" },
    { "\"\x01\"", "control character in a string at 2" },
    { "\"\\x\"", "unknown escape at 2" },
    { "\"\\u12g4\"", "unknown escape at 2" },
    { "\"a\\ud800\"", "half of a surrogate pair at 3" },
    { "\"\\ud800\\u0041\"", "half of a surrogate pair at 2" },
    { "\"\\udc00\"", "half of a surrogate pair at 2" },
    { "{\"a\\u0000\" :1}", "zero byte in a key at 2" },
    { "\"\xFF\"", "invalid UTF-8 at 2" },
    { "\"\xED\xA0\x80\"", "invalid UTF-8 at 2" },
    { "\"\xC0\x80\"", "invalid UTF-8 at 2" },
    { "\"\xC3", "invalid UTF-8 at 2" },
};

static void
what_is_no_json_is_refused_with_its_place(void **state)
{
    char expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof(no_json) / sizeof(no_json[0]); i++) {
        snprintf(expected, sizeof(expected), "json.decode: %s", no_json[i][1]);
        assert_string_equal(decode(no_json[i][0]), expected);
    }
    assert_string_equal(run("return json.decode('1\\0')"),
                        "json.decode: unexpected character at 2");
    assert_string_equal(run("return json.decode('\"\\0\"')"),
                        "json.decode: control character in a string at 2");
    assert_non_null(strstr(run("return json.decode(1)"), "string expected"));
}

static void
depth_is_bounded(void **state)
{
    (void)state;
    assert_string_equal(run("local s = ('['):rep(200) .. '1' .. (']'):rep(200)"
                            " return json.encode(json.decode(s)) == s"),
                        "true");
    assert_string_equal(run("local s = ('{\"a\":'):rep(200) .. '{}' .. ('}'):rep(200)"
                            " return json.decode(s)"),
                        "json.decode: nested deeper than 200 levels at 1001");
    assert_string_equal(run("return json.decode(('['):rep(1e6))"),
                        "json.decode: nested deeper than 200 levels at 201");
    assert_string_equal(run("local t = {} t[1] = t return json.encode(t)"),
                        "json.encode: nested deeper than 200 levels");
}

static void
encode_tells_lists_from_objects(void **state)
{
    (void)state;
    assert_string_equal(encode("{}"), "{}");
    assert_string_equal(encode("array{}"), "[]");
    assert_string_equal(encode("{1,'a',null,{x=1}}"), "[1,\"a\",null,{\"x\":1}]");
    assert_string_equal(encode("{b=1,a=2,ab=3,[\"a\\0\"]=4,B=5}"),
                        "{\"B\":5,\"a\":2,\"a\\u0000\":4,\"ab\":3,\"b\":1}");
    assert_string_equal(encode("{[1.0]=1,[2]=2}"), "[1,2]");
    assert_string_equal(run("local a = array{1} a.bounds = '[0:0]'"
                            " return json.encode(a)"),
                        "[1]");
    assert_string_equal(run("local t = {} for i = 1, 5000 do t[i] = 'x' end"
                            " return #json.encode(t)"),
                        "20001");
    assert_string_equal(encode("math.mininteger"), "-9223372036854775808");
    assert_string_equal(encode("{0.1, -0.0, 2^53, 5e-324}"),
                        "[0.1,-0.0,9007199254740992,5e-324]");
}

static void
what_json_has_not_is_refused_with_its_path(void **state)
{
    static const char *const cases[][2] = {
        { "nil", "JSON has no nil" },
        { "0/0", "JSON has no NaN" },
        { "{a={1,1/0}}", ".a[2]: JSON has no Infinity" },
        { "{-1/0}", "[1]: JSON has no -Infinity" },
        { "{{a=print}}", "[1].a: JSON has no function" },
        { "coroutine.create(print)", "JSON has no thread" },
        { "{a={1,2,x=3}}", ".a: keys are neither all strings nor 1 to n" },
        { "{1,nil,3}", "keys are neither all strings nor 1 to n" },
        { "{[2]=1}", "keys are neither all strings nor 1 to n" },
        { "{[0]=1}", "keys are neither all strings nor 1 to n" },
        { "{[true]=1}", "keys are neither all strings nor 1 to n" },
        { "{[1.5]=1}", "keys are neither all strings nor 1 to n" },
        { "array{1,x=2}", "keys of an array are not 1 to n" },
        { "array{1,nil,2}", "keys of an array are not 1 to n" },
        { "{x='a\\xFF'}", ".x: string is not UTF-8" },
        { "{['\\xED\\xA0\\x80']=1}", "[\"\xED\xA0\x80\"]: string is not UTF-8" },
    };
    char expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(expected, sizeof(expected), "json.encode: %s", cases[i][1]);
        assert_string_equal(encode(cases[i][0]), expected);
    }
    assert_non_null(strstr(run("return json.encode()"), "value expected"));
}

static void
an_error_names_the_line_of_the_script(void **state)
{
    static const char code[] = "\n\nlocal t = json.decode('[')";
    struct vm vm = { 0 };
    struct error err = { 0 };

    (void)state;
    assert_true(load(&vm, code, &err));
    assert_false(vm_call(&vm, 0, 0, &err));
    assert_string_equal(err.place.file, "t.lua");
    assert_int_equal(err.place.line, 3);
    vm_release(&vm);
}

/* One run in which the nth allocation after the start fails; true: it did not get there. */
static bool
run_starved(long n)
{
    static const char code[] =
        "local s = '{\"a\":[1,2.5,\"' .. ('x'):rep(100) .. '\"],\"b\":{\"c\":[[]]}}'\n"
        "local t = json.decode(s)\n"
        "assert(json.encode(t) == s)\n"
        "assert(not pcall(json.decode, '[1e400, [1]]'))\n"
        "assert(not pcall(json.encode, {a = {b = print}}))\n"
        "for i = 1, 20 do t[('k'):rep(i * 5)] = {i} end\n"
        "return #json.encode(t)";
    struct vm vm = { 0 };
    struct error err = { 0 };
    bool done;

    assert_true(load(&vm, code, &err));
    vm.fail_after = n;
    done = vm_call(&vm, 0, 1, &err);
    vm_release(&vm);
    assert_int_equal(vm.used, 0);
    return done;
}

static void
every_allocation_may_fail(void **state)
{
    long n = 1;

    (void)state;
    while (!run_starved(n))
        n++;
    assert_true(n > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_as_they_were),
        cmocka_unit_test(decode_makes_the_values_of_scripts),
        cmocka_unit_test(no_number_is_rounded),
        cmocka_unit_test(decimals_are_equal_by_value),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(encode_tells_lists_from_objects),
        cmocka_unit_test(what_json_has_not_is_refused_with_its_path),
        cmocka_unit_test(an_error_names_the_line_of_the_script),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
