#include "unit/cm.h"

#include "session/post_text.h"

#include <stdlib.h>

struct seen {
    struct pf_post_text text;
    unsigned char out[4096];
    struct pf_span span;
    char to[256]; /* Delivered-To as told, with a bar behind each */
};

static void note(void *self, struct pf_bytes address)
{
    struct seen *s = self;
    size_t len = strlen(s->to);

    snprintf(s->to + len, sizeof s->to - len, "%.*s|", (int)address.len, (const char *)address.at);
}

static void begin(struct seen *s)
{
    memset(s, 0, sizeof *s);
    s->span = (struct pf_span){s->out, 0, sizeof s->out - 1};
    pf_post_text_init(&s->text);
    s->text.delivered_to = note;
    s->text.self = s;
}

static const char *through(struct seen *s, const char *in, size_t piece)
{
    struct pf_bytes rest = pf_bytes_of(in);

    while (rest.len) {
        size_t before = s->span.len, len = rest.len < piece ? rest.len : piece;

        pf_post_text_put(&s->text, pf_bytes_head(rest, piece), &s->span);
        assert_in_range(s->span.len - before, 0, len + PF_POST_HELD);
        rest = pf_bytes_skip(rest, piece);
    }
    pf_post_text_end(&s->text, &s->span);
    s->out[s->span.len] = 0;
    return (char *)s->out;
}

/* Whatever the cuts, the result is the same. */
static void becomes(const char *in, const char *out, bool from_line)
{
    for (size_t piece = 1; piece <= strlen(in) + 1; piece++) {
        struct seen s;

        begin(&s);
        s.text.from_line = from_line;
        assert_string_equal(through(&s, in, piece), out);
    }
}

static void crlf_becomes_lf_and_lone_cr_stays(void **state)
{
    (void)state;
    becomes("A: b\r\n\r\nx\r\ny\rz\n\r\r\nend\r", "A: b\n\nx\ny\rz\n\r\nend\r", false);
    becomes("", "", false);
    becomes("\r", "\r", false);
    becomes("no end", "no end", false);
}

/* RFC 5321 section 4.4 */
static void s_011_return_path_at_the_top_goes(void **state)
{
    (void)state;
    becomes("Return-Path: <a@b>\r\nRETURN-path: <c>\r\n folded\r\nTo: x\r\nReturn-Path: <kept>\r\n\r\n"
            "Return-Path: y\r\n",
            "To: x\nReturn-Path: <kept>\n\nReturn-Path: y\n", false);
    becomes("Return-Pat: z\n\n", "Return-Pat: z\n\n", false);
    becomes("Return-Pa", "Return-Pa", false);
    becomes("\nReturn-Path: x\n", "\nReturn-Path: x\n", false);
    becomes(" no field\nReturn-Path: x\n", " no field\nReturn-Path: x\n", false);
}

static void mbox_line_goes_only_where_asked(void **state)
{
    (void)state;
    becomes("From a@b Sun Nov 22\nReturn-Path: <x>\nTo: y\n\nFrom z\n", "To: y\n\nFrom z\n", true);
    becomes("From a@b Sun\nTo: y\n\n", "From a@b Sun\nTo: y\n\n", false);
    becomes("From: a@b\nTo: y\n\n", "From: a@b\nTo: y\n\n", true);
    becomes("From : a@b\nTo: y\n\n", "From : a@b\nTo: y\n\n", true);
    becomes("Fro", "Fro", true);
    becomes("FROM a@b Sun\nTo: y\n\n", "FROM a@b Sun\nTo: y\n\n", true);
    becomes("Return-Path: <x>\nTo: y\n\n", "To: y\n\n", true);
}

static void s_013_delivered_to_is_told_from_the_head_only(void **state)
{
    static const char mail[] = "delivered-TO:  anna@x.y \r\nReceived: 1\r\nDelivered-To:\r\n\t<bob@x>\r\nX: y\r\n"
                               "Received : 2\r\n\r\nDelivered-To: body@x\r\nReceived: no\r\n";

    (void)state;
    for (size_t piece = 1; piece <= sizeof mail; piece++) {
        struct seen s;

        begin(&s);
        through(&s, mail, piece);
        assert_string_equal(s.to, "anna@x.y|bob@x|");
        assert_int_equal(s.text.received, 2);
        begin(&s);
        s.text.below_received = true;
        through(&s, mail, piece);
        assert_string_equal(s.to, "bob@x|");
    }
}

static void a_text_without_head_has_no_fields(void **state)
{
    struct seen s;

    (void)state;
    begin(&s);
    through(&s, "hello anna\nDelivered-To: anna\nReceived: x\n", 5);
    assert_string_equal(s.to, "");
    assert_int_equal(s.text.received, 0);
    begin(&s);
    through(&s, "Delivered-To: anna", 7); /* it ends within its head */
    assert_string_equal(s.to, "anna|");
}

static void a_field_of_any_length_passes_whole(void **state)
{
    struct seen s;
    char mail[3000];

    (void)state;
    memset(mail, 'a', sizeof mail);
    memcpy(mail, "X: ", 3);
    memcpy(mail + 2000, "\nReceived: x\n\n", 14);
    mail[2014] = 0;
    begin(&s);
    assert_string_equal(through(&s, mail, 100), mail);
    assert_int_equal(s.text.received, 1);
}

static const char *head(const struct pf_post_envelope *e, const char *recipient)
{
    static unsigned char out[PF_POST_HEAD_MAX + 1];
    struct pf_span span = {out, 0, PF_POST_HEAD_MAX};

    assert_int_equal(pf_post_head(e, pf_bytes_of(recipient), &span, NULL), PF_OK);
    out[span.len] = 0;
    return (char *)out;
}

static struct pf_post_envelope envelope(void)
{
    return (struct pf_post_envelope){.sender = PF_LIT("s@x"), .helo = PF_LIT("client.example"), .peer = "192.0.2.1",
                                     .hostname = "mail.example", .with = "LMTP", .id = "abc", .now = 1700000000,
                                     .alone = true};
}

static void l_019_the_head_tells_the_way(void **state)
{
    struct pf_post_envelope e = envelope();

    (void)state;
    assert_string_equal(head(&e, "anna+d@y"),
                        "Return-Path: <s@x>\nDelivered-To: anna+d@y\n"
                        "Received: from client.example ([192.0.2.1])\n\tby mail.example (Postfach) with LMTP id abc\n"
                        "\tfor <anna+d@y>;\n\tTue, 14 Nov 2023 22:13:20 +0000\n");
    e.alone = false;
    e.peer = "unix";
    assert_null(strstr(head(&e, "anna"), "for <"));
    assert_non_null(strstr(head(&e, "anna"), "(unix)"));
    e.with = NULL;
    e.sender = PF_LIT("");
    assert_string_equal(head(&e, "anna"), "Return-Path: <>\nDelivered-To: anna\n"); /* S-012 */
}

static void strangers_cannot_write_fields_of_their_own(void **state)
{
    struct pf_post_envelope e = envelope();
    unsigned char small[40];
    struct pf_span span = {small, 0, sizeof small};
    struct pf_err err;

    (void)state;
    e.sender = PF_LIT("a\r\nX: y");
    e.helo = PF_LIT("h\nZ: z");
    assert_null(strstr(head(&e, "b\nY: y"), "\nX"));
    assert_null(strstr(head(&e, "b\nY: y"), "\nY"));
    assert_null(strstr(head(&e, "b\nY: y"), "\nZ"));
    assert_int_equal(pf_post_head(&e, PF_LIT("b"), &span, &err), PF_TOO_LONG);
}

static void what_a_person_can_mend_waits(void **state)
{
    static const struct {
        enum pf_code code, becomes;
    } table[] = {{PF_NO_BOX, PF_TEMP}, {PF_PERM, PF_TEMP},       {PF_CONFIG, PF_TEMP},         {PF_NO_USER, PF_NO_USER},
                 {PF_LOOP, PF_LOOP},   {PF_NO_SPACE, PF_NO_SPACE}, {PF_OVER_QUOTA, PF_OVER_QUOTA}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_err err = {0};

        pf_fail(&err, table[i].code, 0, "x", "the folder is missing");
        pf_post_soften(&err);
        assert_int_equal(err.code, table[i].becomes);
        assert_string_equal(err.log, "the folder is missing");
    }
}

/* For the journal; whatever the cuts. */
static void id_is(const char *in, const char *id)
{
    for (size_t piece = 1; piece <= strlen(in) + 1; piece++) {
        struct seen s;

        begin(&s);
        through(&s, in, piece);
        assert_int_equal(s.text.message_id_len, strlen(id));
        assert_memory_equal(s.text.message_id, id, strlen(id));
    }
}

static void the_first_message_id_is_kept(void **state)
{
    static char line[1200], want[PF_POST_ID_MAX + 1];
    static const char field[] = "Message-ID: <";

    (void)state;
    id_is("From: x\r\nMESSAGE-id :\r\n <a@b> (why)\r\nMessage-ID: <c@d>\r\n\r\nMessage-ID: <e@f>\r\n", "<a@b>");
    id_is("Message-ID:   bare word \n\n", "bare word");
    id_is("Message-ID:\nMessage-ID: <>\n\n", "<>");
    id_is("Message-ID: <never ends\n\n", "<never ends");
    id_is("Subject: x\n\nMessage-ID: <body@x>\n", "");
    id_is("Message-IDs: <a@b>\n", "");
    memset(line, 'y', sizeof line - 1);
    memcpy(line, field, sizeof field - 1);
    memset(want, 'y', sizeof want - 1);
    want[0] = '<';
    id_is(line, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(crlf_becomes_lf_and_lone_cr_stays),
        T(s_011_return_path_at_the_top_goes),
        T(mbox_line_goes_only_where_asked),
        T(s_013_delivered_to_is_told_from_the_head_only),
        T(a_text_without_head_has_no_fields),
        T(a_field_of_any_length_passes_whole),
        T(the_first_message_id_is_kept),
        T(l_019_the_head_tells_the_way),
        T(strangers_cannot_write_fields_of_their_own),
        T(what_a_person_can_mend_waits),
    };

    return RUN(tests);
}
