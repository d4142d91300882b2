#include "cli/json.h"
#include "cli/json_lines.h"
#include "cli/json_value.h"

#include <string.h>

#include "tests/render.h"
#include "tests/test.h"

static struct migration users = { .version = 1,
                                  .version_text = "0001",
                                  .name = "users",
                                  .up = { FILE_SQL, "m/0001_users.up.sql" } };
static struct migration phones = { .version = 2,
                                   .version_text = "0002",
                                   .name = "phones",
                                   .environment = "test",
                                   .up = { FILE_LUA, "m/0002_phones.up.lua" } };
static struct applied rows[] = {
    { 1, "users", "2026-05-20T10:38:00Z", "ab12", 0 },
    { 9, "gone", "2026-05-20T10:38:01Z", NULL, 0 },
};

static void
assert_document(struct json_object *document, const char *expected)
{
    struct render render;
    struct json_object *wanted = json_tokener_parse(expected);

    json_print(render_begin(&render), json_object_get(document));
    assert_non_null(wanted);
    if (!json_object_equal(document, wanted))
        assert_string_equal(render_text(&render), expected);
    render_end(&render);
    json_object_put(wanted);
    json_object_put(document);
}

/* One applied, one late in front of an orphan. */
static void
look_at(struct look *look, struct plan_entry *entries, const struct plan_entry **steps,
        struct look_step *modes)
{
    entries[0] = (struct plan_entry){ 1, STATE_APPLIED, &users, &rows[0] };
    entries[1] = (struct plan_entry){ 2, STATE_LATE, &phones, NULL };
    entries[2] = (struct plan_entry){ 9, STATE_ORPHAN, NULL, &rows[1] };
    steps[0] = &entries[1];
    modes[0] = (struct look_step){ .entry = &entries[1], .mode = "script" };
    *look = (struct look){ .host = "db1",
                           .port = "5432",
                           .database = "app",
                           .table = "luamig.applied_migrations",
                           .plan = { .entries = entries,
                                     .entry_count = 3,
                                     .steps = steps,
                                     .step_count = 1,
                                     .pending = 1,
                                     .late = 1 },
                           .steps = modes };
}

static void
status_names_the_database_and_every_version(void **state)
{
    struct plan_entry entries[3];
    const struct plan_entry *steps[1];
    struct look_step modes[1];
    struct look look;

    (void)state;
    look_at(&look, entries, steps, modes);
    assert_document(
        json_status(&look),
        "{\"database\":{\"host\":\"db1\",\"port\":\"5432\",\"name\":\"app\"},"
        "\"table\":\"luamig.applied_migrations\",\"migrations\":["
        "{\"version\":1,\"version_text\":\"0001\",\"name\":\"users\","
        "\"state\":\"applied\",\"applied_at\":\"2026-05-20T10:38:00Z\","
        "\"checksum\":\"ab12\",\"file\":\"m/0001_users.up.sql\","
        "\"environment\":null,\"mode\":null,\"background\":false},"
        "{\"version\":2,\"version_text\":\"0002\",\"name\":\"phones\","
        "\"state\":\"late\",\"applied_at\":null,\"checksum\":null,"
        "\"file\":\"m/0002_phones.up.lua\",\"environment\":\"test\",\"mode\":\"script\","
        "\"background\":false},"
        "{\"version\":9,\"version_text\":\"9\",\"name\":\"gone\",\"state\":\"orphan\","
        "\"applied_at\":\"2026-05-20T10:38:01Z\",\"checksum\":null,\"file\":null,"
        "\"environment\":null,\"mode\":null,\"background\":false}],"
        "\"counts\":{\"applied\":1,\"pending\":1,\"late\":1,\"partial\":0,"
        "\"renamed\":0,\"drift\":0,\"orphan\":1,\"excluded\":0,\"background\":0},\"problems\":[],"
        "\"standby_until\":null}");
}

static void
a_plan_lists_its_steps_with_modes(void **state)
{
    struct plan_entry entries[3];
    const struct plan_entry *steps[1];
    struct look_step modes[1];
    struct look look;

    (void)state;
    look_at(&look, entries, steps, modes);
    modes[0].mode = "statements";
    modes[0].statements = 3;
    modes[0].notice = "why";
    assert_document(json_plan(&look),
                    "{\"steps\":[{\"version\":2,\"version_text\":\"0002\","
                    "\"name\":\"phones\",\"state\":\"late\",\"applied_at\":null,"
                    "\"checksum\":null,\"file\":\"m/0002_phones.up.lua\","
                    "\"environment\":\"test\",\"mode\":\"statements\","
                    "\"background\":false,\"statements\":3,"
                    "\"notice\":\"why\"}],\"problems\":[]}");
}

static void
verify_lists_problems(void **state)
{
    struct problem list[] = {
        { .kind = PROBLEM_ORPHAN,
          .level = PROBLEM_ERROR,
          .has_version = true,
          .version = 9,
          .name = "gone",
          .message = "9_gone is applied, but has no file" },
    };
    struct look look = { .problems = { list, 1, 1 }, .standby_until = "noon" };

    (void)state;
    assert_document(json_verify(&look),
                    "{\"problems\":[{\"kind\":\"orphan\",\"level\":\"error\","
                    "\"version\":9,\"name\":\"gone\",\"file\":null,\"line\":null,"
                    "\"column\":null,"
                    "\"message\":\"9_gone is applied, but has no file\","
                    "\"hint\":null}],\"standby_until\":\"noon\"}");
}

static void
history_has_numbers_where_they_are_numbers(void **state)
{
    struct attempt attempt = { .run = "12345678",
                               .action = "up",
                               .version = "9223372036854775807",
                               .name = "x",
                               .who = "me",
                               .luamig = "1",
                               .environments = "production,test",
                               .started = "a",
                               .finished = "b",
                               .outcome = "failed",
                               .sqlstate = "22012",
                               .message = "division by zero",
                               .statement = "2" };

    (void)state;
    assert_document(json_history(&attempt, 1),
                    "{\"attempts\":[{\"run\":\"12345678\",\"action\":\"up\","
                    "\"version\":9223372036854775807,\"name\":\"x\",\"who\":\"me\","
                    "\"host\":null,\"luamig\":\"1\",\"started_at\":\"a\","
                    "\"finished_at\":\"b\",\"outcome\":\"failed\","
                    "\"sqlstate\":\"22012\",\"message\":\"division by zero\","
                    "\"environments\":[\"production\",\"test\"],"
                    "\"statement\":2,\"checksum\":null}]}");
}

static void
an_error_has_every_key(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERROR_SQL, "bad");
    assert_document(json_error(&err),
                    "{\"error\":{\"kind\":\"sql\",\"message\":\"bad\","
                    "\"sqlstate\":null,\"detail\":null,\"hint\":null,\"file\":null,"
                    "\"line\":null,\"column\":null,\"statement\":null}}");
    strcpy(err.sqlstate, "42703");
    error_detail(&err, "d");
    error_hint(&err, "h");
    error_at(&err, "m/a.up.sql", 12, 30);
    err.place.statement = 3;
    assert_document(json_error(&err),
                    "{\"error\":{\"kind\":\"sql\",\"message\":\"bad\","
                    "\"sqlstate\":\"42703\",\"detail\":\"d\",\"hint\":\"h\","
                    "\"file\":\"m/a.up.sql\",\"line\":12,\"column\":30,"
                    "\"statement\":3}}");
}

static struct json_object *
array_of(struct json_object *value)
{
    struct json_object *array = json_object_new_array();

    json_object_array_add(array, value);
    return array;
}

static void
bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    assert_document(array_of(json_text("a\xFFz\xC3\xA9")), "[\"a\\ufffdz\\u00e9\"]");
    assert_document(array_of(json_text(NULL)), "[null]");
    assert_document(array_of(json_text_sized("ab\xC3\xA9\xE2z", 5)),
                    "[\"ab\\u00e9\\ufffd\"]");
}

static void
a_document_is_one_compact_line(void **state)
{
    struct json_object *document = json_object_new_object();
    struct render render;

    (void)state;
    json_object_object_add(document, "z", json_text("a/b\n\x01\"\\"));
    json_object_object_add(document, "a", json_object_new_array());
    json_object_object_add(document, "m", json_text(NULL));
    json_print(render_begin(&render), document);
    assert_string_equal(render_text(&render),
                        "{\"z\":\"a/b\\n\\u0001\\\"\\\\\",\"a\":[],\"m\":null}\n");
    render_end(&render);
}

static void
count_event(void *ctx, const struct event *event)
{
    (void)event;
    ++*(int *)ctx;
}

/* The one line that an event makes. */
static struct json_object *
line_of(struct event event)
{
    struct render render;
    int told = 0;
    struct observer next = { count_event, &told };
    struct json_lines lines = { .out = render_begin(&render), .next = &next };
    struct observer observer = json_observer(&lines);
    struct json_object *line;

    event.run = "12345678";
    observer_notify(&observer, &event);
    line = json_tokener_parse(render_text(&render));
    assert_non_null(line);
    assert_ptr_equal(strchr(render.text, '\n'), render.text + render.len - 1);
    assert_int_equal(told, 1);
    render_end(&render);
    return line;
}

static void
every_event_has_time_event_and_run(void **state)
{
    static const struct {
        enum event_kind kind;
        const char *word;
    } cases[] = {
        { EVENT_RUN_STARTED, "run_started" },
        { EVENT_WAITING, "waiting" },
        { EVENT_LOCK_ACQUIRED, "lock_acquired" },
        { EVENT_MIGRATION_STARTED, "migration_started" },
        { EVENT_MIGRATION_APPLIED, "migration_applied" },
        { EVENT_MIGRATION_FAILED, "migration_failed" },
        { EVENT_PROGRESS, "progress" },
        { EVENT_NOTICE, "notice" },
        { EVENT_PROBLEM, "notice" },
        { EVENT_UNDO_STARTED, "notice" },
        { EVENT_STEP_PLANNED, "step_planned" },
        { EVENT_MIGRATION_RETRIED, "migration_retried" },
        { EVENT_MIGRATION_UNDONE, "migration_undone" },
        { EVENT_MIGRATION_TRIED, "migration_tried" },
        { EVENT_RUN_FINISHED, "run_finished" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_object *line = line_of((struct event){ .kind = cases[i].kind });
        const char *time = json_object_get_string(json_object_object_get(line, "time"));

        assert_int_equal(strlen(time), strlen("2026-05-20T10:38:00.123Z"));
        assert_int_equal(time[10], 'T');
        assert_int_equal(time[19], '.');
        assert_int_equal(time[23], 'Z');
        assert_string_equal(json_object_get_string(json_object_object_get(line, "event")),
                            cases[i].word);
        assert_string_equal(json_object_get_string(json_object_object_get(line, "run")),
                            "12345678");
        json_object_put(line);
    }
}

/* Takes away what differs from run to run. */
static void
assert_line(struct event event, const char *expected)
{
    struct json_object *line = line_of(event);

    json_object_object_del(line, "time");
    json_object_object_del(line, "run");
    assert_document(line, expected);
}

static void
a_run_ends_with_its_outcome_counts_and_exit_status(void **state)
{
    struct run_summary summary = {
        .outcome = OUTCOME_FAILED, .applied = 2, .pending = 1, .elapsed = 12
    };
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERROR_SQL, "bad");
    assert_line(
        (struct event){ .kind = EVENT_RUN_FINISHED, .summary = &summary, .error = &err },
        "{\"event\":\"run_finished\",\"outcome\":\"failed\",\"applied\":2,"
        "\"undone\":0,\"pending\":1,\"background\":0,\"elapsed_ms\":12,\"exit\":7,\"error\":{"
        "\"kind\":\"sql\",\"message\":\"bad\",\"sqlstate\":null,"
        "\"detail\":null,\"hint\":null,\"file\":null,\"line\":null,"
        "\"column\":null,\"statement\":null}}");
    summary.outcome = OUTCOME_DONE;
    summary.pending = 0;
    assert_line(
        (struct event){ .kind = EVENT_RUN_FINISHED, .summary = &summary },
        "{\"event\":\"run_finished\",\"outcome\":\"done\",\"applied\":2,"
        "\"undone\":0,\"pending\":0,\"background\":0,\"elapsed_ms\":12,\"exit\":0}");
}

static void
progress_tells_the_statement_and_a_notice_its_level(void **state)
{
    struct problem late = { .kind = PROBLEM_LATE, .message = "2_x is late" };

    (void)state;
    assert_line((struct event){ .kind = EVENT_PROGRESS,
                                .migration = &users,
                                .statement = 2,
                                .statements = 3,
                                .elapsed = 1500,
                                .text = "building index 41 %" },
                "{\"event\":\"progress\",\"version\":1,\"name\":\"users\","
                "\"file\":\"m/0001_users.up.sql\",\"direction\":\"up\","
                "\"statement\":2,\"statements\":3,"
                "\"elapsed_ms\":1500,\"text\":\"building index 41 %\"}");
    assert_line((struct event){ .kind = EVENT_NOTICE,
                                .level = PROBLEM_WARNING,
                                .text = "no lock" },
                "{\"event\":\"notice\",\"level\":\"warning\",\"text\":\"no lock\"}");
    assert_line((struct event){ .kind = EVENT_PROBLEM, .problem = &late },
                "{\"event\":\"notice\",\"level\":\"note\",\"text\":\"2_x is late\","
                "\"problem\":{\"kind\":\"late\",\"level\":\"note\",\"version\":null,"
                "\"name\":null,\"file\":null,\"line\":null,\"column\":null,"
                "\"message\":\"2_x is late\",\"hint\":null}}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_the_database_and_every_version),
        cmocka_unit_test(a_plan_lists_its_steps_with_modes),
        cmocka_unit_test(verify_lists_problems),
        cmocka_unit_test(history_has_numbers_where_they_are_numbers),
        cmocka_unit_test(an_error_has_every_key),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(a_document_is_one_compact_line),
        cmocka_unit_test(every_event_has_time_event_and_run),
        cmocka_unit_test(a_run_ends_with_its_outcome_counts_and_exit_status),
        cmocka_unit_test(progress_tells_the_statement_and_a_notice_its_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
