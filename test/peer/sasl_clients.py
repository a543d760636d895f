"""Other people's clients, each told to log in by one mechanism: True when it got in.

Every function takes (office, row): the user, his password, the mechanism, and how TLS begins."""
import base64
import collections
import os
import pty
import subprocess
import tempfile

from office import PATIENCE
from pop_wire import Tcp, context

Row = collections.namedtuple("Row", "client mechanism tls good user password", defaults=(True, "", ""))


def port_of(office, row):
    return office.pop3s if row.tls == "tls" else office.pop3


def room_of(office):
    return tempfile.mkdtemp(dir=office.folder)


def run_client(words, room, **more):
    env = dict(os.environ, HOME=room, LC_ALL="C.UTF-8", **more)
    return subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE, env=env, stdin=subprocess.DEVNULL)


def curl(office, row):
    words = ["curl", "-sS", "--max-time", str(PATIENCE), "--cacert", office.certificates.ca, "-u",
             f"{row.user}:{row.password}", "--login-options", f"AUTH={'+' * (row.mechanism == 'APOP')}{row.mechanism}"]
    if row.tls == "stls":
        words.append("--ssl-reqd")
    scheme = "pop3s" if row.tls == "tls" else "pop3"
    done = run_client([*words, f"{scheme}://localhost:{port_of(office, row)}/"], office.folder)
    return done.returncode == 0


def mpop(office, row, *lines):
    room = room_of(office)
    rc = os.path.join(room, "mpoprc")
    tls = ["tls off"] if row.tls == "none" else ["tls on", f"tls_trust_file {office.certificates.ca}",
                                                 f"tls_starttls {'on' if row.tls == 'stls' else 'off'}"]
    text = ["account a", "host localhost", f"port {port_of(office, row)}", f"user {row.user}",
            f"password {row.password}", f"auth {row.mechanism.lower()}", *tls, "delivery mbox /dev/null", "keep on",
            f"uidls_file {room}/uidls", *lines, "account default : a"]
    with open(rc, "w", encoding="ascii") as file:
        file.write("\n".join(text) + "\n")
    os.chmod(rc, 0o600)
    done = run_client(["mpop", "-C", rc, "--auth-only", "a"], room)
    return done.returncode == 0


def fetchmail(office, row):
    room = room_of(office)
    rc = os.path.join(room, "rc")
    how = {"APOP": "proto APOP", "USER": "proto POP3 auth password"}.get(
        row.mechanism, f"proto POP3 auth {row.mechanism.lower()}")
    tls = {"tls": "ssl", "stls": 'sslproto "TLS1.2+"', "none": "sslproto ''"}[row.tls]
    with open(rc, "w", encoding="ascii") as file:
        file.write(f'poll localhost {how} port {port_of(office, row)} user "{row.user}" password "{row.password}" '
                   f'mda "cat >/dev/null" keep {tls} sslcertfile "{office.certificates.ca}" sslcertck\n')
    os.chmod(rc, 0o600)
    done = run_client(["fetchmail", "-f", rc, "-v", "--nosyslog", "--idfile", room + "/ids",
                       "--pidfile", room + "/pid"], room, FETCHMAILHOME=room)
    return done.returncode in (0, 1)  # 1: no mail


CLEARTEXT = ("USER", "PLAIN", "LOGIN")

MUTTRC = """set pop_user="{row.user}"
set pop_pass="{row.password}"
set pop_authenticators="{mechanism}"
set certificate_file="{ca}"
set folder="{room}" record="" header_cache="" message_cachedir="" tmpdir="{room}"
set mail_check=0 timeout=1 sleep_time=0 quit=yes delete=no pop_delete=no pop_reconnect=no wait_key=no
push "<quit>"
"""


def mutt(office, row):
    """A program for terminals: it gets one, and a key to end it. The user has one message."""
    room = room_of(office)
    rc = os.path.join(room, "muttrc")
    mechanism = {"USER": "user"}.get(row.mechanism, row.mechanism.lower())
    more = f"set ssl_starttls={'yes' if row.tls == 'stls' else 'no'} ssl_force_tls={'no' if row.tls == 'none' else 'yes'}\n"
    with open(rc, "w", encoding="ascii") as file:
        file.write(more + MUTTRC.format(row=row, mechanism=mechanism, ca=office.certificates.ca, room=room))
    scheme = "pops" if row.tls == "tls" else "pop"
    url = f"{scheme}://{row.user}@localhost:{port_of(office, row)}/"
    said = at_a_terminal(["timeout", str(PATIENCE), "mutt", "-n", "-F", rc, "-f", url], room)
    return b"1 kept, 0 deleted" in said


def at_a_terminal(words, room):
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(words[0], words, dict(os.environ, HOME=room, TERM="vt100", LC_ALL="C.UTF-8"))
    try:
        return drain(terminal)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def drain(terminal):
    said = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # EIO: nobody has the other end any more
            return said
        if not more:
            return said
        said += more


class Gsasl:
    """`gsasl --client` at a pipe: challenges in, responses out."""

    def __init__(self, mechanism, *words, exporter=b"", unique=b"", env=None):
        scram = mechanism.startswith("SCRAM")  # it asks for channel binding, unless it is told a host
        more = [] if scram else ["--service", "pop", "--hostname", "localhost", "--realm", "localhost",
                                "--quality-of-protection=qop-auth"]
        self.process = subprocess.Popen(["gsasl", "--client", "--quiet", "-m", mechanism, *more, *words], env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().strip().decode() == mechanism
        if scram:
            self._write(exporter)
            if not exporter:
                self._write(unique)
        self.first = self._read()

    def _write(self, octets):
        self.process.stdin.write(base64.b64encode(octets) + b"\n")
        self.process.stdin.flush()

    def _read(self):
        """What it asks for stands on the same line, in front."""
        return base64.b64decode(self.process.stdout.readline().rsplit(b":", 1)[-1])

    def respond(self, challenge):
        self._write(challenge)
        if challenge.startswith((b"v=", b"rspauth=")):  # the server's last word; it says nothing to it
            return b""
        return self._read()

    def done(self):
        """Whether it is content with the server, which said +OK."""
        try:
            self._write(b"")
            self.process.stdin.close()
        except BrokenPipeError:  # it had heard enough
            pass
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(PATIENCE) == 0

    def forget(self):
        self.process.kill()
        self.process.communicate()


SERVER_FIRST = ("CRAM-MD5", "DIGEST-MD5", "LOGIN")


def gsasl_on(wire, mechanism, *words, env=None):
    client = Gsasl(mechanism, *words, exporter=wire.exporter, unique=wire.unique, env=env)
    if mechanism in SERVER_FIRST:
        replies = iter([client.first] if client.first else [])
        line = wire.auth(mechanism, lambda challenge: next(replies, None) or client.respond(challenge))
    else:
        line = wire.auth(mechanism, client.respond, client.first)
    if line.startswith(b"+OK"):
        assert client.done(), "the client is not content with the server"
        return True
    client.forget()
    assert line.startswith(b"-ERR"), line
    return False


def gsasl(office, row):
    """The mechanism from gsasl(1), its lines by us."""
    tls = None if row.tls == "none" else context(office)
    with Tcp(port_of(office, row), tls, stls=row.tls == "stls") as wire:
        got_in = gsasl_on(wire, row.mechanism, "-a", row.user, "-p", row.password)
        wire.ask("QUIT")
        return got_in
