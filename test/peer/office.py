"""A post office for tests: CA, users, Maildirs, settings and a server, in a folder that goes away.

    with Office(settings="...") as office:
        office.add_user("anna", "secret")      # before or after the start
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        office.pop3, office.pop3s              # ports
Ends with a check that the server ended by itself, with status 0 (the sanitizers speak through it), and left no process.
The environment says in which shape it stands: SHAPE=single (one process) or split (as many as there are roles).
Tests are functions given to `run`, which speaks TAP.
"""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build-check"))
POSTFACHD = os.path.join(BUILD, "src/role/postfachd")
SHAPE = os.environ.get("SHAPE", "single")
POSTFACH = os.path.join(BUILD, "src/tool/postfach")
PATIENCE = 60  # seconds until a test that waits is wrong; a loaded machine is slow, not broken


def wait_until(what, condition):
    """Polls a condition of the outside world; fails loudly when it never comes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)  # between two looks, not instead of one
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


def wire(message):
    """The octets RETR sends for a stored message, without stuffing: an oracle of its own."""
    out = bytearray()
    previous = None
    for octet in message:
        if octet == 10 and previous != 13:
            out.append(13)
        out.append(octet)
        previous = octet
    if out and out[-1] != 10:
        out += b"\r\n"
    return bytes(out)


def children_of(pid):
    """The numbers of its children."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except FileNotFoundError:
        return []  # it has ended
    return found


def command(pid):
    """The name of the program that runs as that process; "" when there is none, or it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0].decode())
    except OSError:
        return ""


class Certificates:
    """A throw-away CA and certificates signed by it."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "ca.key")
        self._openssl("req", "-x509", *self._ec(), "-days", "30", "-subj", "/CN=Postfach test CA",
                      "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.ca)

    @staticmethod
    def _ec():
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def make(self, name, *dns):
        """Files (certificate, key) for these names; making one again replaces it."""
        base = os.path.join(self.folder, name)
        names = ",".join(f"DNS:{d}" for d in dns) + ",IP:127.0.0.1"
        with open(base + ".ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        self._openssl("req", "-new", *self._ec(), "-subj", f"/CN={dns[0]}", "-keyout", base + ".key.new",
                      "-out", base + ".csr")
        self._openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca, "-CAkey", self.key,
                      "-CAcreateserial", "-days", "30", "-extfile", base + ".ext", "-out", base + ".pem.new")
        os.replace(base + ".key.new", base + ".key")
        os.replace(base + ".pem.new", base + ".pem")
        return base + ".pem", base + ".key"


class Office:
    def __init__(self, settings="", listens=None, store="mail { path %s/mail/%%n }", tls="", wrapper=(),
                 shape=SHAPE, gates=2):
        self.folder = tempfile.mkdtemp(prefix="postfach-test.")
        atexit.register(shutil.rmtree, self.folder, True)
        self.certificates = Certificates(self.folder)
        self.certificates.make("server", "localhost")
        self.settings = settings
        self.listens = listens or ["{ tls starttls; plaintext-login yes }", "{ tls implicit }"]
        self.store = store
        self.tls = tls
        self.wrapper = list(wrapper)
        self.shape = shape
        self.gates = gates  # in the split shape; each counts its guests for itself
        self.number = 0
        self.process = None
        self.pop3 = self.pop3s = None
        self.users = os.path.join(self.folder, "users")
        self.conf = os.path.join(self.folder, "postfach.conf")
        self.log_file = os.path.join(self.folder, "log")
        open(self.users, "a", encoding="utf-8").close()
        os.chmod(self.users, 0o600)

    # the scene

    def add_user(self, name, password, extra=""):
        """Plain hashes on purpose: no test here is about their cost."""
        with open(self.users, "a", encoding="utf-8") as file:
            file.write(f"{name}:{{PLAIN}}{password}::::::{extra}\n")
        os.makedirs(self.maildir(name), exist_ok=True)
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(self.maildir(name), folder), exist_ok=True)

    def maildir(self, name):
        return os.path.join(self.folder, "mail", name)

    def put(self, user, message, name=None, folder="new", sizes=False):
        """A message as a delivery agent leaves it; returns its path."""
        self.number += 1
        if name is None:
            name = f"{1700000000 + self.number}.M{self.number}P1.test"
        if sizes:
            name += f",S={len(message)},W={len(wire(message))}"
        path = os.path.join(self.maildir(user), "tmp", f"t{self.number}")
        with open(path, "wb") as file:
            file.write(message)
        final = os.path.join(self.maildir(user), folder, name)
        os.rename(path, final)
        return final

    def files(self, user):
        found = []
        for folder in ("new", "cur"):
            found += os.listdir(os.path.join(self.maildir(user), folder))
        return sorted(found)

    def write_conf(self, settings=None):
        if settings is not None:
            self.settings = settings
        ports = os.path.join(self.folder, "ports")
        lines = ["hostname localhost", f"port-file {ports}"]
        lines += [f"listen 127.0.0.1:0 {block}" for block in self.listens]
        pair = os.path.join(self.folder, "server")
        lines.append(f"tls {{ certificate {pair}.pem; key {pair}.key\n{self.tls}\n}}")
        lines.append(f"users {{ password-file {self.users}; weak-schemes yes; failure-delay 0; failure-delay-max 0 }}")
        lines.append(self.store % self.folder)
        lines.append(self.settings)
        if "processes {" not in self.settings:
            lines.append(f"processes {{ gates {self.gates} }}")
        with open(self.conf + ".new", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(self.conf + ".new", self.conf)
        return ports

    # the server

    def start(self):
        ports = self.write_conf()
        if os.path.exists(ports):
            os.unlink(ports)
        with open(self.log_file, "ab") as log:
            shape = ["--single"] if self.shape == "single" else []
            self.process = subprocess.Popen([*self.wrapper, POSTFACHD, *shape, "-f", self.conf], stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_until("the start of the server", lambda: os.path.exists(ports) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        self.ports = []
        with open(ports, encoding="ascii") as file:
            for line in file:
                kind, _, port = line.split()
                self.ports.append(int(port))
                if kind == "pop3" and self.pop3 is None:
                    self.pop3 = int(port)
                if kind == "pop3s" and self.pop3s is None:
                    self.pop3s = int(port)
        return self

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, text, count=1):
        wait_until(f"a log line with {text!r}", lambda: self.log().count(text) >= count)

    def children(self, role=None):
        """(role, number of the process) of those that are there, by what the kernel knows of the keeper."""
        found = []
        for pid in children_of(self.process.pid):
            name = command(pid)
            if name.startswith("postfach-") and role in (None, name[9:]):
                found.append((name[9:], pid))
        return sorted(found)

    def reload(self):
        before = self.log().count("event=reload")
        self.process.send_signal(signal.SIGHUP)
        wait_until("a reload", lambda: self.log().count("event=reload") > before)

    def kill(self):
        """All of it at once."""
        children = [pid for _, pid in self.children()]
        self.process.kill()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None
        self.pop3 = self.pop3s = None

    def stop(self):
        if self.process is None:
            return
        children = [pid for _, pid in self.children()]
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        left = [pid for pid in children if command(pid).startswith("postfach-")]
        assert not left, f"these are left of the server: {left}\n{self.log()[-6000:]}"
        self.process = None
        self.pop3 = self.pop3s = None
        assert status == 0, f"the server ended with {status}:\n{self.log()[-6000:]}"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            elif self.process is not None:
                self.process.kill()
                self.process.wait(PATIENCE)
                sys.stdout.write("".join(f"# {line}\n" for line in self.log().splitlines()[-15:]))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def run(*tests):
    """TAP; each test is a function, its docstring or name is what it says."""
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception:  # a test that fails in any way has failed
            failed += 1
            sys.stdout.write("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()))
            print(f"not ok {number} - {test.__name__}", flush=True)
    sys.exit(failed > 0)
