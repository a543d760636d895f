#!/usr/bin/env python3
"""Logins by other people's clients: each mechanism that curl, mpop, fetchmail, mutt, poplib and gsasl(1) have, by
the kind of TLS; what CAPA promises for what is stored; and no secret in the log, with `log { debug yes }`."""
import concurrent.futures
import os
import poplib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sasl_clients  # noqa: E402
from leaks import assert_no_secret  # noqa: E402
from office import POSTFACH, Office, run  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402
from sasl_clients import CLEARTEXT, Row, gsasl_on  # noqa: E402

EVERY = "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5 DIGEST-MD5"
SETTINGS = 'users { mechanisms "%s"; apop yes }\nlog { debug yes }'
STRICT = ["{ tls starttls }", "{ tls implicit }"]
CLIENTS = {
    "curl": "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 APOP",
    "mpop": "USER PLAIN LOGIN CRAM-MD5 DIGEST-MD5 APOP SCRAM-SHA-1 SCRAM-SHA-256",
    "fetchmail": "USER CRAM-MD5 APOP",
    "mutt": "USER PLAIN LOGIN CRAM-MD5 DIGEST-MD5 APOP SCRAM-SHA-1 SCRAM-SHA-256",
    "gsasl": "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256",
}
# What `doveadm pw` made of this password.
DOVEADM = "Kegel-17-bahn"
STORED = {
    "SCRAM-SHA-256": "{SCRAM-SHA-256}4096,aw11kEMMUwPCzueVTJGq1g==,5LemKAcYSnvTLSYjx4jZ/O6k5HCCWMPcsfNcUAz+mK8=,"
                     "gmEMikMxGCT0q0zyjPiaJi7/Af87ILV7yjqijfaV90Y=",
    "SCRAM-SHA-1": "{SCRAM-SHA-1}4096,kTtxtEyCuwBK1zM+8wu9JA==,qIwdj21hVcftveGnePLhKkw/FcA=,"
                   "tcpWXG3y4E28VukvyCsKfthbd5U=",
    "SHA512-CRYPT": "{SHA512-CRYPT}$6$6Z.fZUbJUdjhZc0Z$uA1b5NQlru/wMPk7jDPJQ2BA2b/uGB4V.Ex4Cs.eYPBdmchWnOOwhisUnS1Q8jUEg7"
                    "XrU6IG1DIcVkdkbl.j60",
    "PLAIN": "{PLAIN}" + DOVEADM,
}
WORKS = {
    "PLAIN": EVERY,
    "SCRAM-SHA-256": "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN",
    "SCRAM-SHA-1": "SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN",
    "SHA512-CRYPT": "PLAIN LOGIN",
}


def rows():
    """Every client in every mechanism and kind of TLS; wrong passwords, too, but for mutt, which waits 2 s then."""
    for client, mechanisms in CLIENTS.items():
        for mechanism in mechanisms.split():
            for tls in ("tls", "stls", "none"):
                if (client, mechanism, tls) == ("fetchmail", "APOP", "stls"):
                    continue  # it does not ask for TLS then
                good = tls != "none" or mechanism not in CLEARTEXT
                yield Row(client, mechanism, tls, good)
            if client != "mutt" or mechanism == "SCRAM-SHA-256":
                yield Row(client, mechanism, "tls", False)


def expectation(row):
    """The line of the log that tells how it ended; None: there must be none of that user."""
    if row.good:
        return f" event=session user={row.user} "
    if row.tls == "tls":
        return f" event=login_failed user={row.user} "
    return None


def judge(office, row, got_in):
    assert got_in == row.good, (row, got_in)
    want = expectation(row)
    if want is None:
        assert f"user={row.user} " not in office.log(), row
        return
    office.wait_log(want)
    line = next(line for line in office.log().splitlines() if want in line)
    assert f" mech={row.mechanism} " in line, (row, line)
    assert (" tls=none " in line) == (row.tls == "none"), (row, line)
    assert row.good or " code=AUTH " in line, line


def every_client_in_every_mechanism():
    table = [row._replace(user=f"u{n}q", password=f"Nuss-{n}-knacker") for n, row in enumerate(rows())]
    with Office(settings=SETTINGS % EVERY, listens=STRICT) as office:
        for row in table:
            office.add_user(row.user, f"Ast-{row.user}-loch" if expectation(row) and not row.good else row.password)
            if row.client == "mutt":
                office.put(row.user, b"Subject: x\n\nbody\n")
        office.start()
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            results = threads.map(lambda row: getattr(sasl_clients, row.client)(office, row), table)
            for row, got_in in zip(table, results):
                judge(office, row, got_in)
        office.stop()
        assert_no_secret(office, [row.password for row in table] + [f"Ast-{row.user}-loch" for row in table],
                         "mech=DIGEST-MD5")


def apop_of_poplib():
    """Its greeting is new each time, and a digest serves one greeting."""
    with Office(settings=SETTINGS % "PLAIN") as office:
        office.add_user("anna", "Wald-9-horn")
        office.start()
        seen = set()
        for password, good in (("Wald-9-horn", True), ("Wald-9-horn", True), ("Wild-9-horn", False)):
            client = poplib.POP3_SSL("localhost", office.pop3s, context=context(office))
            seen.add(client.getwelcome())
            try:
                client.apop("anna", password)
                assert good
            except poplib.error_proto as refused:
                assert not good and b"[AUTH]" in refused.args[0], refused
            client.quit()
        assert len(seen) == 3
        office.stop()
        assert_no_secret(office, ["Wald-9-horn", "Wild-9-horn"], "mech=APOP")


def offered_works_and_the_rest_is_refused(stored, scheme):
    """CAPA's SASL line is what can work with what is stored (RFC 2449: a client must be able to trust it)."""
    with Office(settings=SETTINGS % EVERY, listens=STRICT) as office:
        office.add_user("anna", "")  # for the Maildir
        with open(office.users, "w", encoding="ascii") as file:
            file.write(f"anna:{stored}\n")
        office.start()
        with Tcp(office.pop3s, context(office)) as wire:
            offered = wire.mechanisms()
            assert (b"<" in wire.greeting) == (scheme == "PLAIN"), wire.greeting
        assert set(offered) == set(WORKS[scheme].split()), (scheme, offered)
        for mechanism in EVERY.replace("SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS ", "").split():
            with Tcp(office.pop3s, context(office)) as wire:
                if mechanism in offered:
                    assert gsasl_on(wire, mechanism, "-a", "anna", "-p", DOVEADM), (scheme, mechanism)
                else:
                    assert wire.ask(f"AUTH {mechanism}").startswith(b"-ERR"), (scheme, mechanism)
        office.stop()
        assert_no_secret(office, [DOVEADM, stored.partition("}")[2]], "user=anna")


def capa_is_true_for_each_stored_form():
    for scheme, stored in STORED.items():
        offered_works_and_the_rest_is_refused(stored, scheme)


def capa_is_true_for_what_postfach_stores():
    for scheme in ("SCRAM-SHA-256", "SHA512-CRYPT"):
        with Office() as office:
            subprocess.run([POSTFACH, "user", "add", "anna", "--file", office.users, "--scheme", scheme,
                            "--password-stdin"], input=DOVEADM.encode() + b"\n", check=True, capture_output=True)
            with open(office.users, encoding="ascii") as file:
                stored = file.read().split(":")[1].strip()
        assert stored.startswith("{" + scheme + "}"), stored
        offered_works_and_the_rest_is_refused(stored, scheme)


def clear_text_is_not_offered_without_tls():
    with Office(settings=SETTINGS % EVERY, listens=STRICT) as office:
        office.add_user("anna", "Wald-9-horn")
        office.start()
        with Tcp(office.pop3, context(office), stls=True) as wire:
            inside = wire.mechanisms()
        with Tcp(office.pop3) as wire:
            outside = wire.mechanisms()
            for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS", "EXTERNAL", "GSSAPI", "OAUTHBEARER"):
                assert wire.ask(f"AUTH {mechanism}").startswith(b"-ERR"), mechanism
        assert set(inside) == set(EVERY.split()), inside
        assert set(outside) == {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "DIGEST-MD5"}, outside


if __name__ == "__main__":
    run(every_client_in_every_mechanism, apop_of_poplib, capa_is_true_for_each_stored_form,
        capa_is_true_for_what_postfach_stores, clear_text_is_not_offered_without_tls)
