#include "unit/cm.h"

#include "sys/slot_listing.h"
#include "sys/slot_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 40, MANY = 100000 };

static const unsigned char uidls[] = "abcDEFG~";
static const struct pf_row rows[3] = {{5, 0, 3, 0, 0}, {(uint64_t)1 << 40, 3, 4, PF_ROW_SEEN, 0}, {0, 7, 1, 0, 0}};

static struct pf_listing some(void)
{
    return (struct pf_listing){.rows = rows, .uidls = uidls, .count = 3, .octets = ((uint64_t)1 << 40) + 5};
}

static int made(const struct pf_listing *l, bool texts)
{
    int fd = -1;

    assert_int_equal(pf_slot_listing_make(l, texts, &fd, NULL), PF_OK);
    return fd;
}

static void a_listing_crosses_as_it_is(void **state)
{
    struct pf_listing l = some();
    struct pf_slot_listing got;
    int fd = made(&l, false);

    (void)state;
    assert_int_equal(pf_slot_listing_map(fd, PF_SLOT_LISTING_MAX, &got, NULL), PF_OK);
    close(fd);
    assert_int_equal(got.listing.count, 3);
    assert_int_equal(got.listing.octets, l.octets);
    assert_memory_equal(got.listing.rows, rows, sizeof rows);
    assert_true(pf_bytes_equal(pf_listing_uidl(&got.listing, 1), PF_LIT("DEFG")));
    pf_slot_listing_done(&got);
    assert_null(got.at);
    pf_slot_listing_done(&got);
}

static void an_empty_maildrop_has_a_listing_too(void **state)
{
    struct pf_listing none = {0};
    struct pf_slot_listing got;
    int fd = made(&none, false);

    (void)state;
    assert_int_equal(pf_slot_listing_map(fd, HEAD, &got, NULL), PF_OK);
    assert_int_equal(got.listing.count, 0);
    pf_slot_listing_done(&got);
    assert_int_equal(pf_slot_listing_map(fd, HEAD - 1, &got, NULL), PF_PERM);
    close(fd);
}

static void nobody_can_change_it_any_more(void **state)
{
    struct pf_listing l = some();
    int fd = made(&l, false);

    (void)state;
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & PF_LISTING_SEALS, PF_LISTING_SEALS);
    close(fd);
}

static void memory_without_all_seals_is_refused(void **state)
{
    struct pf_listing l = some();
    struct pf_slot_listing got;
    struct pf_err err;
    unsigned char octets[512];
    int fd = made(&l, false);
    ssize_t len = pread(fd, octets, sizeof octets, 0);

    (void)state;
    assert_true(len > HEAD);
    for (int seals = 0; seals < 16; seals++) {
        int copy = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        enum pf_code expected = (seals & PF_LISTING_SEALS) == PF_LISTING_SEALS ? PF_OK : PF_PERM;

        assert_int_equal(write(copy, octets, (size_t)len), len);
        assert_int_equal(fcntl(copy, F_ADD_SEALS, seals), 0);
        assert_int_equal(pf_slot_listing_map(copy, PF_SLOT_LISTING_MAX, &got, &err), expected);
        if (expected == PF_OK)
            pf_slot_listing_done(&got);
        close(copy);
    }
    assert_int_equal(pf_slot_listing_map(fd, (uint64_t)len - 1, &got, &err), PF_PERM);
    assert_int_equal(pf_slot_listing_map(fd, (uint64_t)len, &got, &err), PF_OK);
    pf_slot_listing_done(&got);
    close(fd);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pf_slot_listing_map(fd, PF_SLOT_LISTING_MAX, &got, &err), PF_PERM);
    close(fd);
}

static void refused(struct pf_listing l)
{
    int fd = -1;

    assert_int_equal(pf_slot_listing_make(&l, true, &fd, NULL), PF_PERM);
    assert_int_equal(fd, -1);
}

static void a_listing_against_its_laws_is_not_made(void **state)
{
    struct pf_row bad[3];
    struct pf_listing l = some();

    (void)state;
    l.rows = bad;
#define WITH(change) (memcpy(bad, rows, sizeof rows), change, refused(l))
    WITH(bad[0].octets++);
    WITH(bad[0].octets = UINT64_MAX);
    WITH(bad[1].uidl_len = 0);
    WITH(bad[1].uidl_len = PF_UIDL_MAX + 1);
    WITH(bad[1].flags = 2);
    WITH(bad[1].spare = 1);
#undef WITH
    l = some();
    l.uidls = (const unsigned char *)"ab DEFG~";
    refused(l);
    l.uidls = (const unsigned char *)"abcDE\x7FG~";
    refused(l);
}

static void texts_cross_with_it(void **state)
{
    struct pf_listing l = some(), none = {0};
    struct pf_slot_listing got;
    int fd = made(&l, true);

    (void)state;
    assert_int_equal(pf_slot_listing_map(fd, PF_SLOT_LISTING_MAX, &got, NULL), PF_OK);
    close(fd);
    assert_ptr_equal(got.listing.kept, &got.kept);
    assert_int_equal(got.kept.memory, -1);
    assert_false(got.kept.audited);
    assert_true(pf_bytes_equal(got.kept.list, PF_LIT("1 5\r\n2 1099511627776\r\n3 0\r\n")));
    assert_true(pf_bytes_equal(got.kept.uidl, PF_LIT("1 abc\r\n2 DEFG\r\n3 ~\r\n")));
    pf_slot_listing_done(&got);
    fd = made(&none, true);
    assert_int_equal(pf_slot_listing_map(fd, HEAD, &got, NULL), PF_OK);
    assert_int_equal(got.kept.list.len + got.kept.uidl.len, 0);
    pf_slot_listing_done(&got);
    close(fd);
}

/* Every cut, every octet more, every bit changed: refused, or a listing that can be used. */
static void judge(bool texts, size_t more)
{
    struct pf_listing l = some();
    struct pf_slot_listing got;
    int fd = made(&l, texts);
    uint64_t space[64];
    unsigned char *octets = (unsigned char *)space;
    size_t len = (size_t)pread(fd, octets, sizeof space, 0), accepted = 0;

    close(fd);
    assert_int_equal(len, HEAD + sizeof rows + 8 + more);
    assert_true(pf_slot_listing_parse(pf_bytes_from(octets, len), &got));
    for (size_t n = 0; n < len; n++)
        assert_false(pf_slot_listing_parse(pf_bytes_from(octets, n), &got));
    assert_false(pf_slot_listing_parse(pf_bytes_from(octets, len + 1), &got));
    for (size_t bit = 0; bit < len * 8; bit++) {
        octets[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (pf_slot_listing_parse(pf_bytes_from(octets, len), &got)) {
            accepted++;
            for (uint32_t i = 0; i < got.listing.count; i++)
                assert_true(pf_listing_uidl(&got.listing, i).at + got.listing.rows[i].uidl_len <= octets + len);
        }
        octets[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    if (texts)
        assert_int_equal(accepted, 3); /* one flag of each row, which no text tells */
    else
        assert_true(accepted > 8 && accepted < 100); /* other letters of UIDLs, other places */
}

static void octets_of_any_kind_are_judged(void **state)
{
    (void)state;
    judge(false, 0);
    judge(true, sizeof "1 5\r\n2 1099511627776\r\n3 0\r\n1 abc\r\n2 DEFG\r\n3 ~\r\n" - 1);
}

static void what_it_costs(void **state)
{
    struct pf_row *many = calloc(MANY, sizeof *many);
    unsigned char *text = malloc(20 * (size_t)MANY);
    struct pf_listing l = {.rows = many, .uidls = text, .count = MANY, .octets = 0};
    struct pf_slot_listing got;
    clock_t begun, between;
    int fd;

    (void)state;
    memset(text, 'u', 20 * (size_t)MANY);
    for (uint32_t i = 0; i < MANY; i++)
        many[i] = (struct pf_row){.octets = 1, .uidl_at = 20 * i, .uidl_len = 20};
    l.octets = MANY;
    begun = clock();
    fd = made(&l, false);
    between = clock();
    assert_int_equal(pf_slot_listing_map(fd, PF_SLOT_LISTING_MAX, &got, NULL), PF_OK);
    print_message("# a listing of %d: made in %.2f ms, mapped and checked in %.2f ms\n", MANY,
                  (double)(between - begun) * 1e3 / CLOCKS_PER_SEC, (double)(clock() - between) * 1e3 / CLOCKS_PER_SEC);
    assert_int_equal(got.listing.count, MANY);
    pf_slot_listing_done(&got);
    close(fd);
    free(many);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_listing_crosses_as_it_is),          T(an_empty_maildrop_has_a_listing_too),
        T(nobody_can_change_it_any_more),       T(memory_without_all_seals_is_refused),
        T(a_listing_against_its_laws_is_not_made), T(octets_of_any_kind_are_judged),
        T(texts_cross_with_it),
        T(what_it_costs),
    };

    return RUN(tests);
}
