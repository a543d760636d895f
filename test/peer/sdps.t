#!/usr/bin/env python3
"""SDPS as doc/block/sdps.md has it: one maildrop for all who are at a host, filled by LMTP; each form of the login
name shows what it should."""
import os
import poplib
import re
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run, wait_until  # noqa: E402

DOMAIN = "thor.demon.example"
MAIL = [("anna", 0), ("bert", 1), ("anna", 2), ("bert", 3), ("Anna", 4)]


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "doc", "block", "sdps.md"),
          encoding="utf-8") as page:
    PAGE = page.read()
SETTINGS, ALIASES = re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)


class Host(Office):
    def __init__(self, settings=""):
        super().__init__()
        self.socket = os.path.join(self.folder, "lmtp")
        aliases = os.path.join(self.folder, "aliases")
        with open(aliases, "w", encoding="utf-8") as file:
            file.write(ALIASES)
        self.settings = SETTINGS.replace("/run/postfach/lmtp", self.socket).replace("/etc/postfach/aliases", aliases)
        self.settings += settings
        self.add_user("thor", "hammer")

    def __enter__(self):
        self.start()
        for person, number in MAIL:
            self.deliver(f"{person}@{DOMAIN}", number)
        return self

    def deliver(self, address, number):
        client = smtplib.LMTP(self.socket, timeout=60)
        text = f"To: list@x\r\nDelivered-To: bert@{DOMAIN}x\r\nSubject: mail {number}\r\n\r\n.dot {number}\r\n"
        client.sendmail("s@x", [address], text.encode())
        client.quit()

    def login(self, name, password="hammer"):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(name)
        client.pass_(password)
        return client

    def login_or_none(self, name):
        try:
            return self.login(name)
        except poplib.error_proto as error:
            assert b"[IN-USE]" in error.args[0], error
            return None


def number_of(client, index):
    lines = client.retr(index)[1]
    assert lines[1].startswith(b"Delivered-To: "), lines
    assert lines[-1].startswith(b".dot "), lines
    return int(lines[-1].split()[1])


def numbers(client):
    """Which messages are there; and all that is told about them agrees."""
    count, octets = client.stat()
    sizes = [int(row.split()[1]) for row in client.list()[1]]
    assert (len(sizes), sum(sizes)) == (count, octets), (sizes, count, octets)
    for index in range(1, count + 1):
        assert client.retr(index)[2] == sizes[index - 1]
    return [number_of(client, index) for index in range(1, count + 1)]


def seen_by(office, name):
    client = office.login(name)
    found = numbers(client)
    client.quit()
    return found


def refused(office, name, password="hammer"):
    client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
    client.user(name)
    try:
        client.pass_(password)
    except poplib.error_proto as error:
        client.close()
        return error.args[0]
    raise AssertionError(f"{name} was let in")


def sd_002_three_forms_of_a_name():
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|$", PAGE, re.M)
    assert len(rows) == 8
    with Host() as office:
        for name, persons in rows:
            mine = [number for person, number in MAIL if person.lower() in persons]
            assert seen_by(office, name) == mine, name
        assert b"[AUTH]" in refused(office, "anna@thor", "wrong")
        assert b"[AUTH]" in refused(office, "anna@odin")
        assert b"[AUTH]" in refused(office, "@thor")


def sd_002_deletion_stays_in_its_view():
    with Host() as office:
        client = office.login("thor")
        uidls = client.uidl()[1]
        client.quit()
        client = office.login("anna@thor")
        assert [row.split()[1] for row in client.uidl()[1]] == [uidls[i].split()[1] for i in (0, 2, 4)]
        client.dele(1)
        client.dele(3)
        client.quit()
        assert seen_by(office, "thor") == [1, 2, 3]
        assert seen_by(office, "anna+thor") == [2]
        client = office.login("bert@thor")
        client.dele(1)
        client.close()  # without QUIT nothing goes
        client = wait_until("the end of the lock", lambda: office.login_or_none("bert+thor"))
        client.dele(1)
        client.rset()
        client.quit()
        assert seen_by(office, "thor") == [1, 2, 3]


def the_maildrop_has_one_lock():
    with Host() as office:
        client = office.login("anna@thor")
        assert b"[IN-USE]" in refused(office, "bert@thor")
        assert b"[IN-USE]" in refused(office, "thor")
        client.quit()
        office.login("bert@thor").quit()


def nothing_expires_for_a_view():
    with Host("policy { expire 30 }") as office:
        old = office.put("thor", f"Delivered-To: bert@{DOMAIN}\n\n.dot 9\n".encode())
        os.utime(old, (1000000000, 1000000000))
        client = office.login("anna@thor")
        assert client.capa()["EXPIRE"] == ["NEVER"]
        assert numbers(client) == [0, 2, 4]
        client.quit()
        assert os.path.exists(old)
        client = office.login("thor")
        assert client.capa()["EXPIRE"] == ["30"]
        client.quit()
        assert not os.path.exists(old)


def users_of_that_name_and_folders_come_first():
    with Host() as office:
        office.add_user("dora@thor", "own", f"maildrop={office.maildir('dora@thor')}")
        office.add_user("emil", "hammer")
        office.reload()
        assert seen_by(office, "anna@thor") == [0, 2, 4]
        assert b"[AUTH]" in refused(office, "dora@thor")  # with the password of thor
        office.login("dora@thor", "own").quit()
        office.deliver(f"emil@{DOMAIN}", 7)
        assert seen_by(office, "emil@thor") == [7]
        assert b"[AUTH]" not in refused(office, "emil+thor")  # a folder that emil does not have


def it_is_off_by_default_and_comes_and_goes_with_a_reload():
    with Host() as office:
        with_sdps = office.settings
        without = with_sdps.replace("    sdps yes\n", "")
        assert with_sdps != without
        office.write_conf(without)
        office.reload()
        assert b"[AUTH]" in refused(office, "anna@thor")
        office.write_conf(with_sdps)
        office.reload()
        client = office.login("anna@thor")
        office.write_conf(without)
        office.reload()
        assert numbers(client) == [0, 2, 4]  # who is in stays in, and in his view
        client.quit()
        assert b"[AUTH]" in refused(office, "anna@thor")
        assert seen_by(office, "thor") == [0, 1, 2, 3, 4]


def fetchmail(office, name, protocol, status=0):
    rc, out = (os.path.join(office.folder, file) for file in ("fetchmailrc", "mda"))
    with open(rc, "w", encoding="ascii") as file:
        file.write(f'poll localhost protocol {protocol} port {office.pop3} user "{name}" password "hammer" '
                   f'mda "cat >>{out}" nokeep sslproto "TLS1.2+" sslcertfile "{office.certificates.ca}" sslcertck\n')
    os.chmod(rc, 0o600)
    if os.path.exists(out):
        os.unlink(out)
    env = dict(os.environ, HOME=office.folder, FETCHMAILHOME=office.folder)
    done = subprocess.run(["fetchmail", "-f", rc, "--nosyslog", "--idfile", office.folder + "/ids"],
                          capture_output=True, check=False, timeout=120, env=env)
    assert done.returncode == status, done
    if status:
        return []
    with open(out, "rb") as file:
        return [int(line.split()[1]) for line in file if line.startswith(b".dot")]


def sd_003_fetchmail_takes_what_its_name_shows():
    with Host() as office:
        assert fetchmail(office, "anna+thor", "POP3") == [0, 2, 4]
        assert seen_by(office, "thor") == [1, 3]
        assert fetchmail(office, "anna@thor", "POP3", status=1) == []  # no mail
        assert fetchmail(office, "bert@thor", "POP3") == [1, 3]
        office.deliver(f"carl@{DOMAIN}", 8)
        assert fetchmail(office, "thor", "POP3") == [8]
        assert office.files("thor") == []


run(sd_002_three_forms_of_a_name, sd_002_deletion_stays_in_its_view, the_maildrop_has_one_lock,
    nothing_expires_for_a_view, users_of_that_name_and_folders_come_first,
    it_is_off_by_default_and_comes_and_goes_with_a_reload, sd_003_fetchmail_takes_what_its_name_shows)
