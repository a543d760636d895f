#include "unit/cm.h"

#include "store/audit.h"

#include <stdlib.h>

static bool legal_by_the_rfc(struct pf_bytes uidl)
{
    for (size_t i = 0; i < uidl.len; i++)
        if (uidl.at[i] < 0x21 || uidl.at[i] > 0x7e)
            return false;
    return uidl.len >= 1 && uidl.len <= 70;
}

/* Every octet at every place of every length. */
static void legal_is_what_rfc_1939_section_7_says(void **state)
{
    (void)state;
    for (size_t len = 0; len <= PF_UIDL_MAX + 2; len++) {
        unsigned char *uidl = malloc(len + 1); /* a block of its own: nothing before or behind is read */

        assert_non_null(uidl);
        memset(uidl, 'm', len);
        assert_int_equal(pf_uidl_legal(pf_bytes_from(uidl, len)), len >= 1 && len <= 70);
        for (size_t at = 0; at < len; at++) {
            for (unsigned octet = 0; octet < 256; octet++) {
                uidl[at] = (unsigned char)octet;
                if (pf_uidl_legal(pf_bytes_from(uidl, len)) != legal_by_the_rfc(pf_bytes_from(uidl, len)))
                    fail_msg("octet %#x at %zu of %zu", octet, at, len);
            }
            uidl[at] = (unsigned char)(0x21 + at);
        }
        free(uidl);
    }
}

enum { COUNT = 3000, LEN = 11 };

struct sample {
    struct pf_row rows[COUNT];
    unsigned char uidls[COUNT * LEN + 1];
    struct pf_listing listing;
};

/* UIDLs of 1 to 11 octets that differ late, early or in length only. */
static struct sample *make_sample(uint32_t count)
{
    struct sample *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->listing = (struct pf_listing){.rows = s->rows, .uidls = s->uidls, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        char *at = (char *)s->uidls + i * LEN;
        int len = i % 3 == 0   ? snprintf(at, LEN + 1, "%u", i)
                  : i % 3 == 1 ? snprintf(at, LEN + 1, "%07u----", i)
                               : snprintf(at, LEN + 1, "----%u", i);

        s->rows[i] = (struct pf_row){.octets = i, .uidl_at = i * LEN, .uidl_len = (uint8_t)len};
        s->listing.octets += i;
    }
    return s;
}

static enum pf_code audit(const struct sample *s, uint32_t step, struct pf_err *err)
{
    struct pf_audit *a = pf_audit_new(&s->listing);
    enum pf_code code;

    assert_non_null(a);
    do
        code = pf_audit_step(a, step, err);
    while (code == PF_AGAIN);
    pf_audit_free(a);
    return code;
}

static void good_listings_pass_in_any_steps(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 31, 32, 33, 64, 1000, COUNT};
    static const uint32_t steps[] = {1, 7, 32, 33, 1000, UINT32_MAX};

    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct sample *s = make_sample(counts[c]);
        struct pf_err err;

        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
            assert_int_equal(audit(s, steps[i], &err), PF_OK);
        free(s);
    }
}

static void a_step_looks_at_as_many_rows_as_it_says(void **state)
{
    struct sample *s = make_sample(100);
    struct pf_audit *a = pf_audit_new(&s->listing);
    struct pf_err err;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pf_audit_step(a, 33, &err), PF_AGAIN);
    assert_int_equal(pf_audit_step(a, 1, &err), PF_OK);
    pf_audit_free(a);
    free(s);
}

/* Wherever the two that are the same stand. */
static void the_same_uidl_twice_is_always_found(void **state)
{
    struct sample *s = make_sample(COUNT);
    char expected[80];

    (void)state;
    for (uint32_t i = 1; i < COUNT; i += 41) {
        uint32_t j = (i * 2654435761u >> 8) % i;
        struct pf_row kept = s->rows[i];
        struct pf_err err = {.code = PF_OK};

        s->rows[i].uidl_at = s->rows[j].uidl_at;
        s->rows[i].uidl_len = s->rows[j].uidl_len;
        assert_int_equal(audit(s, 500, &err), PF_PERM);
        snprintf(expected, sizeof expected, "messages %u and %u have the same UIDL", j + 1, i + 1);
        assert_non_null(strstr(err.log, expected));
        s->rows[i] = kept;
    }
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(legal_is_what_rfc_1939_section_7_says),
        T(good_listings_pass_in_any_steps),
        T(a_step_looks_at_as_many_rows_as_it_says),
        T(the_same_uidl_twice_is_always_found),
    };

    return RUN(tests);
}
