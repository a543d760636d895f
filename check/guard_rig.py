"""What check/guard.t measures with: a server under callgrind or strace, and fixed sessions with it.

A session goes strictly one step after the other: the client sends, waits until every thread of the server sleeps and has
nothing left to do, and only then reads. So little depends on who is quicker, and what a machine does besides changes no
figure. The first sessions of a kind warm up; of the others the median counts, of instructions the least. How two threads of
one process wait for each other is not counted, for it says who was quicker: futex, sched_yield, and the instructions of libuv,
which spins while another thread is about to wake it.
"""
import collections
import mmap
import os
import re
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "test", name) for name in ("role", "peer")]
import plain  # noqa: E402  (before office: it names the build)
from office import BUILD, PATIENCE, Office, children_of, wait_until, wire  # noqa: E402

WARM, COUNTED = 2, 5  # sessions of a kind
WARM_POST = 6  # a look at users goes to threads of its own, each of which must have been there once
SETTINGS = "limits { disk-threads 1 }"
LISTED, TEN = 1000, 10
# Of a length with which a ticket ends in the middle of a block of SHA-256, whatever the clock and the numbers in it are.
NAME = "guarded-"
tempfile.tempdir = "/tmp"  # it stands in the ticket, too
RIPE = 2.5  # seconds until the folders of a maildrop have not changed for so long that a listing of them is believed
ALLOCATIONS = ("malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc")
# The code that libraries choose by processor is the same on all that have AVX2, which is what valgrind shows of any.
TUNABLES = ("glibc.cpu.x86_data_cache_size=0x8000:glibc.cpu.x86_shared_cache_size=0x100000:"
            "glibc.cpu.x86_non_temporal_threshold=0xc0000:"
            # `rep` instructions count once for each octet, which they do not cost
            "glibc.cpu.x86_rep_movsb_threshold=0x10000000:glibc.cpu.x86_rep_stosb_threshold=0x10000000")


def message(octets, number):
    head = f"From: a@example.org\nTo: b@example.org\nSubject: number {number:06}\n\n".encode()
    line = b"0123456789" * 7 + b"\n"
    return (head + line * (octets // len(line) + 1))[:octets - 1] + b"\n"


class Scene(Office):
    """One server, one gate, and all maildrops that the sessions want."""

    def __init__(self, shape, wrapper):
        listens = ["{ tls none; plaintext-login yes }", "{ tls implicit }", "{ protocol lmtp }"]
        super().__init__(SETTINGS, shape=shape, gates=1, wrapper=wrapper, listens=listens)
        self.fill("empty", 0, 0)
        self.fill("post", 0, 0)
        self.fill("listed", LISTED, 200)
        self.fill("small", TEN, 1000)
        self.fill("large", 1, 100000)
        for number in range(WARM + COUNTED):
            self.fill(f"leaves{number}", 2, 1000)

    def fill(self, user, count, octets):
        user = NAME + user
        self.add_user(user, "secret")
        for number in range(count):
            data = message(octets, number)
            name = f"{1700000000 + number}.M{number:06}P1.test,S={len(data)},W={len(wire(data))}:2,"
            self.put(user, data, name=name, folder="cur")

    def pids(self):
        """{process: role}, as they are known now."""
        if self.shape == "single":
            return {self.process.pid: "single"}
        started = re.findall(r"event=child_started role=(\w+) number=\d+ pid=(\d+)", self.log())
        return {self.process.pid: "keeper", **{int(pid): role for role, pid in started}}

    def rest(self):
        """Until all threads sleep, and nothing has moved between two looks."""
        pids = [self.process.pid, *children_of(self.process.pid)]
        end, before = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            now = [look(pid) for pid in pids]
            if now == before and all(state == "S" for threads in now for state, _ in threads.values()):
                return
            before = now
            time.sleep(0.001)
        raise AssertionError("the server finds no rest")


def look(pid):
    """{thread: (state, how often it has slept)}"""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue  # it has ended
        found[thread] = (re.search(r"^State:\s+(\S)", text, re.M)[1], re.findall(r"ctxt_switches:\s+(\d+)", text))
    return found


class Client:
    """One step after the other."""

    def __init__(self, scene, port, tls=False):
        self.scene = scene
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # a whole answer finds room
        self.socket.connect(("127.0.0.1", port))
        self.buffer, self.tls = b"", None
        if tls:
            self.shake_hands()
        self.hear(b"\n", 1)

    def shake_hands(self):
        context = ssl.create_default_context(cafile=self.scene.certificates.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.coming, self.going, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.socket.sendall(self.going.read())
                self.receive()
        self.socket.sendall(self.going.read())

    def receive(self):
        self.scene.rest()
        octets = self.socket.recv(1 << 20)
        if self.tls:
            self.coming.write(octets)
        return octets

    def decrypted(self):
        octets = b""
        try:
            while more := self.tls.read(1 << 16):
                octets += more
        except ssl.SSLWantReadError:
            pass
        return octets

    def hear(self, end, count):
        """Takes what came until the end has been seen so often."""
        while self.buffer.count(end) < count:
            octets = self.receive()
            assert octets, self.buffer[-200:]
            self.buffer += self.decrypted() if self.tls else octets
        assert self.buffer.endswith(end), self.buffer[-200:]
        said, self.buffer = self.buffer, b""
        assert said.startswith((b"+OK", b"2", b"3")), said[:200]
        return said

    def say(self, line, end=b"\n", count=1):
        if self.tls:
            self.tls.write(line)
            line = self.going.read()
        self.socket.sendall(line)
        return self.hear(end, count)

    def leave(self):
        self.say(b"QUIT\r\n")
        self.scene.rest()
        while self.socket.recv(1 << 16):
            pass  # what TLS says at its end
        self.socket.close()
        self.scene.rest()


def login(scene, user, tls=False):
    client = Client(scene, scene.pop3s if tls else scene.pop3, tls)
    client.say(f"USER {NAME}{user}\r\n".encode())
    client.say(b"PASS secret\r\n")
    client.say(b"STAT\r\n")
    return client


def poll(scene, _):
    login(scene, "empty").leave()


def listing(scene, _):
    client = login(scene, "listed")
    assert client.say(b"LIST\r\n", b"\n.\r\n").count(b"\n") == LISTED + 2
    assert client.say(b"UIDL\r\n", b"\n.\r\n").count(b"\n") == LISTED + 2
    client.leave()


def one_by_one(scene, _):
    client = login(scene, "small")
    for number in range(TEN):
        assert wire(message(1000, number)) in client.say(b"RETR %d\r\n" % (number + 1), b"\n.\r\n")
    client.leave()


def pipelined(scene, _):
    client = login(scene, "small")
    client.say(b"".join(b"RETR %d\r\n" % (number + 1) for number in range(TEN)), b"\n.\r\n", TEN)
    client.leave()


def large(scene, _):
    client = login(scene, "large")
    assert wire(message(100000, 0)) in client.say(b"RETR 1\r\n", b"\n.\r\n")
    client.leave()


def take(scene, number):
    client = login(scene, f"leaves{number}")
    client.say(b"RETR 1\r\n", b"\n.\r\n")
    client.say(b"DELE 1\r\n")
    client.leave()
    assert len(scene.files(f"{NAME}leaves{number}")) == 1


def tls(scene, _):
    login(scene, "empty", tls=True).leave()


def deliver(scene, number):
    client = Client(scene, scene.ports[2])
    client.say(b"LHLO x\r\n")
    client.say(b"MAIL FROM:<a@example.org>\r\n")
    client.say(f"RCPT TO:<{NAME}post@localhost>\r\n".encode())
    client.say(b"DATA\r\n")
    client.say(wire(message(1000, number)) + b".\r\n")
    client.leave()
    assert len(scene.files(NAME + "post")) == number + 1


KINDS = {"poll": poll, "list": listing, "retr": one_by_one, "pipe": pipelined, "large": large, "dele": take, "tls": tls,
         "lmtp": deliver}


class Turns:
    """Runs all sessions; a turn is one of them. Its end is told to `mark`, with everything at rest."""

    def __init__(self, scene, mark):
        self.kinds = []
        for user in [f"leaves{number}" for number in range(WARM + COUNTED)]:  # known, as a client's who comes often
            login(scene, user).leave()
        time.sleep(RIPE)
        for user in [f"leaves{number}" for number in range(WARM + COUNTED)]:
            login(scene, user).leave()
        for kind, session in KINDS.items():
            warm = WARM_POST if kind == "lmtp" else WARM
            for number in range(warm + COUNTED):
                mark(len(self.kinds))
                session(scene, number)
                self.kinds.append(kind if number >= warm else None)
        mark(len(self.kinds))
        poll(scene, 0)  # all processes wake up once more
        self.kinds.append(None)


def alone(number):
    """This process and all that it will start share one processor, and who is woken waits until it is free: what the
    processes of a server do, they do in one order."""
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine[number % len(mine)]})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def usual(accounts, kinds, roles, choice=statistics.median_low):
    """{(kind, role): figure} of accounts {(turn, role): figure}."""
    found = collections.defaultdict(list)
    for turn, kind in enumerate(kinds):
        for role in roles if kind else ():
            found[kind, role].append(accounts.get((turn, role), 0))
    return {row: choice(figures) for row, figures in found.items()}


# System calls


def under_strace(shape):
    """{(kind, role): system calls}, {(kind, role): [what each is, with how many]}, of the last session of each kind."""
    alone(shape == "split")
    with tempfile.TemporaryDirectory(prefix="pf-guard.") as folder:
        path = os.path.join(folder, "calls")
        times = []
        # -D: the server stays our child
        with Scene(shape, ["strace", "-D", "-f", "-ttt", "-q", "-s", "40", "-o", path]) as scene:
            scene.start()
            turns = Turns(scene, lambda _: times.append(time.time()))
            times.append(time.time())
            roles = {int(thread): role for pid, role in scene.pids().items() for thread in os.listdir(f"/proc/{pid}/task")}
            keeper = scene.process.pid
        wait_until("the end of strace", lambda: written(path, keeper))
        return count_calls(path, times, turns.kinds, roles)


def written(path, pid):
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - 4096, 0))
        return re.search(rb"^%d +[\d.]+ \+\+\+ exited" % pid, file.read(), re.M)


def count_calls(path, times, kinds, roles):
    calls, names = collections.Counter(), collections.defaultdict(list)
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            seen = re.match(r"(\d+) +([\d.]+) (?!futex|sched_yield)(\w+\(.*)", line)
            if not seen or int(seen[1]) not in roles or not times[0] <= float(seen[2]) < times[-1]:
                continue
            turn = next(n for n, end in enumerate(times[1:]) if float(seen[2]) < end)
            role = roles[int(seen[1])]
            calls[turn, role] += 1
            names[turn, role].append(seen[3])
    last = {kind: turn for turn, kind in enumerate(kinds) if kind}
    spelt = {(kind, role): names[turn, role] for kind, turn in last.items() for role in set(roles.values())}
    return usual(calls, kinds, set(roles.values())), spelt


# Instructions and allocations


def under_callgrind(shape):
    """By (kind, role): instructions; allocations; the Dump of the last session."""
    alone(shape == "single")
    with tempfile.TemporaryDirectory(prefix="pf-guard.") as folder:
        turn_file = os.path.join(folder, "turn")
        with open(turn_file, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(turn_file, "r+b") as file:
            turn = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        wrapper = ["env", f"LD_PRELOAD={BUILD}/test/role/counted.so", f"PF_COUNTED={turn_file}", f"GLIBC_TUNABLES={TUNABLES}", "valgrind", "--tool=callgrind", "--trace-children=yes",
                   f"--callgrind-out-file={folder}/of.%p", f"--log-file={folder}/log.%p"]
        with Scene(shape, wrapper) as scene:
            scene.start()
            turns = Turns(scene, lambda number: turn.__setitem__(slice(0, 4), struct.pack("=I", number + 1)))
            roles = scene.pids()
        turn.close()
        accounts = {}
        for pid, role in roles.items():
            accounts.update(dumps(folder, pid, role))
        last = {kind: number + 1 for number, kind in enumerate(turns.kinds) if kind}
        tops = {(kind, role): accounts[number, role] for kind, number in last.items() for role in roles.values()
                if (number, role) in accounts}
        return (*(usual({(number - 1, role): getattr(dump, name) for (number, role), dump in accounts.items()},
                        turns.kinds, set(roles.values()), min) for name in ("instructions", "allocations")), tops)


class Dump:
    """What one process has spent in one turn."""

    def __init__(self, path):
        self.label, self.instructions, self.allocations = None, 0, 0
        self.own, self.callers, names, function, called = collections.Counter(), collections.Counter(), {}, None, None
        skip, library, libraries = False, "", {}
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("desc: Trigger: Client Request: "):
                    self.label = int(line.rsplit(" ", 1)[1])
                elif line.startswith(("ob=", "cob=")):
                    key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
                    name = libraries.setdefault(key, name)
                    library = name if line[0] == "o" else library
                elif line.startswith(("fn=", "cfn=")):
                    key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
                    name = names.setdefault(key, name)
                    if line[0] == "f":
                        function = name
                    else:
                        called = name
                elif line.startswith("calls="):
                    skip = True  # the next line is what the called function took
                    if called in ALLOCATIONS:
                        self.allocations += int(line[6:].split()[0])
                        self.callers[function] += int(line[6:].split()[0])
                elif line[0] in "0123456789+-*":
                    if not skip and "/libuv.so" not in library:
                        self.own[function] += int(line.split()[1])
                    skip = False
        self.instructions = self.own.total()


def dumps(folder, pid, role):
    """{(turn, role): Dump}. What is under a label was spent since the one before."""
    found, before = {}, 0
    paths = [path for path in os.listdir(folder) if re.fullmatch(rf"of\.{pid}\.\d+", path)]
    for path in sorted(paths, key=lambda path: int(path.rsplit(".", 1)[1])):
        dump = Dump(os.path.join(folder, path))
        if dump.label is not None:
            found[before, role] = dump
            before = dump.label
    return found
