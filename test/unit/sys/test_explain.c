#include "unit/cm.h"

#include "sys/explain.h"

#include <errno.h>

static void the_systems_words_are_said_once(void **state)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_err err;

    (void)state;
    pf_fail(&err, PF_IO, ENOENT, "here", "cannot open /x");
    assert_string_equal(pf_explain(&err, text, sizeof text), "cannot open /x: No such file or directory");
    pf_fail(&err, PF_IO, ENOENT, "here", "/x: No such file or directory");
    assert_string_equal(pf_explain(&err, text, sizeof text), "/x: No such file or directory");
    pf_fail(&err, PF_CONFIG, 0, "here", "no listener");
    assert_string_equal(pf_explain(&err, text, sizeof text), "no listener");
    pf_fail(&err, PF_IO, EIO, "here", "%s", "");
    assert_string_equal(pf_explain(&err, text, sizeof text), "Input/output error");
    assert_string_equal(pf_explain(&err, text, 6), "Input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(the_systems_words_are_said_once)};

    return RUN(tests);
}
