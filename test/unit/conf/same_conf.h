/* Whether two generations say the same, field by field as the list of settings has them. */
#ifndef POSTFACH_TEST_CONF_SAME_H
#define POSTFACH_TEST_CONF_SAME_H

#include "conf/value.h"

static inline bool same_rows(const struct pf_conf_draft *a, const struct pf_conf_draft *b)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (!pf_conf_value_equal(&pf_conf_rows[i], a, b))
            return false;
    return true;
}

static inline bool same_conf(const struct pf_conf *a, const struct pf_conf *b)
{
    struct pf_conf_draft one = {.conf = *a}, other = {.conf = *b};
    bool same =
        a->listen_count == b->listen_count && a->pair_count == b->pair_count && same_rows(&one, &other);

    for (size_t i = 0; same && i < a->listen_count; i++) {
        one.listen = a->listens[i];
        other.listen = b->listens[i];
        same = same_rows(&one, &other) && one.listen.port == other.listen.port &&
               strcmp(one.listen.address, other.listen.address) == 0;
    }
    for (size_t i = 0; same && i < a->pair_count; i++) {
        one.pair = a->pairs[i];
        other.pair = b->pairs[i];
        same = same_rows(&one, &other);
    }
    same = same && a->userdb_count == b->userdb_count && a->domain_count == b->domain_count;
    for (size_t i = 0; same && i < a->userdb_count; i++) {
        one.userdb = a->userdbs[i];
        other.userdb = b->userdbs[i];
        same = same_rows(&one, &other) && one.userdb.kind == other.userdb.kind;
    }
    for (size_t i = 0; same && i < a->domain_count; i++) {
        one.domain = a->domain_blocks[i];
        other.domain = b->domain_blocks[i];
        same = same_rows(&one, &other) && strcmp(one.domain.name, other.domain.name) == 0;
    }
    return same;
}

#endif
