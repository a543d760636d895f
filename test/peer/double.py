"""A POP3 server that does as it is told: a good one, until a fault (fault.py) says what it does instead.

    with Double(mails, fault) as double:
        double.port; double.left(); double.heard (lines); double.secret_in_clear; double.heal()

The maildrop lives as long as the double; what one session deletes is gone in the next. It bounds all that it does."""
import base64
import contextlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from fault import Fault, Message
from office import PATIENCE, Certificates

USER, SECRET = b"anna", b"Geheim-4711"
CAPA = "TOP,UIDL,RESP-CODES,AUTH-RESP-CODE,PIPELINING,USER,SASL PLAIN"


class Gone(Exception):
    """The session has ended."""


class Papers:
    """Certificates, made once: good, and bad in every way."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postfach-double.")
        self.certificates = Certificates(self.folder)
        self.ca = self.certificates.ca
        self.certificates.make("good", "localhost")
        self._name("other-name", "elsewhere.example")
        self._openssl("req", "-x509", *Certificates._ec(), "-days", "30", "-subj", "/CN=localhost", "-addext",
                      "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self._path("self-signed.key"),
                      "-out", self._path("self-signed.pem"))
        self._expired()

    def _path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def _name(self, name, dns):
        with open(self._path(name + ".ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{dns}\n")
        self._openssl("req", "-new", *Certificates._ec(), "-subj", f"/CN={dns}", "-keyout", self._path(name + ".key"),
                      "-out", self._path(name + ".csr"))
        self._openssl("x509", "-req", "-in", self._path(name + ".csr"), "-CA", self.ca, "-CAkey", self.certificates.key,
                      "-CAcreateserial", "-days", "30", "-extfile", self._path(name + ".ext"),
                      "-out", self._path(name + ".pem"))

    def _expired(self):
        conf = self._path("ca.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {self.folder}/index\nnew_certs_dir = {self.folder}\n"
                       "rand_serial = yes\ndefault_md = sha256\npolicy = any\ncopy_extensions = copy\n"
                       "[any]\ncommonName = supplied\n")
        open(self._path("index"), "w", encoding="ascii").close()
        self._openssl("req", "-new", *Certificates._ec(), "-subj", "/CN=localhost", "-addext",
                      "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self._path("expired.key"),
                      "-out", self._path("expired.csr"))
        self._openssl("ca", "-batch", "-notext", "-config", conf, "-cert", self.ca, "-keyfile", self.certificates.key,
                      "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-in", self._path("expired.csr"),
                      "-out", self._path("expired.pem"))

    def context(self, name):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self._path(name + ".pem"), self._path(name + ".key"))
        return made

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Channel:
    """A connection, line by line; output at a walking pace when told so."""

    def __init__(self, plain):
        self.socket, self.data, self.pause, self.tls = plain, b"", 0, False
        self.held, self.holds = b"", False
        plain.settimeout(PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def line(self):
        while b"\n" not in self.data:
            self.data += self._receive()
        line, self.data = self.data.split(b"\n", 1)
        return line.rstrip(b"\r")

    def _receive(self):
        try:
            got = self.socket.recv(65536)
        except (OSError, ValueError) as trouble:
            raise Gone from trouble
        if not got:
            raise Gone
        return got

    def send(self, octets):
        octets, self.held = self.held + octets, b""
        if self.holds:
            self.held, self.holds = octets, False
            return
        try:
            if not self.pause:
                self.socket.sendall(octets)
            for at in range(len(octets) if self.pause else 0):
                self.socket.sendall(octets[at:at + 1])
                time.sleep(self.pause)
        except (OSError, ValueError) as trouble:
            raise Gone from trouble

    def until_gone(self):
        while True:
            self._receive()

    def start_tls(self, context):
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except (OSError, ValueError) as trouble:
            raise Gone from trouble
        self.tls = True

    def close(self, reset=False):
        with contextlib.suppress(OSError):
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.socket.close()


class Session:
    def __init__(self, double, plain, fault):
        self.double, self.fault, self.channel = double, fault, Channel(plain)
        self.user, self.inside, self.quits, self.marked = None, False, False, set()
        self.rows = []  # [number, uid]

    # what a good server says

    def run(self):
        try:
            if self.fault.tls:
                self.channel.start_tls(self.double.papers.context(self.fault.sets["certificate"]))
            if not self.play(None, b""):
                self.say("+OK double ready")
            while not self.quits:
                self.hear(self.channel.line())
                self.forget_the_rest()
        except Gone:
            pass
        finally:
            self.channel.close()

    def hear(self, line):
        double = self.double
        double.heard.append(line)
        if SECRET in line or base64.b64encode(b"\0" + USER + b"\0" + SECRET) in line:
            double.secret_in_clear |= not self.channel.tls
        word = line.split(b" ")[0].upper()
        if not self.play(line, word):
            self.answer(line)

    def forget_the_rest(self):
        broken = self.fault.sets.get("pipelining")
        if broken and self.inside and self.channel.data:
            if broken == "reset":
                self.channel.close(True)
                raise Gone
            self.channel.data = b""

    def say(self, *lines):
        self.channel.send("".join(f"{line}\r\n" for line in lines).encode())

    def answer(self, line):
        word, *words = line.decode("latin-1").split(" ")
        do = getattr(self, "do_" + word.lower(), None)
        if do is None:
            return self.say("-ERR what?")
        try:
            return do(*words)
        except (StopIteration, TypeError, ValueError):
            return self.say("-ERR no such message, or not now")

    def do_capa(self):
        able = self.fault.sets.get("capa", CAPA).split(",")
        if self.fault.client == "starttls" and not self.channel.tls:
            able.append("STLS")
        self.say("+OK", *filter(None, able), ".")

    def do_stls(self):
        self.say("+OK go on")
        self.channel.start_tls(self.double.papers.context(self.fault.sets["certificate"]))

    def do_user(self, name):
        self.user = name.encode("latin-1")
        self.say("+OK")

    def do_pass(self, *words):
        self.login(self.user == USER and " ".join(words).encode("latin-1") == SECRET)

    def do_auth(self, mechanism="", initial=None):
        if mechanism.upper() != "PLAIN":
            return self.say("-ERR")
        if initial is None:
            self.say("+ ")
            initial = self.channel.line().decode("latin-1")
        good = base64.b64encode(b"\0" + USER + b"\0" + SECRET).decode()
        return self.login(initial == good)

    def login(self, good):
        if self.play("@login", b""):
            return
        if not good:
            self.say("-ERR [AUTH] no")
            return
        uids = list(self.double.drop)
        if self.fault.sets["uids"] == "fresh":
            uids = [f"{len(self.double.heard)}-{uid}" for uid in uids]
        self.real = dict(zip(uids, self.double.drop))
        self.rows, self.inside = [[number, uid] for number, uid in enumerate(uids, 1)], True
        self.say("+OK come in")

    def mail(self, number):
        uid = next(uid for n, uid in self.rows if n == int(number) and uid not in self.marked)
        return Message(self.double.drop[self.real[uid]])

    def alive(self):
        if not self.inside:
            raise ValueError("no login yet")
        return [(number, uid) for number, uid in self.rows if uid not in self.marked]

    def do_stat(self):
        self.say(f"+OK {len(self.alive())} {sum(self.mail(n).octets for n, _ in self.alive())}")

    def do_list(self, number=None):
        rows = [f"{n} {self.mail(n).octets}" for n, _ in self.alive() if number in (None, str(n))]
        self.listing(rows, number)

    def do_uidl(self, number=None):
        if self.fault.sets["uids"] == "none":
            return self.say("-ERR unknown")
        return self.listing([f"{n} {uid}" for n, uid in self.alive() if number in (None, str(n))], number)

    def listing(self, rows, number):
        if number is None:
            self.say("+OK", *rows, ".")
        else:
            self.say(f"+OK {rows[0]}" if rows else "-ERR no such message")

    def do_retr(self, number):
        self.channel.send(b"+OK\r\n" + self.mail(number).wire + b".\r\n")

    def do_top(self, number, lines):
        self.channel.send(b"+OK\r\n" + self.mail(number).top(int(lines)) + b".\r\n")

    def do_dele(self, number):
        uid = next((uid for n, uid in self.alive() if n == int(number)), None)
        if uid is None:
            return self.say("-ERR no such message")
        self.marked.add(uid)
        if self.fault.sets.get("renumber"):
            for at, row in enumerate([row for row in self.rows if row[1] not in self.marked], 1):
                row[0] = at
        return self.say("+OK")

    def do_noop(self):
        self.say("+OK")

    def do_rset(self):
        self.marked = set()
        self.say("+OK")

    def do_quit(self):
        with self.double.lock:
            for uid in self.marked:
                self.double.drop.pop(self.real[uid], None)
        self.quits = True
        self.say("+OK bye")

    # what a bad one does

    def play(self, line, word):
        rule = next((rule for rule in self.fault.rules if self.fits(rule.seen, line)), None)
        for name, *values in rule.deeds if rule else ():
            getattr(self, "deed_" + name)(line, *values)
        return rule is not None

    @staticmethod
    def fits(seen, line):
        if seen is None or line is None:
            return seen is line
        if isinstance(seen, str) or isinstance(line, str):
            return seen == line
        return seen.fullmatch(line)

    def deed_say(self, _, octets):
        self.channel.send(octets)

    def deed_message(self, _, number):
        self.channel.send(Message(self.double.mails[number - 1]).wire)

    def deed_begin(self, _, number, octets):
        self.channel.send(Message(self.double.mails[number - 1]).wire[:octets])

    def deed_top(self, _, number, lines):
        self.channel.send(Message(self.double.mails[number - 1]).top(lines))

    def deed_answer(self, line):
        self.answer(line)

    def deed_later(self, _):
        self.channel.holds = True

    def deed_wait(self, _, seconds):
        time.sleep(seconds)

    def deed_drip(self, _, seconds):
        self.channel.pause = seconds

    def deed_hang(self, _):
        self.channel.until_gone()

    def deed_starttls(self, _):
        self.channel.start_tls(self.double.papers.context(self.fault.sets["certificate"]))

    def deed_closed(self, _):
        self.channel.close()
        raise Gone

    def deed_reset(self, _):
        self.channel.close(True)
        raise Gone


class Double:
    def __init__(self, papers, fault, mails=None):
        self.papers, self.fault = papers, fault
        self.mails = fault.mails if mails is None else mails
        self.drop = {f"u{number}": mail for number, mail in enumerate(self.mails, 1)}
        self.heard, self.secret_in_clear, self.sessions = [], False, 0
        self.lock, self.threads, self.open = threading.Lock(), [], []

    def left(self):
        """Numbers of the messages that are there."""
        with self.lock:
            return [int(uid[1:]) for uid in self.drop]

    def heal(self):
        """From now on it is a good server."""
        good = Fault("", "healed")
        good.client, good.tls = self.fault.client, self.fault.client == "implicit"
        self.fault = good

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()
        return self

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            fault = self.fault
            if self.sessions > fault.sets["sessions"]:
                self.heal()
                fault = self.fault
            self.open.append(Session(self, plain, fault))
            thread = threading.Thread(target=self.open[-1].run)
            self.threads.append(thread)
            thread.start()

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)
        for session in self.open:
            with contextlib.suppress(OSError):
                session.channel.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a session of the double does not end"
