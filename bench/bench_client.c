#include "bench.h"
#include <postfach/pop3_client.h>

/* MB/s of RETR through the client engine, by size of message and octets fed at once, beside memcpy of
 * the same octets; and how many events a list makes in a second. */

enum { FED = 64 << 20, LARGEST = 8 << 20 };

static size_t answer(unsigned char *to, size_t size)
{
    size_t at = 0, line = 0;

    memcpy(to, "+OK\r\n", 5);
    for (at = 5; at < size; line++) {
        for (size_t i = 0; i < 60 + line % 17; i++)
            to[at++] = (unsigned char)('a' + i % 26);
        if (line % 50 == 0) {
            memcpy(to + at, "\r\n..x", 5);
            at += 5;
        }
        memcpy(to + at, "\r\n", 2);
        at += 2;
    }
    memcpy(to + at, ".\r\n", 3);
    return at + 3;
}

struct line {
    struct pf_pop3_client *engine;
    uint64_t octets, events;
    unsigned seen; /* so that the octets lent are looked at */
};

static void hear(struct line *l, struct pf_bytes in, size_t at_once)
{
    struct pf_heard h;

    while (in.len) {
        in = pf_bytes_skip(in, pf_pop3_client_feed(l->engine, pf_bytes_head(in, at_once), 1));
        while (pf_pop3_client_event(l->engine, &h)) {
            l->events++;
            if (h.kind == PF_HEARD_PIECE)
                l->seen += h.bytes.at[0];
            if (h.kind == PF_HEARD_PIECE)
                l->octets += h.bytes.len;
        }
    }
}

static void begin(struct line *l, const struct pf_pop3_client_settings *settings)
{
    *l = (struct line){.engine = pf_pop3_client_new(settings, true, 1)};
    bench_need(l->engine != NULL, "memory");
    hear(l, PF_LIT("+OK\r\n"), 64);
    pf_pop3_client_say(l->engine, &(struct pf_pop3_command){.verb = PF_VERB_USER, .name = PF_LIT("a")},
                       1);
    pf_pop3_client_sent(l->engine, pf_pop3_client_out(l->engine).len, 1);
    hear(l, PF_LIT("+OK\r\n"), 64);
    pf_pop3_client_say(l->engine, &(struct pf_pop3_command){.verb = PF_VERB_PASS, .secret = PF_LIT("b")},
                       1);
    pf_pop3_client_sent(l->engine, pf_pop3_client_out(l->engine).len, 1);
    hear(l, PF_LIT("+OK\r\n"), 64);
}

static void say(struct line *l, enum pf_pop3_verb verb)
{
    struct pf_pop3_command c = {.verb = verb, .number = verb == PF_VERB_RETR};

    bench_need(pf_pop3_client_say(l->engine, &c, 1) == PF_OK, "say");
    pf_pop3_client_sent(l->engine, pf_pop3_client_out(l->engine).len, 1);
}

static double retr(const struct pf_pop3_client_settings *settings, struct pf_bytes said, size_t at_once)
{
    struct line l;
    double start, end;

    begin(&l, settings);
    start = bench_seconds();
    for (size_t fed = 0; fed < FED; fed += said.len) {
        say(&l, PF_VERB_RETR);
        hear(&l, said, at_once);
    }
    end = bench_seconds();
    bench_need(l.octets > 0, "no octets");
    pf_pop3_client_free(l.engine);
    return FED / (end - start) / 1e6;
}

static double copy(struct pf_bytes said, unsigned char *to)
{
    double start = bench_seconds();

    for (size_t fed = 0; fed < FED; fed += said.len) {
        memcpy(to, said.at, said.len);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    return FED / (bench_seconds() - start) / 1e6;
}

static void one_size(size_t size, size_t at_once)
{
    unsigned char *text = bench_memory(size + 256), *to = bench_memory(size + 256);
    struct pf_bytes said = pf_bytes_from(text, answer(text, size));
    struct pf_pop3_client_settings settings[2];
    double values[3][BENCH_RUNS];

    for (int i = 0; i < 2; i++) {
        pf_pop3_client_settings_init(&settings[i]);
        settings[i].lf = i;
    }
    for (int i = 0; i < BENCH_RUNS; i++) {
        values[0][i] = retr(&settings[0], said, at_once);
        values[1][i] = retr(&settings[1], said, at_once);
        values[2][i] = copy(said, to);
    }
    printf("%-10zu %-10zu %8.0f %8.0f %8.0f\n", size, at_once, bench_median(values[0], BENCH_RUNS),
           bench_median(values[1], BENCH_RUNS), bench_median(values[2], BENCH_RUNS));
    free(text);
    free(to);
}

static size_t make_list(char *to, unsigned lines)
{
    size_t at = (size_t)snprintf(to, 32, "+OK\r\n");

    for (unsigned i = 1; i <= lines; i++)
        at += (size_t)snprintf(to + at, 32, "%u %u\r\n", i, i % 100000);
    return at + (size_t)snprintf(to + at, 32, ".\r\n");
}

static void list(void)
{
    enum { LINES = 1000000 };
    struct pf_pop3_client_settings settings;
    char *text = bench_memory((size_t)LINES * 32);
    size_t len = make_list(text, LINES);
    struct line l;
    double start;

    pf_pop3_client_settings_init(&settings);
    begin(&l, &settings);
    say(&l, PF_VERB_LIST);
    start = bench_seconds();
    hear(&l, pf_bytes_from(text, len), 65536);
    printf("# LIST: %.1f million lines/s\n", LINES / (bench_seconds() - start) / 1e6);
    pf_pop3_client_free(l.engine);
    free(text);
}

int main(void)
{
    static const size_t sizes[] = {1500, 100000, LARGEST}, pieces[] = {1448, 65536};

    printf("# RETR through the client engine, MB/s\n# size     at-once       crlf       lf   memcpy\n");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++)
            one_size(sizes[i], pieces[k]);
    list();
    return 0;
}
