/* Whose a message is, by its head: whole, and octet by octet. */
#include "unit/cm.h"

#include "store/sifted_head.h"

#include <stdlib.h>

static enum pf_sifted look(const char *recipient, struct pf_bytes text, size_t piece)
{
    struct pf_sifted_head head;
    enum pf_sifted found = PF_SIFTED_MORE;

    pf_sifted_head_begin(&head, recipient);
    for (; found == PF_SIFTED_MORE && text.len; text = pf_bytes_skip(text, piece))
        found = pf_sifted_head_feed(&head, pf_bytes_head(text, piece));
    return found == PF_SIFTED_MORE ? pf_sifted_head_end(&head) : found;
}

static bool matches(const char *recipient, struct pf_bytes text)
{
    enum pf_sifted found = look(recipient, text, SIZE_MAX);

    assert_int_not_equal(found, PF_SIFTED_MORE);
    for (size_t piece = 1; piece < 8; piece++)
        assert_int_equal(look(recipient, text, piece), found);
    return found == PF_SIFTED_MATCH;
}

/* To anna@thor, whose head this is? */
static bool annas(const char *text)
{
    return matches("anna@thor", pf_bytes_of(text));
}

static void sd_002_each_field_of_a_delivery_names_the_recipient(void **state)
{
    (void)state;
    assert_true(annas("Delivered-To: anna@thor\n\nbody"));
    assert_true(annas("X-Original-To: anna@thor\r\n\r\nbody"));
    assert_true(annas("Return-path: <s@x>\r\nEnvelope-to: anna@thor\r\n\r\n"));
    assert_true(annas("delivered-to:anna@thor"));
    assert_true(annas("Delivered-To : anna@thor\r"));
    assert_false(annas("Delivered-To: bert@thor\n\nbody"));
    assert_false(annas("To: anna@thor\nCc: anna@thor\nReceived: by x for anna@thor\n\n"));
    assert_false(annas("X-Delivered-To: anna@thor\n\n"));
    assert_false(annas(""));
    assert_false(annas("\n\n"));
}

static void sd_002_the_first_field_decides(void **state)
{
    (void)state;
    assert_true(annas("Delivered-To: anna@thor\nDelivered-To: bert@thor\n\n"));
    assert_false(annas("Delivered-To: bert@thor\nDelivered-To: anna@thor\n\n"));
    assert_false(annas("Envelope-To: bert@thor\nX-Original-To: anna@thor\n\n"));
    assert_false(annas("Delivered-To:\nX-Original-To: anna@thor\n\n"));
    assert_false(annas("Delivered-To: anna@\n\n"));
}

static void fields_are_unfolded(void **state)
{
    (void)state;
    assert_true(annas("Delivered-To:\r\n anna@thor\r\n\r\n"));
    assert_true(annas("Delivered-To:\n\t\n anna@thor\nX: y\n"));
    assert_true(annas("X: y\n Delivered-To: bert@thor\nDelivered-To: anna@thor\n"));
    assert_false(annas("X: y\n\tDelivered-To: anna@thor\n\n"));
}

static void only_the_head_counts(void **state)
{
    (void)state;
    assert_false(annas("Subject: x\n\nDelivered-To: anna@thor\n"));
    assert_false(annas("Subject: x\r\n\r\nDelivered-To: anna@thor\r\n"));
    assert_false(annas("\nDelivered-To: anna@thor\n"));
    assert_false(annas("Subject: x\nthis is no field\nDelivered-To: anna@thor\n\n"));
    assert_false(annas("no field: as its name has blanks\nDelivered-To: anna@thor\n\n"));
    assert_false(annas(" blank: first\nDelivered-To: anna@thor\n\n"));
    assert_true(annas("From s@x Mon Jan  1 00:00:00 2024\nDelivered-To: anna@thor\n\n"));
    assert_true(annas(">From s@x Mon Jan  1 00:00:00 2024\nDelivered-To: anna@thor\n\n"));
    assert_false(annas("Subject: x\nFrom s@x Mon Jan  1 00:00:00 2024\nDelivered-To: anna@thor\n\n"));
    assert_false(matches("anna@thor", PF_LIT("\0: x\nDelivered-To: anna@thor\n\n")));
}

static void sd_002_addresses_are_the_same_in_either_case(void **state)
{
    (void)state;
    assert_true(annas("Delivered-To: ANNA@Thor\n\n"));
    assert_true(matches("Anna@THOR", PF_LIT("Delivered-To: anna@thor\n\n")));
    assert_true(annas("Delivered-To: <anna@thor>\n\n"));
    assert_true(annas("Delivered-To: \"anna\"@thor\n\n"));
    assert_true(annas("Delivered-To: \"an\\na\"@thor\n\n"));
    assert_true(matches("a,b@thor", PF_LIT("Envelope-To: \"a,b\"@thor\n\n")));
    assert_false(annas("Delivered-To: \"x@y, anna@thor\"@odin\n\n"));
    assert_false(annas("Delivered-To: anna\n\n"));
    assert_false(annas("Delivered-To: xanna@thor\n\n"));
    assert_false(annas("Delivered-To: anna+x@thor\n\n"));
    assert_false(annas("Delivered-To: @thor\n\n"));
    assert_false(annas("Delivered-To: \"anna@thor\n\n\"@odin\n\n"));
    assert_false(annas("Delivered-To: \"anna@thor\\"));
}

static void sd_002_a_host_of_one_label_is_every_host_of_that_label(void **state)
{
    (void)state;
    assert_true(annas("Delivered-To: anna@thor.demon.example\n\n"));
    assert_true(annas("Delivered-To: anna@thor.demon.example.\n\n"));
    assert_true(annas("Delivered-To: anna@thor.\n\n"));
    assert_false(annas("Delivered-To: anna@thorium.demon.example\n\n"));
    assert_false(annas("Delivered-To: anna@demon.thor\n\n"));
    assert_false(annas("Delivered-To: anna@.thor\n\n"));
    assert_true(matches("anna@thor.d.example", PF_LIT("Delivered-To: anna@Thor.D.example\n\n")));
    assert_false(matches("anna@thor.d.example", PF_LIT("Delivered-To: anna@thor\n\n")));
    assert_false(matches("anna@thor.d.example", PF_LIT("Delivered-To: anna@thor.b.org\n\n")));
}

static void one_of_several_is_enough(void **state)
{
    (void)state;
    assert_true(annas("Envelope-to: bert@thor, anna@thor,\n carl@thor\n\n"));
    assert_true(annas("Envelope-to: bert@thor,\n\tanna@thor\n\n"));
    assert_false(annas("Envelope-to: bert@thor, carl@thor\n\n"));
    assert_false(annas("Envelope-to: ,,, \n\n"));
}

/* `filler` octets, then a field for anna. */
static bool behind(const char *begin, size_t filler, const char *end)
{
    size_t first = strlen(begin), last = strlen(end), len = first + filler + last;
    unsigned char *text = malloc(len);
    bool found;

    assert_non_null(text);
    memcpy(text, begin, first);
    memset(text + first, 'x', filler);
    memcpy(text + first + filler, end, last);
    found = matches("anna@thor", pf_bytes_from(text, len));
    free(text);
    return found;
}

static void heads_and_fields_have_bounds(void **state)
{
    static const char field[] = "\nDelivered-To: anna@thor\n";

    (void)state;
    assert_true(behind("References: ", 10000, field));
    assert_true(behind("X:", PF_SIFTED_HEAD_MAX - 2 - sizeof field - 1, field));
    assert_false(behind("X:", PF_SIFTED_HEAD_MAX - 2, field));
    assert_false(behind("Envelope-To: anna@thor,", PF_SIFTED_LINE_MAX, "\n\n"));
    assert_true(behind("Envelope-To: anna@thor,", PF_SIFTED_LINE_MAX - 40, "\n\n"));
    assert_true(behind("Envelope-To: ", 1000, "@thor, anna@thor\n\n"));
    assert_false(behind("", 70000, "\n\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sd_002_each_field_of_a_delivery_names_the_recipient),
        T(sd_002_the_first_field_decides),
        T(fields_are_unfolded),
        T(only_the_head_counts),
        T(sd_002_addresses_are_the_same_in_either_case),
        T(sd_002_a_host_of_one_label_is_every_host_of_that_label),
        T(one_of_several_is_enough),
        T(heads_and_fields_have_bounds),
    };

    return RUN(tests);
}
