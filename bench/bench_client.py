#!/usr/bin/env python3
"""Client: fetching 300 messages over lines of some length, and one large message, beside the fetchers of others.

A proxy on loopback holds everything back for half of a round trip in each direction, so that what is measured is how
often a client waits for the server. All log in with USER and PASS in plain text, fetch all, delete all (but curl), and
write a Maildir (but fetchmail, which gives each to a program, and curl, which writes files). `raw` is a script that
sends every command at once and writes nothing: the least that is possible with this server."""
import asyncio
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

import yard

COUNT, OCTETS, LARGE = 300, 1500, 30_000_000
TRIPS = ((0, 3), (20, 1), (40, 1), (100, 1))  # ms, runs: who waits for a line waits alike each time
PATIENCE = 240
PASSWORD = "secret"
# Some refuse to deliver as root: then all run as somebody else.
OWNER = yard.pwd.getpwnam(yard.NOBODY) if os.geteuid() == 0 else yard.pwd.getpwuid(os.geteuid())


class Proxy(threading.Thread):
    """Each octet arrives half a round trip later than it was sent; connecting costs nothing."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target, self.delay = port, 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.loop = asyncio.new_event_loop()

    def run(self):
        self.loop.run_until_complete(asyncio.start_server(self._serve, sock=self.listener, limit=1 << 22))
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 22)
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader, writer):
        """What waits is on the line, and lines hold what comes in half a round trip."""
        line = asyncio.Queue()
        end = asyncio.ensure_future(self._deliver(line, writer))
        try:
            while data := await reader.read(1 << 18):
                line.put_nowait((self.loop.time() + self.delay, data))
                while line.qsize() > 256:
                    await asyncio.sleep(0.001)
        except ConnectionError:
            pass
        line.put_nowait((self.loop.time() + self.delay, b""))
        await end

    async def _deliver(self, line, writer):
        try:
            while True:
                at, data = await line.get()
                if at > self.loop.time():
                    await asyncio.sleep(at - self.loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


class Client:
    """One fetcher. `arguments` gives the words of its command; its files are in `folder`, its mail in `maildir`."""

    program = None
    deletes = delivers = True
    somebody = os.geteuid() == 0  # runs as somebody else

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.maildir = os.path.join(folder, "Maildir")

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o600)
        os.chown(path, OWNER.pw_uid, OWNER.pw_gid)
        return path

    def new_maildir(self):
        for sub in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(self.maildir, sub))
        for path in (self.maildir, *(os.path.join(self.maildir, sub) for sub in ("tmp", "new", "cur"))):
            os.chown(path, OWNER.pw_uid, OWNER.pw_gid)

    def delivered(self):
        return sum(len(os.listdir(os.path.join(self.maildir, sub))) for sub in ("new", "cur"))

    def run(self):
        """Seconds, processor seconds, KiB at most; None when it failed, which others may."""
        env = dict(os.environ, HOME=self.folder, FETCHMAILHOME=self.folder, XDG_STATE_HOME=self.folder)
        used = os.path.join(self.folder, "used")
        # What a child of ours has at most begins with what we have; time(1) is small.
        words = ["/usr/bin/time", "-q", "-o", used, "-f", "%U %S %M", *self.arguments()]
        who = {"user": OWNER.pw_uid, "group": OWNER.pw_gid, "extra_groups": []} if self.somebody else {}
        began = time.monotonic()
        with open(os.path.join(self.folder, "said"), "wb") as said:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env, cwd=self.folder,
                                     start_new_session=True, **who)
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            finally:  # at Ctrl-C, too, nobody is left behind
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        took = time.monotonic() - began
        if child.returncode:
            with open(os.path.join(self.folder, "said"), encoding="utf-8", errors="replace") as said:
                text = said.read()
            assert not isinstance(self, (Ours, Raw)), (words, child.returncode, text[-2000:])
            print(f"# {self.name} failed ({child.returncode}) after {took:.0f} s: {text[-200:].strip()}", flush=True)
            return None
        with open(used, encoding="ascii") as file:
            user, system, most = map(float, file.read().split())
        return took, user + system, most


class Ours(Client):
    name, program, window = "postfach", os.path.join(yard.BUILD, "src/tool/postfach"), ""

    def arguments(self):
        secret = self.file("secret", PASSWORD + "\n")
        conf = self.file("accounts.conf", f"account a {{ server 127.0.0.1; port {self.port}; tls none; user anna\n"
                         f"password-file {secret}; mechanisms USER; maildir {self.maildir}; keep none; netrc no; ask no\n"
                         f"state {self.folder}/state\n{self.window}\n}}\n")
        return [self.program, "fetch", "-q", "-c", conf, "a"]


class OursStepwise(Ours):
    name, window = "window-1", "window 1"


class Mpop(Client):
    name, program = "mpop", "mpop"

    def arguments(self):
        self.new_maildir()
        conf = self.file("mpoprc", f"account a\nhost 127.0.0.1\nport {self.port}\ntls off\nauth user\nuser anna\n"
                         f"password {PASSWORD}\nkeep off\nuidls_file {self.folder}/uidls\ndelivery maildir {self.maildir}\n")
        return ["mpop", "-q", "-C", conf, "a"]


class Fetchmail(Client):
    name, program, delivers = "fetchmail", "fetchmail", False

    def arguments(self):
        conf = self.file("fetchmailrc", f"poll 127.0.0.1 protocol pop3 port {self.port} user anna password {PASSWORD}\n"
                         "sslproto '' nokeep fetchall mda \"/bin/cat\"\n")
        return ["fetchmail", "-s", "--nosyslog", "-f", conf, "-i", f"{self.folder}/ids", "--pidfile", f"{self.folder}/pid"]


class Getmail(Client):
    name, program = "getmail6", "getmail"

    def arguments(self):
        self.new_maildir()
        conf = self.file("getmailrc", "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\n"
                         f"port = {self.port}\nusername = anna\npassword = {PASSWORD}\n[destination]\ntype = Maildir\n"
                         f"path = {self.maildir}/\n[options]\ndelete = true\nread_all = true\nverbose = 0\n")
        return ["getmail", "--quiet", "--getmaildir", self.folder, "--rcfile", conf]


class Fdm(Client):
    name, program = "fdm", "fdm"

    def arguments(self):
        conf = self.file("fdm.conf", f'set default-user "{OWNER.pw_name}"\nset lock-types fcntl\nset lock-file "{self.folder}/lock"\n'
                         f'account "a" pop3 server "127.0.0.1" port {self.port} user "anna" pass "{PASSWORD}"\n'
                         f'action "m" maildir "{self.maildir}"\nmatch all action "m"\n')
        return ["fdm", "-q", "-f", conf, "fetch"]


class Curl(Client):
    name, program, deletes = "curl", "curl", False

    def arguments(self):
        os.makedirs(self.maildir)
        os.chown(self.maildir, OWNER.pw_uid, OWNER.pw_gid)
        return ["curl", "-s", "-u", f"anna:{PASSWORD}", "-o", f"{self.maildir}/#1",
                f"pop3://127.0.0.1:{self.port}/[1-{self.count}]"]

    def delivered(self):
        return len(os.listdir(self.maildir))


class Raw(Client):
    name, program, delivers = "raw", sys.executable, False
    somebody = False

    def arguments(self):
        return [sys.executable, os.path.abspath(__file__), "--raw", str(self.port), str(self.count)]


CLIENTS = (Raw, Ours, OursStepwise, Mpop, Fetchmail, Getmail, Fdm, Curl)


def raw(port, count):
    """Everything at once; counts the answers that end."""
    line = socket.create_connection(("127.0.0.1", port))
    answers = line.makefile("rb")
    answers.readline()
    for word in (b"USER anna", b"PASS " + PASSWORD.encode()):
        line.sendall(word + b"\r\n")
        assert answers.readline().startswith(b"+OK")
    words = b"".join(b"RETR %d\r\nDELE %d\r\n" % (n, n) for n in range(1, count + 1)) + b"QUIT\r\n"
    threading.Thread(target=line.sendall, args=(words,)).start()
    for _ in range(count):
        assert answers.readline().startswith(b"+OK")
        while answers.readline() != b".\r\n":
            pass
        assert answers.readline().startswith(b"+OK")
    assert answers.readline().startswith(b"+OK")


class Field:
    """The server, the line, and a maildrop that is filled anew for each run."""

    def __init__(self):
        self.office = yard.office.Office(listens=["{ tls none; plaintext-login yes }"])
        self.office.add_user("anna", PASSWORD)
        self.turn = 0

    def __enter__(self):
        os.chmod(self.office.folder, 0o755)
        self.office.start()
        self.proxy = Proxy(self.office.pop3)
        self.proxy.start()
        return self

    def __exit__(self, *error):
        self.office.__exit__(*error)

    def fill(self, mails):
        for name in ("new", "cur"):
            folder = os.path.join(self.office.maildir("anna"), name)
            for old in os.listdir(folder):
                os.unlink(os.path.join(folder, old))
        for mail in mails:
            self.office.put("anna", mail, sizes=True)

    def fetch(self, kind, mails, trip):
        self.turn += 1
        self.fill(mails)
        folder = os.path.join(self.office.folder, f"turn{self.turn}")
        os.makedirs(folder)
        os.chown(folder, OWNER.pw_uid, OWNER.pw_gid)
        self.proxy.delay = trip / 2000
        client = kind(folder, self.proxy.port)
        client.count = len(mails)
        used = client.run()
        if used is None:
            shutil.rmtree(folder)
            return None
        assert not client.delivers or client.delivered() == len(mails), (kind.name, client.delivered())
        assert not client.deletes or not self.office.files("anna"), (kind.name, len(self.office.files("anna")))
        shutil.rmtree(folder)
        return used


def there(kind):
    """With its version, as what is compared must be named; None when it is not installed."""
    if kind in (Raw, Ours, OursStepwise):
        return ""
    if not shutil.which(kind.program):
        return None
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", kind.name], capture_output=True, text=True, check=False)
    return done.stdout or "?"


def measure(field, kinds, mails, trip, runs):
    """Medians of runs in turns."""
    found = {kind: [] for kind in kinds}
    for _ in range(runs):
        for kind in kinds:
            used = field.fetch(kind, mails, trip)
            found[kind] += [used] if used else []
    return {kind: tuple(map(statistics.median, zip(*found[kind]))) for kind in kinds if found[kind]}


def bench():
    if not os.path.exists("/usr/bin/time"):
        print("# time(1) is not installed")
        return
    kinds = []
    for kind in CLIENTS:
        version = there(kind)
        if version is None:
            print(f"# {kind.name}: not installed")
            continue
        kinds.append(kind)
        if version:
            print(f"# {kind.name}: {version}")
    with Field() as field:
        small = [yard.content(OCTETS, seed) for seed in range(COUNT)]
        print(f"# {COUNT} messages of {OCTETS} octets, fetched and deleted; window-1 is postfach with `window 1`, raw the floor")
        print("# round trip (ms) and client, then seconds, round trips for a message, CPU ms, MB at most, times ours")
        for trip, runs in TRIPS:
            found = measure(field, kinds, small, trip, runs)
            for kind, (seconds, cpu, most) in found.items():
                trips = seconds * 1000 / trip / COUNT if trip else 0.0
                yard.row(str(trip), kind.name, seconds, trips, cpu * 1000, most / 1024, seconds / found[Ours][0])
        print(f"# one message of {LARGE} octets, no delay; as above")
        found = measure(field, [kind for kind in kinds if kind is not Raw], [yard.content(LARGE)], 0, 3)
        for kind, (seconds, cpu, most) in found.items():
            yard.row("30m", kind.name, seconds, 0.0, cpu * 1000, most / 1024, seconds / found[Ours][0])


if sys.argv[1:2] == ["--raw"]:
    raw(int(sys.argv[2]), int(sys.argv[3]))
else:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    yard.main(bench)
