#include "unit/cm.h"

#include "auth/oauth_memo.h"

static bool knows(struct pf_oauth_memo *memo, const char *token, int64_t now, const char *name)
{
    struct pf_oauth_grant grant = {0};

    return pf_oauth_memo_find(memo, pf_bytes_of(token), now, &grant) && strcmp(grant.name, name) == 0;
}

static void a_token_is_known_for_a_minute_or_until_its_end(void **state)
{
    struct pf_oauth_memo *memo = pf_oauth_memo_new();

    (void)state;
    pf_oauth_memo_keep(memo, PF_LIT("one"), 1000, &(struct pf_oauth_grant){.name = "anna"});
    pf_oauth_memo_keep(memo, PF_LIT("two"), 1000,
                       &(struct pf_oauth_grant){.name = "berta", .expires = 1010});
    assert_true(knows(memo, "one", 1000, "anna"));
    assert_true(knows(memo, "one", 1059, "anna"));
    assert_false(knows(memo, "one", 1060, "anna"));
    assert_true(knows(memo, "two", 1009, "berta"));
    assert_false(knows(memo, "two", 1010, "berta"));
    assert_false(knows(memo, "three", 1000, ""));
    assert_false(knows(memo, "one", 999, "anna")); /* a clock that was set back */
    pf_oauth_memo_keep(memo, PF_LIT("one"), 1060, &(struct pf_oauth_grant){.name = "dora"});
    assert_true(knows(memo, "one", 1061, "dora"));
    pf_oauth_memo_free(memo);
    pf_oauth_memo_free(NULL);
}

static void what_ends_first_is_forgotten(void **state)
{
    struct pf_oauth_memo *memo = pf_oauth_memo_new();
    size_t known = 0;
    char token[24];

    (void)state;
    pf_oauth_memo_keep(memo, PF_LIT("newest"), 1059, &(struct pf_oauth_grant){.name = "anna"});
    for (int i = 0; i < 20000; i++) {
        snprintf(token, sizeof token, "token-%d", i);
        pf_oauth_memo_keep(memo, pf_bytes_of(token), 1000, &(struct pf_oauth_grant){.name = "x"});
        known += knows(memo, token, 1000, "x");
    }
    assert_int_equal(known, 20000); /* the one just kept is there */
    assert_true(knows(memo, "newest", 1059, "anna"));
    known = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(token, sizeof token, "token-%d", i);
        known += knows(memo, token, 1000, "x");
    }
    assert_int_equal(known, 1023); /* 256 groups of four, one place is taken */
    pf_oauth_memo_free(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_token_is_known_for_a_minute_or_until_its_end),
                                       T(what_ends_first_is_forgotten)};

    return RUN(tests);
}
