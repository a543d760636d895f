/* When a Content-Length is believed: never so that a message is lost. */
#include "unit/mbox/rig.h"

#include <stdlib.h>
#include <unistd.h>

#define DATE "Mon Jan  1 00:00:00 2001"
#define FROM "From ada " DATE "\n"

static uint64_t octets_read;

ssize_t __real_pread64(int fd, void *at, size_t len, off_t from);
ssize_t __wrap_pread64(int fd, void *at, size_t len, off_t from);

ssize_t __wrap_pread64(int fd, void *at, size_t len, off_t from)
{
    ssize_t got = __real_pread64(fd, at, len, from);

    octets_read += got > 0 ? (uint64_t)got : 0;
    return got;
}

/* A message with such a length, and what is behind it. */
static void put_length(const struct rig *r, size_t length, const char *body)
{
    char text[RIG_TEXT];

    snprintf(text, sizeof text, FROM "Content-Length: %04zu\n\n%s", length, body);
    rig_put(r, text, "w");
}

static void forget(const struct rig *r)
{
    unlink(rig_beside(r, ".box.postfach-state"));
    unlink(rig_beside(r, ".box.postfach-append"));
}

static void a_delivery(struct rig *r, const char *body, size_t more)
{
    static const char head[] = FROM "Content-Length: 0000\n\n";
    struct pf_parcel_seal seal;
    struct pf_box_expunge op;
    char text[RIG_TEXT];
    size_t size = 0;

    for (int i = 0; i < 2; i++) { /* once to learn how long the file becomes */
        unlink(r->path);
        forget(r);
        put_length(r, size + more - (i ? sizeof head - 1 : 0), body);
        assert_int_equal(rig_deliver(r, "Return-Path: <x@y>\nSubject: b\n\nbeta\n", &seal), PF_OK);
        size = rig_get(r->path, text);
    }
    rig_enter(r, 2);
    rig_reads(r, 1, "Return-Path: <x@y>\nSubject: b\n\nbeta\n");
    assert_string_equal(rig_uidl(r, 1), seal.uidl);
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK); /* the first */
    rig_leave(r);
    rig_enter(r, 1);
    rig_reads(r, 0, "Return-Path: <x@y>\nSubject: b\n\nbeta\n");
    assert_string_equal(rig_uidl(r, 0), seal.uidl);
    rig_leave(r);
}

static void mb_008_none_reaches_over_what_we_delivered(void **state)
{
    struct rig *r = *state;

    for (size_t less = 0; less < 3; less++) {
        a_delivery(r, "alpha\n\n", (size_t)0 - less);
        a_delivery(r, "alpha\n", (size_t)0 - less);
        a_delivery(r, "alpha", (size_t)0 - less);
    }
}

static void mb_008_none_reaches_over_what_looks_like_a_message(void **state)
{
    static const char *const heads[] = {"Received: x\n", "X-Odd-Name \t: x\n", "\n", "\r\n", "a:\n"};
    struct rig *r = *state;
    char body[300];

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        snprintf(body, sizeof body, "one\n\n" FROM "%s\nbody\n\n", heads[i]);
        put_length(r, strlen(body), body);
        forget(r);
        rig_enter(r, 2);
        rig_leave(r);
        put_length(r, strlen(body) - 1, body);
        forget(r);
        rig_enter(r, 2);
        rig_leave(r);
    }
}

static void mb_008_prose_behind_a_from_line_is_text(void **state)
{
    static const char *const proses[] = {">From ada\n",    "hello there: you\n", " Folded: x\n",
                                         "\xc3\xa4: x\n", ": x\n",             "word\n"};
    struct rig *r = *state;
    char body[300], expected[400], uidl[PF_UIDL_MAX + 1];
    struct pf_parcel_seal seal;

    for (size_t i = 0; i < sizeof proses / sizeof proses[0]; i++) {
        snprintf(body, sizeof body, "one\n\n" FROM "%sbody\n", proses[i]);
        snprintf(expected, sizeof expected, "Content-Length: %04zu\n\n%s", strlen(body), body);
        forget(r);
        put_length(r, strlen(body), body);
        rig_enter(r, 1);
        rig_reads(r, 0, expected);
        snprintf(uidl, sizeof uidl, "%s", rig_uidl(r, 0));
        rig_leave(r);
        assert_int_equal(rig_deliver(r, "Subject: b\n\nbeta\n", &seal), PF_OK); /* and stays so */
        rig_enter(r, 2);
        rig_reads(r, 0, expected);
        assert_string_equal(rig_uidl(r, 0), uidl);
        rig_leave(r);
    }
}

/* It says nothing at first, for the file ends before, and comes true when the file has grown. */
static void mb_008_none_reaches_over_what_was_listed(void **state)
{
    static const char body[] = "one\n\n" FROM "only prose\n\n";
    struct rig *r = *state;
    char uidl[PF_UIDL_MAX + 1];

    put_length(r, strlen(body) + strlen(FROM "more prose\n\n"), body);
    rig_enter(r, 2);
    rig_reads(r, 1, "only prose\n");
    snprintf(uidl, sizeof uidl, "%s", rig_uidl(r, 1));
    r->o.box->doubts = true; /* so that all is looked at again */
    rig_leave(r);
    rig_put(r, FROM "more prose\n\n", "a");
    rig_enter(r, 3);
    rig_reads(r, 1, "only prose\n");
    rig_reads(r, 2, "more prose\n");
    assert_string_equal(rig_uidl(r, 1), uidl);
    rig_leave(r);
}

/* A pass costs the same for each octet, however many lengths are wrong. */
static void mb_008_wrong_lengths_are_not_dear(void **state)
{
    enum { COUNT = 2000, EACH = 80 };
    struct rig *r = *state;
    char *text = calloc(COUNT + 4, EACH);
    size_t len = 0, size = (size_t)COUNT * EACH;

    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++) {
        size_t head = (size_t)snprintf(text + len, EACH, FROM "prose\nContent-Length: %010zu\n\n", (size_t)0);

        snprintf(text + len, EACH, FROM "prose\nContent-Length: %010zu\n\n", size + 60 - len - head);
        len += head;
        while (len % EACH != EACH - 2)
            text[len++] = 'x';
        text[len++] = '\n';
        text[len++] = '\n';
    }
    snprintf(text + len, 2 * EACH, FROM "Subject: x\n\n%0*d\n", (int)(60 - strlen(FROM "Subject: x\n\n\n")), 1);
    assert_int_equal(strlen(text), size + 60);
    rig_put(r, text, "w");
    octets_read = 0;
    rig_enter(r, COUNT + 1);
    rig_leave(r);
    assert_true(octets_read < 60 * size);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(mb_008_none_reaches_over_what_we_delivered),
        RIG(mb_008_none_reaches_over_what_looks_like_a_message),
        RIG(mb_008_prose_behind_a_from_line_is_text),
        RIG(mb_008_none_reaches_over_what_was_listed),
        RIG(mb_008_wrong_lengths_are_not_dear),
    };

    return RUN(tests);
}
