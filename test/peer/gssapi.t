#!/usr/bin/env python3
"""GSSAPI (RFC 4752) in a Kerberos realm of our own: fetchmail, mpop, mutt, curl and gsasl(1) with tickets, and what
must not let in: no ticket, a foreign realm, another service, a token that was heard before, no TLS."""
import base64
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sasl_clients  # noqa: E402
from leaks import assert_no_secret  # noqa: E402
from office import PATIENCE, POSTFACHD, Office, run, wait_until  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402
from private_kdc import Realm  # noqa: E402
from sasl_clients import Gsasl, Row, gsasl_on  # noqa: E402


class Scene:
    """A realm, a post office with its keys, and users anna and bert."""

    def __init__(self, skew=300):
        self.office = Office()
        self.realm = Realm(self.office.folder, skew=skew)

    def __enter__(self):
        self.realm.start()
        self.keytab = self.realm.add("pop/localhost")
        self.realm.add("anna")
        for user in ("anna", "bert"):
            self.office.add_user(user, "Ofen-3-rohr")
            self.office.put(user, b"Subject: x\n\nbody\n")
        self.office.settings = f"users {{ keytab {self.keytab}; realm {self.realm.name} }}\nlog {{ debug yes }}"
        suppressions = os.path.join(self.office.folder, "suppressions")
        with open(suppressions, "w", encoding="ascii") as file:
            file.write("leak:libgssapi_krb5.so\n")  # what it keeps is counted at the end
        os.environ.update(KRB5_CONFIG=self.realm.env["KRB5_CONFIG"], KRB5RCACHEDIR=self.office.folder,
                          LSAN_OPTIONS="suppressions=" + suppressions)
        return self

    def wire(self):
        return Tcp(self.office.pop3s, context(self.office))

    def __exit__(self, kind, value, trace):
        self.realm.__exit__()
        self.office.__exit__(kind, value, trace)
        if kind is None:
            kept = re.search(r"(\d+) leak:libgssapi_krb5", self.last_log) if hasattr(self, "last_log") else None
            assert not kept or int(kept[1]) <= 64, "Kerberos keeps more with each login"

    def finish(self, secrets):
        self.office.stop()
        self.last_log = self.office.log()
        assert_no_secret(self.office, [*secrets, "Ofen-3-rohr"], "mech=GSSAPI")


def with_tickets(env, client, office, row):
    """The clients of the other tests, with a ticket; `password` is of no use to them."""
    kept = dict(os.environ)
    os.environ.update({name: env[name] for name in ("KRB5_CONFIG", "KRB5CCNAME")})
    try:
        return client(office, row)
    finally:
        os.environ.clear()
        os.environ.update(kept)


def gss_003_each_client_with_a_ticket():
    with Scene() as scene:
        office = scene.office.start()
        env = scene.realm.tickets("anna")
        for name in ("fetchmail", "mpop", "mutt", "curl"):
            for tls in ("tls", "stls"):
                user = "anna@POST.TEST" if name == "curl" else "anna"  # without a realm curl does not try
                row = Row(name, "GSSAPI", tls, True, user, "unused")
                assert with_tickets(env, getattr(sasl_clients, name), office, row), row
        with scene.wire() as wire:
            assert gsasl_on(wire, "GSSAPI", "-a", "anna", "-z", "anna", env=env)
            tokens = [octets for octets in wire.sent if octets]
        office.wait_log(" user=anna ", 9)
        assert office.log().count(" mech=GSSAPI ") == 9
        scene.finish([tokens[0][:60], tokens[0][-60:]])


def gss_002_offered_with_keys_and_tls_only():
    with Scene() as scene:
        office = scene.office
        office.start()
        with scene.wire() as wire:
            assert "GSSAPI" in wire.mechanisms()
        with Tcp(office.pop3) as wire:
            assert "GSSAPI" not in wire.mechanisms()
            assert wire.ask("AUTH GSSAPI").startswith(b"-ERR")
        office.stop()
        other = scene.realm.add("imap/localhost")
        for keytab in (other, os.path.join(office.folder, "nothing")):
            office.write_conf(f"users {{ keytab {keytab}; realm POST.TEST }}")
            done = subprocess.run([POSTFACHD, "--single", "-f", office.conf], capture_output=True, check=False,
                                  timeout=PATIENCE)
            assert done.returncode != 0 and b"pop/localhost" in done.stderr, done
        office.settings = ""
        office.start()
        with scene.wire() as wire:
            assert "GSSAPI" not in wire.mechanisms()


def a_principal_is_himself_only():
    with Scene() as scene:
        scene.office.start()
        env = scene.realm.tickets("anna")
        for acts_for, good in (("anna@POST.TEST", True), ("bert", False), ("bert@POST.TEST", False)):
            with scene.wire() as wire:
                assert gsasl_on(wire, "GSSAPI", "-a", "anna", "-z", acts_for, env=env) == good, acts_for
        scene.realm.add("cleo")  # a principal, and no user
        with scene.wire() as wire:
            assert not gsasl_on(wire, "GSSAPI", "-a", "cleo", "-z", "cleo", env=scene.realm.tickets("cleo"))
        scene.finish([])


def a_foreign_realm_is_somebody_else():
    """The keys of two realms in one file: anna of the other one is not our anna."""
    with Scene() as scene:
        with Realm(scene.office.folder, "FOREIGN.TEST").start() as foreign:
            foreign.add("anna")
            foreign.admin("addprinc -randkey pop/localhost")
            foreign.admin(f"ktadd -k {scene.keytab} pop/localhost")
            scene.office.start()
            with scene.wire() as wire:
                assert not gsasl_on(wire, "GSSAPI", "-a", "anna", "-z", "anna", env=foreign.tickets("anna"))
        scene.office.wait_log("event=login_failed user=anna@FOREIGN.TEST ")
        scene.finish([])


def no_ticket_or_an_old_one():
    """A second is what clocks here may differ by: the ticket is dead two seconds after it was made."""
    with Scene(skew=1) as scene:
        office = scene.office.start()
        row = Row("fetchmail", "GSSAPI", "tls", True, "anna", "unused")
        env = scene.realm.tickets("anna")
        assert with_tickets(env, sasl_clients.fetchmail, office, row)
        env = scene.realm.tickets("anna", "-l", "1s")
        end = time.time() + 3
        wait_until("the end of a ticket", lambda: time.time() > end)
        for broken in (env, dict(env, KRB5CCNAME="FILE:/nonexistent")):
            for client in (sasl_clients.fetchmail, sasl_clients.mpop):
                assert not with_tickets(broken, client, office, row), client
        office.wait_log(" mech=GSSAPI ")
        assert office.log().count(" mech=GSSAPI ") == 1, office.log()


def what_was_heard_before_is_refused():
    with Scene() as scene:
        scene.office.start()
        env = scene.realm.tickets("anna")
        client = Gsasl("GSSAPI", "-a", "anna", "-z", "anna", env=env)
        for good in (True, False):
            with scene.wire() as wire:
                line = wire.ask("AUTH GSSAPI " + base64.b64encode(client.first).decode())
                assert line.startswith(b"+ " if good else b"-ERR"), line
        client.forget()
        scene.office.wait_log("event=login_failed")


if __name__ == "__main__":
    run(gss_003_each_client_with_a_ticket, gss_002_offered_with_keys_and_tls_only, a_principal_is_himself_only,
        a_foreign_realm_is_somebody_else, no_ticket_or_an_old_one, what_was_heard_before_is_refused)
