#include "unit/cm.h"

#include "session/desk_wire.h"

#include <stdlib.h>

static unsigned char room[PF_DESK_SESSION_MAX * 3];

static const struct pf_ctl_session example = {
    .number = 17, .state = PF_CTL_STATE_SENDING, .age = 1000, .idle = 20, .messages = 3, .fetched = 2,
    .octets = UINT64_MAX, .received = 5, .sent = 6, .user = "anna", .address = "2001:db8::1", .tls = "TLSv1.3",
    .command = "RETR"};

static void fill(char *text, size_t len)
{
    memset(text, 'x', len);
    text[len] = 0;
}

static void a_session_comes_through(void **state)
{
    struct pf_span out = {room, 0, sizeof room};
    struct pf_ctl_session got;
    struct pf_bytes rest;

    (void)state;
    assert_true(pf_desk_put_session(&out, &example));
    rest = pf_span_bytes(&out);
    assert_true(pf_desk_get_session(&rest, 18, &got));
    assert_int_equal(rest.len, 0);
    assert_memory_equal(&got, &example, sizeof got);
    rest = pf_span_bytes(&out);
    assert_false(pf_desk_get_session(&rest, 17, &got)); /* numbers fall */
}

static void the_longest_fits_exactly(void **state)
{
    struct pf_ctl_session big = example, got;
    struct pf_span out = {room, 0, PF_DESK_SESSION_MAX};
    struct pf_bytes rest;

    (void)state;
    fill(big.user, PF_CTL_NAME_MAX);
    fill(big.address, PF_CTL_ADDRESS_MAX);
    fill(big.tls, sizeof big.tls - 1);
    fill(big.command, sizeof big.command - 1);
    assert_true(pf_desk_put_session(&out, &big));
    assert_int_equal(out.len, PF_DESK_SESSION_MAX);
    rest = pf_span_bytes(&out);
    assert_true(pf_desk_get_session(&rest, UINT64_MAX, &got));
    assert_memory_equal(&got, &big, sizeof got);
    out = (struct pf_span){room, 0, PF_DESK_SESSION_MAX - 1};
    assert_false(pf_desk_put_session(&out, &big));
    assert_int_equal(out.len, 0);
}

static void what_is_cut_or_foreign_is_none(void **state)
{
    struct pf_span out = {room, 0, sizeof room};
    struct pf_ctl_session got;
    struct pf_bytes rest;
    size_t text;

    (void)state;
    pf_desk_put_session(&out, &example);
    for (size_t len = 0; len < out.len; len++) {
        rest = pf_bytes_from(room, len);
        assert_false(pf_desk_get_session(&rest, UINT64_MAX, &got));
    }
    text = out.len - strlen("RETR");
    for (unsigned c = 0; c < 256; c++) { /* nothing that a terminal obeys */
        room[text] = (unsigned char)c;
        rest = pf_span_bytes(&out);
        assert_int_equal(pf_desk_get_session(&rest, UINT64_MAX, &got), c >= ' ' && c <= '~');
    }
    room[text] = 'R';
    room[8] = PF_CTL_STATES;
    rest = pf_span_bytes(&out);
    assert_false(pf_desk_get_session(&rest, UINT64_MAX, &got));
    room[8] = 0;
    memset(room, 0, 8); /* numbers count from one */
    rest = pf_span_bytes(&out);
    assert_false(pf_desk_get_session(&rest, UINT64_MAX, &got));
}

static void who_is_to_go(void **state)
{
    struct pf_ctl_who who = {.number = 7}, got;
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    assert_true(pf_desk_put_who(&out, &who));
    assert_true(pf_desk_get_who(pf_span_bytes(&out), &got));
    assert_true(got.number == 7 && !got.name[0]);
    assert_false(pf_desk_get_who(pf_bytes_head(pf_span_bytes(&out), 7), &got));
    pf_span_put(&out, PF_LIT("x")); /* both */
    assert_false(pf_desk_get_who(pf_span_bytes(&out), &got));
    who.number = 0;
    fill(who.name, PF_CTL_NAME_MAX);
    out.len = 0;
    assert_true(pf_desk_put_who(&out, &who));
    assert_true(pf_desk_get_who(pf_span_bytes(&out), &got));
    assert_string_equal(got.name, who.name);
    pf_span_put(&out, PF_LIT("x"));
    assert_false(pf_desk_get_who(pf_span_bytes(&out), &got)); /* too long */
    assert_false(pf_desk_get_who(pf_bytes_from(room, 8), &got)); /* nobody */
    assert_false(pf_desk_get_who(PF_LIT("\0\0\0\0\0\0\0\0a\0b"), &got));
}

static void numbers_have_their_length(void **state)
{
    struct pf_span out = {room, 0, sizeof room};
    uint64_t before;
    uint32_t count;

    (void)state;
    pf_desk_put_before(&out, UINT64_MAX);
    assert_true(pf_desk_get_before(pf_span_bytes(&out), &before));
    assert_true(before == UINT64_MAX);
    assert_false(pf_desk_get_before(pf_bytes_from(room, 9), &before));
    assert_false(pf_desk_get_before(pf_bytes_from(room, 7), &before));
    out.len = 0;
    pf_desk_put_count(&out, 70000);
    assert_true(pf_desk_get_count(pf_span_bytes(&out), &count));
    assert_int_equal(count, 70000);
    assert_false(pf_desk_get_count(pf_bytes_from(room, 3), &count));
    assert_false(pf_desk_get_count(pf_bytes_from(room, 5), &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_session_comes_through), T(the_longest_fits_exactly),
                                       T(what_is_cut_or_foreign_is_none), T(who_is_to_go),
                                       T(numbers_have_their_length)};

    return RUN(tests);
}
