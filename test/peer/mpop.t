#!/usr/bin/env python3
"""mpop against the live server: pipelined fetching, octet for octet, deletion, keeping."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import big, corpus  # noqa: E402
from office import Office, run, wire  # noqa: E402

# mpop ends each delivered file with LF and turns CRLF to LF, so lone CRs before LF are its affair.
MAILS = {name: mail for name, mail in corpus().items() if b"\r" not in mail.replace(b"\r\n", b"")}


def mpop(office, *lines, port=None):
    rc = os.path.join(office.folder, "mpoprc")
    out = os.path.join(office.folder, "fetched")
    for folder in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    text = ["account a", "host localhost", f"port {port or office.pop3s}", "user anna", "passwordeval echo secret",
            f"tls_trust_file {office.certificates.ca}", f"delivery maildir {out}", "received_header off",
            f"uidls_file {office.folder}/uidls", *lines, "account default : a"]
    with open(rc, "w", encoding="ascii") as file:
        file.write("\n".join(text) + "\n")
    os.chmod(rc, 0o600)
    done = subprocess.run(["mpop", "-C", rc, "--quiet", "a"], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done
    got = []
    for name in os.listdir(os.path.join(out, "new")):
        with open(os.path.join(out, "new", name), "rb") as file:
            got.append(file.read())
    return got


def texts(mails):
    return sorted(wire(mail).replace(b"\r\n", b"\n") for mail in mails)


def cap_023_pipelined_fetch_is_exact_and_deletes():
    with Office() as office:
        office.add_user("anna", "secret")
        for mail in MAILS.values():
            office.put("anna", mail)
        office.start()
        got = mpop(office, "tls on", "tls_starttls off", "pipelining on")
        assert sorted(got) == texts(MAILS.values())
        assert office.files("anna") == []


def p3_052_keep_fetches_each_once():
    with Office() as office:
        office.add_user("anna", "secret")
        for i in range(30):
            office.put("anna", b"Subject: %d\n\nbody\n" % i)
        office.start()
        options = ("tls on", "tls_starttls on", "keep on", "pipelining auto")
        assert len(mpop(office, *options, port=office.pop3)) == 30
        office.put("anna", b"Subject: new\n\nbody\n")
        assert len(mpop(office, *options, port=office.pop3)) == 31  # and not 61
        assert len(office.files("anna")) == 31


def auth_023_mechanisms():
    for auth in ("user", "plain"):
        with Office() as office:
            office.add_user("anna", "secret")
            office.put("anna", b"Subject: x\n\nbody\n")
            office.start()
            assert len(mpop(office, "tls on", "tls_starttls off", f"auth {auth}")) == 1, auth


def a_message_of_30_mb():
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", big())
        office.start()
        assert mpop(office, "tls on", "tls_starttls off") == texts([big()])
        assert office.files("anna") == []


run(cap_023_pipelined_fetch_is_exact_and_deletes, p3_052_keep_fetches_each_once, auth_023_mechanisms,
    a_message_of_30_mb)
