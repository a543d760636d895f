#!/usr/bin/env python3
"""Debian's Postfix hands mail over by LMTP, through a unix socket and a port, and by pipe(8); POP3 fetches it."""
import os
import poplib
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run  # noqa: E402
from owner import OWNER, hand_over  # noqa: E402
from private_postfix import Postfix, ready_or_skip, report  # noqa: E402

poplib._MAXLINE = 10 ** 9
ROADS = ("unix", "inet", "pipe", "manual")  # a domain for each, see private_postfix.py
# Whole enough that Postfix has nothing to add but its line of trace.
HEAD = (b"From: Sender <s@elsewhere.example>\r\nTo: you@example.org\r\nSubject: %s\r\n"
        b"Date: Sun, 22 Nov 2026 06:00:00 +0000\r\nMessage-ID: <%s@elsewhere.example>\r\n%s\r\n")


def mail(name, body, fields=b""):
    name = name.encode()
    return HEAD % (name, name, fields) + body


EIGHT_BIT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"


class House(Office):
    """An office with doors for Postfix, whose mail belongs to somebody who is not root, and the Postfix before it."""

    def __init__(self, users=("anna",), settings=""):
        super().__init__(settings=settings,
                         listens=["{ tls none; plaintext-login yes }", "{ protocol lmtp }"])
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp; mode 666 }}\n"
        for user in users:
            self.add_user(user, "secret")
        hand_over(self)

    def __enter__(self):
        self.start()
        self.postfix = Postfix(self, OWNER.pw_name, self.ports[1])
        try:
            self.postfix.__enter__()
        except BaseException:
            super().__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error):
        try:
            self.postfix.__exit__(*error)
        finally:
            super().__exit__(*error)

    def fetch(self, user):
        client = poplib.POP3("localhost", self.pop3, timeout=60)
        client.user(user)
        client.pass_("secret")
        mails = []
        for line in client.list()[1]:
            number, octets = map(int, line.split())
            mails.append(b"".join(line + b"\r\n" for line in client.retr(number)[1]))
            assert len(mails[-1]) == octets
            client.dele(number)
        client.quit()
        return mails


def opened(fetched):
    """(Return-Path, Delivered-To, the message as it was sent): what stands on top is trace, and no more than that."""
    match = re.match(rb"Return-Path: <([^\r]*)>\r\nDelivered-To: ([^\r]*)\r\n"
                     rb"(?:Delivered-To: [^\r]*\r\n)?"                                  # pipe(8), by flags=D
                     rb"(?:Received: from mta.example [^\r]*\r\n(?:\t[^\r]*\r\n)+)?"    # ours, by LMTP
                     rb"Received: (?:from|by) [^\r]*\r\n(?:\t[^\r]*\r\n)+", fetched)    # Postfix'
    assert match, fetched[:1000]
    return match.group(1).decode(), match.group(2).decode(), fetched[match.end():]


def hard_mail():
    line = bytes(range(33, 127)) * 11
    attachment = b"".join(b"%08d" % n + b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Bx\r\n"
                          for n in range(5 * 1000 * 1000 // 78))
    return {
        "plain": mail("plain", b"body\r\n"),
        "empty": mail("empty", b""),
        "empty-lines": mail("empty-lines", b"\r\n" * 2000),
        "dots": mail("dots", b".\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n"),
        "many-dots": mail("many-dots", b".\r\n" * 20000),
        "dots-at-edges": mail("dots-at-edges", b"".join(b"y" * (n % 700) + b"\r\n.\r\n..z\r\n" for n in range(3000))),
        "long-lines": mail("long-lines", b"".join(line[:n] + b"\r\n." + line[:n - 1] + b"\r\n"
                                                  for n in (989, 990, 998))),
        "8bit": mail("8bit", "Grüße, 日本語\r\n".encode() + bytes(range(128, 256)) + b"\r\n", EIGHT_BIT),
        "bound": mail("bound", b"--b\r\n\r\nfrom\r\nFrom here on\r\n--b--\r\n",
                      b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"),
        "attachment": mail("attachment", attachment),
    }


def mail_by_smtp_is_fetched_octet_for_octet():
    with House(ROADS) as house:
        mails = hard_mail()
        for text in mails.values():
            house.postfix.smtp("s@elsewhere.example", [f"{road}@{road}.example" for road in ROADS], text)
        house.postfix.finish()
        for road in ROADS:
            got = [opened(each) for each in house.fetch(road)]
            assert sorted(text for _, _, text in got) == sorted(mails.values()), road
            assert {each[:2] for each in got} == {("s@elsewhere.example", f"{road}@{road}.example")}, road
        assert {each[2:4] for each in house.postfix.results()} == {("2.0.0", "sent")}


def mail_by_sendmail_with_details_and_without_a_sender():
    with House(ROADS) as house:
        texts = [mail(f"by-sendmail-{n}", b".\r\n.x\r\nbody\r\n" * n) for n in range(3)]
        for n, text in enumerate(texts):
            for sender in ("s@elsewhere.example", "<>"):
                house.postfix.sendmail(sender, [f"{road}+list.{n}@{road}.example" for road in ROADS],
                                       text.replace(b"\r\n", b"\n"))
        house.postfix.finish()
        for road in ROADS:
            got = [opened(each) for each in house.fetch(road)]
            expected = [(sender, f"{road}+list.{n}@{road}.example", text)
                        for n, text in enumerate(texts) for sender in ("", "s@elsewhere.example")]
            assert sorted(got) == sorted(expected), (road, [each[:2] for each in got])


def fifty_recipients_in_one_transaction():
    users = [f"user{n}" for n in range(50)]
    with House(users) as house:
        text = mail("fifty", b"to all\r\n")
        for road in ("unix", "inet"):
            house.postfix.smtp("s@elsewhere.example", [f"{user}@{road}.example" for user in users], text)
        house.postfix.finish()
        assert len(house.postfix.results("sent")) == 100
        for user in users:
            got = [opened(each) for each in house.fetch(user)]
            expected = [("s@elsewhere.example", f"{user}@{road}.example", text) for road in ("inet", "unix")]
            assert sorted(got) == expected, (user, got)
        house.postfix.__exit__(None, None, None)  # which ends the connections that it keeps
        house.wait_log("event=delivery ", 2)
        ends = re.findall(r"event=delivery .* messages=(\d+) delivered=(\d+) failed=(\d+) ", house.log())
        assert ends == [("1", "50", "0")] * 2, ends
        ids = re.findall(r"event=delivered .* id=(\S+)", house.log())
        assert len(ids) == 100 and len(set(ids)) == 2, set(ids)


def an_unknown_user_is_told_to_the_sender():
    with House() as house:
        text = mail("unknown", b"body\r\n")
        for road in ROADS:
            house.postfix.smtp("anna@unix.example", [f"anna+{road}@{road}.example", f"nobody@{road}.example"], text)
        house.postfix.finish()
        got = house.fetch("anna")
        bounces = [report(each) for each in got if b"MAILER-DAEMON" in each]
        said = sorted((block["final-recipient"].split(";")[1].strip(), block["action"], block["status"])
                      for blocks in bounces for block in blocks)
        assert said == sorted((f"nobody@{road}.example", "failed", "5.1.1") for road in ROADS), said
        arrived = sorted(opened(each) for each in got if b"MAILER-DAEMON" not in each)
        assert arrived == sorted(("anna@unix.example", f"anna+{road}@{road}.example", text) for road in ROADS), arrived


def what_fails_for_one_goes_well_for_others_and_later_for_him():
    """A maildrop that may not be written, one that nobody has, one that is fine: in one message."""
    with House(("anna", "bob")) as house:
        text = mail("three", b"body\r\n")
        new, tmp = (os.path.join(house.maildir("bob"), folder) for folder in ("new", "tmp"))
        for folder in (new, tmp):
            os.chmod(folder, 0o500)
        for road in ROADS:
            house.postfix.smtp("", [f"{user}@{road}.example" for user in ("anna", "bob", "nobody")], text)
        deferred = house.postfix.wait_results("deferred", 4)
        assert {each[0] for each in deferred} == {f"bob@{road}.example" for road in ROADS}
        assert {each[2][:2] for each in deferred} == {"4."}, deferred
        house.postfix.wait_results("bounced", 4)
        house.postfix.wait_results("sent", 4)
        assert len(house.files("anna")) == 4 and house.files("bob") == []
        for folder in (new, tmp):
            os.chmod(folder, 0o700)
        house.postfix.flush()
        house.postfix.finish()
        for user in ("anna", "bob"):
            got = sorted(opened(each) for each in house.fetch(user))
            assert got == sorted(("", f"{user}@{road}.example", text) for road in ROADS), (user, got)


def a_server_that_is_away_gets_its_mail_later_and_once():
    with House(("anna", "bob")) as house:
        house.stop()
        text = mail("later", b"body\r\n")
        house.postfix.smtp("s@elsewhere.example", ["anna@unix.example", "bob@unix.example"], text)
        house.postfix.smtp("s@elsewhere.example", ["anna@pipe.example"], text)  # needs no server
        deferred = house.postfix.wait_results("deferred", 2)
        assert {each[2] for each in deferred} == {"4.4.1"}, deferred
        house.postfix.wait_results("sent", 1)
        assert [entry["queue_name"] for entry in house.postfix.queue()] == ["deferred"]
        house.start()
        house.postfix.flush()
        house.postfix.finish()
        assert [opened(each)[1:] for each in house.fetch("bob")] == [("bob@unix.example", text)]
        got = sorted(opened(each)[1:] for each in house.fetch("anna"))
        assert got == [("anna@pipe.example", text), ("anna@unix.example", text)], got


def a_server_that_is_killed_loses_nothing():
    """Each kill comes while mail is on its way; what Postfix was told about is there, everything at the end."""
    with House() as house:
        texts = [mail(f"killed-{n}", b"%07d\r\n" % n * 100000) for n in range(12)]
        for n, text in enumerate(texts):
            house.postfix.smtp("s@elsewhere.example", ["anna@unix.example"], text)
            if n % 4 == 1:
                house.kill()
                told = len(house.postfix.results("sent"))
                assert len(house.files("anna")) >= told, (told, house.files("anna"))
                house.start()
        house.postfix.wait_settled()
        house.postfix.flush()
        house.postfix.finish()
        got = [opened(each)[2] for each in house.fetch("anna")]
        assert set(got) == set(texts)  # twice is possible: killed between the disk and the answer (RFC 2033 section 5)
        assert len(got) <= len(texts) + 3


def what_is_too_large_goes_back():
    with House(settings="delivery { message-size 64k }") as house:
        roads = ROADS + ("mute",)  # whose Postfix does not hear our SIZE
        for road in roads:
            for lines in (6000, 5000):
                text = mail(road, b"0123456789\r\n" * lines)
                house.postfix.smtp("anna@unix.example", [f"anna+{road}@{road}.example"], text)
        house.postfix.finish()
        status = {to: dsn for to, _, dsn, _, _ in house.postfix.results("bounced")}
        assert set(status) == {f"anna+{road}@{road}.example" for road in roads}, status
        assert {status[f"anna+{road}@{road}.example"] for road in ("unix", "inet", "mute")} == {"5.3.4"}, status
        got = house.fetch("anna")
        reports = [each for each in got if b"multipart/report" in each]
        assert len(reports) == len(roads) and len(got) == 2 * len(roads)
        for each in reports:
            assert [block["action"] for block in report(each)] == ["failed"]


def addresses_and_heads_in_utf8():
    """The flag u of pipe(8) makes ss of ß, which is another user: the manual page does without it."""
    with House(("grüße", "jürgen")) as house:
        head, body = mail("utf8", "日本語\r\n".encode()).split(b"\r\n\r\n", 1)
        text = head + "\r\nComments: Ærøskøbing".encode() + b"\r\n\r\n" + body
        sent = [("jürgen", road) for road in ROADS] + [("grüße", road) for road in ROADS if road != "pipe"]
        for user, road in sent:
            house.postfix.smtp("käthe@elsewhere.example", [f"{user}@{road}.example"], text,
                               ("SMTPUTF8", "BODY=8BITMIME"))
        house.postfix.finish()
        got = sorted(opened(each) for user in ("grüße", "jürgen") for each in house.fetch(user))
        assert got == sorted(("käthe@elsewhere.example", f"{user}@{road}.example", text) for user, road in sent), got


def local_hands_over_by_mailbox_command():
    """local(8) writes its own Delivered-To and X-Original-To below ours."""
    with House((OWNER.pw_name,)) as house:
        text = mail("local", b".\r\nbody\r\n")
        address = f"{OWNER.pw_name}@local.example"
        for sender in ("s@elsewhere.example", ""):
            house.postfix.smtp(sender, [address], text)
        house.postfix.finish()
        got = sorted(opened(re.sub(rb"X-Original-To: [^\r]*\r\n", b"", each, count=1))
                     for each in house.fetch(OWNER.pw_name))
        assert got == [("", address, text), ("s@elsewhere.example", address, text)], got


ready_or_skip()
run(mail_by_smtp_is_fetched_octet_for_octet, mail_by_sendmail_with_details_and_without_a_sender,
    fifty_recipients_in_one_transaction, an_unknown_user_is_told_to_the_sender,
    what_fails_for_one_goes_well_for_others_and_later_for_him, a_server_that_is_away_gets_its_mail_later_and_once,
    a_server_that_is_killed_loses_nothing, what_is_too_large_goes_back, addresses_and_heads_in_utf8,
    local_hands_over_by_mailbox_command)
