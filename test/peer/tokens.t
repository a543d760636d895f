#!/usr/bin/env python3
"""Tokens, the record of logins and blocked addresses: `postfach` and a live server, with Python's poplib."""
import json
import os
import poplib
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run, wait_until  # noqa: E402


def tool(*words, status=0):
    done = subprocess.run([POSTFACH, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == status, (words, done)
    return done.stdout


def login(office, name, secret, tls=False):
    """A client that is logged in, or the server's refusal."""
    if tls:
        context = ssl.create_default_context(cafile=office.certificates.ca)
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=context)
    else:
        client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
    try:
        client.user(name)
        client.pass_(secret)
        return client
    except poplib.error_proto as refusal:
        client.close()
        return str(refusal)


def refused(answer):
    return isinstance(answer, str) and "[AUTH]" in answer


def office_with(settings):
    office = Office(settings=settings)
    office.settings = settings.replace("@", office.folder)
    office.add_user("anna", "secret")
    office.put("anna", b"Subject: x\n\nbody\n", name="1700000001.M1P1.host")
    return office


def a_token_may_what_it_says():
    with office_with("users { tokens @/tokens }") as office:
        file = os.path.join(office.folder, "tokens")

        def add(*words):
            return tool("user", "token", "add", "--file", file, *words, "anna").strip()

        full, keeps, away = add(), add("--no-delete"), add("--from", "192.0.2.0/24")
        old, near = add("--expires", "2020-01-01"), add("--from", "127.0.0.0/8", "--comment", "from here")
        office.start()
        for token in (full, near):
            login(office, "anna", token).quit()
        for token in (away, old, full[:-1] + "!", keeps.replace(keeps[3:11], full[3:11])):
            assert refused(login(office, "anna", token)), token
        assert refused(login(office, "bert", full))
        client = login(office, "anna", keeps)
        try:
            client.dele(1)
            raise AssertionError("DELE was taken")
        except poplib.error_proto as refusal:
            assert "-ERR" in str(refusal)
        client.quit()
        assert office.files("anna") == ["1700000001.M1P1.host"]
        office.wait_log(f"token={full[3:11]}")
        assert "expired" in office.log() and "from there" in office.log()
        assert full[12:] not in office.log()
        client = login(office, "anna", full)
        client.dele(1)
        client.quit()
        assert office.files("anna") == []


def a_removed_token_is_none():
    with office_with("users { tokens @/tokens }") as office:
        file = os.path.join(office.folder, "tokens")
        token = tool("user", "token", "add", "--file", file, "anna").strip()
        office.start()
        login(office, "anna", token).quit()
        tool("user", "token", "remove", "-c", office.conf, token[3:11])
        wait_until("the end of a token", lambda: refused(closed(login(office, "anna", token))))
        login(office, "anna", "secret").quit()


def closed(answer):
    if not isinstance(answer, str):
        answer.quit()
    return answer


def the_record_says_who_is_not_safe():
    with office_with("users { login-record @/record }") as office:
        office.add_user("bert", "secret")
        record = os.path.join(office.folder, "record")
        office.write_conf()
        tool("users", "insecure", "-c", office.conf, status=78)
        office.start()
        login(office, "bert", "secret", tls=True).quit()
        login(office, "anna", "secret").quit()
        office.stop()
        assert os.stat(record).st_mode & 0o777 == 0o600
        rows = json.loads(tool("users", "insecure", "--json", "-c", office.conf, status=1))
        assert [(row["user"], row["how"], row["from"]) for row in rows] == [("anna", "plaintext", "127.0.0.1")], rows
        office.start()
        login(office, "bert", "secret").quit()
        office.stop()
        rows = json.loads(tool("users", "insecure", "--json", "-c", office.conf, status=1))
        assert sorted(row["user"] for row in rows) == ["anna", "bert"], rows


def who_is_known_at_an_address_gets_in_when_it_is_blocked():
    with office_with("users { failures-per-address 3 }") as office:
        office.add_user("bert", "secret")
        office.start()
        login(office, "anna", "secret").quit()
        for number in range(4):
            assert refused(login(office, f"guess{number}", "wrong"))
        answer = login(office, "bert", "secret")  # nobody said that his password is wrong
        assert "[SYS/TEMP] too many failed logins from your address" in answer, answer
        assert "too many failures from this address" in office.log()
        login(office, "anna", "secret").quit()
        assert refused(login(office, "anna", "wrong"))
        login(office, "anna", "secret").quit()


run(a_token_may_what_it_says, a_removed_token_is_none, the_record_says_who_is_not_safe,
    who_is_known_at_an_address_gets_in_when_it_is_blocked)
