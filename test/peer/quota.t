#!/usr/bin/env python3
"""Quotas and mboxes, as mail servers, POP3 clients and Dovecot see them."""
import os
import poplib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import POSTFACH, POSTFACHD, Office, run, wait_until, wire  # noqa: E402

poplib._MAXLINE = 10 ** 9
TEXT = b"From: s@x\nSubject: hello\n\nbody\n"


class Post(Office):
    """An office with a door for mail servers."""

    def __init__(self, settings="", **more):
        super().__init__(settings=settings, listens=["{ tls none; plaintext-login yes }"], **more)
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp }}\n"

    def login(self, user="anna"):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(user)
        client.pass_("secret")
        return client

    def fetch(self, user="anna"):
        client = self.login(user)
        mails = [b"".join(line + b"\r\n" for line in client.retr(n + 1)[1]) for n in range(client.stat()[0])]
        client.quit()
        return mails

    def deliver(self, mail, user="anna"):
        self.write_conf()
        return subprocess.run([POSTFACH, "deliver", "-c", self.conf, "-d", user], input=mail, capture_output=True,
                              timeout=120, check=False)

    def box(self, *words, status=0):
        self.write_conf()
        done = subprocess.run([POSTFACH, "box", words[0], "-c", self.conf, *words[1:]], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == status, done
        return done.stdout + done.stderr


class Lmtp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.ask(b"LHLO client.example")

    def reply(self):
        line = self.file.readline().decode()
        while line[3:4] == "-":
            line = self.file.readline().decode()
        return line

    def ask(self, line):
        self.socket.sendall(line + b"\r\n")
        return self.reply()

    def rcpt(self, user="anna", size=None):
        self.ask(b"RSET")
        assert self.ask(b"MAIL FROM:<s@x>" + (b" SIZE=%d" % size if size else b"")).startswith("250")
        return self.ask(b"RCPT TO:<%s>" % (user if "@" in user else user + "@x").encode())

    def text(self, mail):
        assert self.ask(b"DATA").startswith("354")
        self.socket.sendall(mail.replace(b"\n", b"\r\n") + b".\r\n")
        return self.reply()


def sums(maildir):
    with open(os.path.join(maildir, "maildirsize"), encoding="ascii") as file:
        head, *lines = file.read().splitlines()
    return head, tuple(sum(int(line.split()[k]) for line in lines) for k in (0, 1))


def l_018_over_the_quota_at_rcpt_and_behind_the_text():
    with Post(store="mail { path %s/mail/%%n; quota-octets 2000; quota-warning 0 }") as office:
        office.add_user("anna", "secret")
        office.add_user("bob", "secret", "quota=0")
        office.start()
        client = Lmtp(office.socket)
        assert client.rcpt(size=3000).startswith("452 4.2.2"), "declared"
        assert client.rcpt(size=1000).startswith("250")
        assert client.rcpt().startswith("250")
        assert client.text(TEXT + b"x" * 70 + b"\n").startswith("250")
        assert client.rcpt().startswith("250")
        assert client.text(TEXT + (b"x" * 70 + b"\n") * 40).startswith("452 4.2.2"), "by the real size"
        assert len(office.files("anna")) == 1 and os.listdir(os.path.join(office.maildir("anna"), "tmp")) == []
        assert client.rcpt("bob", size=3000).startswith("250"), "his own has no limit"
        head, used = sums(office.maildir("anna"))
        assert head == "2000S" and used == (os.path.getsize(os.path.join(office.maildir("anna"), "new",
                                                                          office.files("anna")[0])), 1)
        client = office.login()
        client.dele(1)
        client.quit()
        assert sums(office.maildir("anna"))[1] == (0, 0)


def quotas_of_users_and_domains_and_mail_that_goes_back():
    store = "mail { path %s/mail/%%n; quota-messages 1; quota-over bounce; quota-warning 0 }"
    with Post(settings="domain big.example { quota-messages 2 }", store=store) as office:
        for user in ("anna", "bob@big.example", "carol"):
            office.add_user(user, "secret", "quota=10" if user == "carol" else "")
        os.rename(office.maildir("bob@big.example"), office.maildir("bob"))
        office.start()
        client = Lmtp(office.socket)
        for user, room in (("anna", 1), ("bob@big.example", 2), ("carol", 0)):
            for _ in range(room):
                assert client.rcpt(user).startswith("250"), user
                assert client.text(TEXT).startswith("250"), user
            assert client.rcpt(user, size=len(TEXT)).startswith("552 5.2.2"), user
        done = office.deliver(TEXT)
        assert done.returncode == 77 and b"5.2.2" in done.stderr, done
        office.store = office.store.replace("bounce", "later")
        assert office.deliver(TEXT).returncode == 75
        out = office.box("quota", "bob@big.example")
        assert "messages  2 of 2 (100.0 %)" in out, out
        assert "messages  1 of 1 (100.0 %)" in office.box("quota", "anna")
        os.unlink(os.path.join(office.maildir("anna"), "new", office.files("anna")[0]))
        assert "messages  0 of 1 (0.0 %)" in office.box("quota", "--recount", "anna")
        assert office.deliver(TEXT).returncode == 0


def a_warning_comes_once_until_there_is_room_again():
    store = "mail { path %s/mail/%%n; quota-messages 5; quota-warning 60 }"
    with Post(store=store) as office:
        office.add_user("anna", "secret")
        office.start()
        client = Lmtp(office.socket)
        for _ in range(3):
            assert client.rcpt().startswith("250") and client.text(TEXT).startswith("250")
        client.ask(b"QUIT")
        wait_until("the warning", lambda: len(office.files("anna")) == 4)
        mails = office.fetch()
        warnings = [mail for mail in mails if b"Auto-Submitted: auto-generated\r\n" in mail]
        assert len(mails) == 4 and len(warnings) == 1, mails
        assert b"From: postmaster@localhost\r\n" in warnings[0] and "löschen".encode() in warnings[0]
        assert office.deliver(TEXT).returncode == 0 and len(office.files("anna")) == 5  # no second one
        assert office.deliver(TEXT).returncode == 75
        client = office.login()
        for number in range(1, 5):
            client.dele(number)
        client.quit()
        assert office.deliver(TEXT).returncode == 0 and office.deliver(TEXT).returncode == 0
        assert sum(b"Auto-Submitted" in mail for mail in office.fetch()) >= 1
        assert len(office.files("anna")) == 4  # one was left, two came, and the new warning
        head, used = sums(office.maildir("anna"))
        assert head == "5C" and used[1] == 4


def an_mbox_is_filled_and_fetched_byte_by_byte():
    with Post(store="mail { path mbox:%s/mail/%%n; create yes; mboxrd yes }") as office:
        with open(office.users, "a", encoding="ascii") as file:
            file.write("anna:{PLAIN}secret\n")
        os.makedirs(os.path.join(office.folder, "mail"))
        office.start()
        wanted = set()
        client = Lmtp(office.socket)
        for name, mail in sorted(corpus().items()):
            if not mail.endswith(b"\n") or b"\r" in mail or b"\0" in mail:
                continue
            done = office.deliver(mail)
            assert done.returncode == 0, (name, done)
            wanted.add(wire(mail))
        assert client.rcpt().startswith("250")
        assert client.text(b"Subject: by LMTP\n\nFrom here on\n>From there\n").startswith("250")
        got = office.fetch()
        assert len(got) == len(wanted) + 1
        bodies = {mail.split(b"Delivered-To: anna\r\n", 1)[1] for mail in got[:-1]}
        assert bodies == wanted, f"{len(bodies - wanted)} differ"
        assert got[-1].endswith(b"\r\n\r\nFrom here on\r\n>From there\r\n"), got[-1]
        if shutil.which("curl"):
            done = subprocess.run(["curl", "-s", f"pop3://anna:secret@127.0.0.1:{office.pop3}/1"], capture_output=True,
                                  timeout=60, check=True)
            assert done.stdout == got[0]
        client = office.login()
        before = [line.split()[1] for line in client.uidl()[1]]
        client.dele(1)
        client.dele(len(got))
        client.quit()
        assert office.fetch() == got[1:-1]
        client = office.login()
        assert [line.split()[1] for line in client.uidl()[1]] == before[1:-1]
        client.quit()
        assert f"{len(got) - 2} messages" in office.box("ls", "anna")
        assert "faults 0" in office.box("check", "anna")
        assert "only a Maildir" in office.box("quota", "anna", status=67)


def check_tells_of_aliases_and_folders():
    with Post() as office:
        office.add_user("anna", "secret")
        aliases = os.path.join(office.folder, "aliases")
        with open(aliases, "w", encoding="ascii") as file:
            file.write("a: anna\nb anna\n")
        office.settings += f"users {{ aliases {aliases} }}\nmail {{ state-folder {office.folder}/none }}\n"
        office.write_conf()
        done = subprocess.run([POSTFACHD, "check", "-f", office.conf], capture_output=True, text=True, check=False)
        assert done.returncode == 78 and "line 2" in done.stderr and "state-folder" in done.stderr, done


run(l_018_over_the_quota_at_rcpt_and_behind_the_text, quotas_of_users_and_domains_and_mail_that_goes_back,
    a_warning_comes_once_until_there_is_room_again, an_mbox_is_filled_and_fetched_byte_by_byte,
    check_tells_of_aliases_and_folders)
