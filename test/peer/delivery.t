#!/usr/bin/env python3
"""The settings, aliases and addresses of doc/block/delivery.md: what the page says is what happens."""
import os
import re
import smtplib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "doc", "block", "delivery.md")
USERS = ("anna", "Bob", "office@example.net")
TEXT = b"From: s@x\r\nSubject: hello\r\n\r\nbody\r\n"


def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def block(name):
    return re.search(rf"^```{name}\n(.*?)^```$", page(), re.M | re.S)[1]


def addresses():
    """Address -> the users who get its mail."""
    found = {}
    for address, users in re.findall(r"^\| `([^`]+)` \| ([^|`]+) \|$", page(), re.M):
        found[address] = [] if users == "nobody" else sorted(users.split(", "))
    return found


class Page(Office):
    def __init__(self):
        super().__init__()
        self.socket = os.path.join(self.folder, "lmtp")
        aliases = os.path.join(self.folder, "aliases")
        with open(aliases, "w", encoding="utf-8") as file:
            file.write(block("aliases"))
        self.settings = block("conf").replace("/run/postfach/lmtp", self.socket)
        self.settings = self.settings.replace("/etc/postfach/aliases", aliases)
        assert self.folder in self.settings
        for user in USERS:
            self.add_user(user, "secret", f"maildrop={self.maildir(user)}")

    def __enter__(self):
        return self.start()

    def delivered(self):
        return sorted(user for user in USERS for _ in self.files(user))


def answer(socket, address):
    client = smtplib.LMTP(socket, timeout=60)
    client.ehlo("here")
    assert client.mail("s@x")[0] == 250
    code = client.rcpt(address)
    if code[0] == 250:
        assert client.data(TEXT)[0] == 250
    client.quit()
    return code


def addresses_lead_where_the_page_says():
    expected = addresses()
    assert len(expected) >= 10 and [] in expected.values()
    with Page() as office:
        for address, users in expected.items():
            code, text = answer(office.socket, address)
            assert office.delivered() == users, (address, office.delivered())
            assert (code, text[:5]) == ((250, b"2.1.5") if users else (550, b"5.1.1")), (address, code, text)
            for user in USERS:
                for name in office.files(user):
                    path = os.path.join(office.maildir(user), "new", name)
                    with open(path, "rb") as file:
                        assert f"\nDelivered-To: {address}\n".encode() in file.read()
                    os.unlink(path)


def a_circle_is_refused_as_the_page_says():
    with Page() as office:
        client = smtplib.LMTP(office.socket, timeout=60)
        client.ehlo("here")
        client.mail("s@x")
        client.rcpt("anna@example.org")
        code, text = client.data(b"Delivered-To: anna@example.org\r\n" + TEXT)
        assert f"`{code} {text[:5].decode()}`" in re.search(r"goes in a circle.*?\.\n\n", page(), re.S)[0], (code, text)
        client.quit()


def the_socket_is_for_its_group():
    with Page() as office:
        assert os.stat(office.socket).st_mode & 0o777 == 0o660


def what_is_too_large_is_refused_as_the_table_says():
    with Page() as office:
        client = smtplib.LMTP(office.socket, timeout=60)
        client.ehlo("here")
        code, text = client.docmd("MAIL FROM:<s@x> SIZE=60000000")
        assert (code, text[:5]) == (552, b"5.3.4"), (code, text)
        client.quit()


run(addresses_lead_where_the_page_says, a_circle_is_refused_as_the_page_says, the_socket_is_for_its_group,
    what_is_too_large_is_refused_as_the_table_says)
