#!/usr/bin/env python3
"""curl against the live server: octets, mechanisms, TLS, and what it says when refused."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import big, corpus  # noqa: E402
from office import Office, run, wire  # noqa: E402

MAILS = corpus()


def curl(office, url, *words, user="anna:secret"):
    return subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", office.certificates.ca, "-u", user, *words, url],
                          capture_output=True, check=False)


def w_026_every_message_is_exact_over_tls():
    with Office() as office:
        office.add_user("anna", "secret")
        for mail in MAILS.values():
            office.put("anna", mail)
        office.start()
        for number, (name, mail) in enumerate(MAILS.items(), 1):
            got = curl(office, f"pop3s://localhost:{office.pop3s}/{number}")
            assert got.returncode == 0, got.stderr
            assert got.stdout == wire(mail), name


def plain_007_each_login_that_curl_has():
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        for options in ("AUTH=PLAIN", ""):
            got = curl(office, f"pop3s://localhost:{office.pop3s}/1", *(["--login-options", options] if options else []))
            assert got.returncode == 0 and got.stdout.endswith(b"body\r\n"), (options, got)
        got = curl(office, f"pop3s://localhost:{office.pop3s}/1", "--sasl-ir")
        assert got.returncode == 0, got.stderr
        got = curl(office, f"pop3s://localhost:{office.pop3s}/1", user="anna:wrong")
        assert got.returncode == 67, got  # CURLE_LOGIN_DENIED
        got = curl(office, f"pop3s://localhost:{office.pop3s}/99")
        assert got.returncode != 0
        got = curl(office, f"pop3s://localhost:{office.pop3s}/", "-X", "UIDL")
        assert got.stdout.count(b"\n") == 1, got


def tls_021_no_password_in_plain_text():
    with Office(listens=["{ tls starttls }", "{ tls implicit }"]) as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        refused = curl(office, f"pop3://localhost:{office.pop3}/1")
        assert refused.returncode != 0
        served = curl(office, f"pop3://localhost:{office.pop3}/1", "--ssl-reqd")
        assert served.returncode == 0 and served.stdout.endswith(b"body\r\n"), served


def p3_029_dele_by_curl_is_durable():
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        assert curl(office, f"pop3s://localhost:{office.pop3s}/1", "-X", "DELE", "-I").returncode == 0
        assert office.files("anna") == []


def a_message_of_30_mb():
    mail = big()
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", mail, sizes=True)
        office.start()
        for url in (f"pop3s://localhost:{office.pop3s}/1", f"pop3://localhost:{office.pop3}/1"):
            got = curl(office, url)
            assert got.returncode == 0 and got.stdout == wire(mail), url


run(w_026_every_message_is_exact_over_tls, plain_007_each_login_that_curl_has, tls_021_no_password_in_plain_text,
    p3_029_dele_by_curl_is_durable, a_message_of_30_mb)
