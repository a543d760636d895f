#include "unit/cm.h"

#include "base/kind.h"

static void check(const char *place, enum pf_kind kind, const char *path)
{
    struct pf_bytes got;

    assert_int_equal(pf_kind_of(pf_bytes_of(place), &got), kind);
    assert_true(pf_bytes_equal(got, pf_bytes_of(path)));
}

static void the_kind_stands_in_front(void **state)
{
    (void)state;
    check("/var/mail/anna", PF_KIND_MAILDIR, "/var/mail/anna");
    check("maildir:/var/mail/anna", PF_KIND_MAILDIR, "/var/mail/anna");
    check("mbox:/var/mail/anna", PF_KIND_MBOX, "/var/mail/anna");
    check("mbox:", PF_KIND_MBOX, "");
    check("", PF_KIND_MAILDIR, "");
    check("mboxes:/a", PF_KIND_MAILDIR, "mboxes:/a");
    check("MBOX:/a", PF_KIND_MAILDIR, "MBOX:/a");
    check("/a/mbox:/b", PF_KIND_MAILDIR, "/a/mbox:/b");
    assert_string_equal(pf_kind_name(PF_KIND_MBOX), "mbox");
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(the_kind_stands_in_front)};

    return RUN(tests);
}
