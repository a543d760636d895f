#!/usr/bin/env python3
"""Passwords that Debian's saslauthd judges, in a folder of its own; it asks an IMAP server of ours, which dies."""
import contextlib
import os
import poplib
import smtplib
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, Office, run, wait_until  # noqa: E402

SASLAUTHD = "/usr/sbin/saslauthd"
if not os.path.exists(SASLAUTHD):
    print("1..0 # SKIP sasl2-bin (Debian) not installed")
    sys.exit(0)

USERS = {"anna": "secret", "dora@example.org": 'a "quoted\\ secret', "both": "second"}


class Imap(socketserver.ThreadingTCPServer):
    """The least that saslauthd's rimap asks of one: LOGIN with quoted strings or literals."""
    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def text(self, line):
            """The next argument, and the rest of the line."""
            line = line.lstrip(b" ")
            if line.startswith(b"{"):
                length = int(line[1:line.index(b"}")])
                if b"+}" not in line:
                    self.wfile.write(b"+ go on\r\n")
                return self.rfile.read(length), self.rfile.readline()
            assert line.startswith(b'"'), line
            value, at = b"", 1
            while line[at:at + 1] != b'"':
                at += line[at:at + 1] == b"\\"
                value += line[at:at + 1]
                at += 1
            return value, line[at + 1:]

        def handle(self):
            with contextlib.suppress(ConnectionError):
                self.talk()

        def talk(self):
            self.wfile.write(b"* OK here\r\n")
            for line in self.rfile:
                tag, verb, rest = line.split(b" ", 2) if line.count(b" ") > 1 else (*line.split()[:2], b"")
                if verb.strip().upper() != b"LOGIN":
                    self.wfile.write(tag + b" OK\r\n")
                    continue
                name, rest = self.text(rest)
                secret = self.text(rest)[0].decode()
                self.server.asked.append(name.decode())
                good = USERS.get(name.decode()) == secret
                self.wfile.write(tag + (b" OK in\r\n" if good else b" NO wrong\r\n"))

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


class Saslauthd:
    """Started by hand in a folder of its own: nothing of /etc/default/saslauthd is looked at."""

    def __init__(self, port, *options):
        self.words = [SASLAUTHD, "-d", "-a", "rimap", "-O", f"127.0.0.1/{port}", "-n", "2", *options]
        self.place = tempfile.TemporaryDirectory(prefix="postfach-sasl.")
        self.folder = self.place.name
        self.mux = os.path.join(self.folder, "mux")
        self.process = None
        self.start()

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([*self.words, "-m", self.folder], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        wait_until("saslauthd to listen", self.listens)

    def listens(self):
        assert self.process.poll() is None
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as there:
            there.connect(self.mux)
            return True
        return False

    def signal(self, name):
        # Its processes are a group of their own.
        subprocess.run(["kill", f"-{name}", "--", f"-{self.process.pid}"], check=True)

    def kill(self):
        self.signal("KILL")
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.place.cleanup()


def block(daemon, more="timeout 10s"):
    return f"userdb saslauthd {{ path {daemon.mux}; cache-time 0; {more} }}\n"


def office(*blocks):
    place = Office(settings="".join(blocks), listens=["{ tls none; plaintext-login yes }"])
    for user in ("anna", "dora", "both", "last"):
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(place.maildir(user), folder))
    return place


def says(place, what, name="anna", secret="secret"):
    """Checks what the server says to it; returns the seconds until then."""
    client = poplib.POP3("localhost", place.pop3, timeout=60)
    begin = time.monotonic()
    try:
        client.user(name)
        said = client.pass_(secret)
        client.quit()
    except poplib.error_proto as error:
        said = error.args[0]
        client.close()
    assert said.decode().startswith(what), (said, name, secret, place.log()[-1500:])
    return time.monotonic() - begin


def good_and_wrong_passwords():
    imap = Imap()
    with Saslauthd(imap.server_address[1]) as daemon, office(block(daemon)) as place:
        place.put("anna", b"Subject: x\n\nbody\n")
        place.start()
        says(place, "+OK")
        says(place, "-ERR [AUTH]", "anna", "wrong")
        says(place, "-ERR [AUTH]", "nobody", "secret")
        says(place, "+OK", "dora@example.org", USERS["dora@example.org"])
        says(place, "-ERR [AUTH]", "anna@example.org")  # the domain is not left away
        assert imap.asked[-1] == "anna@example.org"
        asked = len(imap.asked)
        says(place, "-ERR [AUTH]", "anna", "x" * 257)
        says(place, "-ERR [AUTH]", "anna", "")
        assert len(imap.asked) == asked
    imap.end()


def a_realm_is_put_behind_names_that_have_none():
    imap = Imap()
    with Saslauthd(imap.server_address[1], "-r") as daemon, \
            office(block(daemon, "realm example.org")) as place:
        place.start()
        says(place, "+OK", "dora", USERS["dora@example.org"])
        says(place, "+OK", "dora@Example.ORG", USERS["dora@example.org"])
        assert imap.asked == ["dora@example.org"] * 2, imap.asked
    imap.end()


def what_the_daemon_asks_is_down_and_so_is_the_daemon():
    imap = Imap()
    with Saslauthd(imap.server_address[1]) as daemon, office(block(daemon, "timeout 1s")) as place:
        place.start()
        says(place, "+OK")
        imap.end()
        says(place, "-ERR [SYS/TEMP]")
        assert "[ALERT]" in place.log()
        daemon.signal("STOP")
        assert 0.9 < says(place, "-ERR [SYS/TEMP]") < 10
        assert "no answer in time" in place.log()
        daemon.kill()
        says(place, "-ERR [SYS/TEMP]")
        says(place, "-ERR [SYS/TEMP]", "anna", "wrong")
        imap = Imap()
        daemon.words[5] = f"127.0.0.1/{imap.server_address[1]}"
        daemon.start()
        says(place, "+OK")
        says(place, "-ERR [AUTH]", "anna", "wrong")
    imap.end()


def it_is_asked_in_its_turn():
    imap = Imap()
    with Saslauthd(imap.server_address[1]) as daemon, office(block(daemon)) as place:
        other = os.path.join(place.folder, "others")
        with open(other, "w", encoding="ascii") as file:
            file.write("both:{PLAIN}third::::::\nlast:{PLAIN}third::::::\n")
        os.chmod(other, 0o600)
        place.add_user("first", "first")
        place.settings += f"userdb file {{ path {other} }}\n"
        place.start()
        says(place, "+OK", "first", "first")
        assert not imap.asked
        says(place, "+OK", "both", "second")
        says(place, "+OK", "both", "third")  # it knows no users: its NO leaves the name to those behind it
        says(place, "-ERR [AUTH]", "both", "fourth")
        says(place, "+OK", "last", "third")
        daemon.kill()
        says(place, "+OK", "first", "first")
        says(place, "-ERR [SYS/TEMP]", "last", "third")
    imap.end()


def mail_does_not_come_in_for_names_that_nobody_knows():
    imap = Imap()
    with Saslauthd(imap.server_address[1]) as daemon, office(block(daemon)) as place:
        door = os.path.join(place.folder, "lmtp")
        place.settings += f"listen unix:{door} {{ protocol lmtp }}\n"
        place.add_user("first", "first")
        place.start()
        with smtplib.LMTP(door) as client:
            client.ehlo()
            client.mail("s@x")
            assert client.rcpt("first@x")[0] == 250
            assert client.rcpt("anna@x")[0] == 550
        assert not imap.asked
    imap.end()


run(good_and_wrong_passwords, a_realm_is_put_behind_names_that_have_none,
    what_the_daemon_asks_is_down_and_so_is_the_daemon, it_is_asked_in_its_turn,
    mail_does_not_come_in_for_names_that_nobody_knows)
