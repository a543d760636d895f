#!/usr/bin/env python3
"""The same maildrop at the same time: Debian's Dovecot by IMAP, POP3, LMTP and its delivery agent, and Postfach by
POP3 and LMTP. Everybody sees the same messages with the same octets and sizes."""
import collections
import concurrent.futures
import os
import poplib
import re
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import POSTFACH, Office, run, wait_until, wire  # noqa: E402
from owner import hand_over  # noqa: E402
from private_dovecot import Dovecot, ready_or_skip  # noqa: E402

poplib._MAXLINE = 10 ** 9  # poplib refuses lines over 2048; the corpus has them on purpose
SENDER = "s@elsewhere.example"


class House(Office):
    """An office with a door for LMTP, whose mail belongs to somebody who is not root, and a Dovecot beside it."""

    def __init__(self):
        super().__init__(listens=["{ tls none; plaintext-login yes }"])
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp; mode 666 }}\n"
        self.add_user("anna", "secret")
        hand_over(self)

    def __enter__(self):
        self.start()
        self.dovecot = Dovecot(self)
        try:
            self.dovecot.__enter__()
        except BaseException:
            super().__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error):
        try:
            self.dovecot.__exit__(*error)
        finally:
            super().__exit__(*error)

    def login(self):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user("anna")
        client.pass_("secret")
        return client

    def lmtp(self, *mails):
        with smtplib.LMTP(self.socket) as client:
            for each in mails:
                assert not client.sendmail(SENDER, ["anna@example.org"], wire(each))


def text(name, body=b"body\n"):
    return b"From: a@example.org\nSubject: %s\nMessage-ID: <%s@example.org>\n\n" % (name.encode(), name.encode()) + body


def named(mail):
    return re.search(rb"Message-ID: <([^>]*)@example.org>", mail).group(1).decode()


def retr(client, number):
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


def by_pop3(client):
    """name -> (octets said, octets), and the sums agree."""
    found = {}
    for line in client.list()[1]:
        number, octets = map(int, line.split())
        mail = retr(client, number)
        assert len(mail) == octets, (number, octets, len(mail))
        found[named(mail)] = (octets, mail)
    assert client.stat() == (len(found), sum(octets for octets, _ in found.values()))
    return found


def by_imap(client):
    found = {}
    client.ask("noop")
    for answer in client.ask("fetch", "1:*", "(RFC822.SIZE BODY.PEEK[])"):
        if isinstance(answer, tuple):
            octets = int(re.search(rb"RFC822.SIZE (\d+)", answer[0]).group(1))
            found[named(answer[1])] = (octets, answer[1])
    return found


def uidls(client):
    """name -> unique identifier."""
    return {named(retr(client, int(number))): uidl.decode()
            for number, uidl in (line.split() for line in client.uidl()[1])}


def ours(house, what):
    client = house.login()
    found = what(client)
    client.quit()
    return found


def theirs(house):
    client = house.dovecot.pop3()
    found = by_pop3(client)
    client.quit()
    return found


def everybody_agrees(house, expected):
    """name -> how the message ends."""
    imap = house.dovecot.imap()
    first = ours(house, by_pop3)
    assert set(first) == set(expected), set(first) ^ set(expected)
    for name, (_, mail) in first.items():
        assert mail.endswith(expected[name]), name
    assert by_imap(imap) == first
    assert theirs(house) == first
    assert ours(house, by_pop3) == first  # now that Dovecot has moved everything to cur
    imap.logout()


def hard_mail():
    """What mail servers hand over: it ends with a line end and has no lone CR."""
    return {named(mail): wire(mail) for mail in corpus().values()
            if mail.endswith(b"\n") and b"Message-ID" in mail and b"\r" not in mail.replace(b"\r\n", b"")}


def what_we_deliver_is_the_same_for_all():
    with House() as house:
        mails = hard_mail()
        half = len(mails) // 2
        house.lmtp(*list(mails.values())[:half])
        for mail in list(mails.values())[half:]:
            done = subprocess.run([POSTFACH, "deliver", "-c", house.conf, "-d", "anna", "-f", SENDER], input=mail,
                                  capture_output=True, check=False, timeout=60)
            assert done.returncode == 0, done
        subprocess.run(["chown", "-R", "--reference", house.users, house.maildir("anna")], check=True)
        everybody_agrees(house, mails)


def what_dovecot_delivers_is_the_same_for_all():
    with House() as house:
        mails = hard_mail()
        for n, mail in enumerate(mails.values()):
            if n % 2:
                house.dovecot.lda("anna", mail if n % 4 == 1 else mail.replace(b"\r\n", b"\n"))
            else:
                house.dovecot.lmtp("anna@example.org", wire(mail))
        everybody_agrees(house, mails)


def what_lies_there_has_one_size():
    """Files as others left them: LF and CRLF, with sizes in the name and without, read and unread."""
    with House() as house:
        expected = {}
        for n, (name, mail) in enumerate(corpus().items()):
            if not mail.endswith(b"\n") or b"Message-ID" not in mail:  # to the rest we add a line end, as POP3 must
                continue
            house.put("anna", mail, sizes=n % 2 == 0, folder="cur" if n % 3 == 0 else "new")
            expected[named(mail)] = wire(mail)
        everybody_agrees(house, expected)


def flags_and_moves_by_imap_change_no_message():
    with House() as house:
        house.lmtp(*(text(f"m{n}") for n in range(6)))
        before = ours(house, uidls)
        session = house.login()
        imap = house.dovecot.imap()  # moves all to cur
        imap.ask("store", "1:2", "+FLAGS", "(\\Seen \\Flagged)")
        imap.ask("store", "3:4", "+FLAGS", "(\\Answered $Forwarded Label)")
        assert [":2," in name for name in house.files("anna")] == [True] * 6
        assert uidls(session) == before
        imap.ask("store", "1:6", "-FLAGS", "(\\Seen Label)")
        assert uidls(session) == before
        imap.ask("store", "1:6", "+FLAGS", "(\\Seen)")
        session.dele(1)
        session.quit()
        assert len(house.files("anna")) == 5
        imap.logout()
        after = ours(house, uidls)
        assert after.items() < before.items() and len(after) == 5
        house.stop()
        house.start()
        assert ours(house, uidls) == after


def an_expunge_by_imap_during_our_session():
    with House() as house:
        house.lmtp(*(text(f"m{n}") for n in range(5)))
        session = house.login()
        before = uidls(session)
        names = [named(retr(session, n + 1)) for n in range(5)]
        imap = house.dovecot.imap()
        for name in (names[1], names[3]):
            imap.ask("store", imap.ask("search", None, "HEADER", "Message-ID", f"{name}@")[0].decode(),
                     "+FLAGS", "(\\Deleted)")
        imap.ask("expunge")
        assert len(house.files("anna")) == 3
        try:
            session.retr(2)
            raise AssertionError("a message that is gone was sent")
        except poplib.error_proto as refusal:
            assert b"removed by another program" in refusal.args[0], refusal
        assert session.stat()[0] == 5  # nobody is renumbered
        assert [named(retr(session, n)) for n in (1, 3, 5)] == names[::2]
        session.dele(3)
        session.dele(4)  # is gone already, which is what was wanted
        assert session.quit().startswith(b"+OK")
        assert by_imap(imap).keys() == {names[0], names[4]}
        imap.logout()
        assert ours(house, uidls) == {name: before[name] for name in (names[0], names[4])}


def our_expunge_is_seen_by_imap():
    with House() as house:
        house.lmtp(*(text(f"m{n}") for n in range(5)))
        imap = house.dovecot.imap()
        assert len(by_imap(imap)) == 5
        session = house.login()
        gone = {named(retr(session, n)) for n in (2, 4)}
        session.dele(2)
        session.dele(4)
        assert len(by_imap(imap)) == 5  # not before QUIT
        session.quit()
        wait_until("the expunge", lambda: len(by_imap(imap)) == 3)
        assert not gone & set(by_imap(imap))
        house.lmtp(text("new"))
        wait_until("the new message", lambda: "new" in by_imap(imap))
        imap.logout()


def what_imap_appends_copies_and_moves():
    with House() as house:
        house.lmtp(*(text(f"m{n}") for n in range(3)))
        before = ours(house, uidls)
        imap = house.dovecot.imap()
        imap.ask("append", "INBOX", "(\\Seen)", None, wire(text("appended", b".\n..\n")))
        imap.ask("create", "Work")
        imap.ask("copy", "1", "INBOX")
        twice = collections.Counter(ours(house, lambda client: [retr(client, n + 1) for n in range(client.stat()[0])]))
        assert sorted(twice.values()) == [1, 1, 1, 2] and wire(text("appended", b".\n..\n")) in twice
        client = house.login()
        assert len(set(client.uidl()[1])) == 5
        client.quit()
        imap.ask("_simple_command", "MOVE", "1:5", "Work")
        assert ours(house, by_pop3) == {}
        imap.ask("select", "Work")
        imap.ask("_simple_command", "MOVE", "2:5", "INBOX")
        imap.logout()
        after = ours(house, uidls)
        assert len(after) == 4 and not set(after.values()) & set(before.values()), (before, after)


def all_at_the_same_time():
    """Four who deliver, two who read and flag: each message comes once, and keeps its octets and its identifier."""
    with House() as house:
        mails = {f"{who}-{n}": text(f"{who}-{n}", b"line\n" * n * 50)
                 for who in ("lmtp", "deliver", "theirs", "lda") for n in range(25)}
        known = {}

        def send(who):
            for name in (name for name in mails if name.startswith(who + "-")):
                mail = mails[name]
                if who == "lmtp":
                    house.lmtp(mail)
                elif who == "theirs":
                    house.dovecot.lmtp("anna@example.org", wire(mail))
                elif who == "lda":
                    house.dovecot.lda("anna", mail)
                else:
                    subprocess.run([POSTFACH, "deliver", "-c", house.conf, "-d", "anna"], input=mail, check=True)
            return who

        def look():
            client = house.login()
            for number, uidl in (line.split() for line in client.uidl()[1]):
                mail = retr(client, int(number))
                assert mail.endswith(wire(mails[named(mail)])), named(mail)
                assert known.setdefault(named(mail), uidl) == uidl
            client.quit()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            senders = [pool.submit(send, who) for who in ("lmtp", "deliver", "theirs", "lda")]
            imap = house.dovecot.imap()
            rounds = 0
            while not all(sender.done() for sender in senders):
                look()
                imap.ask("noop")
                imap.store("1:*", "-+"[rounds % 2] + "FLAGS", "(\\Seen)")
                rounds += 1
            for sender in senders:
                sender.result()
        assert rounds > 1
        look()
        assert set(known) == set(mails) and len(set(known.values())) == len(mails)
        everybody_agrees(house, {name: wire(mail) for name, mail in mails.items()})
        imap.logout()


ready_or_skip()
run(what_we_deliver_is_the_same_for_all, what_dovecot_delivers_is_the_same_for_all, what_lies_there_has_one_size,
    flags_and_moves_by_imap_change_no_message, an_expunge_by_imap_during_our_session, our_expunge_is_seen_by_imap,
    what_imap_appends_copies_and_moves, all_at_the_same_time)
