/* The shelf of buffers, and how large those of messages are. */
#include "unit/cm.h"

#include "session/shelf.h"

#include <postfach/dot.h>

static void a_given_buffer_is_taken_again(void **state)
{
    struct pf_shelf shelf = {0};
    unsigned char *large = pf_shelf_take(&shelf, PF_SHELF_OF_LARGE), *small;

    (void)state;
    assert_non_null(large);
    pf_shelf_give(&shelf, PF_SHELF_OF_LARGE, large);
    small = pf_shelf_take(&shelf, PF_SHELF_OF_SMALL);
    assert_ptr_not_equal(small, large);
    assert_ptr_equal(pf_shelf_take(&shelf, PF_SHELF_OF_LARGE), large);
    pf_shelf_give(&shelf, PF_SHELF_OF_SMALL, small);
    pf_shelf_give(&shelf, PF_SHELF_OF_LARGE, large);
    pf_shelf_give(&shelf, PF_SHELF_OF_LARGE, NULL);
    pf_shelf_done(&shelf);
}

static void a_bounded_number_is_kept(void **state)
{
    struct pf_shelf shelf = {0};
    unsigned char *taken[PF_SHELF_KEEP + 2];

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        taken[i] = pf_shelf_take(&shelf, PF_SHELF_OF_SMALL);
        assert_non_null(taken[i]);
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        pf_shelf_give(&shelf, PF_SHELF_OF_SMALL, taken[i]);
    assert_int_equal(shelf.kept[PF_SHELF_OF_SMALL], PF_SHELF_KEEP);
    pf_shelf_done(&shelf);
}

/* Else each piece leaves in two calls, the second nearly empty. */
static void a_piece_of_mail_fits_as_it_goes_over_the_wire(void **state)
{
    struct pf_shelf shelf = {0};
    unsigned char *piece = pf_shelf_take(&shelf, PF_SHELF_OF_LARGE), *wire = pf_shelf_take(&shelf, PF_SHELF_OF_LARGE);
    struct pf_span out = {wire, 0, PF_SHELF_LARGE};
    struct pf_dot dot = {0};

    (void)state;
    assert_non_null(piece);
    assert_non_null(wire);
    for (size_t i = 0; i < PF_SHELF_PIECE; i++)
        piece[i] = i % 16 == 15 ? '\n' : 'x';
    assert_int_equal(pf_dot_encode(&dot, pf_bytes_from(piece, PF_SHELF_PIECE), &out), PF_SHELF_PIECE);
    pf_shelf_give(&shelf, PF_SHELF_OF_LARGE, piece);
    pf_shelf_give(&shelf, PF_SHELF_OF_LARGE, wire);
    pf_shelf_done(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_given_buffer_is_taken_again), T(a_bounded_number_is_kept), T(a_piece_of_mail_fits_as_it_goes_over_the_wire),
    };

    return RUN(tests);
}
