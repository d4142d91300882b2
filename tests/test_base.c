#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/strbuf.h"
#include "base/words.h"

static void
test_errors_are_cut_with_an_ellipsis(void **state)
{
    struct error err;
    char text[3000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(error_set(&err, ERROR_SQL, "%s", text));
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_string_equal(err.message + strlen(err.message) - 3, "\xE2\x80\xA6");
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xC3\xBC", 2);
    error_detail(&err, "%s", text);
    assert_memory_equal(err.detail + strlen(err.detail) - 5, "\xC3\xBC\xE2\x80\xA6", 5);
}

static void
test_context_is_put_in_front(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERROR_PLAN, "no");
    error_within(&err, "line %d", 3);
    error_within(&err, "file a");
    assert_string_equal(err.where, "file a, line 3");
    assert_false(error_set(&err, ERROR_SQL, "%s again", err.message));
    assert_string_equal(err.message, "no again");
}

static void
test_sha256_and_fnv(void **state)
{
    char hex[DIGEST_HEX];

    (void)state;
    digest_sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2"
                             "0015ad");
    assert_true(digest_fnv1a("") == UINT64_C(0xcbf29ce484222325));
    assert_true(digest_fnv1a("a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(digest_fnv1a("foobar") == UINT64_C(0x85944171f73967e8));
    digest_random_hex(hex, 8);
    assert_int_equal(strlen(hex), 8);
}

static void
test_bom_and_line_ends_are_no_drift(void **state)
{
    static const char *const same[] = { "a\nb\n", "a\r\nb\r\n",
                                        "\xEF\xBB\xBF"
                                        "a\nb\n",
                                        "\xEF\xBB\xBF"
                                        "a\r\nb\r\n" };
    static const char *const others[] = { "a\nb", "a b\n", "", "a\rb\n" };
    char hex[DIGEST_HEX];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        digest_sha256(same[i], strlen(same[i]), hex);
        for (size_t k = 0; k < 4; k++) {
            assert_true(digest_matches(same[k], strlen(same[k]), hex));
            assert_false(digest_matches(others[k], strlen(others[k]), hex));
        }
    }
}

static void
test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "500ms", 500 },  { "30s", 30000 }, { "5m", 300000 },
                 { "2h", 7200000 }, { "0", 0 },       { "0s", 0 } };
    static const char *const bad[] = { "",    "5",    "s",
                                       "-1s", "1.5s", "5 m",
                                       "5d",  "1s ",  "99999999999999h" };
    char buf[32];
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(words_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (words_duration(bad[i], &ms))
            fail_msg("%s", bad[i]);
    }
    assert_string_equal(words_elapsed(12, buf, sizeof(buf)), "12 ms");
    assert_string_equal(words_elapsed(12499, buf, sizeof(buf)), "12.4 s");
    assert_string_equal(words_elapsed(250000, buf, sizeof(buf)), "4m10s");
    assert_string_equal(words_elapsed(7500000, buf, sizeof(buf)), "2h05m");
    assert_string_equal(words_setting(90000, buf, sizeof(buf)), "90s");
    assert_string_equal(words_setting(300000, buf, sizeof(buf)), "5m");
}

static void
test_the_nearest_word(void **state)
{
    static const char *const known[] = { "status", "plan", "verify", NULL };

    (void)state;
    assert_string_equal(words_nearest("staus", known), "status");
    assert_string_equal(words_nearest("verfiy", known), "verify");
    assert_null(words_nearest("xyzzy", known));
}

static void
test_limits_run_pause_and_pass(void **state)
{
    struct stop stop = { 0 };

    (void)state;
    assert_int_equal(stop_cause(&stop), STOP_NONE);
    stop_limit(&stop, LIMIT_RUN, 30);
    stop_pause(&stop, LIMIT_RUN);
    stop_poll(&stop, NULL, 0, 60);
    assert_int_equal(stop_cause(&stop), STOP_NONE);
    stop_resume(&stop, LIMIT_RUN);
    stop_poll(&stop, NULL, 0, -1); /* ends when the limit passes */
    assert_int_equal(stop_cause(&stop), STOP_RUN);
    stop_limit(&stop, LIMIT_MIGRATION, 1);
    stop_poll(&stop, NULL, 0, 5); /* not cut short by what has passed */
    assert_int_equal(stop_cause(&stop), STOP_MIGRATION);
    stop_limit(&stop, LIMIT_RUN, 0);
    stop_limit(&stop, LIMIT_MIGRATION, 0);
    stop_resume(&stop, LIMIT_MIGRATION);
    assert_int_equal(stop_cause(&stop), STOP_NONE);
}

static void
count_line(void *ctx, const char *line)
{
    (void)line;
    ++*(size_t *)ctx;
}

static void
test_the_log_is_bounded(void **state)
{
    struct log log = { 0 };
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        log_add(&log, "x");
    log_drain(&log, count_line, &lines);
    assert_int_equal(lines, LOG_LINES + 1);
    log_drain(&log, count_line, &lines);
    assert_int_equal(lines, LOG_LINES + 1);
    log_release(&log);
}

static void
test_arena_and_strbuf_grow(void **state)
{
    struct arena arena = { 0 };
    struct strbuf sb = { 0 };

    (void)state;
    for (int i = 0; i < 5000; i++)
        strbuf_printf(&sb, "%d,", i);
    assert_int_equal(sb.len, 23890);
    assert_int_equal(strlen(arena_strdup(&arena, sb.text)), sb.len);
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    assert_null(arena_strdup(&arena, NULL));
    strbuf_release(&sb);
    assert_string_equal(strbuf_text(&sb), "");
    arena_release(&arena);
}

static void
test_only_regular_files_are_read(void **state)
{
    char dir[] = "/tmp/luamig-unit.XXXXXX";
    struct arena arena = { 0 };
    struct fs_names names;
    struct fs_text text;
    struct error err = { 0 };
    char *path;

    (void)state;
    assert_non_null(mkdtemp(dir));
    path = fs_join(&arena, dir, "a");
    assert_true(fs_create(path, "text", &err));
    assert_false(fs_create(path, "again", &err));
    assert_true(fs_read(path, &arena, &text, &err));
    assert_int_equal(text.size, 4);
    assert_string_equal(text.bytes, "text");
    assert_false(fs_read(dir, &arena, &text, &err));
    assert_int_equal(mkfifo(fs_join(&arena, dir, "fifo"), 0600), 0);
    assert_false(fs_read(fs_join(&arena, dir, "fifo"), &arena, &text, &err));
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_false(fs_read(fs_join(&arena, dir, "none"), &arena, &text, &err));
    assert_true(fs_list(dir, &arena, &names, &err));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.list[0], "a");
    unlink(path);
    unlink(fs_join(&arena, dir, "fifo"));
    rmdir(dir);
    arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_cut_with_an_ellipsis),
        cmocka_unit_test(test_context_is_put_in_front),
        cmocka_unit_test(test_sha256_and_fnv),
        cmocka_unit_test(test_bom_and_line_ends_are_no_drift),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_the_nearest_word),
        cmocka_unit_test(test_limits_run_pause_and_pass),
        cmocka_unit_test(test_the_log_is_bounded),
        cmocka_unit_test(test_arena_and_strbuf_grow),
        cmocka_unit_test(test_only_regular_files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
