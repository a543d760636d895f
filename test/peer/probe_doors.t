#!/usr/bin/env python3
"""Which door `postfach probe` knocks at, and how: what is found out where nobody says how TLS begins, the way that an
account says, and words that are wrong."""
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, Office, run  # noqa: E402

ENGLISH = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG")}
GERMAN = dict(ENGLISH, LC_ALL="de_DE.UTF-8")


def probe(*words, status=0, env=None):
    done = subprocess.run([POSTFACH, "probe", *words], capture_output=True, text=True, check=False, timeout=2 * PATIENCE,
                          env=env or ENGLISH)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


class Desk(Office):
    def __init__(self, **more):
        super().__init__(listens=["{ tls starttls }", "{ tls implicit }"], **more)
        self.add_user("anna", "secret")
        self.put("anna", b"Subject: x\n\nbody\n")
        self.start()
        self.accounts = os.path.join(self.folder, "accounts.conf")

    def account(self, *lines):
        with open(os.open(self.accounts, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write("account work {\n" + "".join(f" {line}\n" for line in lines) +
                       f" ca {self.certificates.ca}\n password-command echo secret\n}}\n")
        return "-c", self.accounts, "--account", "work"


def tls_is_tried_where_a_server_says_nothing():
    with Desk() as desk:
        words = "--ca", desk.certificates.ca, f"localhost:{desk.pop3s}"
        told = json.loads(probe("--json", *words)[0])
        door = told["doors"][0]
        assert told["grade"] == "A" and door["implicit_tls"] and door["greeting"] and door["tls"]["done"], told
        assert f"port {desk.pop3s}, TLS at once (tried, since it says nothing in plain text): " in probe(*words)[0]
        assert "(versucht, da er im Klartext nichts sagt): " in probe(*words, env=GERMAN)[0]
        plain = probe("--ca", desk.certificates.ca, f"localhost:{desk.pop3}")[0]
        assert f"port {desk.pop3}: " in plain and "tried" not in plain, plain


def who_is_slow_to_greet_is_waited_for():
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(one, wait):
        with one:
            if wait:
                time.sleep(2.5)  # longer than a server that waits for TLS is believed to be silent
            try:
                one.sendall(b"+OK slow\r\n")
                for line in one.makefile("rb"):
                    one.sendall(b"+OK\r\n" if line.startswith(b"QUIT") else b"-ERR\r\n")
                    if line.startswith(b"QUIT"):
                        return
            except OSError:
                pass  # it has hung up

    def serve():
        wait = True  # once
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(one, wait), daemon=True).start()
            wait = False
    threading.Thread(target=serve, daemon=True).start()
    told = json.loads(probe("--json", f"127.0.0.1:{listener.getsockname()[1]}", status=1)[0])
    listener.close()
    door = told["doors"][0]
    assert door["greeting"] == "slow" and not door["implicit_tls"] and door["greeting_ms"] > 2000, door
    assert not door["tls"] or not door["tls"]["done"], door


def an_account_says_the_way():
    with Desk() as desk:
        ways = {("server localhost", f"port {desk.pop3s}", "user anna"): True,
                (f"server pops://localhost:{desk.pop3s}", "user anna"): True,
                (f"server pops://anna@localhost:{desk.pop3s}",): True,
                (f"server pop://anna@localhost:{desk.pop3}",): False,
                ("server localhost", f"port {desk.pop3}", "tls starttls", "user anna"): False}
        for lines, implicit in ways.items():
            told = json.loads(probe("--json", *desk.account(*lines))[0])
            assert told["grade"] == "A" and len(told["doors"]) == 2, (lines, told)
            assert all(door["implicit_tls"] == implicit for door in told["doors"]), (lines, told)
            assert told["doors"][1]["login"]["done"], (lines, told)
        _, err = probe(*desk.account(f"server pops://localhost:{desk.pop3s}", "tls starttls", "user anna"), status=78)
        assert "pops:// begins with TLS" in err, err


def words_that_are_wrong_are_named():
    for words, text in ((("--timeout", "0", "h"), "--timeout takes seconds from 1 to 600, not 0"),
                        (("--timeout=x", "h"), "--timeout takes seconds from 1 to 600, not x"),
                        (("--messages", "17", "h"), "--messages takes a number from 1 to 16, not 17"),
                        (("--user", "", "h"), '--user takes a name, not ""'),
                        (("h", "--user"), "a value belongs behind --user"),
                        (("h", "i"), "too many words: i"),
                        (("localhost:99999",), "no HOST, HOST:PORT or [IPv6]:PORT: localhost:99999"),
                        (("h:0",), "h:0"), (("[::1",), "[::1"),
                        (("--account", "a", "h"), "--account has a server already: h"),
                        (("--nonsense", "h"), "no such option: --nonsense"),
                        (("--plain", "--tls", "h"), "--plain and --tls cannot both be"),
                        (("--tls", "--starttls", "h"), "--tls and --starttls cannot both be"),
                        ((), "which server?")):
        out, err = probe(*words, status=64)
        assert text in err and not out and err.count("\n") <= 2, (words, err)
    out, err = probe("--plain", "--tls", "h", status=64, env=GERMAN)
    assert "--plain und --tls schließen sich aus" in err, err
    for env, word in ((ENGLISH, "usage: postfach probe"), (GERMAN, "Aufruf: postfach probe")):
        assert probe("h", "--help", env=env)[0].startswith(word)


run(tls_is_tried_where_a_server_says_nothing, who_is_slow_to_greet_is_waited_for, an_account_says_the_way,
    words_that_are_wrong_are_named)
