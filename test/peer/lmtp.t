#!/usr/bin/env python3
"""Mail comes in by LMTP, over a unix socket and TCP, and goes out again by POP3."""
import concurrent.futures
import os
import poplib
import re
import smtplib
import socket
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import Office, run, wait_until, wire  # noqa: E402

poplib._MAXLINE = 10 ** 9
smtplib._MAXLINE = 10 ** 6
TEXT = b"From: s@x\r\nSubject: hello\r\n\r\nbody\r\n"


class Post(Office):
    """An office with two more doors for mail servers."""

    def __init__(self, settings="", mode="660", lmtp="", protocol="lmtp"):
        listens = ["{ tls none; plaintext-login yes }", f"{{ protocol {protocol}; {lmtp} }}"]
        super().__init__(settings=settings, listens=listens)
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp; mode {mode} }}\n"

    def connect(self, road="unix"):
        if road == "unix":
            return smtplib.LMTP(self.socket)
        return smtplib.LMTP("127.0.0.1", self.ports[1])

    def fetch(self, user):
        client = poplib.POP3("localhost", self.pop3, timeout=60)
        client.user(user)
        client.pass_("secret")
        mails = [b"".join(line + b"\r\n" for line in client.retr(n + 1)[1]) for n in range(client.stat()[0])]
        client.quit()
        return mails


def send(client, recipients, text, sender="s@x"):
    """One message; the reply to each recipient. smtplib alone reads but the first reply behind the text."""
    client.ehlo_or_helo_if_needed()
    assert client.mail(sender)[0] == 250
    replies = {recipient: client.rcpt(recipient) for recipient in recipients}
    good = [recipient for recipient, reply in replies.items() if reply[0] == 250]
    if good:
        replies[good[0]] = client.data(text)
        for recipient in good[1:]:
            replies[recipient] = client.getreply()
    return {recipient: (code, said) for recipient, (code, said) in replies.items() if code != 250}


class Raw:
    """A client that says exactly what it is told to."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.line()

    def line(self):
        return self.file.readline().decode()

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines

    def ask(self, *words):
        self.socket.sendall(b"".join(word if isinstance(word, bytes) else word.encode() + b"\r\n" for word in words))
        return self.reply()[-1]

    def envelope(self, *users):
        assert self.ask("LHLO client.example").startswith("250")
        assert self.ask("MAIL FROM:<s@x>").startswith("250")
        for user in users:
            assert self.ask(f"RCPT TO:<{user}>").startswith("250")


def body_of(mail):
    """What stands behind the lines that the delivery put on top."""
    match = re.match(rb"Return-Path: <[^\r]*>\r\nDelivered-To: [^\r]*\r\nReceived: from [^\r]*\r\n\tby [^\r]*\r\n"
                     rb"(\tfor [^\r]*\r\n)?\t[^\r]*\r\n", mail)
    assert match, mail[:400]
    return mail[match.end():]


def l_008_fifty_recipients_once_received():
    for road in ("unix", "tcp"):
        with Post() as office:
            users = [f"user{n}" for n in range(50)]
            for user in users:
                office.add_user(user, "secret")
            office.start()
            client = office.connect(road)
            refused = send(client, [f"{u}@example.org" for u in users] + ["nobody@example.org"], TEXT)
            assert list(refused) == ["nobody@example.org"], refused
            assert refused["nobody@example.org"][0] == 550 and b"5.1.1" in refused["nobody@example.org"][1]
            client.quit()
            for user in users:
                mails = office.fetch(user)
                assert len(mails) == 1 and body_of(mails[0]) == TEXT
                assert f"Delivered-To: {user}@example.org\r\n".encode() in mails[0] and b"for <" not in mails[0]
            office.wait_log("event=delivered", 50)
            assert office.log().count("event=delivery_failed") == 1
            office.wait_log("event=delivery address=")


def octets_are_exact():
    with Post() as office:
        office.add_user("anna", "secret")
        office.start()
        client = office.connect("tcp")
        expected = []
        for name, mail in corpus().items():
            text = wire(mail)
            if not text or b"\r" in text.replace(b"\r\n", b""):
                continue  # an empty text is no message, and lone CRs are refused
            client.ehlo_or_helo_if_needed()
            client.mail("s@x")
            client.rcpt("anna+" + name.replace(" ", "-").replace("@", "-") + "@x")
            code, said = client.data(text)
            assert code == 250, (name, code, said)
            expected.append(text)
        client.quit()
        got = [body_of(mail) for mail in office.fetch("anna")]
        assert sorted(got) == sorted(expected)
        for mail in got[:1]:
            assert b"\n" in mail
        for file in office.files("anna"):
            path = os.path.join(office.maildir("anna"), "new", file)
            path = path if os.path.exists(path) else os.path.join(office.maildir("anna"), "cur", file)
            with open(path, "rb") as stored:
                assert b"\r\n" not in stored.read()[:200]


def s_035_bdat_by_hand():
    with Post() as office:
        office.add_user("anna", "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x")
        assert raw.ask(f"BDAT {len(TEXT)}", TEXT).startswith("250")
        assert raw.ask("BDAT 7 LAST", b".\r\n..\r\n").startswith("250")
        assert raw.ask("QUIT").startswith("221")
        assert [body_of(mail) for mail in office.fetch("anna")] == [TEXT + b".\r\n..\r\n"]


def l_020_an_end_in_the_middle_delivers_nothing():
    with Post() as office:
        office.add_user("anna", "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x")
        assert raw.ask("DATA").startswith("354")
        raw.socket.sendall(TEXT * 5000)
        raw.socket.close()
        raw.file.close()
        office.wait_log("event=delivery address=")
        wait_until("tmp to be empty", lambda: not os.listdir(os.path.join(office.maildir("anna"), "tmp")))
        assert office.files("anna") == []


def s_007_bare_line_ends_are_refused():
    with Post() as office:
        office.add_user("anna", "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x")
        assert raw.ask("DATA").startswith("354")
        said = raw.ask(b"Subject: x\r\n\r\na\n.\nb\r\n.\r\n")
        assert said.startswith("550 5.5.2"), said
        assert office.files("anna") == []


def loops_fail_their_recipient_alone():
    with Post() as office:
        for user in ("anna", "bob"):
            office.add_user(user, "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x", "bob@x")
        assert raw.ask("DATA").startswith("354")
        first = raw.ask(b"Delivered-To: ANNA@x\r\n" + TEXT + b".\r\n")
        assert first.startswith("550 5.4.6"), first
        assert raw.line().startswith("250 2."), "bob"
        assert office.files("anna") == [] and len(office.files("bob")) == 1
        raw.envelope("bob@x")
        assert raw.ask("DATA").startswith("354")
        assert raw.ask(b"Received: x\r\n" * 101 + TEXT + b".\r\n").startswith("550 5.4.6")
        assert len(office.files("bob")) == 1


def what_fails_for_one_goes_well_for_others():
    with Post() as office:
        for user in ("anna", "bob"):
            office.add_user(user, "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x", "bob@x")
        for folder in ("tmp", "new", "cur"):
            os.rmdir(os.path.join(office.maildir("anna"), folder))
        os.rmdir(office.maildir("anna"))
        assert raw.ask("DATA").startswith("354")
        first = raw.ask(TEXT + b".\r\n")
        assert first.startswith("451 4."), first  # a person can mend it: the mail waits
        assert raw.line().startswith("250 2.")
        assert len(office.files("bob")) == 1
        office.wait_log("event=delivery_failed")
        assert "event=delivered user=bob" in office.log()
        assert raw.ask("MAIL FROM:<>").startswith("250")
        assert raw.ask("RCPT TO:<anna@x>").startswith("451 4.")  # now it is seen before the text


def the_size_has_a_limit():
    with Post(settings="delivery { message-size 64k }") as office:
        office.add_user("anna", "secret")
        office.start()
        raw = Raw(office.socket)
        assert any("SIZE 65536" in line for line in (raw.socket.sendall(b"LHLO x\r\n"), raw.reply())[1])
        assert raw.ask("MAIL FROM:<> SIZE=70000").startswith("552 5.3.4")
        raw.envelope("anna@x")
        assert raw.ask("DATA").startswith("354")
        assert raw.ask(TEXT + b"x" * 70 * 1000 + b"\r\n.\r\n").startswith("552 5.3.4")
        assert office.files("anna") == []


def connections_have_a_limit():
    with Post(settings="delivery { connections 2 }") as office:
        office.start()
        first, second = office.connect(), office.connect()
        third = socket.socket(socket.AF_UNIX)
        third.settimeout(60)
        third.connect(office.socket)
        assert third.recv(100).startswith(b"421 4.3.2")
        first.quit()
        second.quit()


def many_at_the_same_time():
    with Post(settings="delivery { connections 1000 }") as office:
        users = [f"user{n}" for n in range(5)]
        for user in users:
            office.add_user(user, "secret")
        office.start()

        def several(number):
            with office.connect("unix" if number % 2 else "tcp") as client:
                for again in range(3):
                    text = b"Subject: %d.%d\r\n\r\n" % (number, again) + b"line\r\n" * 3000 * (number % 5)
                    assert send(client, [f"{u}@x" for u in users], text) == {}

        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            list(pool.map(several, range(60)))
        for user in users:
            mails = office.fetch(user)
            subjects = {re.search(rb"Subject: (\S+)", mail).group(1) for mail in mails}
            assert len(mails) == len(subjects) == 180, (user, len(mails))


def the_socket_has_its_mode_and_goes():
    office = Post(mode="600")
    with office:
        office.start()
        assert stat.S_IMODE(os.stat(office.socket).st_mode) == 0o600
        office.kill()
        assert os.path.exists(office.socket)  # stale
        office.start()
        office.connect().quit()
        office.reload()
        office.connect().quit()
        path = office.socket
        office.stop()
        assert not os.path.exists(path)


def a_server_that_ends_finishes_what_it_took():
    with Post() as office:
        office.add_user("anna", "secret")
        office.start()
        raw = Raw(office.socket)
        raw.envelope("anna@x")
        office.process.terminate()
        assert raw.line().startswith("421 4.3.2")
        office.stop()
        assert office.files("anna") == []


def aliases_and_new_users_without_a_reload():
    with Post() as office:
        aliases = os.path.join(office.folder, "aliases")
        with open(aliases, "w", encoding="ascii") as file:
            file.write("team@x: anna, bob\n@catch.example: bob\n")
        office.settings += f"users {{ aliases {aliases} }}\n"
        for user in ("anna", "bob"):
            office.add_user(user, "secret")
        office.start()
        client = office.connect()
        assert send(client, ["team@x", "any@catch.example"], TEXT, "") == {}
        assert (len(office.files("anna")), len(office.files("bob"))) == (1, 2)
        office.add_user("dora", "secret")
        client.ehlo_or_helo_if_needed()

        def known():  # first 451, while the file may still be being written; never 550
            client.mail("s@x")
            code, said = client.rcpt("dora@x")
            client.rset()
            assert code in (250, 451), said
            return code == 250

        wait_until("dora to be known", known)
        client.quit()


def smtp_takes_mail_for_users_and_relays_nothing():
    with Post(protocol="smtp", lmtp="tls none") as office:
        office.add_user("anna", "secret")
        office.start()
        with smtplib.SMTP("127.0.0.1", office.ports[1]) as client:
            refused = client.sendmail("s@x", ["anna@x", "someone@elsewhere.example"], TEXT)
            assert list(refused) == ["someone@elsewhere.example"], refused
            assert refused["someone@elsewhere.example"][0] == 550
        assert [body_of(mail) for mail in office.fetch("anna")] == [TEXT]
        assert "event=delivered" in office.log()


def starttls_before_mail():
    with Post(lmtp="tls starttls") as office:
        office.add_user("anna", "secret")
        office.start()
        client = office.connect("tcp")
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls()
        assert send(client, ["anna@x"], TEXT) == {}
        client.quit()
        assert b"with LMTPS id" in office.fetch("anna")[0]


run(l_008_fifty_recipients_once_received, octets_are_exact, s_035_bdat_by_hand,
    l_020_an_end_in_the_middle_delivers_nothing, s_007_bare_line_ends_are_refused, loops_fail_their_recipient_alone,
    what_fails_for_one_goes_well_for_others, the_size_has_a_limit, connections_have_a_limit, many_at_the_same_time,
    the_socket_has_its_mode_and_goes, a_server_that_ends_finishes_what_it_took,
    aliases_and_new_users_without_a_reload, smtp_takes_mail_for_users_and_relays_nothing, starttls_before_mail)
