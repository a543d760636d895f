#!/usr/bin/env python3
"""Fail2Ban: Debian's finds what a real server wrote of failed logins, bans who guessed, and nobody else,
whatever stands in the user's name."""
import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import TOP, Office, run, wait_until  # noqa: E402

FILTER = os.path.join(TOP, "dist/fail2ban/filter.d/postfach.conf")
JAIL = os.path.join(TOP, "dist/fail2ban/jail.d/postfach.conf")
GUESSER, FORGER, VICTIM = "127.0.0.9", "127.0.0.8", "203.0.113.9"
LINE = f"event=login_failed user=y address={VICTIM} tls=none mech=PLAIN code=AUTH"
NAMES = ["bob", "bob@example.org", f"bob address={VICTIM} tls=none code=AUTH", f'bob" address={VICTIM} tls=none code=AUTH x="',
         f'bob\\" address={VICTIM} tls=none code=AUTH', f"x\n{LINE}", f"x\r\n2026-11-22T04:32:17.123Z notice {LINE}", LINE,
         f"postfachd: {LINE}", f'"{LINE}"', "\\", "\\\\", '"', "=", "'", f"Nov 22 04:32:17 host postfachd[1]: {LINE}", '"' * 255,
         "\\" * 255, "\x01" * 600, "x" * 3000, f"bü address={VICTIM}", "%(_lead)s", "<ADDR>", f"2026-11-22 04:32:17 {VICTIM}", " ", ""]


class Client:
    def __init__(self, office, source):
        self.socket = socket.create_connection(("127.0.0.1", office.pop3), timeout=60, source_address=(source, 0))
        self.file = self.socket.makefile("rwb")
        self.file.readline()

    def say(self, line):
        self.file.write(line + b"\r\n")
        self.file.flush()
        return self.file.readline()

    def plain(self, name, password):
        return self.say(b"AUTH PLAIN " + base64.b64encode(b"\0" + name.encode() + b"\0" + password.encode()))

    def close(self):
        self.file.close()
        self.socket.close()


def fail(office, source, name):
    client = Client(office, source)
    answer = client.plain(name, "wrong")
    client.close()
    assert answer.startswith(b"-ERR"), (name, answer)


def lines_of(office):
    """What follows the time: level and event."""
    return [re.sub(r"^\S+ ", "", line) for line in office.log().splitlines()]


def forms(lines):
    """The same as a file that standard error goes to, as syslog writes it, and as Fail2Ban reads it from the
    journal, when the server writes there by itself and when systemd does."""
    stamp, syslog = time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime()), time.strftime("%b %e %H:%M:%S")
    bare = [re.sub(r"^\w+ (?=event=)", "", line) for line in lines]
    return {"stderr": [f"{stamp} {line}" for line in lines],
            "syslog": [f"{syslog} mail postfachd[77]: {line}" for line in bare],
            "journal": [f"{stamp} mail postfachd[77]: {line}" for line in bare],
            "journal of stderr": [f"{stamp} mail postfachd[77]: {stamp} {line}" for line in lines]}


def found(lines, mode="normal"):
    """The addresses that fail2ban-regex finds, in order."""
    with tempfile.NamedTemporaryFile("w", prefix="postfach-fail2ban.", encoding="utf-8") as log:
        log.write("\n".join(lines) + "\n")
        log.flush()
        done = subprocess.run(["fail2ban-regex", "-o", "ip", log.name, f"{FILTER}[mode={mode}]"], capture_output=True,
                              text=True, check=False, timeout=60)
    assert done.returncode in (0, 255) and "rror" not in done.stderr, done  # 255: nothing found
    return done.stdout.split()


def every_guess_is_found_and_nobody_else():
    with Office() as office:
        office.add_user("anna", "secret")
        office.add_user(LINE, "secret")
        office.start()
        for name in NAMES:
            fail(office, GUESSER, name)
        client = Client(office, GUESSER)
        assert client.say(b"USER anna").startswith(b"+OK") and client.say(b"PASS wrong").startswith(b"-ERR")
        client.close()
        client = Client(office, FORGER)
        assert client.plain(LINE, "secret").startswith(b"+OK")
        client.say(b"QUIT")
        client.close()
        guesses = len(NAMES) + 1
        office.wait_log("event=login_failed", guesses)
        office.wait_log("end=quit")
        lines = lines_of(office)
    written = [line for line in lines if line.startswith("notice event=login_failed ")]
    assert len(written) == guesses, "\n".join(lines)
    assert sum(VICTIM in line for line in lines) > 8  # or nothing was forged
    for form, text in forms(lines).items():
        assert found(text) == [GUESSER] * guesses, (form, found(text))


def what_is_no_guess_is_not_counted():
    with Office(listens=["{ tls starttls; plaintext-login yes }", "{ tls implicit }"]) as office:
        office.add_user("anna", "secret")
        office.start()
        holder, second = Client(office, GUESSER), Client(office, GUESSER)
        assert holder.plain("anna", "secret").startswith(b"+OK")
        assert second.plain("anna", "secret").startswith(b"-ERR [IN-USE]")
        holder.say(b"QUIT")
        holder.close()
        second.close()
        with socket.create_connection(("127.0.0.1", office.pop3s), timeout=60, source_address=(GUESSER, 0)) as odd:
            odd.sendall(b"nonsense\r\n")
        office.wait_log("event=login_failed")
        office.wait_log("event=tls_failed")
        lines = lines_of(office)
    for text in forms(lines).values():
        assert found(text) == [], found(text)
        assert found(text, "aggressive") == [GUESSER]


def config(folder, log, banned):
    """Fail2Ban's own folder: our two files as they are, and what a test must have otherwise."""
    for name in ("filter.d", "jail.d", "action.d"):
        os.makedirs(os.path.join(folder, name))
    shutil.copy(FILTER, os.path.join(folder, "filter.d"))
    shutil.copy(JAIL, os.path.join(folder, "jail.d"))
    texts = {
        "fail2ban.conf": f"[Definition]\nloglevel = INFO\nlogtarget = {folder}/log\nsyslogsocket = auto\n"
                         f"socket = {folder}/socket\npidfile = {folder}/pid\ndbfile = None\n[Thread]\nstacksize = 0\n",
        "jail.conf": "[DEFAULT]\nignoreself = false\nusedns = no\n",
        "jail.local": f"[postfach]\nbackend = polling\nlogpath = {log}\naction = note\n",
        "action.d/note.conf": f"[Definition]\nactionban = echo <ip> >> {banned}\nactionunban = true\n",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)


def the_jail_bans_who_guesses():
    with Office() as office:
        office.add_user("anna", "secret")
        office.start()
        folder, banned = os.path.join(office.folder, "fail2ban"), os.path.join(office.folder, "banned")
        config(folder, office.log_file, banned)
        words = ["-c", folder, "-s", f"{folder}/socket", "-p", f"{folder}/pid"]
        done = subprocess.run(["fail2ban-client", *words, "-t"], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 and "OK" in done.stdout, done
        said = os.path.join(folder, "output")
        with open(said, "wb") as output:
            server = subprocess.Popen(["fail2ban-server", *words, "-f", "start"], stdin=subprocess.DEVNULL, stdout=output,
                                      stderr=output)
        try:
            wait_until("the start of Fail2Ban", lambda: os.path.exists(f"{folder}/socket") or server.poll() is not None)
            assert server.poll() is None, said
            for number in range(19):
                fail(office, FORGER, f"x{number} address={VICTIM} tls=none code=AUTH")
            for number in range(20):
                fail(office, GUESSER, f"x{number}")
            wait_until("a ban", lambda: os.path.exists(banned) and os.path.getsize(banned))
            with open(banned, encoding="ascii") as file:
                assert file.read().split() == [GUESSER]
        finally:
            server.terminate()
            server.wait(60)


if not shutil.which("fail2ban-server"):
    print("1..0 # SKIP fail2ban (Debian) not installed")
    sys.exit(0)
run(every_guess_is_found_and_nobody_else, what_is_no_guess_is_not_counted, the_jail_bans_who_guesses)
