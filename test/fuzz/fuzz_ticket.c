/* Tickets. Whatever is read as a form is the only form of its ticket; nothing opens that was not sealed,
 * and of what was sealed nothing opens that was changed. */
#include "sys/seal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static struct pf_seal *seal_of_all(void)
{
    static const unsigned char key[PF_SEAL_KEY] = {42};
    static struct pf_seal *seal; /* lives as long as the process: libFuzzer has no end to free it at */

    if (!seal)
        seal = pf_seal_new(key, 64, NULL);
    must(seal != NULL);
    return seal;
}

/* Shown by the right gate at the right moment: only the seal stands against it. */
static void never_opens(struct pf_bytes b, const struct pf_ticket *t)
{
    struct pf_ticket_shown shown = {.gate = t->gate, .store = t->store, .now = t->expires - 1};
    struct pf_ticket out;
    enum pf_ticket_fault fault;

    must(pf_seal_open(seal_of_all(), b, &shown, &out, &fault, NULL) == PF_PERM);
    must(fault == PF_TICKET_FORGED || fault == PF_TICKET_CUT);
}

/* Sealed, and changed at one place that the data choose. */
static void seal_and_change(struct pf_ticket *t, struct pf_bytes dice)
{
    unsigned char at[PF_SEAL_TICKET_MAX];
    struct pf_span span = {at, 0, sizeof at};
    size_t place;

    must(pf_seal_put(seal_of_all(), t, &span, NULL) == PF_OK);
    place = (size_t)(dice.at[dice.len - 1] * 251 + dice.at[dice.len - 2]) % span.len;
    at[place] ^= (unsigned char)(dice.at[0] | 1);
    never_opens(pf_span_bytes(&span), t);
    never_opens(pf_bytes_head(pf_span_bytes(&span), place), t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pf_ticket nobody = {.gate = 1, .store = 1, .expires = 2};
    unsigned char again[PF_TICKET_FORM_MAX];
    struct pf_span span = {again, 0, sizeof again};
    struct pf_bytes b = pf_bytes_from(data, size);
    struct pf_ticket t;

    never_opens(b, &nobody);
    if (!pf_ticket_read(b, &t))
        return 0;
    must(pf_ticket_write(&span, &t) && pf_bytes_equal(pf_span_bytes(&span), b));
    must(t.user[0] && t.path[0] == '/' && t.rights != 0);
    seal_and_change(&t, b);
    return 0;
}
