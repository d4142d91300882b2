#include "tests/test.h"

#include <string.h>

#include "backfill/packed.h"

static void
expect(struct packed *packed, const char *bytes, size_t length)
{
    size_t got;
    const char *text = packed_end(packed, &got);

    assert_int_equal(got, length);
    assert_memory_equal(text, bytes, length);
}

#define HEAD(type, count) "\0\0\0\1\0\0\0\1\0\0\0" type "\0\0\0" count "\0\0\0\1"

static void
texts_may_be_empty_or_null_and_hold_any_byte(void **state)
{
    static const char want[] = HEAD("\31", "\3") "\0\0\0\3a\0b\0\0\0\0\xff\xff\xff\xff";
    struct packed packed = { 0 };

    (void)state;
    packed_add(&packed, "a\0b", 3);
    packed_add(&packed, "", 0);
    packed_add(&packed, NULL, 0);
    expect(&packed, want, sizeof(want) - 1);
    expect(&packed, want, sizeof(want) - 1); /* asked for again */
    packed_release(&packed);
}

static void
integers_have_their_sign_and_all_bits(void **state)
{
    static const char eight[] = HEAD("\24", "\2") "\0\0\0\10\x80\0\0\0\0\0\0\0"
                                                  "\0\0\0\10\0\0\0\0\0\0\1\2";
    static const char four[] = HEAD("\34", "\1") "\0\0\0\4\xff\xff\xff\xfe";
    struct packed packed = { .kind = PACKED_INT8 };

    (void)state;
    packed_add(&packed, "-9223372036854775808", 20);
    packed_add(&packed, "258", 3);
    expect(&packed, eight, sizeof(eight) - 1);
    packed_reset(&packed);
    packed.kind = PACKED_XID;
    packed_add(&packed, "4294967294", 10);
    expect(&packed, four, sizeof(four) - 1);
    packed_release(&packed);
}

static void
nothing_has_no_dimension(void **state)
{
    static const char want[] = "\0\0\0\0\0\0\0\1\0\0\0\31";
    struct packed packed = { 0 };

    (void)state;
    expect(&packed, want, sizeof(want) - 1);
    expect(&packed, want, sizeof(want) - 1);
    packed_release(&packed);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_may_be_empty_or_null_and_hold_any_byte),
        cmocka_unit_test(integers_have_their_sign_and_all_bits),
        cmocka_unit_test(nothing_has_no_dimension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
