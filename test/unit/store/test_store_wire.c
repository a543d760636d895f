#include "unit/cm.h"

#include "store/store_wire.h"

#include <errno.h>
#include <stdlib.h>

static unsigned char room[PF_IPC_PAYLOAD_MAX];
static struct pf_span span;

/* Put, and read back; every shorter and longer form is none. */
static union pf_store_ask there_and_back(enum pf_store_frame kind, const union pf_store_ask *ask)
{
    union pf_store_ask got, none;

    span = (struct pf_span){room, 0, sizeof room - 1};
    assert_true(pf_store_wire_put_ask(&span, kind, ask));
    assert_true(pf_store_wire_get_ask(pf_span_bytes(&span), (uint16_t)kind, &got));
    for (size_t len = 0; len < span.len && kind != PF_STORE_WRITE; len++)
        assert_false(pf_store_wire_get_ask(pf_bytes_head(pf_span_bytes(&span), len), (uint16_t)kind, &none));
    if (kind != PF_STORE_WRITE || ask->write.in_slot)
        assert_false(pf_store_wire_get_ask(pf_bytes_from(room, span.len + 1), (uint16_t)kind, &none));
    assert_false(pf_store_wire_get_ask(pf_span_bytes(&span), PF_STORE_FRAMES, &none));
    return got;
}

static union pf_store_say said(enum pf_store_frame kind, const union pf_store_say *say)
{
    union pf_store_say got, none;

    span = (struct pf_span){room, 0, sizeof room - 1};
    assert_true(pf_store_wire_put_say(&span, kind, say));
    assert_true(pf_store_wire_get_say(pf_span_bytes(&span), (uint16_t)kind, &got));
    assert_false(pf_store_wire_get_say(pf_bytes_head(pf_span_bytes(&span), 0), (uint16_t)kind, &none));
    assert_false(pf_store_wire_get_say(pf_span_bytes(&span), 0, &none));
    return got;
}

static void requests_come_back_as_they_were(void **state)
{
    uint64_t words[3] = {1, 2, UINT64_MAX};
    const union pf_store_ask expunge = {.expunge = {.box = 7, .first = 4096, .has_remove = true, .has_seen = true,
                                                    .more = true, .remove = pf_bytes_from(words, 24),
                                                    .seen = pf_bytes_from(words, 24)}};
    union pf_store_ask got;

    (void)state;
    got = there_and_back(PF_STORE_OPEN, &(union pf_store_ask){.open.show.ticket = PF_LIT("sealed")});
    assert_int_equal(got.open.show.entry, 0);
    assert_true(pf_bytes_equal(got.open.show.ticket, PF_LIT("sealed")));
    got = there_and_back(PF_STORE_OPEN, &(union pf_store_ask){.open.show.entry = UINT64_MAX});
    assert_true(got.open.show.entry == UINT64_MAX);
    got = there_and_back(PF_STORE_READ, &(union pf_store_ask){.read = {1, 2, UINT64_MAX, PF_SLOT_OCTETS, 3, 4, 5}});
    assert_true(got.read.box == 1 && got.read.index == 2 && got.read.offset == UINT64_MAX);
    assert_true(got.read.cap == PF_SLOT_OCTETS && got.read.slot == 3 && got.read.arena == 4);
    got = there_and_back(PF_STORE_EXPUNGE, &expunge);
    assert_true(got.expunge.more && got.expunge.first == 4096);
    assert_memory_equal(got.expunge.remove.at, words, sizeof words);
    assert_memory_equal(got.expunge.seen.at, words, sizeof words);
    got = there_and_back(PF_STORE_BEGIN, &(union pf_store_ask){.begin = {{.entry = 9}, true, 77}});
    assert_true(got.begin.ask && got.begin.size == 77 && got.begin.show.entry == 9);
    got = there_and_back(PF_STORE_WRITE, &(union pf_store_ask){.write = {.parcel = 5, .text = PF_LIT("a")}});
    assert_true(got.write.parcel == 5 && pf_bytes_equal(got.write.text, PF_LIT("a")));
    got = there_and_back(PF_STORE_WRITE, &(union pf_store_ask){.write = {.in_slot = true, .slot = 8, .len = 1}});
    assert_true(got.write.slot == 8 && got.write.len == 1);
    for (unsigned kind = PF_STORE_CLOSE; kind <= PF_STORE_DROP; kind += kind == PF_STORE_CLOSE ? 3 : 1)
        assert_int_equal(there_and_back(kind, &(union pf_store_ask){.number = {6}}).number.number, 6);
    got = there_and_back(PF_STORE_WANTED, &(union pf_store_ask){.wanted = {12, PF_LIT("anna")}});
    assert_true(got.wanted.session == 12 && pf_bytes_equal(got.wanted.user, PF_LIT("anna")));
}

static void answers_come_back_as_they_were(void **state)
{
    union pf_store_say got;

    (void)state;
    got = said(PF_STORE_OPEN, &(union pf_store_say){.open = {.entry = 3, .box = 4, .expired = 5,
                                                             .how = PF_STORE_LISTING_IN_MEMORY}});
    assert_true(got.open.entry == 3 && got.open.box == 4 && got.open.expired == 5);
    assert_int_equal(got.open.how, PF_STORE_LISTING_IN_MEMORY);
    got = said(PF_STORE_READ, &(union pf_store_say){.read = {.got = 65536, .clean = true}});
    assert_true(got.read.got == 65536 && !got.read.last && got.read.clean);
    got = said(PF_STORE_READ, &(union pf_store_say){.read = {.got = 65535, .last = true, .more = 2,
                                                             .further = {{0, true}, {1, false}}}});
    assert_true(got.read.more == 2 && got.read.further[0].clean && got.read.further[1].got == 1);
    got = said(PF_STORE_BEGIN, &(union pf_store_say){.begin = {.entry = 3, .parcel = 8}});
    assert_true(got.begin.entry == 3 && got.begin.parcel == 8);
    got = said(PF_STORE_SEAL, &(union pf_store_say){.seal = {.uidl = PF_LIT("u1"), .octets = 1, .size = 2,
                                                             .used_octets = 3, .used_messages = 4}});
    assert_true(pf_bytes_equal(got.seal.uidl, PF_LIT("u1")) && got.seal.octets == 1 && got.seal.used_messages == 4);
    got = said(PF_STORE_WANTED, &(union pf_store_say){.wanted = {true, true, PF_LIT("say"), PF_LIT("facts")}});
    assert_true(got.wanted.found && got.wanted.leaves && pf_bytes_equal(got.wanted.facts, PF_LIT("facts")));
    got = said(PF_STORE_WANTED, &(union pf_store_say){.wanted = {.found = false, .leaves = true}});
    assert_false(got.wanted.found || got.wanted.leaves);
}

static void errors_cross_with_both_texts(void **state)
{
    union pf_store_say say = {0}, got;
    struct pf_err err, back;

    (void)state;
    pf_fail(&err, PF_NO_SPACE, ENOSPC, "maildir", "%s", "/m/anna: no space");
    snprintf(err.say, sizeof err.say, "no room");
    say.expunge.verdict = pf_store_wire_verdict(&err);
    say.expunge.removed = 2;
    got = said(PF_STORE_EXPUNGE, &say);
    pf_store_wire_err(&got.verdict, &back);
    assert_int_equal(back.code, PF_NO_SPACE);
    assert_int_equal(back.sys, ENOSPC);
    assert_string_equal(back.say, "no room");
    assert_string_equal(back.log, "/m/anna: no space");
    assert_int_equal(got.expunge.removed, 2);
    err = (struct pf_err){.code = PF_OK, .log = "of before"};
    say.verdict = pf_store_wire_verdict(&err);
    got = said(PF_STORE_CLOSE, &say);
    pf_store_wire_err(&got.verdict, &back);
    assert_int_equal(back.code, PF_OK);
    assert_string_equal(back.log, "");
}

static bool ask_is_put(enum pf_store_frame kind, const union pf_store_ask *ask)
{
    bool put;

    span = (struct pf_span){room, 0, sizeof room};
    put = pf_store_wire_put_ask(&span, kind, ask);
    assert_true(put || span.len == 0);
    return put;
}

static void what_breaks_a_rule_is_not_put(void **state)
{
    static const unsigned char much[PF_STORE_TEXT_INLINE + 1];
    uint64_t word = 1;

    (void)state;
    assert_false(ask_is_put(PF_STORE_OPEN, &(union pf_store_ask){0}));
    assert_false(ask_is_put(PF_STORE_OPEN, &(union pf_store_ask){.open.show.ticket = pf_bytes_from(much, 8000)}));
    assert_false(ask_is_put(PF_STORE_READ, &(union pf_store_ask){0}));
    assert_false(ask_is_put(PF_STORE_READ, &(union pf_store_ask){.read.cap = PF_SLOT_OCTETS + 1}));
    assert_false(ask_is_put(PF_STORE_READ, &(union pf_store_ask){.read = {.cap = 1, .more = PF_STORE_FURTHER + 1}}));
    assert_false(ask_is_put(PF_STORE_WRITE, &(union pf_store_ask){0}));
    assert_false(ask_is_put(PF_STORE_WRITE, &(union pf_store_ask){.write.text = pf_bytes_from(much, sizeof much)}));
    assert_false(ask_is_put(PF_STORE_WRITE, &(union pf_store_ask){.write = {.in_slot = true}}));
    assert_false(ask_is_put(PF_STORE_EXPUNGE, &(union pf_store_ask){.expunge.more = true}));
    assert_false(ask_is_put(PF_STORE_EXPUNGE, &(union pf_store_ask){.expunge.has_seen = true}));
    assert_false(ask_is_put(PF_STORE_EXPUNGE,
                            &(union pf_store_ask){.expunge = {.has_seen = true, .has_remove = true,
                                                              .seen = pf_bytes_from(&word, 8)}}));
    assert_false(ask_is_put(PF_STORE_BEGIN, &(union pf_store_ask){.begin = {{.entry = 1}, false, 5}}));
    assert_false(ask_is_put(PF_STORE_WANTED, &(union pf_store_ask){.wanted = {1, PF_LIT("")}}));
    assert_false(ask_is_put(PF_STORE_WANTED, &(union pf_store_ask){.wanted = {1, PF_LIT("a\nb")}}));
    span = (struct pf_span){room, 0, sizeof room};
    assert_false(pf_store_wire_put_say(&span, PF_STORE_READ, &(union pf_store_say){0})); /* nothing, and not the end */
    assert_false(pf_store_wire_put_say(&span, PF_STORE_READ, /* more behind what does not end */
                                       &(union pf_store_say){.read = {.got = 1, .more = 1}}));
    assert_false(pf_store_wire_put_say(&span, PF_STORE_READ, /* more than a slot has */
                                       &(union pf_store_say){.read = {.got = PF_SLOT_OCTETS, .last = true, .more = 1,
                                                                      .further = {{1, false}}}}));
    assert_false(pf_store_wire_put_say(
        &span, PF_STORE_READ, &(union pf_store_say){.read = {.last = true, .more = PF_STORE_FURTHER + 1}}));
    assert_false(pf_store_wire_put_say(&span, PF_STORE_SEAL, &(union pf_store_say){0}));
    assert_false(pf_store_wire_put_say(&span, PF_STORE_CLOSE, &(union pf_store_say){.verdict.code = PF_CODES}));
    assert_int_equal(span.len, 0);
}

/* `count` messages whose UIDLs are as long as they may be. */
static struct pf_listing listing_of(uint32_t count, struct pf_row *rows, unsigned char *uidls)
{
    struct pf_listing l = {.rows = rows, .uidls = uidls, .count = count, .octets = 0};

    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct pf_row){.octets = 1000u + i, .uidl_at = i * PF_UIDL_MAX, .uidl_len = PF_UIDL_MAX,
                                  .flags = i % 2};
        memset(uidls + (size_t)i * PF_UIDL_MAX, 'a' + (int)(i % 26), PF_UIDL_MAX);
        l.octets += rows[i].octets;
    }
    return l;
}

static void a_short_listing_comes_in_the_frame(void **state)
{
    static struct pf_row rows[500];
    static unsigned char uidls[500 * PF_UIDL_MAX], list[PF_STORE_LISTING_INLINE];
    union pf_store_say say = {.open.box = 1}, got;
    struct pf_listing out;
    void *block;

    (void)state;
    for (uint32_t count = 0; count <= 400; count += 100) {
        struct pf_listing l = listing_of(count, rows, uidls);
        struct pf_span at = {list, 0, sizeof list};

        assert_int_equal(pf_store_wire_list_octets(&l), count * 80);
        pf_store_wire_list(&at, &l);
        say.open.count = count;
        say.open.listing = pf_span_bytes(&at);
        got = said(PF_STORE_OPEN, &say);
        assert_int_equal(pf_store_wire_listed(&got.open, &out, &block), PF_OK);
        assert_int_equal(out.count, count);
        assert_int_equal(out.octets, l.octets);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(out.rows[i].octets, rows[i].octets);
            assert_int_equal(out.rows[i].flags, rows[i].flags);
            assert_true(pf_bytes_equal(pf_listing_uidl(&out, i), pf_listing_uidl(&l, i)));
        }
        free(block);
    }
    out = listing_of(500, rows, uidls);
    assert_true(pf_store_wire_list_octets(&out) > PF_STORE_LISTING_INLINE);
}

static void a_listing_that_is_cut_is_none(void **state)
{
    static struct pf_row rows[3];
    static unsigned char uidls[3 * PF_UIDL_MAX], list[1024];
    struct pf_span at = {list, 0, sizeof list};
    struct pf_listing l = listing_of(3, rows, uidls), out;
    struct pf_store_say_open open = {.count = 3};
    void *block;

    (void)state;
    pf_store_wire_list(&at, &l);
    for (size_t len = 0; len < at.len; len++) {
        open.listing = pf_bytes_from(list, len);
        assert_int_equal(pf_store_wire_listed(&open, &out, &block), PF_PERM);
    }
    open.listing = pf_bytes_from(list, at.len + 1);
    assert_int_equal(pf_store_wire_listed(&open, &out, &block), PF_PERM);
    open.listing = pf_span_bytes(&at);
    open.count = UINT32_MAX;
    assert_int_equal(pf_store_wire_listed(&open, &out, &block), PF_PERM);
    open.count = 3;
    memset(list, 0xFF, 8); /* the sum of sizes is too much */
    list[10] = 0xFF;
    assert_int_equal(pf_store_wire_listed(&open, &out, &block), PF_PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_come_back_as_they_were), T(answers_come_back_as_they_were),
        T(errors_cross_with_both_texts),    T(what_breaks_a_rule_is_not_put),
        T(a_short_listing_comes_in_the_frame), T(a_listing_that_is_cut_is_none),
    };

    return RUN(tests);
}
