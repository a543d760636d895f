#!/usr/bin/env python3
"""openssl s_client against the live server: versions, SNI, reload, resumption, ALPN, STLS."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run  # noqa: E402


def s_client(office, *words, text=b"QUIT\r\n", port=None):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port or office.pop3s}", "-CAfile",
                           office.certificates.ca, *words], input=text, capture_output=True, check=False, timeout=60)
    return done.stdout + done.stderr


def ready(tls=""):
    office = Office(tls=tls)
    office.add_user("anna", "secret")
    office.put("anna", b"Subject: x\n\n.body\n")
    return office


def a_session_by_hand():
    with ready() as office:
        office.start()
        got = s_client(office, "-quiet", "-servername", "localhost",
                       text=b"USER anna\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nQUIT\r\n")
        assert b"+OK 1 21\r\n" in got and b"\r\n..body\r\n.\r\n+OK" in got, got


def tls_018_versions():
    with ready() as office:
        office.start()
        assert b"Protocol  : TLSv1.2" in s_client(office, "-tls1_2", "-ign_eof")
        assert b"TLSv1.3" in s_client(office, "-tls1_3", "-ign_eof")
        for old in ("-tls1", "-tls1_1"):
            got = s_client(office, old, "-cipher", "ALL:@SECLEVEL=0")
            assert b"POP3" not in got and b"alert" in got, got
        office.wait_log("event=tls_failed", 2)


def port_010_alpn():
    with ready() as office:
        office.start()
        assert b"ALPN protocol: pop3" in s_client(office, "-alpn", "pop3", "-ign_eof")
        assert b"+OK POP3" in s_client(office, "-ign_eof")
        got = s_client(office, "-alpn", "http/1.1,h2", "-ign_eof")
        assert b"+OK POP3" not in got and b"no application protocol" in got, got


def tls_031_sni_chooses_the_certificate():
    office = ready()
    office.tls = "".join("pair { certificate %s; key %s }\n" % office.certificates.make(name, *dns)
                         for name, *dns in (("one", "one.example"), ("wild", "*.wild.example")))
    with office:
        office.start()
        for asked, subject in (("one.example", "one.example"), ("a.wild.example", "*.wild.example"),
                               ("ONE.example", "one.example"), ("a.b.wild.example", "localhost"),
                               ("unknown.example", "localhost")):
            got = s_client(office, "-servername", asked, "-ign_eof").decode(errors="replace")
            assert re.search(r"subject=.*CN ?= ?" + re.escape(subject) + r"\n", got), (asked, got[:1500])
        got = s_client(office, "-noservername", "-ign_eof")
        assert b"localhost" in got


def certificates_change_by_reload_and_sessions_go_on():
    def serial(office):
        text = s_client(office, "-ign_eof", "-showcerts").decode(errors="replace")
        pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.S).group(0)
        return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem.encode(), capture_output=True,
                              check=True).stdout

    with ready() as office:
        office.start()
        before = serial(office)
        live = subprocess.Popen(["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{office.pop3s}"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert live.stdout.readline().startswith(b"+OK")
        office.certificates.make("server", "localhost")
        assert serial(office) == before
        office.reload()
        assert serial(office) != before
        live.stdin.write(b"USER anna\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")
        live.stdin.flush()
        assert b"+OK 1 21\r\n" in live.stdout.read()
        live.stdin.close()
        live.wait(60)


def a_bad_certificate_keeps_the_old_one():
    with ready() as office:
        office.start()
        with open(os.path.join(office.folder, "server.key"), "w", encoding="ascii") as file:
            file.write("nonsense\n")
        office.reload()
        assert "event=reload_failed" in office.log() and "server.key" in office.log()
        assert b"+OK POP3" in s_client(office, "-ign_eof")


def tls_032_resumption():
    with ready() as office:
        office.start()
        session = os.path.join(office.folder, "session")
        for version in ("-tls1_2", "-tls1_3"):
            first = s_client(office, version, "-sess_out", session, "-ign_eof")
            assert b"New, TLSv1" in first
            assert b"Reused, TLSv1" in s_client(office, version, "-sess_in", session, "-ign_eof")


def tls_003_stls():
    with ready() as office:
        office.start()
        got = s_client(office, "-starttls", "pop3", "-quiet", "-ign_eof", port=office.pop3,
                       text=b"CAPA\r\nSTLS\r\nUSER anna\r\nPASS secret\r\nQUIT\r\n")
        assert b" PLAIN\r\n" in got and b"\nSTLS\r\n" not in got and b"-ERR" in got and b"+OK 1 " in got, got
        office.wait_log("user=anna")
        assert "tls=TLSv1.3" in office.log()


run(a_session_by_hand, tls_018_versions, port_010_alpn, tls_031_sni_chooses_the_certificate,
    certificates_change_by_reload_and_sessions_go_on, a_bad_certificate_keeps_the_old_one, tls_032_resumption,
    tls_003_stls)
