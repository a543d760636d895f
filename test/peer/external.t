#!/usr/bin/env python3
"""EXTERNAL (RFC 4422 appendix A): certificates of clients, by curl, `openssl s_client` and by hand."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leaks import assert_no_secret  # noqa: E402
from office import PATIENCE, Certificates, Office, run  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402


def client_certificate(ca, name, extensions, subject):
    """Files (certificate, key) signed by that CA."""
    base = os.path.join(ca.folder, name)
    with open(base + ".ext", "w", encoding="ascii") as file:
        file.write("extendedKeyUsage=clientAuth\n" + "".join(line + "\n" for line in extensions))
    for words in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                   "-keyout", base + ".key", "-out", base + ".csr"],
                  ["x509", "-req", "-in", base + ".csr", "-CA", ca.ca, "-CAkey", ca.key, "-CAcreateserial", "-days",
                   "30", "-extfile", base + ".ext", "-out", base + ".pem"]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return base + ".pem", base + ".key"


def ready(tls="", settings=""):
    office = Office(settings=settings + "\nlog { debug yes }", store="mail { path %s/mail/%%u }")
    office.tls = f"client-ca {office.certificates.ca}; {tls}"
    for user in ("anna@example.org", "bert@example.org", "anna"):
        office.add_user(user, "Rad-5-schlag")
    office.pair = client_certificate(office.certificates, "anna", ["subjectAltName=email:anna@example.org"], "/CN=anna")
    return office.start() if not settings else office


def external(office, response, certificate=None, stls=False):
    with Tcp(office.pop3 if stls else office.pop3s, context(office, certificate=certificate), stls=stls) as wire:
        if response is None:
            return wire.auth("EXTERNAL", lambda _: b"")
        return wire.auth("EXTERNAL", lambda _: None, response)


def ext_001_a_certificate_is_enough():
    with ready(settings=" ") as office:
        office.start()
        for stls in (False, True):
            for response in (None, b"", b"anna@example.org"):
                line = external(office, response, office.pair, stls)
                assert line.startswith(b"+OK"), (response, stls, line)
        office.wait_log(" user=anna@example.org ", 6)
        assert office.log().count(" mech=EXTERNAL ") == 6
        got = subprocess.run(
            ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{office.pop3s}", "-CAfile", office.certificates.ca,
             "-cert", office.pair[0], "-key", office.pair[1]], input=b"CAPA\r\nAUTH EXTERNAL =\r\nSTAT\r\nQUIT\r\n",
            capture_output=True, check=False, timeout=PATIENCE)
        assert b" EXTERNAL" in got.stdout and b"+OK 0 messages" in got.stdout and b"+OK 0 0\r\n" in got.stdout, got
        with open(office.pair[1], encoding="ascii") as file:
            key = "".join(file.read().splitlines()[1:-1])
        office.stop()
        assert_no_secret(office, [key, "Rad-5-schlag"], "mech=EXTERNAL")


def curl_with_a_certificate():
    with ready() as office:
        for words, user in ((["--sasl-ir"], "anna%40example.org"), ([], "anna%40example.org"), ([], "bert%40example.org")):
            got = subprocess.run(
                ["curl", "-sS", "--max-time", "60", "--cacert", office.certificates.ca, "--cert", office.pair[0], "--key",
                 office.pair[1], "--login-options", "AUTH=EXTERNAL", *words,
                 f"pop3s://{user}@localhost:{office.pop3s}/"], capture_output=True, check=False)
            assert got.returncode == (67 if user.startswith("bert") else 0), (user, got)


def common_name_is_the_user():
    with ready("client-name common-name") as office:
        assert external(office, b"", office.pair).startswith(b"+OK")
        office.wait_log(" user=anna ")


def ext_003_not_offered_without_a_certificate():
    with ready() as office:
        with Tcp(office.pop3s, context(office)) as wire:
            assert "EXTERNAL" not in wire.mechanisms()
            assert wire.ask("AUTH EXTERNAL =").startswith(b"-ERR")
            assert wire.login("anna", "Rad-5-schlag").startswith(b"+OK")
        nameless = client_certificate(office.certificates, "nameless", [], "/O=nobody")
        with Tcp(office.pop3s, context(office, certificate=nameless)) as wire:
            assert "EXTERNAL" not in wire.mechanisms()
            assert wire.ask("AUTH EXTERNAL =").startswith(b"-ERR")


def a_foreign_ca_is_refused():
    with ready() as office:
        folder = os.path.join(office.folder, "foreign")
        os.mkdir(folder)
        pair = client_certificate(Certificates(folder), "anna", ["subjectAltName=email:anna@example.org"], "/CN=anna")
        try:
            line = external(office, b"", pair)
            assert not line, line
        except OSError:  # the alert, or the end of the connection, whichever is seen first
            pass
        office.wait_log("event=tls_failed")
        assert "mech=EXTERNAL" not in office.log()


def who_has_no_account_is_refused():
    with ready() as office:
        pair = client_certificate(office.certificates, "cleo", ["subjectAltName=email:cleo@example.org"], "/CN=cleo")
        assert external(office, b"", pair).startswith(b"-ERR [AUTH]")


def for_another_only_a_master():
    with ready(settings=" ") as office:
        assert office.settings
        masters = os.path.join(office.folder, "masters")
        with open(masters, "w", encoding="ascii") as file:
            file.write("boss@example.org:{PLAIN}Rad-6-schlag\n")
        os.chmod(masters, 0o600)
        office.settings += f"\nusers {{ master-file {masters} }}"
        boss = client_certificate(office.certificates, "boss", ["subjectAltName=email:boss@example.org"], "/CN=boss")
        office.start()
        assert external(office, b"bert@example.org", office.pair).startswith(b"-ERR [AUTH]")
        assert external(office, b"bert@example.org", boss).startswith(b"+OK")
        office.wait_log("event=master_login user=bert@example.org master=boss@example.org ")
        assert external(office, b"", boss).startswith(b"-ERR [AUTH]")  # he has no mail of his own


if __name__ == "__main__":
    run(ext_001_a_certificate_is_enough, curl_with_a_certificate, common_name_is_the_user,
        ext_003_not_offered_without_a_certificate, a_foreign_ca_is_refused, who_has_no_account_is_refused,
        for_another_only_a_master)
