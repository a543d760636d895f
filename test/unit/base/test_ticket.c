#include "unit/cm.h"

#include "base/kind.h"
#include "base/ticket.h"

#include <stdlib.h>

static struct pf_ticket some(void)
{
    return (struct pf_ticket){.user = "anna", .path = "/var/mail/anna", .view = ".Lists.C", .kind = PF_KIND_MBOX,
                              .rights = PF_TICKET_READ | PF_TICKET_SEEN, .expire_days = -1,
                              .quota_octets = UINT64_MAX, .quota_messages = 17, .gate = 3, .store = 9,
                              .session = (uint64_t)1 << 40, .expires = 5000,
                              .series = 0x0102030405060708, .serial = 0x0A0B};
}

static size_t written(const struct pf_ticket *t, unsigned char form[PF_TICKET_FORM_MAX])
{
    struct pf_span span = {form, 0, PF_TICKET_FORM_MAX};

    return pf_ticket_write(&span, t) ? span.len : 0;
}

/* By their forms: between the fields of a struct may stand anything. */
static void assert_same(const struct pf_ticket *a, const struct pf_ticket *b)
{
    unsigned char one[PF_TICKET_FORM_MAX], two[PF_TICKET_FORM_MAX];
    size_t len = written(a, one);

    assert_true(len > 0);
    assert_int_equal(written(b, two), len);
    assert_memory_equal(one, two, len);
    assert_string_equal(a->user, b->user);
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->view, b->view);
    assert_true(a->quota_octets == b->quota_octets && a->session == b->session && a->expires == b->expires);
    assert_int_equal(a->expire_days, b->expire_days);
}

static void what_was_written_is_read(void **state)
{
    unsigned char form[PF_TICKET_FORM_MAX];
    struct pf_ticket t = some(), got;
    size_t len = written(&t, form);

    (void)state;
    assert_int_equal(len, PF_TICKET_HEAD + 4 + 14 + 8);
    assert_true(pf_ticket_read(pf_bytes_from(form, len), &got));
    assert_same(&got, &t);
}

static void the_longest_ticket_fits(void **state)
{
    unsigned char form[PF_TICKET_FORM_MAX];
    struct pf_ticket t = some(), got;

    (void)state;
    memset(t.user, 'u', PF_TICKET_USER_MAX);
    memset(t.path, '/', PF_TICKET_PATH_MAX);
    memset(t.view, 'v', PF_TICKET_VIEW_MAX);
    assert_int_equal(written(&t, form), PF_TICKET_FORM_MAX);
    assert_true(pf_ticket_read(pf_bytes_from(form, sizeof form), &got));
    assert_same(&got, &t);
    /* A text that has no end is no text. */
    t.user[PF_TICKET_USER_MAX] = 'u';
    assert_int_equal(written(&t, form), 0);
}

static void no_room_writes_nothing(void **state)
{
    unsigned char form[PF_TICKET_FORM_MAX] = {0};
    struct pf_ticket t = some();
    size_t len = written(&t, form);
    struct pf_span span = {form, 7, 7 + len - 1};

    (void)state;
    assert_false(pf_ticket_write(&span, &t));
    assert_int_equal(span.len, 7);
    span.cap++;
    assert_true(pf_ticket_write(&span, &t));
    assert_int_equal(span.len, 7 + len);
}

static void refuses(const struct pf_ticket *t)
{
    unsigned char form[PF_TICKET_FORM_MAX];

    assert_int_equal(written(t, form), 0);
}

static void an_unlawful_ticket_is_not_written(void **state)
{
    struct pf_ticket t;

    (void)state;
#define WITH(change) (t = some(), change, refuses(&t))
    WITH(t.user[0] = 0);
    WITH(t.user[1] = '\n');
    WITH(t.user[1] = 0x7F);
    WITH(t.path[0] = 'x');
    WITH(t.path[0] = 0);
    WITH(t.path[3] = 1);
    WITH(t.view[2] = '\r');
    WITH(t.kind = PF_KINDS);
    WITH(t.rights = 0);
    WITH(t.rights = 16);
    WITH(t.expire_days = -2);
    WITH(t.gate = 0);
    WITH(t.store = 0);
    WITH(t.session = 0);
    WITH(t.serial = 0);
    WITH(t.expires = 0);
    WITH(t.expires = -1);
#undef WITH
}

/* Every cut, every octet more, and every octet changed: it is refused, or it is another ticket whose form is
 * exactly those octets. */
static void one_ticket_has_one_form(void **state)
{
    unsigned char form[PF_TICKET_FORM_MAX + 1] = {0}, again[PF_TICKET_FORM_MAX];
    struct pf_ticket t = some(), got;
    size_t len = written(&t, form), other = 0, refused = 0;

    (void)state;
    for (size_t n = 0; n < len; n++)
        assert_false(pf_ticket_read(pf_bytes_from(form, n), &got));
    assert_false(pf_ticket_read(pf_bytes_from(form, len + 1), &got));
    for (size_t at = 0; at < len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            form[at] ^= (unsigned char)(1u << bit);
            if (pf_ticket_read(pf_bytes_from(form, len), &got)) {
                assert_int_equal(written(&got, again), len);
                assert_memory_equal(again, form, len);
                other++;
            } else {
                refused++;
            }
            form[at] ^= (unsigned char)(1u << bit);
        }
    assert_true(other > 300 && refused > 60);
}

static uint64_t *bits(struct pf_ticket_window *window, size_t span)
{
    uint64_t *all = calloc(PF_TICKET_MAKERS * span / 64, sizeof *all);

    assert_non_null(all);
    *window = (struct pf_ticket_window){.span = span};
    for (size_t i = 0; i < PF_TICKET_MAKERS; i++)
        window->makers[i].bits = all + i * span / 64;
    return all;
}

static void a_ticket_is_good_once_and_here_and_now(void **state)
{
    struct pf_ticket_shown shown = {.gate = 3, .store = 9, .now = 4999};
    struct pf_ticket_window window;
    struct pf_ticket t = some();
    uint64_t *used = bits(&window, 64);

    (void)state;
    shown.gate = 4;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_OTHER_GATE);
    shown = (struct pf_ticket_shown){.gate = 3, .store = 8, .now = 4999};
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_OTHER_STORE);
    shown.store = 9;
    shown.now = 5000;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_EXPIRED);
    shown.now = 4999;
    t.expires = shown.now + PF_TICKET_LIFE_MAX + 1;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_LONG_LIVED);
    t.expires--;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_GOOD);
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_REPLAYED);
    shown.now = t.expires - 1;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_REPLAYED);
    shown.now = t.expires;
    assert_int_equal(pf_ticket_judge(&t, &shown, &window), PF_TICKET_EXPIRED);
    free(used);
}

static enum pf_ticket_fault shows(struct pf_ticket_window *window, uint64_t series, uint64_t serial, pf_time now)
{
    struct pf_ticket_shown shown = {.gate = 3, .store = 9, .now = now};
    struct pf_ticket t = some();

    t.series = series;
    t.serial = serial;
    return pf_ticket_judge(&t, &shown, window);
}

/* In any order, over a span that is gone round many times: each once, and those too far behind never. */
static void each_serial_is_good_once(void **state)
{
    enum { SPAN = 128, ALL = 5000 };
    struct pf_ticket_window window;
    uint64_t *used = bits(&window, SPAN);
    unsigned char seen[ALL + 1] = {0};
    uint64_t top = 0, dice = 12345;
    unsigned good = 0, again = 0, behind = 0;

    (void)state;
    for (int i = 0; top < ALL; i++) {
        enum pf_ticket_fault fault;
        uint64_t serial, back;

        dice = dice * 6364136223846793005u + 1442695040888963407u;
        back = (dice >> 33) % 208;
        if (back < 200)
            serial = top > back ? top - back : 1;
        else
            serial = top + (i % 100 ? 1 : 301); /* now and then far ahead */
        serial = serial > ALL ? ALL : serial;
        fault = shows(&window, 7, serial, 1);
        if (fault == PF_TICKET_GOOD) {
            assert_false(seen[serial]);
            good++;
        } else if (fault == PF_TICKET_REPLAYED) {
            assert_true(seen[serial]);
            again++;
        } else {
            assert_int_equal(fault, PF_TICKET_CROWDED);
            assert_true(serial + SPAN <= top);
            behind++;
        }
        seen[serial] = 1;
        top = serial > top ? serial : top;
    }
    print_message("# good %u, again %u, too far behind %u\n", good, again, behind);
    assert_true(good > 300 && again > 300 && behind > 300);
    free(used);
}

static void makers_are_forgotten_when_their_tickets_have_expired(void **state)
{
    struct pf_ticket_window window;
    uint64_t *used = bits(&window, 64);

    (void)state;
    for (uint64_t series = 1; series <= PF_TICKET_MAKERS; series++)
        assert_int_equal(shows(&window, series, 5, 1), PF_TICKET_GOOD);
    assert_int_equal(shows(&window, 99, 5, 4999), PF_TICKET_CROWDED);
    assert_int_equal(shows(&window, 2, 5, 4999), PF_TICKET_REPLAYED);
    window.makers[1].until = 4999;
    assert_int_equal(shows(&window, 99, 5, 4999), PF_TICKET_GOOD); /* in that place, with none of its bits */
    assert_int_equal(shows(&window, 99, 4, 4999), PF_TICKET_GOOD);
    assert_int_equal(shows(&window, 99, 5, 4999), PF_TICKET_REPLAYED);
    assert_int_equal(shows(&window, 1, 5, 4999), PF_TICKET_REPLAYED);
    free(used);
}

static void every_fault_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < PF_TICKET_FAULTS; i++)
        assert_true(strlen(pf_ticket_fault_text((enum pf_ticket_fault)i)) > 3);
    assert_string_equal(pf_ticket_fault_text(PF_TICKET_FAULTS), "of unknown fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_written_is_read),       T(the_longest_ticket_fits),
        T(no_room_writes_nothing),         T(an_unlawful_ticket_is_not_written),
        T(one_ticket_has_one_form),        T(a_ticket_is_good_once_and_here_and_now),
        T(each_serial_is_good_once), T(makers_are_forgotten_when_their_tickets_have_expired), T(every_fault_has_words),
    };

    return RUN(tests);
}
