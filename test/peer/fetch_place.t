#!/usr/bin/env python3
"""postfach fetch hands mail to servers: by LMTP to this house's own, by SMTP to Debian's Postfix, octet for octet."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, Office, run, wire  # noqa: E402
from owner import OWNER, hand_over  # noqa: E402
from private_postfix import Postfix, ready_or_skip  # noqa: E402

HEAD = b"From: s@elsewhere.example\nTo: you@example.org\nSubject: %d\nDate: Sun, 22 Nov 2026 06:00:00 +0000\n" \
       b"Message-ID: <%d@elsewhere.example>\n\n"
BODIES = (b"body\n", b"", b".\n..\n...\n.x\nx.\n.\n", b".\n" * 20000, b"From here on\n>From there\n",
          b"".join(b"y" * (n % 700) + b"\n.\n..z\n" for n in range(2000)), "Grüße, 日本語\n".encode(),
          b"no end of the last line", b"\n" * 100)


class House(Office):
    """Anna's mail is fetched, and Ben gets it."""

    def __init__(self):
        super().__init__(listens=["{ tls none; plaintext-login yes }", "{ protocol lmtp }"])
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp; mode 666 }}\n"
        self.add_user("anna", "secret")
        self.add_user("ben", "secret")
        self.sent = {n: HEAD % (n, n) + body for n, body in enumerate(BODIES)}
        for mail in self.sent.values():
            self.put("anna", mail)
        hand_over(self)
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.home)

    def configure(self, place, recipient):
        secret = os.path.join(self.home, "secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write("secret\n")
        os.chmod(secret, 0o600)
        with open(os.path.join(self.home, "accounts"), "w", encoding="ascii") as file:
            file.write(f"account test {{\n server localhost\n port {self.pop3}\n tls none\n user anna\n"
                       f" password-file {secret}\n {place}\n recipient {recipient}\n sender fetcher@elsewhere.example\n"
                       f" keep none\n}}\n")

    def fetch(self, status=0):
        done = subprocess.run([POSTFACH, "fetch", "-c", os.path.join(self.home, "accounts")], capture_output=True,
                              check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL, text=True,
                              env={**os.environ, "HOME": self.home, "XDG_STATE_HOME": self.home, "LC_ALL": "C.UTF-8"})
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def delivered(self):
        """By number, what stands below the lines of trace."""
        found = {}
        for name in self.files("ben"):
            with open(os.path.join(self.maildir("ben"), "new", name), "rb") as file:
                text = file.read()
            mail = wire(text)
            below = mail[mail.index(b"From: s@elsewhere.example\r\n"):]
            number = int(re.search(rb"^Subject: (\d+)\r$", below, re.M).group(1))
            assert number not in found
            assert b"\r\nDelivered-To: " in b"\r\n" + mail[:len(mail) - len(below)]
            found[number] = below
        return found

    def whole(self):
        return {number: wire(mail) for number, mail in self.sent.items()}


def lmtp_to_our_own_server():
    with House() as house:
        house.start()
        house.configure(f"lmtp unix:{house.socket}", "ben@unix.example")
        said = house.fetch()
        assert f"{len(BODIES)} messages fetched" in said, said
        assert house.delivered() == house.whole()
        assert house.files("anna") == [] and house.fetch() and len(house.files("ben")) == len(BODIES)


def lmtp_through_a_port():
    with House() as house:
        house.start()
        house.configure(f"lmtp 127.0.0.1:{house.ports[1]}", "ben@unix.example")
        house.fetch()
        assert house.delivered() == house.whole()


def a_recipient_who_is_unknown_costs_no_mail():
    with House() as house:
        house.start()
        house.configure(f"lmtp unix:{house.socket}", "nobody@unix.example")
        said = house.fetch(status=78)
        assert "5.1.1" in said, said
        assert len(house.files("anna")) == len(BODIES)
        house.configure(f"lmtp unix:{house.socket}", "ben@unix.example")
        house.fetch()
        assert house.delivered() == house.whole() and house.files("anna") == []


def smtp_to_postfix():
    with House() as house:
        house.start()
        with Postfix(house, OWNER.pw_name, house.ports[1]) as postfix:
            house.configure(f"smtp unix:{postfix.folder}/queue/public/smtpd", "ben@unix.example")
            house.fetch()
            assert house.files("anna") == []
            postfix.finish()
        assert house.delivered() == house.whole()


ready_or_skip()
run(lmtp_to_our_own_server, lmtp_through_a_port, a_recipient_who_is_unknown_costs_no_mail, smtp_to_postfix)
