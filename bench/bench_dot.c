#include <string.h>

#include "bench.h"
#include <postfach/dot.h>

/* GB/s of stored text through the encoder, beside memcpy of the same octets. */

enum { LARGEST = 16 << 20, RUN_OCTETS = 16 << 20 };

struct job {
    struct pf_bytes text; /* stored */
    struct pf_bytes wire; /* the same, encoded */
    unsigned char *to;
    size_t room;
};

static uint32_t dice = 2463534242u;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13, dice ^= dice >> 17, dice ^= dice << 5;
    return dice % sides;
}

/* Lines of `least` to `most` octets, line end not counted. */
static void lines(unsigned char *text, uint32_t least, uint32_t most, const char *end)
{
    size_t at = 0;

    while (at < LARGEST) {
        uint32_t len = least + roll(most - least + 1);

        for (uint32_t i = 0; i < len && at < LARGEST; i++)
            text[at++] = (unsigned char)('a' + i % 26);
        for (const char *c = end; *c && at < LARGEST; c++)
            text[at++] = (unsigned char)*c;
    }
}

static void mail_lf(unsigned char *text)
{
    lines(text, 60, 76, "\n");
}

static void mail_crlf(unsigned char *text)
{
    lines(text, 60, 76, "\r\n");
}

static void base64_lf(unsigned char *text)
{
    lines(text, 76, 76, "\n");
}

static void prose_lf(unsigned char *text)
{
    lines(text, 0, 78, "\n");
}

static void short_lf(unsigned char *text)
{
    lines(text, 0, 15, "\n");
}

static void one_line(unsigned char *text)
{
    memset(text, 'x', LARGEST);
}

static void dots_lf(unsigned char *text)
{
    lines(text, 60, 76, "\n.");
}

static void all_lf(unsigned char *text)
{
    memset(text, '\n', LARGEST);
}

static void all_dots(unsigned char *text)
{
    for (size_t i = 0; i < LARGEST; i++)
        text[i] = i % 2 ? '.' : '\n';
}

static const struct {
    const char *name;
    void (*fill)(unsigned char *text);
} corpora[] = {
    {"mail_lf", mail_lf},   {"mail_crlf", mail_crlf}, {"base64_lf", base64_lf},
    {"prose_lf", prose_lf}, {"short_lf", short_lf},   {"one_line", one_line},
    {"dots_lf", dots_lf},   {"all_lf", all_lf},       {"lf_dot", all_dots},
};

static uint64_t sink; /* keeps results alive */

static void run_memcpy(const struct job *j)
{
    memcpy(j->to, j->text.at, j->text.len);
    sink += j->to[j->text.len / 2];
}

static void run_encode(const struct job *j)
{
    struct pf_span out = {j->to, 0, j->room};
    struct pf_dot d;

    pf_dot_init(&d);
    pf_dot_encode(&d, j->text, &out);
    sink += d.octets;
}

static void run_scalar(const struct job *j)
{
    struct pf_span out = {j->to, 0, j->room};
    struct pf_dot d;

    pf_dot_init(&d);
    pf_dot_encode_scalar(&d, j->text, &out);
    sink += d.octets;
}

static void run_measure(const struct job *j)
{
    struct pf_dot d;

    pf_dot_init(&d);
    pf_dot_measure(&d, j->text);
    sink += d.octets;
}

static void run_undot(const struct job *j)
{
    struct pf_span out = {j->to, 0, j->room};
    struct pf_undot u;

    pf_undot_init(&u);
    sink += pf_undot(&u, j->wire, &out);
}

/* memcpy first: the others are shown beside it. */
static const struct {
    const char *name;
    void (*run)(const struct job *);
} ways[] = {
    {"memcpy", run_memcpy},   {"encode", run_encode}, {"scalar", run_scalar},
    {"measure", run_measure}, {"undot", run_undot},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

static void measure(const char *corpus, const struct job *j)
{
    double times[WAYS][BENCH_RUNS], rate[WAYS];
    size_t turns = RUN_OCTETS / j->text.len;

    for (int run = -1; run < BENCH_RUNS; run++) /* the first only warms up */
        for (int way = 0; way < WAYS; way++) {
            double from = bench_seconds();

            for (size_t i = 0; i < turns; i++)
                ways[way].run(j);
            if (run >= 0)
                times[way][run] = bench_seconds() - from;
        }
    printf("%-10s %8zu", corpus, j->text.len);
    for (int way = 0; way < WAYS; way++) {
        size_t octets = ways[way].run == run_undot ? j->wire.len : j->text.len;

        rate[way] = (double)octets * (double)turns / bench_median(times[way], BENCH_RUNS) / 1e9;
        printf(" %7.2f", rate[way]);
    }
    printf(" %6.2f %6.2f\n", rate[1] / rate[0], rate[1] / rate[2]);
    fflush(stdout);
}

int main(void)
{
    static const size_t sizes[] = {4 << 10, 64 << 10, LARGEST};
    unsigned char *text = bench_memory(LARGEST), *wire = bench_memory(2 * LARGEST);
    unsigned char *to = bench_memory(2 * LARGEST);

    printf("# GB/s of input, medians of %d; encode as a multiple of memcpy and of scalar\n", BENCH_RUNS);
    printf("# corpus  octets  memcpy encode scalar measure undot encode/memcpy encode/scalar\n");
    memset(to, 1, 2 * LARGEST);
    for (size_t c = 0; c < sizeof corpora / sizeof corpora[0]; c++) {
        corpora[c].fill(text);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct pf_span out = {wire, 0, 2 * sizes[s]};
            struct pf_dot d;

            pf_dot_init(&d);
            pf_dot_encode(&d, pf_bytes_from(text, sizes[s]), &out);
            measure(corpora[c].name,
                    &(struct job){{text, sizes[s]}, pf_span_bytes(&out), to, 2 * sizes[s]});
        }
    }
    free(to);
    free(wire);
    free(text);
    return sink == 0;
}
