/* Auth in another process: all doors from the other side. */
#include "remote_rig.h"

#include "auth/right.h"
#include "base/kind.h"

static const char users[] = "anna:{PLAIN}hers\nben@b.org:{PLAIN}his::::::maildrop=mbox:/var/mail/ben expire=never\n"
                            "cleo:{PLAIN}x::::::needs_tls=yes\ndora:" CHEAP_CRYPT "\n";

static void a_login_comes_with_a_ticket(void **state)
{
    struct pf_ticket ticket;
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n; quota-octets 5k } policy { expire 30d; login-delay 0s", users);
    try_begin(&r.d.b, &t, "anna", "hers");
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_true(t.check.user.pass);
    ticket = rig_ticket(&r, 0, t.check.user.pass);
    assert_string_equal(ticket.user, "anna");
    assert_string_equal(ticket.path, "/srv/anna");
    assert_string_equal(ticket.view, "");
    assert_int_equal(ticket.kind, PF_KIND_MAILDIR);
    assert_int_equal(ticket.rights, PF_TICKET_READ | PF_TICKET_SEEN | PF_TICKET_DELETE);
    assert_int_equal(ticket.expire_days, 30);
    assert_int_equal(ticket.quota_octets, 5120);
    try_begin(&r.d.b, &t, "ben@b.org", "his");
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    ticket = rig_ticket(&r, 0, t.check.user.pass);
    assert_string_equal(ticket.path, "/var/mail/ben");
    assert_int_equal(ticket.kind, PF_KIND_MBOX);
    assert_int_equal(ticket.expire_days, PF_EXPIRE_NEVER);
    rig_close(&r);
}

static void failures_read_as_in_one_process(void **state)
{
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "", users);
    assert_int_equal(try_login(&r.d.b, "anna", "his"), PF_AUTH);
    assert_int_equal(try_login(&r.d.b, "nobody", "his"), PF_AUTH);
    try_begin(&r.d.b, &t, "anna", "his");
    assert_int_equal(try_end(&r.d.b, &t), PF_AUTH);
    assert_string_equal(t.check.user.name, "anna");
    assert_int_equal(t.check.user.pass, 0);
    assert_true(t.check.err.log[0]);
    assert_int_equal(r.store_asks, 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_login_comes_with_a_ticket),
        T(failures_read_as_in_one_process),
    };

    return RUN(tests);
}
