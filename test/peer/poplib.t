#!/usr/bin/env python3
"""Python's poplib against the live server: every hard message octet for octet, over all three roads."""
import hashlib
import os
import poplib
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import big, corpus  # noqa: E402
from office import Office, run, wire  # noqa: E402

poplib._MAXLINE = 10 ** 9  # poplib refuses lines over 2048; the corpus has them on purpose
MAILS = corpus()


def login(client, name="anna", password="secret"):
    client.user(name)
    client.pass_(password)
    return client


def connect(office, road):
    context = ssl.create_default_context(cafile=office.certificates.ca)
    if road == "pop3s":
        return login(poplib.POP3_SSL("localhost", office.pop3s, context=context, timeout=60))
    client = poplib.POP3("localhost", office.pop3, timeout=60)
    if road == "stls":
        client.stls(context)
    return login(client)


def exact(client):
    """Every message; poplib gives lines without their CRLF and undoes the dots."""
    sizes = [int(line.split()[1]) for line in client.list()[1]]
    for number, (name, mail) in enumerate(MAILS.items(), 1):
        expected = wire(mail)
        assert sizes[number - 1] == len(expected), f"{name}: LIST {sizes[number - 1]}, wire {len(expected)}"
        first, lines, _ = client.retr(number)
        assert first == b"+OK %d octets" % len(expected), name
        got = b"".join(line + b"\r\n" for line in lines)
        assert got == expected, f"{name} differs"
        top = client.top(number, 99999999)[1]
        assert b"".join(line + b"\r\n" for line in top) == got, f"{name}: TOP differs from RETR"


def fill(office, sizes):
    office.add_user("anna", "secret")
    for mail in MAILS.values():
        office.put("anna", mail, sizes=sizes)
    office.start()


def p3_018_octets_are_exact_on_every_road():
    with Office() as office:
        fill(office, sizes=False)
        for road in ("plain", "stls", "pop3s"):
            client = connect(office, road)
            exact(client)
            client.quit()


def p3_018_octets_are_exact_with_sizes_in_names():
    with Office() as office:
        fill(office, sizes=True)
        client = connect(office, "pop3s")
        exact(client)
        client.quit()


def a_message_of_30_mb():
    mail = big()
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", mail)
        office.start()
        client = connect(office, "pop3s")
        count, octets = client.stat()
        assert (count, octets) == (1, len(wire(mail)))
        _, lines, _ = client.retr(1)
        got = hashlib.sha256()
        for line in lines:
            got.update(line + b"\r\n")
        assert got.digest() == hashlib.sha256(wire(mail)).digest()
        client.quit()


def p3_014_p3_015_numbers_stay_and_rset_restores():
    with Office() as office:
        office.add_user("anna", "secret")
        for i in range(3):
            office.put("anna", b"x" * (8 + i * 10))
        office.start()
        client = connect(office, "plain")
        client.dele(2)
        assert client.stat() == (2, 10 + 30)
        assert client.list()[1] == [b"1 10", b"3 30"]
        assert [line.split()[0] for line in client.uidl()[1]] == [b"1", b"3"]
        client.rset()
        assert client.stat() == (3, 60)
        client.dele(2)
        client.quit()
        assert len(office.files("anna")) == 2


def p3_052_uidls_last_over_sessions_flags_and_folders():
    with Office() as office:
        office.add_user("anna", "secret")
        path = office.put("anna", b"Subject: a\n\nb\n", sizes=True)
        office.put("anna", b"Subject: a\n\nb\n", name="msg.with spaces and \xe4")
        office.start()
        client = connect(office, "plain")
        before = client.uidl()[1]
        client.quit()
        os.rename(path, os.path.join(office.maildir("anna"), "cur", os.path.basename(path) + ":2,S"))
        office.stop()
        office.start()
        client = connect(office, "plain")
        assert client.uidl()[1] == before
        client.quit()


run(p3_018_octets_are_exact_on_every_road, p3_018_octets_are_exact_with_sizes_in_names, a_message_of_30_mb,
    p3_014_p3_015_numbers_stay_and_rset_restores, p3_052_uidls_last_over_sessions_flags_and_folders)
