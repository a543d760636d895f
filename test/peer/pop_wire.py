"""POP3 lines for tests of logins: plain, with STLS, with TLS from the start, or through `openssl s_client`, which
alone tells the exporter's value (RFC 9266). SASL's base64 is done here; what is sent is kept for a look at the log."""
import base64
import re
import socket
import ssl
import subprocess
import threading

from office import PATIENCE


def context(office, version=None, certificate=None):
    made = ssl.create_default_context(cafile=office.certificates.ca)
    if version:
        made.minimum_version = made.maximum_version = version
    if certificate:
        made.load_cert_chain(*certificate)
    return made


class Wire:
    """A session, line by line. Whoever derives from it has `read_line` and `send`."""

    exporter = unique = b""

    def __init__(self):
        self.sent = []  # decoded responses

    def ask(self, text):
        self.send(text.encode() + b"\r\n")
        return self.read_line()

    def lines(self):
        got = []
        while (line := self.read_line()) not in (b".\r\n", b""):
            got.append(line.decode().rstrip())
        return got

    def capabilities(self):
        assert self.ask("CAPA").startswith(b"+OK")
        return self.lines()

    def mechanisms(self):
        """What the SASL line tells, or nothing."""
        return next((line.split()[1:] for line in self.capabilities() if line.startswith("SASL ")), [])

    def auth(self, mechanism, respond, initial=None):
        """The last line. `respond` makes a response of each challenge; None cancels."""
        words = ["AUTH", mechanism]
        if initial is not None:
            self.sent.append(initial)
            words.append(base64.b64encode(initial).decode() or "=")
        line = self.ask(" ".join(words))
        while line.startswith(b"+ "):
            response = respond(base64.b64decode(line[2:]))
            if response is not None:
                self.sent.append(response)
            line = self.ask("*" if response is None else base64.b64encode(response).decode())
        return line

    def plain(self, user, password, acts_for=""):
        return self.auth("PLAIN", lambda _: None, f"{acts_for}\0{user}\0{password}".encode())

    def login(self, user, password):
        assert self.ask(f"USER {user}").startswith(b"+OK")
        return self.ask(f"PASS {password}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tcp(Wire):
    def __init__(self, port, tls=None, stls=False):
        super().__init__()
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.tls = tls
        if tls and not stls:
            self._wrap()
        self.file = self.socket.makefile("rb")
        self.greeting = self.read_line()
        if stls:
            assert self.ask("STLS").startswith(b"+OK")
            self._wrap()
            self.file = self.socket.makefile("rb")

    def _wrap(self):
        self.socket = self.tls.wrap_socket(self.socket, server_hostname="localhost")
        if self.socket.version() == "TLSv1.2":
            self.unique = self.socket.get_channel_binding("tls-unique")

    def send(self, octets):
        self.socket.sendall(octets)

    def read_line(self):
        return self.file.readline()

    def close(self):
        self.file.close()
        self.socket.close()


class SClient(Wire):
    def __init__(self, office, *words, port=None):
        super().__init__()
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port or office.pop3s}", "-CAfile", office.certificates.ca,
             "-ign_eof", "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.watch = threading.Timer(PATIENCE, self.process.kill)
        self.watch.start()
        self.greeting = self.read_line()
        assert self.greeting.startswith(b"+OK"), self.greeting

    def send(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def read_line(self):
        """What openssl tells of the connection comes in between, before the greeting."""
        while line := self.process.stdout.readline():
            told = re.match(rb"\s*Keying material: ([0-9A-F]+)", line)
            if told:
                self.exporter = bytes.fromhex(told[1].decode())
            elif hasattr(self, "greeting") or line.startswith(b"+OK"):
                return line
        return b""

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.watch.cancel()
