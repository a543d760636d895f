#!/usr/bin/env python3
"""postfach why: what the journal of a live server says of its mails."""
import json
import os
import poplib
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run, wait_until  # noqa: E402

poplib._MAXLINE = 10 ** 9
ENVIRONMENT = dict(os.environ, TZ="UTC")


class Post(Office):
    """An office with a journal and a door for a mail server."""

    def __init__(self, settings="", journal="sessions all"):
        super().__init__(settings=settings, listens=["{ tls none; plaintext-login yes }", "{ tls implicit }"],
                         gates=1)  # each begins with a record
        self.socket = os.path.join(self.folder, "lmtp")
        self.journal = os.path.join(self.folder, "journal")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp }}\n"
        self.settings += f"journal {{ folder {self.journal}; {journal} }}\n"
        for user in ("anna", "bob"):
            self.add_user(user, "secret")

    def deliver(self, *recipients, name="4711@shop.example", size=0, head="", told=True):
        """The replies to the recipients behind RCPT or, when that was good, behind the text. Comes back when the
        journal has it: that is written after the reply."""
        before = self.count_deliveries()
        text = f"From: Shop <billing@shop.example>\r\n{head}Message-ID: <{name}>\r\nSubject: invoice\r\n\r\n"
        text += ("x" * 70 + "\r\n") * (size // 72)
        client = smtplib.LMTP(self.socket)
        client.ehlo("mx.example.org")
        assert client.mail("billing@shop.example")[0] == 250
        codes = {recipient: client.rcpt(recipient)[0] for recipient in recipients}
        good = [recipient for recipient in recipients if codes[recipient] == 250]
        if good:
            codes[good[0]] = client.data(text.encode())[0]
            for recipient in good[1:]:
                codes[recipient] = client.getreply()[0]
        client.close()
        if told:
            wait_until("a record", lambda: self.count_deliveries() >= before + len(recipients))
        return [codes[recipient] for recipient in recipients]

    def count_deliveries(self):
        return len(self.records("delivered")) + len(self.records("refused"))

    def login(self, user="anna"):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(user)
        client.pass_("secret")
        return client

    def records(self, event=None):
        found = []
        if not os.path.isdir(self.journal):
            return found
        for name in sorted(os.listdir(self.journal)):
            with open(os.path.join(self.journal, name), encoding="ascii") as file:
                found += [line for line in file.read().splitlines() if event is None or f" {event} " in line + " "]
        return found

    def wait_records(self, event, count):
        wait_until(f"{count} records `{event}`", lambda: len(self.records(event)) >= count)

    def why(self, *words, status=0):
        """What it says on standard output, line by line; with a status of 1, on standard error."""
        done = subprocess.run([POSTFACH, "why", "-c", self.conf, *words], capture_output=True, env=ENVIRONMENT, timeout=120)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        text = (done.stderr if status else done.stdout).decode("ascii")
        assert all(octet == "\n" or " " <= octet <= "~" for octet in text), text
        return text.splitlines()


def has(lines, *words):
    """The one line that has all the words, without its time."""
    found = [line for line in lines if all(word in line for word in words)]
    assert len(found) == 1, (words, lines)
    return found[0]


def record(at, event, **fields):
    """A record as the page of the journal has its form."""
    body = f"{at} {event}" + "".join(f" {name.replace('_', '-')}={value}" for name, value in fields.items())
    total = 0xcbf29ce484222325
    for octet in body.encode():
        total = (total ^ octet) * 0x100000001b3 & 0xffffffffffffffff
    return f"J1 {(total ^ total >> 32) & 0xffffffff:08X} {body}\n"


def write_journal(folder, *lines, when=None):
    os.makedirs(folder, exist_ok=True)
    name = time.strftime("journal-%Y%m%d", time.gmtime(when))
    with open(os.path.join(folder, name), "ab") as file:
        for line in lines:
            file.write(line.encode() if isinstance(line, str) else line)


def a_mail_that_was_fetched_and_deleted():
    with Post() as office:
        office.start()
        assert office.deliver("anna@example.org", "bob@example.org") == [250, 250]
        office.login().quit()
        client = office.login()
        uidl = client.uidl(1).split()[2].decode()
        octets = int(client.list(1).split()[2])
        client.retr(1)
        client.dele(1)
        client.quit()
        office.wait_records("session", 2)
        for asked in ("<4711@shop.example>", "4711@shop.example"):
            lines = office.why(asked)
            assert lines.count("") == 1, lines
            anna, bob = lines[:lines.index("")], lines[lines.index("") + 1:]
            if "bob" in anna[0]:
                anna, bob = bob, anna
            has(anna, "Delivered to anna for anna@example.org", f"{octets} octets", f"UIDL {uidl}", "by LMTP",
                "(mx.example.org)", "envelope sender billing@shop.example", f"maildrop {office.maildir('anna')}")
            has(anna, "Listed by a session", "from 127.0.0.1 by anna", "did not fetch it")
            fetched = has(anna, f"Fetched whole, {octets} octets, from 127.0.0.1 by anna (session", ", USER, no TLS)")
            has(anna, "Deleted for good from 127.0.0.1 by anna (session")
            assert anna[-1] == f"It was fetched whole on {fetched[:25]} from 127.0.0.1 and deleted by the same session."
            assert [line[:19] for line in anna[:-1]] == sorted(line[:19] for line in anna[:-1])
            assert bob[-1] == "It should be in the maildrop: no session is known to have fetched it."
        assert office.why(uidl) == anna
        lines = office.why("--user", "bob", "4711@shop.example")
        assert len(lines) == 2 and "bob" in lines[0]
        lines = office.why("anna")
        has(lines, "<4711@shop.example>, UIDL", "It was fetched whole on", "deleted by the same session.")
        has(lines, "2 sessions, and this was the last:")
        has(lines, "Session ended [quit]: 1 messages listed, 1 fetched, 1 deleted;")
        assert "1 mail: 1 sent whole, 1 deleted, 0 expired, 0 not fetched; 0 refused; last seen on" in lines[-1]


def a_mail_that_was_cut_off_and_is_still_there():
    with Post() as office:
        office.start()
        assert office.deliver("anna@example.org", size=8_000_000) == [250]
        client = office.login()
        client.sock.sendall(b"RETR 1\r\n")
        got = 0
        while got < 100_000:
            got += len(client.sock.recv(4096))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.file.close()
        client.sock.close()
        office.wait_records("session", 1)
        office.login().quit()
        office.wait_records("session", 2)
        lines = office.why("4711@shop.example")
        cut = has(lines, "Cut off:", "octets, then the client ended the connection [eof]", "from 127.0.0.1 by anna")
        arrived, whole = int(cut.split()[9]), int(cut.split()[11])
        assert 50_000 <= arrived < whole and whole > 7_900_000, cut
        has(lines, "Listed by a session")
        assert lines[-1] == (f"It was never fetched whole; the last try, on {cut[:25]} from 127.0.0.1, "
                             f"got {arrived} of {whole} octets. It should still be in the maildrop.")
        client = office.login()
        client.retr(1)
        client.quit()
        office.wait_records("session", 3)
        assert office.why("4711@shop.example")[-1].endswith(
            "; nobody deleted it since, so it should still be in the maildrop.")


def a_fetch_over_tls_and_a_client_that_sends_all_at_once():
    with Post() as office:
        office.start()
        office.deliver("anna@example.org", name="one@x", size=300_000)
        office.deliver("anna@example.org", name="two@x")
        context = ssl.create_default_context(cafile=office.certificates.ca)
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=context)
        client.user("anna")
        client.pass_("secret")
        client.sock.sendall(b"RETR 1\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n")
        while client.file.readline():
            pass
        client.close()
        office.wait_records("session", 1)
        lines = office.why("one@x")
        has(lines, "Fetched whole,", ", USER, TLSv1.3)")
        assert lines[-1].startswith(("It was fetched whole on ", "It was sent on ")), lines
        lines = office.why("two@x")
        assert "Delivered" in lines[0] and "Fetched whole" in lines[1] and "Deleted for good" in lines[2], lines
        assert len(office.records("fetched")) == 2 and not office.records("cut")


def a_mail_that_only_looks_were_cast_at():
    with Post() as office:
        office.start()
        office.deliver("anna@example.org")
        for _ in range(3):
            client = office.login()
            client.uidl()
            client.quit()
        office.wait_records("session", 3)
        lines = office.why("4711@shop.example")
        has(lines, "Listed by 3 sessions since then, this the last: from 127.0.0.1 by anna")
        assert lines[-1].startswith("It should be in the maildrop: 3 sessions listed it, the last on ")
        assert lines[-1].endswith(" from 127.0.0.1, and none fetched it.")


def refused_mail_says_why():
    with Post(settings="mail { path %s/mail/%%n; quota-octets 5k }") as office:
        office.store = "# %s"
        office.settings = office.settings % office.folder
        office.start()
        assert office.deliver("anna@example.org", "nobody@example.org", name="small@x") == [250, 550]
        assert office.deliver("anna@example.org", name="large@x", size=20_000) == [452]
        lines = office.why("large@x")
        has(lines, "Refused for anna@example.org (user anna), because the maildrop is over its quota [OVER_QUOTA", "by LMTP")
        assert lines[-1] == "It was refused, and is in no maildrop."
        lines = office.why("nobody@example.org")
        has(lines, "Refused for nobody@example.org, because there is no such user [NO_USER",
            "envelope sender billing@shop.example")
        assert "1 refused" in lines[-1]
        has(office.why("anna"), "Refused for anna@example.org (user anna)")


def a_text_that_broke_off_is_told():
    with Post() as office:
        office.start()
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(office.socket)
            file = line.makefile("rb")
            file.readline()
            line.sendall(b"LHLO mx\r\nMAIL FROM:<a@b>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n")
            while not file.readline().startswith(b"354"):
                pass
            line.sendall(b"Message-ID: <half@x>\r\n\r\nhalf of it")
            file.close()
        office.wait_records("refused", 1)
        lines = office.why("half@x")
        has(lines, "Refused for anna@example.org (user anna), because [its text did not come to its end")
        assert office.deliver("anna@example.org", name="half@x") == [250]
        lines = office.why("half@x")
        assert "Refused" in lines[0] and lines[1] == "" and "Delivered" in lines[2] and "It should be in" in lines[-1]


def a_delivery_by_the_program():
    with Post() as office:
        office.start()
        text = b"From: a@b\nMessage-Id:\n <folded@x> (a comment)\n\nhello\n"
        subprocess.run([POSTFACH, "deliver", "-c", office.conf, "-d", "anna", "-f", "a@b"], input=text, check=True)
        failed = subprocess.run([POSTFACH, "deliver", "-c", office.conf, "-d", "nobody"], input=text, stderr=subprocess.PIPE)
        assert failed.returncode != 0
        has(office.why("folded@x"), "Delivered to anna for anna", "by postfach deliver", "envelope sender a@b")
        has(office.why("nobody"), "Refused for nobody", "[NO_USER", "by postfach deliver")


def expiry_by_age_and_by_fetching():
    with Post(settings="policy { expire 0 }") as office:
        office.start()
        office.deliver("anna@example.org")
        client = office.login()
        client.retr(1)
        client.quit()
        office.wait_records("session", 1)
        has(office.why("4711@shop.example"), "Removed for good at QUIT, as mail here is when it was fetched")
    with Post(settings="policy { expire 3d }") as office:
        office.start()
        then = int(time.time()) - 5 * 86400
        path = office.put("anna", b"Message-ID: <old@x>\n\nold\n", name=f"{then}.M1P1.mx")
        os.utime(path, (then, then))
        write_journal(office.journal, record(then * 1000, "delivered", octets=27, maildrop=office.maildir("anna"),
                                             uidl="old-uidl", user="anna", message_id="<old@x>", via="LMTP"), when=then)
        office.login().quit()
        office.wait_records("expired", 1)
        lines = office.why("old@x")
        gone = has(lines, "Expired: 1 messages older than 3 days were removed at a login from 127.0.0.1 by anna")
        assert lines[-1] == f"It was removed by its age on {gone[:25]} from 127.0.0.1, and nobody had fetched it."
        assert office.files("anna") == []


def a_failed_deletion_is_told():
    now = int(time.time() * 1000)
    with Post() as office:
        office.write_conf()
        same = dict(process=7, session=3, octets=10)
        drop = dict(maildrop="/m/anna", uidl="u9", user="anna")
        write_journal(office.journal,
                      record(now - 5, "fetched", **same, **drop, address="192.0.2.7", mech="PLAIN", token="t1"),
                      record(now - 4, "kept", **same, **drop, address="192.0.2.7", code="NO_SPACE", why="no%20room"))
        lines = office.why("u9")
        has(lines, "Fetched whole, 10 octets, from 192.0.2.7 by anna (session 7.3, PLAIN, token t1)")
        has(lines, "Deleting it failed, because of the disk is full [NO_SPACE: no room]")
        assert "; deleting it failed on" in lines[-1]
        for code, uidl in (("TEMP", "u10"), ("PARTIAL", "u11")):  # the store died, or got half the way
            one = dict(drop, uidl=uidl)
            write_journal(office.journal, record(now - 4, "kept", **same, **one, code=code, why="gone"),
                          record(now - 2, "session", process=7, session=4, opened=now - 2, maildrop="/m/anna", user="anna"))
            lines = office.why(uidl)
            has(lines, f"Whether it was deleted is not known, because of [{code}: gone]")
            assert lines[-1].startswith("Whether it was deleted is not known since a try on"), lines
            assert not any("Listed" in line or "should be" in line for line in lines), lines
            write_journal(office.journal, record(now - 1, "fetched", process=7, session=5, octets=10, **one))
            assert "so it should still be in the maildrop" in office.why(uidl)[-1]


def what_strangers_write_does_no_harm():
    with Post() as office:
        office.start()
        forged = record(int(time.time() * 1000), "deleted", maildrop=office.maildir("anna"), uidl="x", user="anna").strip()
        evil = f"a\x1b[2J {forged}\t%41 user=bob"
        assert office.deliver("anna@example.org", name=evil) == [250]
        assert office.deliver("anna@example.org", name="y" * 2000, head=f"X-A: {forged}\r\n") == [250]
        assert office.deliver("anna@example.org", name="bob") == [250]
        with open(os.path.join(office.journal, os.listdir(office.journal)[0]), "rb") as file:
            text = file.read()
        assert text.count(b"\n") == 4 and all(octet == 10 or 32 <= octet < 127 for octet in text)
        assert len(office.records("delivered")) == 3 and not office.records("deleted")
        has(office.why(evil), "Delivered to anna for anna@example.org,")
        has(office.why("y" * 2000), "Delivered to anna for anna@example.org,")
        has(office.why("<bob>"), "Delivered to anna for anna@example.org,")
        office.why("bob", "--since", "2000-01-01")
        lines = office.why("anna")
        has(lines, "%1B[2J")
        subprocess.run([POSTFACH, "why", "-c", office.conf, "--json", "anna"], check=True, capture_output=True)


def a_message_id_like_a_user_does_not_hide_the_user():
    with Post() as office:
        office.start()
        assert office.deliver("bob@example.org", name="anna") == [250]
        office.login("anna").quit()
        office.wait_records("session", 1)
        assert "1 session, and this was the last:" in office.why("anna")
        has(office.why("<anna>"), "Delivered to bob for bob@example.org,")


def json_is_one_object_for_each_record():
    with Post() as office:
        office.start()
        office.deliver("anna@example.org", name="j\"\\\x01@x")
        client = office.login()
        client.retr(1)
        client.quit()
        office.wait_records("session", 1)
        found = [json.loads(line) for line in office.why("--json", "<j\"\\\x01@x>")]
        assert [one["event"] for one in found] == ["delivered", "fetched", "session"], found
        assert found[0]["message-id"] == "<j\"\\\x01@x>" and found[0]["user"] == "anna"
        assert found[1]["octets"] == found[0]["octets"] and found[1]["uidl"] == found[0]["uidl"]
        assert found[2]["fetched"] == 1 and found[2]["opened"].endswith("Z")


def a_server_that_was_killed_leaves_what_had_happened():
    with Post() as office:
        office.start()
        office.deliver("anna@example.org", name="one@x")
        office.deliver("anna@example.org", name="two@x")
        client = office.login()
        client.retr(1)
        client.noop()
        office.wait_records("fetched", 1)
        client.sock.sendall(b"RETR 2\r\n")
        office.kill()
        client.close()
        path = os.path.join(office.journal, os.listdir(office.journal)[0])
        with open(path, "ab") as file:
            file.write(b"J1 12345678 17638")  # torn
        office.start()
        office.login().quit()
        office.wait_records("session", 1)
        office.wait_records("start", 2)
        fetched = [one for one in ("one@x", "two@x")
                   if any("Fetched whole" in line for line in office.why(one))]
        assert len(fetched) == 1, fetched


def who_asks_in_vain_is_told_why():
    with Post() as office:
        office.write_conf()
        lines = office.why("who@x", status=1)
        assert lines[0] == "postfach why: nothing is known of who@x." and "cannot be read" in lines[1], lines
        now = int(time.time())
        write_journal(office.journal, record(now * 1000, "start", process=1))
        assert "the journal begins on" in office.why("who@x", status=1)[1]
        assert "was looked at" in office.why("--since", "1m", "who@x", status=1)[1] or now % 86400 < 120
        if os.geteuid() == 0:
            os.chmod(office.folder, 0o755)
            os.chmod(office.conf, 0o644)
            os.chmod(office.journal, 0o700)
            done = subprocess.run([POSTFACH, "why", "--journal", office.journal, "who@x"], capture_output=True, user=65534)
            assert done.returncode == 1 and b"cannot be read" in done.stderr, done
        office.write_conf("")
        assert "no journal is kept" in office.why("who@x", status=1)[0]
        assert "usage" in office.why("--since", "yesterday", "who@x", status=64)[1]
        assert "usage" in office.why(status=64)[1]


def times_bound_what_is_told():
    now = int(time.time())
    with Post() as office:
        office.write_conf()
        for days in (40, 20, 1):
            at = now - days * 86400
            write_journal(office.journal, record(at * 1000, "topped", octets=1, maildrop="/m/a", uidl="u", user="a"), when=at)
        assert len(office.why("--json", "u")) == 2
        assert len(office.why("--json", "--since", "90d", "u")) == 3
        assert len(office.why("--json", "--since", "90d", "--until", "10d", "u")) == 2
        day = time.strftime("%Y-%m-%d", time.gmtime(now - 30 * 86400))
        assert len(office.why("--json", "--until", day, "--since", "90d", "u")) == 1
        write_journal(office.journal, record(now * 1000, "lost", process=4, count=12))
        done = subprocess.run([POSTFACH, "why", "-c", office.conf, "u"], capture_output=True, check=True)
        assert b"12 records of this time could not be written" in done.stderr


def junk_in_the_files_is_passed_over():
    now = int(time.time() * 1000)
    good = record(now, "topped", octets=1, maildrop="/m/a", uidl="u", user="a")
    wrong = good.replace("octets=1", "octets=2")
    with Post() as office:
        office.write_conf()
        write_journal(office.journal, b"\0uidl=u\n\n\n", good, wrong, good[:-20] + "\n",
                      os.urandom(9_000_000).replace(b"\n", b"u"), b"\n", good.replace("J1", "J2"), good, b"u" * 70_000, b"\n",
                      " ".join(["uidl=u"] * 3000) + "\n", good, good[:30])
        before = [time.strftime("journal-%Y%m%d", time.gmtime(now / 1000 - days * 86400)) for days in (1, 2)]
        os.mkdir(os.path.join(office.journal, before[0]))
        os.symlink("/etc/passwd", os.path.join(office.journal, before[1]))
        done = subprocess.run([POSTFACH, "why", "-c", office.conf, "--json", "u"], capture_output=True, check=True)
        assert len(done.stdout.splitlines()) == 3 and b"could not be read" in done.stderr, done


def only_busy_sessions_and_a_reload():
    with Post(journal="sessions busy") as office:
        office.start()
        office.login().quit()
        office.deliver("anna@example.org")
        client = office.login()
        client.retr(1)
        client.quit()
        office.wait_records("session", 1)
        assert len(office.records("session")) == 1
        off = office.settings.replace("journal {", "#journal {")
        on, office.settings = office.settings, off
        office.write_conf()
        office.reload()
        office.deliver("anna@example.org", name="unseen@x", told=False)
        office.write_conf(on)
        office.reload()
        office.deliver("anna@example.org", name="seen@x")
        office.wait_records("delivered", 2)
        office.wait_records("start", 2)
        text = "\n".join(office.records("delivered"))
        assert "seen@x" in text and "unseen@x" not in text


def a_journal_without_a_folder_is_trouble_told_once():
    with Post(journal="keep 3d") as office:
        office.settings = office.settings.replace(office.journal, os.path.join(office.folder, "no", "where"))
        office.start()
        for _ in range(3):
            office.deliver("anna@example.org", told=False)
        office.wait_log('what=journal')
        office.login().quit()
        assert office.log().count("what=journal") == 1


def it_is_quick():
    with Post() as office:
        office.write_conf()
        now = int(time.time() * 1000)
        block = "".join(record(now - i, "session", process=1, session=i + 1, count=3, maildrop=f"/var/mail/user{i}",
                               user=f"user{i}", address="192.0.2.7", tls="TLSv1.3", mech="PLAIN", end="quit")
                        for i in range(5000))
        write_journal(office.journal, *[block] * 100,
                      record(now, "delivered", octets=5, maildrop="/m/a", uidl="u", user="a", message_id="<here@x>"))
        size = sum(os.path.getsize(os.path.join(office.journal, name)) for name in os.listdir(office.journal))
        began = time.monotonic()
        assert len(office.why("here@x")) == 2
        took = time.monotonic() - began
        print(f"# {size / 1e6:.0f} MB, read twice, in {took:.2f} s: {size / 1e6 / took:.0f} MB/s")
        assert took < 60


run(a_mail_that_was_fetched_and_deleted, a_mail_that_was_cut_off_and_is_still_there,
    a_fetch_over_tls_and_a_client_that_sends_all_at_once, a_mail_that_only_looks_were_cast_at,
    refused_mail_says_why, a_text_that_broke_off_is_told, a_delivery_by_the_program,
    expiry_by_age_and_by_fetching, a_failed_deletion_is_told,
    what_strangers_write_does_no_harm, a_message_id_like_a_user_does_not_hide_the_user,
    json_is_one_object_for_each_record, a_server_that_was_killed_leaves_what_had_happened, who_asks_in_vain_is_told_why,
    times_bound_what_is_told, junk_in_the_files_is_passed_over, only_busy_sessions_and_a_reload,
    a_journal_without_a_folder_is_trouble_told_once, it_is_quick)
