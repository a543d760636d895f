#include "unit/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/listing_text.h"
#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)

#define BEGIN "+OK capabilities follow\r\nTOP\r\nUIDL\r\n"
#define MIDDLE "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
#define END "IMPLEMENTATION Postfach\r\n.\r\n"

static void cap_007_cap_008_capa_is_the_same_before_and_after_login(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "CAPA\r\n", BEGIN "USER\r\nSASL PLAIN SCRAM-SHA-256\r\n" MIDDLE "EXPIRE NEVER\r\n" END);
    world_login(&w);
    CHAT(&w, "CAPA\r\n", BEGIN "USER\r\nSASL PLAIN SCRAM-SHA-256\r\n" MIDDLE "EXPIRE NEVER\r\n" END);
    world_end(&w);
}

static void cap_014_cap_016_tls_013_what_tls_changes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.tls = false;
    w.settings.stls = true;
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "CAPA\r\n", BEGIN "SASL SCRAM-SHA-256\r\nSTLS\r\n" MIDDLE "EXPIRE NEVER\r\n" END);
    world_chat(&w, "STLS\r\n");
    CHAT(&w, "CAPA\r\n", BEGIN "USER\r\nSASL PLAIN SCRAM-SHA-256\r\n" MIDDLE "EXPIRE NEVER\r\n" END);
    world_end(&w);
    world_init(&w);
    w.tls = false;
    w.settings.stls = w.settings.plaintext_login = true;
    world_begin(&w);
    assert_null(strstr(world_chat(&w, "CAPA\r\n"), "STLS"));
    world_end(&w);
}

static void cap_017_no_sasl_line_without_mechanisms(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.settings.mechanism_count = 0;
    w.settings.implementation = NULL;
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "CAPA\r\n", BEGIN "USER\r\n" MIDDLE "EXPIRE NEVER\r\n.\r\n");
    CHAT(&w, "AUTH\r\n", "+OK mechanisms follow\r\n.\r\n");
    world_end(&w);
}

static void cap_018_sasl_stays_after_login(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_begin(&w);
    assert_non_null(strstr(world_chat(&w, "CAPA\r\n"), "\r\nSASL PLAIN SCRAM-SHA-256\r\n"));
    world_end(&w);
}

static void cap_021_cap_033_cap_037_values_of_users(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.settings.expire_days = 0;
    w.settings.expire_differs = true;
    w.settings.login_delay = 900;
    w.settings.login_delay_differs = true;
    w.expire_days = 31;
    w.login_delay = 0;
    world_start(&w);
    assert_non_null(strstr(world_chat(&w, "CAPA\r\n"), "\r\nEXPIRE 0 USER\r\nLOGIN-DELAY 900 USER\r\n"));
    world_login(&w);
    assert_non_null(strstr(world_chat(&w, "CAPA\r\n"), "\r\nEXPIRE 31\r\nLOGIN-DELAY 0\r\n"));
    world_end(&w);
}

static void cap_004_w_010_a_line_has_at_most_512_octets(void **state)
{
    static struct pf_pop3_mechanism many[60];
    static char names[60][21];
    struct world w;
    const char *line;
    size_t longest = 0;

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        snprintf(names[i], sizeof names[i], "MECHANISM-NUMBER-%03zu", i);
        many[i].name = names[i];
    }
    world_init(&w);
    w.lent = PF_POP3_OUT_MIN;
    w.settings.mechanisms = many;
    w.settings.mechanism_count = 60;
    world_start(&w);
    world_heard(&w);
    for (line = world_chat(&w, "CAPA\r\n"); *line;) {
        size_t n = (size_t)(strstr(line, "\r\n") - line) + 2;

        longest = n > longest ? n : longest;
        line += n;
    }
    assert_in_range(longest, 400, 512);
    assert_non_null(strstr(world_chat(&w, "AUTH\r\n"), "MECHANISM-NUMBER-059\r\n.\r\n"));
    world_end(&w);
}

enum { MILLION = 1000000 };

/* Checks the rows of a long list as they come, keeping nothing. */
struct reader {
    uint64_t rows, octets, turns;
    char line[128];
    size_t len;
    bool uidl, ended;
};

static void read_line(struct reader *r)
{
    char expected[128];
    uint64_t number = r->rows + 1;

    r->line[r->len] = 0;
    if (strcmp(r->line, ".\r\n") == 0) {
        r->ended = true;
    } else if (r->line[0] != '+') {
        if (r->uidl)
            snprintf(expected, sizeof expected, "%llu u%07llu\r\n", (unsigned long long)number,
                     (unsigned long long)number);
        else
            snprintf(expected, sizeof expected, "%llu 1234\r\n", (unsigned long long)number);
        assert_string_equal(r->line, expected);
        r->rows++;
    }
    r->len = 0;
}

static void read_all(struct reader *r, struct pf_bytes out)
{
    for (size_t i = 0; i < out.len; i++) {
        assert_true(r->len < sizeof r->line - 1);
        r->line[r->len++] = (char)out.at[i];
        if (out.at[i] == '\n')
            read_line(r);
    }
    r->octets += out.len;
    r->turns++;
}

static struct pf_listing million(void)
{
    struct pf_row *rows = calloc(MILLION, sizeof *rows);
    unsigned char *uidls = malloc(MILLION * 8 + 1);

    assert_true(rows && uidls);
    for (uint32_t i = 0; i < MILLION; i++) {
        rows[i] = (struct pf_row){.octets = 1234, .uidl_at = i * 8, .uidl_len = 8};
        snprintf((char *)uidls + (size_t)i * 8, 9, "u%07u", i + 1);
    }
    return (struct pf_listing){.rows = rows, .uidls = uidls, .count = MILLION, .octets = (uint64_t)MILLION * 1234};
}

static void drain(struct world *w, struct reader *r, size_t step)
{
    while (!r->ended) {
        struct pf_bytes out = pf_pop3_server_out(w->engine);
        struct pf_bytes some = pf_bytes_head(out, step);

        assert_true(some.len > 0);
        read_all(r, some);
        pf_pop3_server_sent(w->engine, some.len, w->now);
    }
}

/* A million rows through the smallest buffer: all of them, in order, with work that grows as the
 * octets do. */
static void a_million_rows_pass_through_4_kib(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    w.lent = PF_POP3_OUT_MIN;
    w.listing = million();
    world_begin(&w);
    w.deaf = true;
    for (int uidl = 0; uidl < 2; uidl++) {
        for (size_t step = 700; step <= 4096; step += 3396) {
            struct reader r = {.uidl = uidl};

            world_say(&w, uidl ? "UIDL\r\n" : "LIST\r\n");
            drain(&w, &r, step);
            assert_int_equal(r.rows, MILLION);
            /* Each turn moves a good part of a buffer: the turns grow with the octets only. */
            assert_in_range(r.turns, r.octets / 4096, 3 * r.octets / (step < 4096 ? step : 2048));
        }
    }
    world_end(&w);
}

/* What is kept with a listing is sent as it lies there, whatever the buffer and however the client takes it. */
static void kept_lines_are_those_of_the_rows(void **state)
{
    static const struct {
        size_t take, lent;
        bool borrow;
    } ways[] = {{0, 65536, false}, {1, PF_POP3_OUT_MIN, false}, {777, PF_POP3_OUT_MIN, true}, {SIZE_MAX, 8192, true}};
    const char *const commands = "LIST\r\nUIDL\r\nNOOP\r\nLIST\r\n";
    struct pf_listing whole = million();
    static unsigned char room[2][1 << 17];
    struct pf_span list = {room[0], 0, sizeof room[0]}, uidl = {room[1], 0, sizeof room[1]};
    struct pf_listing_kept kept;
    char *rows;

    (void)state;
    whole.count = 3000;
    whole.octets = 3000 * 1234;
    assert_true(pf_listing_text_put(&whole, false, &list) && pf_listing_text_put(&whole, true, &uidl));
    kept = (struct pf_listing_kept){.list = pf_span_bytes(&list), .uidl = pf_span_bytes(&uidl), .memory = -1};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct world w;

        world_init(&w);
        w.listing = million();
        w.listing.count = 3000;
        w.listing.octets = 3000 * 1234;
        w.take = ways[i].take;
        w.lent = ways[i].lent;
        w.borrow = ways[i].borrow;
        world_begin(&w);
        rows = strdup(world_chat(&w, commands));
        world_end(&w);
        world_init(&w);
        w.listing = million();
        w.listing.count = 3000;
        w.listing.octets = 3000 * 1234;
        w.listing.kept = &kept;
        w.take = ways[i].take;
        w.lent = ways[i].lent;
        w.borrow = ways[i].borrow;
        world_begin(&w);
        CHAT(&w, commands, rows);
        free(rows);
        world_chat(&w, "DELE 2999\r\n"); /* then the rows count, */
        assert_null(strstr(world_chat(&w, "LIST\r\n"), "\n2999 "));
        world_chat(&w, "RSET\r\n");
        assert_non_null(strstr(world_chat(&w, "UIDL\r\n"), "\n2999 u0002999\r\n"));
        world_end(&w);
    }
    world_listing_free(&whole);
}

/* The listing goes with the session: what of it was not sent never is. */
static void a_session_that_ends_in_kept_lines_sends_no_more_of_them(void **state)
{
    static const unsigned char far[100000];
    struct pf_listing_kept kept = {.list = pf_bytes_from(far, sizeof far), .uidl = pf_bytes_from(far, sizeof far)};
    struct world w;

    (void)state;
    world_init(&w);
    w.listing = million();
    w.listing.kept = &kept;
    w.lent = PF_POP3_OUT_MIN;
    world_begin(&w);
    w.deaf = true;
    world_say(&w, "LIST\r\n");
    assert_true(pf_pop3_server_more(w.engine));
    pf_pop3_server_sent(w.engine, pf_pop3_server_out(w.engine).len, w.now);
    assert_ptr_equal(pf_pop3_server_out(w.engine).at, far); /* nothing of it was copied */
    assert_int_equal(pf_pop3_server_out(w.engine).len, sizeof far);
    pf_pop3_server_sent(w.engine, 10, w.now);
    assert_true(pf_pop3_server_more(w.engine)); /* the dot */
    world_wait(&w, 24 * 3600 * 1000);
    assert_int_equal(pf_pop3_server_out(w.engine).len, 0);
    world_end(&w);
}

/* One send for what fits, and no packet that is known to be followed by another goes alone. */
static void more_is_said_when_more_comes(void **state)
{
    unsigned char lines[] = "1 120\r\n2 120\r\n";
    const struct pf_bytes text = pf_bytes_from(lines, sizeof lines - 1);
    struct pf_listing_kept kept = {.list = text, .uidl = text};
    struct world w;

    (void)state;
    world_init(&w);
    w.listing = million();
    w.listing.kept = &kept;
    world_begin(&w);
    w.deaf = true;
    world_say(&w, "LIST\r\n");
    assert_false(pf_pop3_server_more(w.engine));
    assert_non_null(strstr((const char *)pf_pop3_server_out(w.engine).at, "2 120\r\n.\r\n"));
    pf_pop3_server_sent(w.engine, pf_pop3_server_out(w.engine).len, w.now);
    assert_int_equal(pf_pop3_server_out(w.engine).len, 0);
    world_say(&w, "QUIT\r\n");
    assert_false(pf_pop3_server_more(w.engine));
    world_end(&w);
    world_init(&w);
    w.listing = million();
    w.lent = PF_POP3_OUT_MIN;
    world_begin(&w);
    w.deaf = true;
    world_say(&w, "UIDL\r\n");
    for (int i = 0; i < 3; i++) {
        assert_true(pf_pop3_server_more(w.engine));
        pf_pop3_server_sent(w.engine, pf_pop3_server_out(w.engine).len, w.now);
        assert_int_not_equal(pf_pop3_server_out(w.engine).len, 0);
    }
    world_end(&w);
}

static double seconds_for(struct world *w, const char *command)
{
    struct reader r = {0};
    clock_t begin = clock();

    world_say(w, command);
    while (pf_pop3_server_out(w->engine).len) {
        r.octets += pf_pop3_server_out(w->engine).len;
        pf_pop3_server_sent(w->engine, pf_pop3_server_out(w->engine).len, w->now);
    }
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* After almost everything was deleted, listing it again is not slower than the first time. */
static void deleting_all_but_one_is_linear(void **state)
{
    char *burst = malloc(16 * MILLION);
    double before, after;
    size_t at = 0;
    struct world w;

    (void)state;
    assert_non_null(burst);
    world_init(&w);
    w.listing = million();
    world_begin(&w);
    w.deaf = true;
    before = seconds_for(&w, "LIST\r\n");
    w.deaf = false;
    for (unsigned i = 1; i < MILLION; i++)
        at += (size_t)snprintf(burst + at, 16, "DELE %u\r\n", i);
    assert_int_equal(world_say_octets(&w, pf_bytes_from(burst, at)), at);
    world_heard(&w);
    CHAT(&w, "STAT\r\n", "+OK 1 1234\r\n");
    CHAT(&w, "LIST\r\n", "+OK 1 messages (1234 octets)\r\n1000000 1234\r\n.\r\n");
    w.deaf = true;
    after = seconds_for(&w, "LIST\r\n");
    assert_true(after <= before * 2 + 0.05);
    world_end(&w);
    free(burst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cap_007_cap_008_capa_is_the_same_before_and_after_login),
        T(cap_014_cap_016_tls_013_what_tls_changes), T(cap_017_no_sasl_line_without_mechanisms),
        T(cap_018_sasl_stays_after_login), T(cap_021_cap_033_cap_037_values_of_users),
        T(cap_004_w_010_a_line_has_at_most_512_octets),
        T(kept_lines_are_those_of_the_rows), T(a_session_that_ends_in_kept_lines_sends_no_more_of_them),
        T(a_million_rows_pass_through_4_kib), T(deleting_all_but_one_is_linear),
        T(more_is_said_when_more_comes),
    };

    return RUN(tests);
}
