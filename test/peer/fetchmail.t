#!/usr/bin/env python3
"""fetchmail against the live server: STLS, POP3S, keep with UIDLs, deletion, LAST."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run  # noqa: E402


def fetchmail(office, *options, port, keep, status=0):
    rc = os.path.join(office.folder, "fetchmailrc")
    out = os.path.join(office.folder, "mda")
    with open(rc, "w", encoding="ascii") as file:
        file.write(f'poll localhost protocol POP3 uidl port {port} user "anna" password "secret" '
                   f'mda "cat >>{out}; echo ==end== >>{out}" {"keep" if keep else "nokeep"} '
                   + " ".join(options) + f' sslcertfile "{office.certificates.ca}" sslcertck\n')
    os.chmod(rc, 0o600)
    env = dict(os.environ, HOME=office.folder, FETCHMAILHOME=office.folder)
    done = subprocess.run(["fetchmail", "-f", rc, "-v", "--nosyslog", "--idfile", office.folder + "/ids"],
                          capture_output=True, check=False, timeout=120, env=env)
    assert done.returncode == status, done
    try:
        with open(out, "rb") as file:
            return file.read(), done.stdout
    except FileNotFoundError:
        return b"", done.stdout


def p3_047_all_messages_come_and_go():
    with Office() as office:
        office.add_user("anna", "secret")
        for i in range(5):
            office.put("anna", b"From: a@example.org\nTo: anna@localhost\nSubject: %d\n\n.\nbody %d\n.." % (i, i))
        office.start()
        got, _ = fetchmail(office, "ssl", port=office.pop3s, keep=False)
        assert got.count(b"==end==") == 5
        for i in range(5):
            assert b"\n\n.\nbody %d\n..\n" % i in got
        assert office.files("anna") == []
        fetchmail(office, "ssl", port=office.pop3s, keep=False, status=1)  # 1: no mail


def p3_052_keep_fetches_each_once_over_stls():
    with Office() as office:
        office.add_user("anna", "secret")
        for i in range(5):
            office.put("anna", b"From: a@example.org\nSubject: %d\n\nbody\n" % i)
        office.start()
        options = ('sslproto "TLS1.2+"',)
        got, said = fetchmail(office, *options, port=office.pop3, keep=True)
        assert got.count(b"==end==") == 5
        assert b"STLS" in said
        office.put("anna", b"From: a@example.org\nSubject: new\n\nbody\n")
        got, _ = fetchmail(office, *options, port=office.pop3, keep=True)
        assert got.count(b"==end==") == 6, got.count(b"==end==")
        assert len(office.files("anna")) == 6
        assert "tls=TLSv1.3" in office.log()


run(p3_047_all_messages_come_and_go, p3_052_keep_fetches_each_once_over_stls)
