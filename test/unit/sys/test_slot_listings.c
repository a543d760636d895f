#include "unit/cm.h"

#include "sys/slot_listings.h"

#include <stdlib.h>
#include <unistd.h>

static const unsigned char uidls[] = "abc";
static const struct pf_row rows[1] = {{5, 0, 3, 0, 0}};

static int made(const struct pf_listing *l)
{
    int fd = -1;

    assert_int_equal(pf_slot_listing_make(l, true, &fd, NULL), PF_OK);
    return fd;
}

static int one(void)
{
    return made(&(struct pf_listing){.rows = rows, .uidls = uidls, .count = 1, .octets = 5});
}

static struct pf_slot_listing *take(struct pf_slot_listings *l, int fd)
{
    struct pf_slot_listing *got = NULL;

    assert_int_equal(pf_slot_listings_take(l, fd, PF_SLOT_LISTING_MAX, &got, NULL), PF_OK);
    return got;
}

static void the_same_memory_is_known_again(void **state)
{
    struct pf_slot_listings *l = pf_slot_listings_new();
    int first = one(), second = one(), copy = dup(first);
    struct pf_slot_listing *a, *b;

    (void)state;
    a = take(l, first);
    assert_int_equal(a->listing.octets, 5);
    a->kept.audited = true;
    assert_ptr_equal(take(l, copy), a); /* while it is used, */
    pf_slot_listings_give(l, a);
    pf_slot_listings_give(l, a);
    assert_ptr_equal(take(l, copy), a); /* and when it rested */
    assert_true(a->kept.audited);
    b = take(l, second); /* equal, and not the same */
    assert_ptr_not_equal(b, a);
    assert_false(b->kept.audited);
    pf_slot_listings_give(l, b);
    pf_slot_listings_give(l, a);
    close(first);
    close(second);
    close(copy);
    pf_slot_listings_free(l);
    pf_slot_listings_free(NULL);
}

static void what_is_none_is_not_kept(void **state)
{
    struct pf_slot_listings *l = pf_slot_listings_new();
    struct pf_slot_listing *got = NULL;
    struct pf_err err;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pf_slot_listings_take(l, ends[0], PF_SLOT_LISTING_MAX, &got, &err), PF_PERM);
    assert_null(got);
    close(ends[0]);
    close(ends[1]);
    pf_slot_listings_free(l);
}

/* Large ones: the one that rested longest goes first, and never one that is used. */
static void those_that_rest_are_bounded(void **state)
{
    enum {
        COUNT = 1 << 18,
        OCTETS = 16 /* of a row */ * COUNT,
        MANY = PF_SLOT_LISTINGS_IDLE_OCTETS / OCTETS
    };
    struct pf_row *many = calloc(COUNT, sizeof *many);
    struct pf_slot_listings *l = pf_slot_listings_new();
    struct pf_slot_listing *used, *got[MANY + 1];
    int fds[MANY + 1];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        many[i].uidl_len = 1;
    used = take(l, fds[0] = made(&(struct pf_listing){.rows = many, .uidls = uidls, .count = COUNT}));
    used->kept.audited = true;
    for (int i = 1; i <= MANY; i++) {
        got[i] =
            take(l, fds[i] = made(&(struct pf_listing){.rows = many, .uidls = uidls, .count = COUNT}));
        got[i]->kept.audited = true;
        pf_slot_listings_give(l, got[i]);
    }
    got[MANY] = take(l, fds[MANY]);
    assert_true(got[MANY]->kept.audited);
    got[1] = take(l, fds[1]);
    assert_false(got[1]->kept.audited); /* it was gone */
    assert_ptr_equal(take(l, fds[0]), used);
    pf_slot_listings_give(l, used);
    pf_slot_listings_give(l, used);
    pf_slot_listings_give(l, got[1]);
    pf_slot_listings_give(l, got[MANY]);
    for (int i = 0; i <= MANY; i++)
        close(fds[i]);
    pf_slot_listings_free(l);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_same_memory_is_known_again),
        T(what_is_none_is_not_kept),
        T(those_that_rest_are_bounded),
    };

    return RUN(tests);
}
