#!/usr/bin/env python3
"""Mail that Python's gzip and the zstd program compressed, as Dovecot's zlib plugin leaves it, through the live
server: octet for octet, among plain mail; and what is damaged never ends in a dot."""
import gzip
import os
import poplib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import big, corpus  # noqa: E402
from office import Office, run, wait_until, wire  # noqa: E402

poplib._MAXLINE = 10 ** 9  # poplib refuses lines over 2048; the corpus has them on purpose


def by_gzip(mail):
    return gzip.compress(mail)


def by_zstd(mail):
    return subprocess.run(["zstd", "-q", "-c"], input=mail, capture_output=True, check=True).stdout


def by_streaming_zstd_without_sum(mail):
    return subprocess.run(["zstd", "-q", "-c", "--no-check", "-3"], input=mail, capture_output=True, check=True).stdout


WAYS = [by_gzip] + ([by_zstd, by_streaming_zstd_without_sum] if shutil.which("zstd") else [])


def sizes_of(mail):
    return f",S={len(mail)},W={len(wire(mail))}"


def login(office):
    client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
    client.user("anna")
    client.pass_("secret")
    return client


def try_login(office):
    """None while the maildrop is still locked."""
    try:
        return login(office)
    except poplib.error_proto as refusal:
        assert b"[IN-USE]" in refusal.args[0], refusal
        return None


def exact(client, mails):
    listed = client.list()[1]
    assert len(listed) == len(mails)
    for number, mail in enumerate(mails, 1):
        expected = wire(mail)
        assert int(listed[number - 1].split()[1]) == len(expected), number
        got = b"".join(line + b"\r\n" for line in client.retr(number)[1])
        assert got == expected, number
        top = b"".join(line + b"\r\n" for line in client.top(number, 99999999)[1])
        assert top == got, number


def every_hard_message_comes_out_whole():
    """Each message three times: with sizes in its name, without, and plain."""
    for way in WAYS:
        with Office() as office:
            office.add_user("anna", "secret")
            mails = []
            for i, mail in enumerate(corpus().values(), 1):
                if not mail:  # then it is no different from an empty file
                    continue
                stem = f"{1700000000 + i}.M%dP1.host"
                office.put("anna", way(mail), name=stem % 1 + sizes_of(mail) + ":2,S", folder="cur")
                office.put("anna", way(mail), name=stem % 2)
                office.put("anna", mail, name=stem % 3)
                mails += [mail] * 3
            office.start()
            for _ in range(2):
                client = login(office)
                exact(client, mails)
                client.quit()
            client = login(office)
            for number in range(1, len(mails) + 1):
                client.dele(number)
            assert client.quit().startswith(b"+OK")
            assert not office.files("anna")


def thirty_megabytes_come_out_whole():
    mail = big()
    with Office() as office:
        office.add_user("anna", "secret")
        for way in WAYS:
            office.put("anna", way(mail))
        office.start()
        client = login(office)
        exact(client, [mail] * len(WAYS))
        client.quit()


def damaged_mail_never_ends_in_a_dot():
    """Cut, flipped, or with something behind it: no dot, and a line in the log."""
    mail = b"Subject: x\n\n" + b"".join(b"%d some line of text\n" % (i * i * 7919) for i in range(20000))
    harms = [lambda z: z[:-1], lambda z: z[:len(z) // 2], lambda z: z[:-12] + bytes([z[-12] ^ 4]) + z[-11:], lambda z: z + b"x"]
    for way in WAYS[:2]:
        for harm in harms:
            with Office() as office:
                office.add_user("anna", "secret")
                office.put("anna", harm(way(mail)), name="1700000001.M1P1.host" + sizes_of(mail))
                office.start()
                with socket.create_connection(("127.0.0.1", office.pop3), timeout=60) as s:
                    file = s.makefile("rwb")
                    file.write(b"USER anna\r\nPASS secret\r\n")
                    file.flush()
                    assert [file.readline()[:3] for _ in range(3)] == [b"+OK"] * 3
                    file.write(b"RETR 1\r\n")
                    file.flush()
                    got = file.read()
                    assert not got.endswith(b"\r\n.\r\n"), got[-100:]
                client = wait_until("the end of the broken session", lambda: try_login(office))
                assert client.list()[1] == [b"1 %d" % len(wire(mail))]
                client.quit()
                assert "compressed" in office.log(), office.log()[-2000:]
                assert office.files("anna")


run(every_hard_message_comes_out_whole, thirty_megabytes_come_out_whole, damaged_mail_never_ends_in_a_dot)
