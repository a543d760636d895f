"""A yard for benches of servers: Postfach, and Dovecot where it is installed, over the same Maildirs.

A bench makes a Yard, fills maildrops, starts it, and has `load` drive one server after the other in turns.
What a server spends is read from /proc before and after a run: processor time of all its processes,
so that what a machine does besides counts for little. Nothing survives the `with` block.
"""
import grp
import os
import pwd
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BENCH_BUILD", os.path.join(HERE, "..", "build-bench")))
os.environ["BUILD"] = BUILD
sys.path.insert(0, os.path.join(HERE, "..", "test", "peer"))
import office  # noqa: E402

LOAD = os.path.join(BUILD, "src/tool/postfach-bench")
try:  # more than most machines' limit, for who may
    resource.setrlimit(resource.RLIMIT_NOFILE, (100000, 100000))
except (ValueError, OSError):
    pass
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))  # for those who are started here
RUNS = int(os.environ.get("BENCH_RUNS", "5"))  # odd: one of them is the median
TICKS = os.sysconf("SC_CLK_TCK")
NOBODY = "nobody"  # whose mail it is when root runs a bench
LIMITS = """limits { connections 40000; connections-per-address 20000; memory-before-login 8g }
times { first-command 10m; login 10m }
"""
DOVECOT = """
protocols = pop3
listen = 127.0.0.1
base_dir = {own}/run
state_dir = {own}/state
log_path = {own}/log
{users}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
auth_cache_size = 16 M
auth_cache_ttl = 1 hour
mail_location = maildir:{folder}/mail/%n:CONTROL={own}/control/%n:INDEX={own}/index/%n
mail_max_userip_connections = 20000
pop3_no_flag_updates = yes
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={own}/home
}}
# One login process that serves many, and sessions' processes that are used again: the fast settings of its
# manual. One, because tickets of one are not known to another.
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = 4000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 10000
  process_min_avail = 4
  process_limit = 400
}}
"""

NOT_ROOT = """default_internal_user = {me}
default_internal_group = {mine}
default_login_user = {me}
service anvil {{
  chroot =
}}
service pop3-login {{
  chroot =
}}
"""


def content(octets, seed=0):
    """A message of about that size as Maildirs hold it: lines of 76 octets with LF, now and then one with a dot."""
    head = (f"Received: from a.example (a.example [192.0.2.{seed % 250}])\n\tby b.example; Mon, 1 Jan 2024 12:00:00 +0000\n"
            f"From: Anna <anna@example.org>\nTo: Bert <bert@example.org>\nSubject: number {seed}\n"
            f"Message-ID: <{seed}.{octets}@example.org>\n\n").encode()
    line = bytes(97 + (seed + i) % 26 for i in range(75)) + b"\n"
    block = line * 19 + b"." + line[1:]
    body = (block * (octets // len(block) + 1))[:max(octets - len(head) - 1, 0)]
    return head + body + b"\n"


class Dovecot:
    name = "dovecot"
    text = DOVECOT

    def __init__(self, folder, owner):
        self.own = os.path.join(folder, self.name.replace(" ", "-"))
        for sub in ("", "run", "state", "control", "index", "home"):
            os.makedirs(os.path.join(self.own, sub), exist_ok=True)
            os.chmod(os.path.join(self.own, sub), 0o755)
            if sub in ("control", "index", "home"):
                os.chown(os.path.join(self.own, sub), *owner)
        self.ports = {tls: self._free_port() for tls in ("plain", "full")}
        self.ports["resumed"] = self.ports["full"]
        me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        users = "" if os.geteuid() == 0 else NOT_ROOT.format(me=me, mine=mine)
        conf = os.path.join(self.own, "conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(self.text.format(own=self.own, folder=folder, users=users, uid=owner[0], gid=owner[1],
                                      pop3=self.ports["plain"], pop3s=self.ports["full"]))
        self.process = subprocess.Popen([*self.room(folder, owner), shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin"),
                                         "-F", "-c", conf], stdin=subprocess.DEVNULL)

    def room(self, _folder, _owner):
        """Words before the command: where it runs."""
        return []

    def roots(self):
        return [self.process.pid]

    def wait(self):
        office.wait_until("the start of dovecot", self._answers)

    @staticmethod
    def _free_port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def _answers(self):
        assert self.process.poll() is None, "dovecot ended"
        try:
            with socket.create_connection(("127.0.0.1", self.ports["plain"])) as s:
                return s.recv(3) == b"+OK"
        except ConnectionRefusedError:
            return False

    def pids(self):
        """The master and its children."""
        found = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = stat(pid)  # None: it ended meanwhile
            if fields and int(fields[1]) == self.process.pid:
                found.append(int(pid))
        return found

    def seconds(self):
        return spent(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait(office.PATIENCE)


class Postfach:
    name = "postfach"

    def __init__(self, yard):
        self.office = yard.office
        self.ports = {"plain": self.office.pop3, "full": self.office.pop3s, "resumed": self.office.pop3s}

    def roots(self):
        return [self.office.process.pid]

    pids = roots

    def seconds(self):
        return spent(self.office.process.pid)

    def stop(self):
        self.office.stop()


class Separated(Postfach):
    """The same settings, users and maildrops, as a keeper and its children."""
    name = "separated"

    def __init__(self, yard):
        self.office = office.Office(settings=yard.office.settings, store=f"mail {{ path {yard.folder}/mail/%%n }} # %s",
                                    shape="split")
        self.office.users = yard.office.users
        os.chmod(self.office.folder, 0o755)
        os.chown(self.office.folder, *yard.owner)
        self.office.start()
        super().__init__(self)

    def pids(self):
        keeper = self.office.process.pid
        return [keeper] + [int(pid) for pid in filter(str.isdigit, os.listdir("/proc"))
                           if (fields := stat(pid)) and int(fields[1]) == keeper]

    def stop(self):
        self.office.__exit__(None, None, None)


def stat(pid):
    """Fields of /proc/PID/stat behind the name: [0] is the state, [1] the parent, [11] and [12] are times."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(pid):
    """That process, its children, and theirs."""
    parents = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        if fields := stat(other):
            parents.setdefault(int(fields[1]), []).append(int(other))
    found = [pid]
    for member in found:
        found += parents.get(member, ())
    return found


def spent(pid):
    """Processor seconds of a family: of who lives to the nanosecond (clock_getcpuclockid(3)), of who has ended and was
    buried by who lives as /proc counts them, in hundredths."""
    total = 0
    for member in family(pid):
        fields = stat(member)
        total += spent_alone(member)
        if fields:
            total += (int(fields[13]) + int(fields[14])) / TICKS
    return total


def spent_alone(pid):
    """Of that process only."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0


class Yard:
    def __init__(self):
        self.root = os.geteuid() == 0
        somebody = pwd.getpwnam(NOBODY) if self.root else pwd.getpwuid(os.geteuid())
        self.owner = (somebody.pw_uid, somebody.pw_gid)
        self.office = office.Office(settings=LIMITS + (f"run-as {NOBODY}\n" if self.root else ""))
        self.folder = self.office.folder
        os.chmod(self.folder, 0o755)
        self.servers = []

    def add_user(self, name, files=(), copies=0, scheme=None):
        """A maildrop with these contents; one content may stand for many messages (hard links).

        Names are as deliveries make them, with times and process numbers that differ: regular ones fall
        into few places of Dovecot's hash table, and a listing of 10000 takes it ten times as long.
        """
        dice = random.Random(name)
        if scheme:
            with open(self.office.users, "a", encoding="utf-8") as file:
                file.write(f"{name}:{scheme}::::::\n")
            os.makedirs(os.path.join(self.office.maildir(name)), exist_ok=True)
            for sub in ("tmp", "new", "cur"):
                os.makedirs(os.path.join(self.office.maildir(name), sub))
        else:
            self.office.add_user(name, "secret")
        cur = os.path.join(self.office.maildir(name), "cur")
        for sub in ("", "tmp", "new", "cur"):
            os.chown(os.path.join(self.office.maildir(name), sub), *self.owner)
        number, octets = 0, 0
        for data in files:
            wire = len(data) + data.count(b"\n")  # `content` has no CR and ends with a line end
            first = None
            for _ in range(max(copies, 1)):
                number += 1
                name = f"{1700000000 + 60 * number}.M{dice.randrange(10**6)}P{dice.randrange(1, 1 << 22)}.bench"
                path = os.path.join(cur, f"{name},S={len(data)},W={wire}:2,")
                octets += wire
                if first:
                    os.link(first, path)
                    continue
                first = path
                with open(path, "wb") as file:
                    file.write(data)
                os.chown(path, *self.owner)
        return number, octets

    def rest(self):
        """Folders that changed within the last two seconds are read again by both servers."""
        time.sleep(2.5)

    def start(self):
        os.chown(self.folder, *self.owner)  # for the file of ports, written when it is nobody already
        os.chown(self.office.users, *self.owner)
        os.chmod(self.office.users, 0o640)
        self.allow_dovecot()
        self.office.start()
        self.servers = [Postfach(self)]
        if shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin") and not os.environ.get("BENCH_ALONE"):
            self.servers.append(Dovecot(self.folder, self.owner))
            self.servers[1].wait()
        return self

    def again(self):
        """The same maildrops, new servers: memory that was used once is not always given back."""
        for server in self.servers:
            server.stop()
        self.start()

    def allow_dovecot(self):
        """Its auth process is a user of its own."""
        try:
            if self.root:
                os.chown(self.office.users, self.owner[0], grp.getgrnam("dovecot").gr_gid)
        except KeyError:
            pass  # it is not installed

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            for server in self.servers[1:]:
                server.stop()
            if kind is None:
                self.office.stop()
                subprocess.run(["rm", "-rf", os.path.join(self.folder, "mail")], check=False)  # quicker than rmtree
        finally:
            self.office.__exit__(kind, value, trace)


def memory(server):
    """KiB of all its processes; what they share is counted once (Pss)."""
    total = 0
    for pid in server.pids():
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended meanwhile
    return total


def descriptors(server):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.pids())


def load(server, tls, *words):
    """One run: what `load` says, and the processor seconds that the server spent."""
    before = server.seconds()
    done = subprocess.run([LOAD, words[0], "--values", "-P", "secret", "-p", str(server.ports[tls]), "-t", tls,
                           *map(str, words[1:])], check=True, stdout=subprocess.PIPE, text=True)
    cpu = server.seconds() - before
    said = dict(pair.split("=") for pair in done.stdout.split())
    return {**{name: float(value) for name, value in said.items()}, "cpu": cpu}


def in_turns(servers, run):
    """run(server) gives a dict of numbers; medians of RUNS runs that take turns, for each server."""
    found = {server.name: [] for server in servers}
    for _ in range(RUNS):
        for server in servers:
            found[server.name].append(run(server))
    return [{name: statistics.median(r[name] for r in found[s.name]) for name in found[s.name][0]} for s in servers]


def row(*columns):
    """The first columns are words; the others numbers of three digits or more."""
    print("  ".join(f"{c:<10}" if isinstance(c, str) else f"{c:>9.0f}" if c >= 100 else f"{c:>9.2f}" for c in columns),
          flush=True)


def busy():
    """Processor seconds since boot: of everybody on this machine, and taken by others outside of it (steal)."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICKS, steal / TICKS


def main(bench):
    """Runs it, then says how much else went on; ends at Ctrl-C and at SIGTERM with everything taken down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began, (before, stolen) = time.monotonic(), busy()
    bench()
    after, steal = busy()
    seconds = (time.monotonic() - began) * os.cpu_count()
    own = sum(os.times()[:4])  # with the servers and loads, which have ended
    print(f"# meanwhile other work took {max(after - before - own, 0) / seconds:.0%} of the processors, "
          f"{(steal - stolen) / seconds:.0%} was stolen")
