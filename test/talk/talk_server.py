"""Maildirs, users and servers for live.py."""
import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# name of a `set` -> block and name in the settings file; those that only the engine's player can set
# are missing. `plaintext-login` and `stls` choose the port.
SETTINGS = {
    "last": ("policy", "last"),
    "expire": ("policy", "expire"),
    "implementation": ("policy", "implementation"),
    "mark-seen": ("mail", "mark-seen"),
    "line-max": ("limits", "line"),
    "sasl-line-max": ("limits", "sasl-line"),
    "bad-before-login": ("limits", "bad-commands-before-login"),
    "bad-after-login": ("limits", "bad-commands"),
    "login-tries": ("limits", "login-tries"),
    "sasl-rounds": ("limits", "sasl-rounds"),
}
SHAPES = {"single": ["--single"], "split": []}
PORTS = ("plain", "open", "tls", "bare")


def port_of(talk):
    """Which of PORTS a talk wants."""
    if talk.tls:
        return "tls"
    if talk.sets.get("stls") == "no":
        return "bare"
    return "open" if talk.sets.get("plaintext-login") == "yes" else "plain"


def settings_of(talk):
    """What the server must be set to, as a sorted tuple, or a reason why it cannot."""
    wanted = []
    for name, value in talk.sets.items():
        if name in SETTINGS:
            wanted.append((SETTINGS[name], "no" if value == "none" else value))
        elif name not in ("stls", "plaintext-login"):
            return "set " + name
    return tuple(sorted(wanted))


def odd_name(talk):
    """Names that a password file cannot hold."""
    return any(re.search(rb"[:/\x00-\x1f]|^[.#]", name) for name, _ in talk.users)


class Maildirs:
    """`template` is the path of a user's Maildir, with %u."""

    def __init__(self, template):
        self.template = template
        self.talks = 0

    def path(self, user):
        return self.template.replace("%u", os.fsdecode(user))

    def build(self, talk):
        """Empty maildrops for all users, the box for each; names in all the ways that are in use."""
        self.talks += 1
        self.names = {}
        for user, _ in talk.users:
            root = self.path(user)
            shutil.rmtree(root, ignore_errors=True)
            for folder in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(root, folder), mode=0o700)
            for index, message in enumerate(talk.box):
                self._deliver(root, index, message)

    def deliver(self, user, message):
        self._deliver(self.path(user), len(self.names), message)

    def _deliver(self, root, index, message):
        base = f"{int(time.time()) - 1000 + index}.M{self.talks}P{os.getpid()}Q{index}.pop.example"
        size, wire = len(message.stored), message.octets
        way = (self.talks + index) % 4
        name = base + ("", f",S={size}", f",S={size},W={wire}", f",W={wire}")[way]
        folder, flags = ("new", "") if (self.talks + index) % 3 else ("cur", ":2,")
        with open(os.path.join(root, folder, name + flags), "wb") as file:
            file.write(message.stored)
        self.names[index + 1] = base

    def find(self, user, number):
        for folder in ("new", "cur"):
            where = os.path.join(self.path(user), folder)
            for name in os.listdir(where):
                if re.split("[,:]", name)[0] == self.names[number]:
                    return os.path.join(where, name)
        return None

    def left(self, user):
        return [n for n in self.names if self.find(user, n)]


class Given:
    """A server that runs already."""

    def __init__(self, host, ports, template, add_user):
        self.host, self.ports, self.add_user = host, ports, add_user
        self.maildirs = Maildirs(template)

    def prepare(self, talk):
        if settings_of(talk):
            return "the server's settings are not ours"
        if port_of(talk) not in self.ports:
            return f"no port {port_of(talk)}"
        for name, secret in talk.users:
            subprocess.run([self.add_user, os.fsdecode(name)], input=secret, check=True)
        return None

    def address(self, talk):
        return (self.host, self.ports[port_of(talk)])

    def stop(self):
        pass


class Own:
    """`postfachd`, in the shape that SHAPE names (single, split), with settings of ours, in a folder of its own; started
    anew when a talk wants other settings or other users."""

    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="talk-")
        self.maildirs = Maildirs(os.path.join(self.folder, "mail", "%u"))
        self.users, self.settings, self.process, self.ports = {}, None, None, {}
        self.log = os.path.join(self.folder, "log")
        self._certificate()

    def _certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=pop.example",
                        "-keyout", self._in("key.pem"), "-out", self._in("cert.pem")],
                       check=True, stderr=subprocess.DEVNULL)

    def _in(self, name):
        return os.path.join(self.folder, name)

    def _write_users(self):
        lines = []
        for name, secret in self.users.items():
            digest = hashlib.sha256(secret + b"salt").digest() + b"salt"
            lines.append(name + b":{SSHA256}" + base64.b64encode(digest) + b"\n")
        with open(self._in("users"), "wb") as file:
            file.write(b"".join(lines))

    def _write_settings(self):
        blocks = {"policy": [], "limits": ["connections-per-address 1000"],
                  "mail": [f'path {self._in("mail")}/%u']}
        for (block, name), value in self.settings:
            blocks[block].append(f"{name} {value}")
        text = [f'hostname pop.example\nport-file {self._in("ports")}',
                "listen 127.0.0.1:0 {\n tls starttls\n}",
                "listen 127.0.0.1:0 {\n tls starttls\n plaintext-login yes\n}",
                "listen 127.0.0.1:0 {\n tls implicit\n}",
                "listen 127.0.0.1:0 {\n tls none\n plaintext-login yes\n}",
                f'tls {{\n certificate {self._in("cert.pem")}\n key {self._in("key.pem")}\n}}',
                f'users {{\n password-file {self._in("users")}\n failure-delay 0s\n failure-delay-max 0s\n}}',
                "times {\n tls-peek 0s\n}"]
        text += ["%s {\n %s\n}" % (name, "\n ".join(lines)) for name, lines in blocks.items() if lines]
        with open(self._in("conf"), "w", encoding="utf-8") as file:
            file.write("\n".join(text) + "\n")

    def _start(self):
        if os.path.exists(self._in("ports")):
            os.unlink(self._in("ports"))
        self._write_users()
        self._write_settings()
        with open(self.log, "ab") as log:
            shape = SHAPES[os.environ.get("SHAPE", "single")]
            self.process = subprocess.Popen([self.program, *shape, "-f", self._in("conf")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 30
        while not os.path.exists(self._in("ports")):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the server does not start: " + self.last_words())
            time.sleep(0.01)
        with open(self._in("ports"), encoding="utf-8") as file:
            self.ports = dict(zip(PORTS, (int(line.split()[2]) for line in file)))

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return " | ".join(file.read().split("\n")[-6:])

    def prepare(self, talk):
        wanted = settings_of(talk)
        if isinstance(wanted, str):
            return wanted
        if odd_name(talk):
            return "a name that no password file can hold"
        fits = all(self.users.get(name, secret) == secret for name, secret in talk.users)
        known = all(name in self.users for name, _ in talk.users)
        if self.process and (wanted != self.settings or not known or not fits):
            self._end()
        if not self.process:
            self.settings = wanted
            self.users = {} if not fits else self.users
            self.users.update(talk.users)
            self._start()
        return None

    def address(self, talk):
        return ("127.0.0.1", self.ports[port_of(talk)])

    def _end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "killed"
        self.process = None
        if status != 0:
            raise RuntimeError(f"the server ended with {status}: {self.last_words()}")

    def stop(self):
        try:
            if self.process:
                self._end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
