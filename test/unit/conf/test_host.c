#include "unit/cm.h"

#include "conf/host.h"

static void names_are_labels_of_letters_digits_and_hyphens(void **state)
{
    static const char *const good[] = {"a",   "localhost", "mail.example.org",
                                       "1.2", "A-b.C--d",  "xn--bcher-kva.example"};
    static const char *const bad[] = {"",     ".",   "a.",  ".a",        "a..b",  "-a", "a-",
                                      "a.-b", "a_b", "a b", "j\xc3\xbc", "[::1]", "a/b"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(pf_conf_is_host(pf_bytes_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(pf_conf_is_host(pf_bytes_of(bad[i])));
}

static void labels_have_63_octets_and_names_255(void **state)
{
    char name[258];

    (void)state;
    memset(name, 'a', sizeof name);
    assert_true(pf_conf_is_host(pf_bytes_from(name, 63)));
    assert_false(pf_conf_is_host(pf_bytes_from(name, 64)));
    for (size_t i = 50; i < sizeof name; i += 50)
        name[i] = '.';
    assert_true(pf_conf_is_host(pf_bytes_from(name, 255)));
    assert_false(pf_conf_is_host(pf_bytes_from(name, 256)));
}

static void the_machine_has_a_name_that_a_client_may_see(void **state)
{
    char name[PF_CONF_HOST_TEXT];

    (void)state;
    pf_conf_machine(name);
    assert_true(pf_conf_is_host(pf_bytes_of(name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(names_are_labels_of_letters_digits_and_hyphens),
        T(labels_have_63_octets_and_names_255),
        T(the_machine_has_a_name_that_a_client_may_see),
    };

    return RUN(tests);
}
