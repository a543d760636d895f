#!/usr/bin/env python3
"""`postfach probe`: our own server is all good; Debian's Dovecot is told as it is; a server that does wrong in one
thing is told to be bad in that thing, with the octets that prove it, and nothing of it reaches a terminal."""
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, TOP, Office, run  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)  # old TLS is what is tried

MAILS = [b"Subject: %d\r\n\r\nbody %d\r\n.dot\r\n" % (n, n) for n in range(1, 6)]
CLOSED = ["{ tls starttls }", "{ tls implicit }"]
GERMAN = dict(os.environ, LC_ALL="de_DE.UTF-8")


def probe(*words, status=0, env=None):
    done = subprocess.run([POSTFACH, "probe", *words], capture_output=True, check=False, timeout=2 * PATIENCE, env=env)
    assert done.returncode == status, (words, done.returncode, done.stdout.decode(), done.stderr.decode())
    for text in (done.stdout, done.stderr):
        assert not re.search(rb"[\0-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", text), text
    return done.stdout.decode(), done.stderr.decode()


def findings(*words, status=0):
    """What --json says: the whole, and verdicts by the name of the check (of all doors, the worst)."""
    told = json.loads(probe("--json", *words, status=status)[0])
    worst = {}
    for door in told["doors"]:
        for finding in door["findings"]:
            rank = ("good", "note", "bad").index(finding["verdict"])
            if rank >= worst.get(finding["check"], (-1, None))[0]:
                worst[finding["check"]] = rank, finding
    return told, {name: finding for name, (_, finding) in worst.items()}


def bad(found, verdict="bad"):
    return sorted(name for name, finding in found.items() if finding["verdict"] == verdict)


@contextlib.contextmanager
def office(**more):
    with Office(**more) as made:
        made.add_user("anna", "secret")
        for mail in MAILS:
            made.put("anna", mail.replace(b"\r\n", b"\n"))
        made.password = os.path.join(made.folder, "password")
        with open(made.password, "w", encoding="ascii") as file:
            file.write("secret\n")
        os.chmod(made.password, 0o600)
        yield made


# our own

def our_server_is_all_good():
    with office(listens=CLOSED) as made:
        made.start()
        before = made.files("anna")
        words = "--ca", made.certificates.ca, "--user", "anna", "--password-file", made.password, "--messages", "5"
        for more in ((f"localhost:{made.pop3}",), ("--tls", f"localhost:{made.pop3s}"),
                     (f"pops://anna@localhost:{made.pop3s}",)):
            told, found = findings(*words, *more)
            assert (told["grade"], told["bad"], told["notes"]) == ("A", 0, 0), (bad(found), bad(found, "note"))
            login = told["doors"][1]["login"]
            assert login["done"] and login["mechanism"].startswith("SCRAM-SHA-256") and login["messages"] == 5, login
            assert login["fetched"] == 5 and login["octets"] == sum(map(len, MAILS)), login
            for name in ("sizes", "uid-unique", "stat-list", "list-uidl", "top", "pipelining", "pipelining-mail",
                         "tls-1.0", "tls-1.3", "certificate-name", "single-answers", "long-line", "quit-mail"):
                assert found[name]["verdict"] == "good", found[name]
        assert before == made.files("anna") or len(before) == len(made.files("anna"))
        accepts = told["doors"][0]["tls"]["accepts"]
        assert accepts == {"1.0": False, "1.1": False, "1.2": True, "1.3": True}, accepts
        assert len(told["doors"][0]["tls"]["certificates"][0]["sha256"]) == 64


def people_read_it_in_their_language():
    with office(listens=CLOSED) as made:
        made.start()
        out, _ = probe("--ca", made.certificates.ca, f"localhost:{made.pop3}")
        before, after = out.split("capabilities inside TLS:")
        assert "verdict: nothing bad" in out and "grade A" in out and "TLSv1.3" in out and "ALPN pop3" in out, out
        assert "    STLS\n" in before and "SASL PLAIN" not in before and "  - STLS\n" in after and "  + USER\n" in after
        assert "SCRAM-SHA-256 (hides it, and the server proves itself)" in after and "PLAIN (shows the password)" in after
        out, _ = probe("--ca", made.certificates.ca, f"localhost:{made.pop3}", env=GERMAN)
        assert "Urteil: nichts Schlechtes" in out and "PLAIN (zeigt das Passwort)" in out and "nothing" not in out, out


def a_certificate_that_a_client_refuses_is_bad():
    with office(listens=["{ tls starttls }", "{ tls none; plaintext-login yes }"]) as made:
        made.start()
        out, _ = probe(f"localhost:{made.pop3}", status=1)
        assert "refuses: nobody who is trusted" in out and "hint: " in out and "grade D" in out, out
        _, found = findings("--ca", made.certificates.ca, "--name", "pop.example.org", f"localhost:{made.pop3}", status=1)
        assert bad(found) == ["certificate-name"] and "localhost" in found["certificate-name"]["proof"], found
        _, found = findings(f"127.0.0.1:{made.ports[1]}", status=1)
        assert bad(found) == ["plain-login"] and bad(found, "note") == ["tls-offered"], found
        _, found = findings("--tls", f"localhost:{made.ports[1]}", status=1)
        assert bad(found) == ["tls-handshake"], found
        # A password goes to nobody who is not vouched for, nor without TLS.
        secret = "--user", "anna", "--password-file", made.password
        told, found = findings(*secret, f"localhost:{made.pop3}", status=77)
        assert found["login"]["verdict"] == "bad" and not told["doors"][1]["login"]["done"], found["login"]
        findings(*secret, f"localhost:{made.ports[1]}", status=77)
        assert "user=anna" not in made.log(), made.log()
        findings(*secret, "--plain", f"localhost:{made.ports[1]}", status=1)
        made.wait_log("user=anna")


def who_cannot_be_reached_is_told_by_the_status():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    out, err = probe(f"127.0.0.1:{port}", status=75)
    assert "refused" in err and "verdict" not in out, (out, err)
    told = json.loads(probe("--json", f"127.0.0.1:{port}", status=75)[0])
    assert told["grade"] == "-" and not told["doors"][0]["connected"] and "refused" in told["doors"][0]["error"], told
    _, err = probe("no-such-host.invalid", status=78)
    assert "no-such-host.invalid" in err


def the_manual_names_every_check():
    named, rows = set(), set()
    for name in ("probe_rows.c", "probe_rows_mail.c"):
        with open(os.path.join(TOP, "src/tool", name), encoding="utf-8") as file:
            text = file.read()
        rows |= set(re.findall(r'\.name = "([^"]+)"', text))
        rows |= set(re.findall(r'^ *(?:CAPABILITY|MECHANISM|OLD_TLS|NEW_TLS|EARLY)\("([^"]+)"', text, re.M))
    with open(os.path.join(TOP, "man/postfach-probe.1"), encoding="utf-8") as file:
        page = file.read().split(".Sh CHECKS")[1].split(".Sh JSON")[0]
    for line in page.splitlines():
        if not line.startswith("."):
            named |= set(re.findall(r"[a-z][a-z0-9.-]*[a-z0-9](?=[,;]|$)", line.replace("with a login: ", "").replace(
                "With a login: ", "")))
    assert len(rows) > 50 and not rows - named, rows - named


# Debian's Dovecot

def dovecot_is_told_as_it_is():
    from private_dovecot import Dovecot
    from owner import hand_over
    with office() as made:
        hand_over(made)
        os.chown(made.password, os.geteuid(), -1)
        peer = Dovecot(made)
        pair = os.path.join(made.folder, "server")
        with open(peer.conf, "a", encoding="ascii") as file:
            file.write(f"ssl = yes\nssl_cert = <{pair}.pem\nssl_key = <{pair}.key\n")
        with peer:
            told, found = findings("--ca", made.certificates.ca, "--name", "localhost", "--user", "anna",
                                   "--password-file", made.password, "--messages", "5",
                                   os.path.join(peer.folder, "pop3"), status=1)
        # It asks for passwords before TLS only because its settings here say so.
        assert bad(found) == ["plain-login"], [found[name] for name in bad(found)]
        login = told["doors"][1]["login"]
        assert login["messages"] == 5 and login["fetched"] == 5 and found["sizes"]["verdict"] == "good", login
        assert found["tls-injection"]["verdict"] == "good" and found["pipelining"]["verdict"] == "good", found


def look_at(peer):
    peer.put_all([b"From: a@b\nSubject: %d\n\nbody\n" % n for n in range(3)])
    password = os.path.join(peer.folder, "probe-password")
    with open(password, "w", encoding="ascii") as file:
        file.write(peer.password + "\n")
    os.chmod(password, 0o600)
    words = ["--ca", peer.certificates.ca, "--name", "localhost", "--user", peer.user, "--password-file", password]
    return findings(*words, *([] if peer.stls else ["--plain"]), f"127.0.0.1:{peer.port}", status=1)


def servers_of_others_are_told_as_they_are():
    """What is bad of them, from here, in Debian's packages of them; those that are not there are left out."""
    from peer_server import Unfit
    from private_pop3 import SERVERS
    known = {
        "Dovecot": set(), "Cyrus": set(), "SolidPop3d": set(),
        "Courier": {"tls-injection", "tls-1.0", "tls-1.1"},  # its buffer outlives the handshake
        "Mailutils": {"tls-1.0", "tls-1.1", "single-answers", "sizes"},  # LIST counts LF, and learns better by RETR
        "Popa3d": {"uid-unique"},  # it looks at few lines of a header
    }
    for kind in SERVERS:
        try:
            with kind() as peer:
                told, found = look_at(peer)
        except Unfit as reason:
            print(f"# {kind.__name__} is left out: {reason}", flush=True)
            continue
        assert told["doors"][1]["login"]["done"], told
        # Passwords before TLS: they take us for somebody on their own machine, or know no TLS.
        assert set(bad(found)) == known[kind.__name__] | {"plain-login"}, (kind, bad(found))


# a server that does wrong

class Papers:
    """A CA's certificates, good and bad."""

    def __init__(self, made):
        self.made, self.ca = made, made.certificates

    def _path(self, name):
        return os.path.join(self.ca.folder, name)

    def good(self):
        return self.ca.make("server", "localhost")

    def other_name(self):
        return self.ca.make("other", "elsewhere.example")

    def self_signed(self):
        self.ca._openssl("req", "-x509", *self.ca._ec(), "-days", "5", "-subj", "/CN=localhost", "-addext",
                         "subjectAltName=DNS:localhost", "-keyout", self._path("self.key"), "-out", self._path("self.pem"))
        return self._path("self.pem"), self._path("self.key")

    def expired(self, end="20210101000000Z"):
        with open(self._path("ca.conf"), "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.ca.folder}/index\nnew_certs_dir={self.ca.folder}\n"
                       "rand_serial=yes\ndefault_md=sha256\npolicy=any\ncopy_extensions=copy\nunique_subject=no\n"
                       "[any]\ncommonName=supplied\n")
        open(self._path("index"), "w", encoding="ascii").close()
        self.ca._openssl("req", "-new", *self.ca._ec(), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                         "-keyout", self._path("old.key"), "-out", self._path("old.csr"))
        self.ca._openssl("ca", "-batch", "-notext", "-config", self._path("ca.conf"), "-cert", self.ca.ca, "-keyfile",
                         self.ca.key, "-startdate", "20200101000000Z", "-enddate", end, "-in", self._path("old.csr"),
                         "-out", self._path("old.pem"))
        return self._path("old.pem"), self._path("old.key")

    def ends_soon(self):
        return self.expired(time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 5 * 86400 + 3600)))

    def weak(self):
        """A short key, a signature by SHA-1, and the chain the wrong way round."""
        self.ca._openssl("req", "-new", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=localhost", "-keyout",
                         self._path("weak.key"), "-out", self._path("weak.csr"))
        with open(self._path("weak.ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost\n")
        self.ca._openssl("x509", "-req", "-sha1", "-in", self._path("weak.csr"), "-CA", self.ca.ca, "-CAkey", self.ca.key,
                         "-CAcreateserial", "-days", "30", "-extfile", self._path("weak.ext"), "-out", self._path("weak.pem"))
        other, _ = self.other_name()
        with open(self._path("weak.pem"), "a", encoding="ascii") as file, open(other, encoding="ascii") as more:
            file.write(more.read())
        return self._path("weak.pem"), self._path("weak.key")


class Server:
    """A good POP3 server, but for what a test changes: `answers` by the word of a command, and the switches."""

    capa = [b"TOP", b"UIDL", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE"]
    greeting = b"+OK ready\r\n"
    hole = endless = silent = first_only = implicit = False
    versions = None
    port = 0

    def __init__(self, pair=None, **switches):
        self.answers = {}
        self.__dict__.update(switches)
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.set_ciphers("DEFAULT:@SECLEVEL=0")
            self.context.load_cert_chain(*pair)
            if self.versions:
                self.context.minimum_version = self.context.maximum_version = self.versions
        self.uids = [b"uid%d" % n for n in range(1, len(MAILS) + 1)]
        self.sizes = [len(mail) for mail in MAILS]
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.threads = []

    def __enter__(self):
        self.threads.append(threading.Thread(target=self._accept, daemon=True))
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, plain):
        plain.settimeout(PATIENCE)
        with contextlib.suppress(OSError, ValueError), plain:
            if self.silent:
                plain.recv(1)  # until the client has enough
                return
            if self.implicit:
                plain = self.context.wrap_socket(plain, server_side=True)
            plain.sendall(self.greeting() if callable(self.greeting) else self.greeting)
            while self.endless:
                plain.sendall(b"x" * 4096)
            self._talk(plain)

    def _talk(self, link):
        buffered, secure, state = b"", self.implicit, {}
        while True:
            while b"\n" not in buffered:
                got = link.recv(65536)
                if not got:
                    return
                buffered += got
            line, buffered = buffered.split(b"\n", 1)
            words = line.rstrip(b"\r").split(b" ")
            word = words[0].upper()
            if word == b"STLS" and self.context and not secure:
                link.sendall(self.answers.get(b"STLS", b"+OK begin\r\n"))
                link, secure = self.context.wrap_socket(link, server_side=True), True
                if not self.hole:
                    buffered = b""
                continue
            answer = self.answers.get(line.rstrip(b"\r")) or self.answers.get(word)
            link.sendall(answer if answer is not None else self._answer(word, words[1:], secure, state))
            if self.first_only:
                buffered = b""
            if word == b"QUIT":
                link.close()
                return

    @staticmethod
    def _lines(lines):
        return b"+OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b".\r\n"

    def _answer(self, word, words, secure, state):
        if word == b"CAPA":
            more = [b"USER"] if secure or not self.context else [b"STLS"]
            return self._lines(self.capa + more)
        if word in (b"USER", b"QUIT"):
            return b"+OK\r\n"
        if word == b"PASS":
            state["in"] = True
            return b"+OK\r\n"
        if word == b"NOOP" and state:
            return b"+OK\r\n"
        if not state:
            return b"-ERR no\r\n"
        number = int(words[0]) if words and words[0].isdigit() else 0
        if number > len(MAILS):
            return b"-ERR no such message\r\n"
        return self._transaction(word, number)

    def _transaction(self, word, number):
        if word == b"STAT":
            return b"+OK %d %d\r\n" % (len(MAILS), sum(self.sizes))
        if word in (b"LIST", b"UIDL"):
            values = [b"%d" % size for size in self.sizes] if word == b"LIST" else self.uids
            if number:
                return b"+OK %d %s\r\n" % (number, values[number - 1])
            return self._lines([b"%d %s" % (n, value) for n, value in enumerate(values, 1)])
        if word in (b"RETR", b"TOP"):
            mail = MAILS[number - 1]
            if word == b"TOP":
                mail = mail.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            return b"+OK\r\n" + mail.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        return b"-ERR what?\r\n"


def with_server(made, check, verdict, *words, pair=None, status=None, **switches):
    """One fault, and the finding that it must lead to; returns all."""
    setup = switches.pop("setup", None)
    with Server(pair, **switches) as server:
        if setup:
            setup(server)
        _, found = findings("--timeout", "2", "--ca", made.certificates.ca, *words, f"localhost:{server.port}",
                            status=(1 if verdict == "bad" else 0) if status is None else status)
    assert found[check]["verdict"] == verdict, (check, found.get(check), bad(found))
    return found


def a_good_script_is_good():
    """So that the faults are the reason for what follows."""
    with office() as made:
        found = with_server(made, "tls-injection", "good", pair=Papers(made).good())
        assert not bad(found) and not bad(found, "note"), [found[n] for n in bad(found) + bad(found, "note")]


def a_server_without_capa():
    def old(server):
        server.answers[b"CAPA"] = b"-ERR what?\r\n"

    with office() as made:
        found = with_server(made, "capa", "note", status=1, setup=old)
        assert bad(found) == ["plain-login"] and "USER" in found["plain-login"]["proof"], found
        assert found["quit"]["verdict"] == "good" and "capa-uidl" not in found


def inside():
    """In a network of its own, where the usual ports are free."""
    with office() as made:
        pair = Papers(made).good()
        words = "--ca", made.certificates.ca, "--timeout", "5", "localhost"
        with Server(pair, port=110):
            told, found = findings(*words)
            assert [(d["port"], d["connected"]) for d in told["doors"]] == [(995, False), (110, True)], told
            assert "refused" in told["doors"][0]["error"] and told["grade"] == "A", bad(found, "note")
            with Server(pair, port=995, implicit=True):
                told, found = findings(*words)
                assert [(d["port"], d["implicit_tls"]) for d in told["doors"]] == [(995, True), (110, False)], told
                assert all(door["tls"]["done"] for door in told["doors"]) and told["grade"] == "A", bad(found)
                told, _ = findings("--user", "anna", "--password-file", made.password, *words)
                assert told["doors"][2]["port"] == 995 and told["doors"][2]["login"]["done"], told["doors"][2]
                for more, ports in ((("--starttls",), [110]), (("--tls",), [995]), (("--plain",), [110])):
                    told, _ = findings(*more, *words, status=0)
                    assert [door["port"] for door in told["doors"]] == ports, told


def both_doors_when_none_is_named():
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        print("# left out: no network namespace here")
        return
    done = subprocess.run([*alone, "sh", "-c", 'ip link set lo up && exec "$@"', "-", sys.executable, os.path.abspath(__file__),
                           "inside"], capture_output=True, check=False, timeout=2 * PATIENCE)
    assert done.returncode == 0, (done.stdout.decode(), done.stderr.decode())


def greetings_that_are_none():
    with office() as made:
        for switches in ({"greeting": b"220 mail ESMTP \x1b]0;owned\x07\r\n"}, {"greeting": b"-ERR not today\r\n"},
                         {"silent": True}, {"greeting": b"+OK ", "endless": True}, {"greeting": b"", "endless": True}):
            found = with_server(made, "greeting", "bad", **switches)
            assert list(found) == ["greeting"], found
        assert b"\x1b".decode() not in json.dumps(found)
        found = with_server(made, "greeting", "bad", greeting=b"220 \x1b]0;owned\x07\r\n")
        assert "\\x1B" in found["greeting"]["proof"], found["greeting"]


def apop_is_a_note_and_a_stale_timestamp_bad():
    with office() as made:
        found = with_server(made, "greeting-apop-fresh", "bad", greeting=b"+OK <1.2@host> ready\r\n",
                            pair=Papers(made).good())
        assert found["greeting-apop"]["verdict"] == "note" and "<1.2@host>" in found["greeting-apop"]["proof"]
        count = iter(range(1000))
        found = with_server(made, "greeting-apop-fresh", "good", pair=Papers(made).good(),
                            greeting=lambda: b"+OK <%d.2@host> ready\r\n" % next(count))
        assert not bad(found), found


def the_hole_behind_stls():
    with office() as made:
        pair = Papers(made).good()
        found = with_server(made, "tls-injection", "bad", pair=pair, hole=True)
        assert "CAPA" in found["tls-injection"]["proof"] and bad(found) == ["tls-injection"], found["tls-injection"]

        def answers_at_once(server):
            server.answers[b"STLS"] = b"+OK begin\r\n+OK\r\n"
        found = with_server(made, "tls-stls", "bad", pair=pair, setup=answers_at_once)

        def strips(server):
            server.answers[b"STLS"] = b"-ERR\r\n"
            server.context = None
            server.capa = [*Server.capa, b"STLS"]
        assert "tls-handshake" not in with_server(made, "tls-stls", "bad", pair=pair, setup=strips)


def certificates_that_are_bad_in_one_way():
    with office() as made:
        papers = Papers(made)
        for make, checks in ((papers.expired, ["certificate-time"]), (papers.other_name, ["certificate-name"]),
                             (papers.self_signed, ["certificate-trusted"]),
                             (papers.weak, ["certificate-key", "certificate-signature"])):
            found = with_server(made, checks[0], "bad", pair=make())
            assert bad(found) == checks, (make, [found[name] for name in bad(found)])
            assert all(found[name]["proof"] for name in checks)
        assert found["certificate-order"]["verdict"] == "note", found["certificate-order"]
        found = with_server(made, "certificate-time", "note", pair=papers.ends_soon())
        assert not bad(found)


def old_tls_alone_is_bad():
    with office() as made:
        pair = Papers(made).good()
        found = with_server(made, "tls-1.0", "bad", pair=pair, versions=ssl.TLSVersion.TLSv1)
        assert {"tls-1.0", "tls-1.2", "tls-1.3"} <= set(bad(found)) and found["tls-1.1"]["verdict"] == "good", found
        assert found["tls-cipher"]["verdict"] == "note", found["tls-cipher"]
        found = with_server(made, "tls-1.3", "note", pair=pair, versions=ssl.TLSVersion.TLSv1_2)
        assert not bad(found)


def pipelining_that_is_a_lie():
    with office() as made:
        pair = Papers(made).good()
        found = with_server(made, "pipelining", "bad", pair=pair, first_only=True)
        assert "hang" in found["pipelining"]["hint"], found["pipelining"]
        found = with_server(made, "pipelining", "note", pair=pair, status=1, first_only=True, capa=[b"TOP", b"UIDL"])
        assert found["capa-pipelining"]["verdict"] == "note", found


def manners_before_the_login():
    faults = [(b"XPOSTFACH", b"+OK\r\n", "unknown-command"), (b"STAT", b"+OK 0 0\r\n", "early-stat"),
              (b"RETR 1", b"+OK\r\nsecret\r\n.\r\n", "early-retr"), (b"", b"+OK\r\n", "empty-line"),
              (b"X" * 4096, b"-ERR\r\n-ERR\r\n", "long-line"), (b"qUiT", b"-ERR\r\n", "letter-case")]
    with office() as made:
        pair = Papers(made).good()
        for line, answer, check in faults:
            found = with_server(made, check, "bad", pair=pair,
                                setup=lambda server, line=line, answer=answer: server.answers.update({line: answer}))
            assert check in bad(found) and (found[check]["proof"] or check == "x"), found[check]
        found = with_server(made, "early-noop", "note", pair=pair,
                            setup=lambda server: server.answers.update({b"NOOP": b"+OK\r\n"}))
        assert not bad(found)
        found = with_server(made, "form", "note", pair=pair, greeting=b"+OK hello\n")
        assert found["form"]["proof"] == "bare-LF", found["form"]


def maildrops_that_contradict_themselves():
    def twice(server):
        server.uids[3] = server.uids[1]

    def empty_uid(server):
        server.uids[2] = b"x" * 71

    def wrong_size(server):
        server.sizes[0] += 1

    def wrong_stat(server):
        server.answers[b"STAT"] = b"+OK 6 100\r\n"

    def stray(server):
        server.answers[b"UIDL"] = b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n4 d\r\n9 e\r\n.\r\n"

    def fat_top(server):
        for n in range(1, len(MAILS) + 1):
            server.answers[b"TOP %d 0" % n] = b"+OK\r\nSubject: x\r\n\r\nbody\r\n.\r\n"

    def generous(server):
        server.answers[b"RETR 6"] = b"+OK\r\n\r\n.\r\n"

    def other_size(server):
        server.answers[b"LIST 1"] = b"+OK 1 1\r\n"

    with office() as made:
        pair = Papers(made).good()
        login = "--user", "anna", "--password-file", made.password, "--messages", "5"
        assert not bad(with_server(made, "sizes", "good", *login, pair=pair))
        for setup, check in ((twice, "uid-unique"), (empty_uid, "uid-form"), (wrong_size, "sizes"), (wrong_stat, "stat-list"),
                             (stray, "list-uidl"), (fat_top, "top"), (generous, "no-such-message"),
                             (other_size, "single-answers")):
            found = with_server(made, check, "bad", *login, pair=pair, setup=setup)
            assert found[check]["proof"], found[check]
        for answer, word in ((b"+OK 3\n", "bare-LF"), (b"+OK [SYS/TEMP  3\r\n", "response-code")):
            found = with_server(made, "form-mail", "note", *login, pair=pair,
                                setup=lambda server, answer=answer: server.answers.update({b"LAST": answer}))
            assert word in found["form-mail"]["proof"].split() and not bad(found), found["form-mail"]


if sys.argv[1:] == ["inside"]:
    run(inside)
run(our_server_is_all_good, the_manual_names_every_check, people_read_it_in_their_language, a_certificate_that_a_client_refuses_is_bad,
    who_cannot_be_reached_is_told_by_the_status, a_server_without_capa, dovecot_is_told_as_it_is,
    servers_of_others_are_told_as_they_are, a_good_script_is_good, both_doors_when_none_is_named, greetings_that_are_none,
    apop_is_a_note_and_a_stale_timestamp_bad, the_hole_behind_stls, certificates_that_are_bad_in_one_way,
    old_tls_alone_is_bad, pipelining_that_is_a_lie, manners_before_the_login, maildrops_that_contradict_themselves)
