"""Somebody's home folder beside an office, whose mail `postfach fetch` brings there."""
import hashlib
import json
import os
import random
import socket
import subprocess
import threading

from office import POSTFACH, Office


class Home(Office):
    """An office, and somebody's home folder from which its mail is fetched."""

    def __init__(self, users=("anna",), **more):
        super().__init__(settings="policy { expire never }", **more)
        self.home = os.path.join(self.folder, "home")
        self.accounts = os.path.join(self.home, "accounts.conf")
        self.secret = os.path.join(self.home, "secret")
        os.mkdir(self.home, 0o700)
        self.write(self.secret, "geheim\n")
        for user in users:
            self.add_user(user, "geheim")

    @staticmethod
    def write(path, text, mode=0o600):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)

    def account(self, name, user="anna", extra="", place=None):
        place = place or f"maildir {self.place(name)}"
        return (f"account {name} {{ server localhost; port {self.pop3s}; user {user}; tls implicit\n"
                f"ca {self.certificates.ca}; password-file {self.secret}; {place}\n{extra} }}\n")

    def place(self, name):
        return os.path.join(self.home, f"Mail-{name}")

    def configure(self, *accounts):
        self.write(self.accounts, "".join(accounts))

    def fetch(self, *words, status=0, locale="C.UTF-8", file=True):
        """Standard output; the rest is in self.errors."""
        options = ["-c", self.accounts] if file else []
        verb = list(words[:1]) if words[:1] in (("status",), ("adopt",), ("again",), ("import",)) else []
        done = subprocess.run([POSTFACH, "fetch", *verb, *options, *words[len(verb):]], env=self.environment(locale),
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        self.errors = done.stderr
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def environment(self, locale="C.UTF-8"):
        return {**os.environ, "HOME": self.home, "LC_ALL": locale, "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": ""}

    def json(self, *words, **more):
        return [json.loads(line) for line in self.fetch("--json", *words, **more).splitlines()]

    def mails(self, name="work", folder=""):
        """Digest of each message that is there."""
        found = []
        for part in ("new", "cur"):
            base = os.path.join(self.place(name), folder, part)
            for file in sorted(os.listdir(base)) if os.path.isdir(base) else []:
                with open(os.path.join(base, file), "rb") as stream:
                    found.append(hashlib.sha256(stream.read()).hexdigest())
        return sorted(found)

    def fill(self, count, user="anna", seed=1):
        """Messages of all sorts; their digests, as they are to arrive."""
        chance, digests = random.Random(seed), []
        for number in range(count):
            body = "\n".join("." * chance.randrange(3) + "x" * chance.randrange(200)
                             for _ in range(chance.randrange(40)))
            text = f"From: a@example.org\nSubject: number {number} of {seed}\n\n{body}\n".encode()
            self.put(user, text)
            digests.append(hashlib.sha256(text).hexdigest())
        return sorted(digests)

    def ledger(self, name="work"):
        return os.path.join(self.home, ".local/state/postfach", f"{name}.ledger")


class Relay:
    """A port in front of a server, which passes octets on, and no more than `most` towards the client until it is let go."""

    def __init__(self, port, most):
        self.port, self.most = port, most
        self.free = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.here = self.listener.getsockname()[1]
        self.sockets = [self.listener]
        self.threads = [threading.Thread(target=self.serve, daemon=True)]
        self.threads[0].start()

    def serve(self):
        try:
            while True:
                guest, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                self.sockets += [guest, server]
                for way in ((guest, server, None), (server, guest, self.most)):
                    thread = threading.Thread(target=self.pump, args=way, daemon=True)
                    thread.start()
                    self.threads.append(thread)
        except OSError:
            pass  # closed

    def pump(self, source, sink, most):
        try:
            while data := source.recv(8192):
                if most is not None:
                    most -= len(data)
                    if most < 0:
                        self.free.wait(60)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free.set()
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
        for thread in self.threads:
            thread.join(60)
