#!/usr/bin/env python3
"""Durable deliveries per second, by LMTP and by a process for each, with 1, 8 and 64 at once: Postfach in both shapes, Dovecot's
LMTP, and Postfix's local(8) and virtual(8), in turns, into new Maildirs on one file system.

    bench_deliver.py [unix|tcp|process]…       only these ways
    bench_deliver.py --json [--quick] [KEY]…   by the socket, as an object: of each KEY of ROWS, of each server cpu (µs a message), rate (messages/s), p50, p99 (ms)
"""
import glob
import json
import os
import pwd
import statistics
import subprocess
import sys
import tempfile
import time

import yard
import deliver_servers as servers

QUICK = "--quick" in sys.argv
RUNS = int(os.environ.get("BENCH_RUNS", "3" if QUICK else str(yard.RUNS)))
MANY = 64  # maildrops
SMALL, LARGE = 4096, 100000
MESSAGES = {SMALL: {1: 200, 8: 800, 64: 1600}, LARGE: {1: 100, 8: 320, 64: 640}}
BY_PROCESS = {SMALL: {1: 100, 8: 240, 64: 320}}
ROWS = {f"deliver-{size}-{at_once}": (octets, at_once) for size, octets in (("4k", SMALL), ("100k", LARGE)) for at_once in (1, 8, 64)}
NO_DISK = {0x01021994: "tmpfs", 0x858458f6: "ramfs", 0x794c7630: "overlayfs"}


def one_sync(folder):
    """Milliseconds of an fsync of a new file of 4 kB; median of 200."""
    found = []
    for number in range(200):
        path = os.path.join(folder, f"sync{number}")
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(fd, b"x" * SMALL)
        began = time.perf_counter()
        os.fsync(fd)
        found.append((time.perf_counter() - began) * 1000)
        os.close(fd)
        os.unlink(path)
    return statistics.median(found)


def say_where(folder):
    words = subprocess.run(["stat", "-f", "-c", "%t %T", folder], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    mount = subprocess.run(["findmnt", "-n", "-o", "FSTYPE,OPTIONS", "-T", folder], stdout=subprocess.PIPE, text=True,
                           check=False).stdout.split()
    kind = NO_DISK.get(int(words[0], 16))
    print(f"# file system: {' '.join(mount) or words[1]}; one fsync of a new file of 4 kB takes {one_sync(folder):.3f} ms")
    if kind:
        print(f"# {kind}: nothing reaches a disk here; set TMPDIR to a folder on one")


def text_of(number):
    """The lines of a message, more of them than the largest has."""
    letters = b"abcdefghijklmnopqrstuvwxyz" * 4
    return b"".join(letters[(number + line) % 26:][:75] + b"\n" for line in range(LARGE // 75 + 26))


TEXTS = [text_of(number) for number in range(26)]


class Bench:
    def __init__(self, all_servers, owner):
        self.servers, self.owner = all_servers, owner
        self.numbers = {server.name: 0 for server in all_servers}

    def drive(self, server, words):
        return servers.ended(subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False), server)

    def deliver(self, way, server, *numbers):
        if way != "process":
            return self.drive(server, server.load(way, *numbers))
        how = ["-i", self.owner[0] * (os.geteuid() == 0), "--", *server.program]
        words = [word.split("@")[0] if str(word).endswith("%@localhost") else word for word in servers.lmtp(how, *numbers)]
        return self.drive(server, words)

    def verify(self, server, user, drops, numbers, octets):
        """Each message once, in its maildrop, with all its octets."""
        seen = set()
        for drop in range(drops):
            for path in glob.glob(f"{server.mail}/{user}{drop}/*/*"):
                if path.split("/")[-2] not in ("tmp", "new", "cur"):
                    continue
                with open(path, "rb") as file:
                    body = file.read().replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
                first, text = body.split(b"\n", 1)
                number = int(first.split()[1])
                if number < numbers.start:
                    continue  # of the warming
                if number in seen or number % drops != drop or not TEXTS[number % 26].startswith(text) or len(body) < octets * 0.9:
                    raise SystemExit(f"{server.name}: message {number} is wrong in {path}")
                seen.add(number)
        if seen != set(numbers):
            raise SystemExit(f"{server.name}: {len(numbers) - len(seen)} of {len(numbers)} messages are missing")

    def run(self, way, server, octets, at_once, drops):
        """New maildrops for each run, which have got messages already: indexes, folders and processes are there. None is removed
        before the end: ext4 searches for inodes that were not freed within the last seconds."""
        self.numbers[server.name] += 1
        user = {"postfix local": "l", "postfix virtual": "v"}.get(server.name, "") + f"u{self.numbers[server.name]}x"
        count = (BY_PROCESS if way == "process" else MESSAGES)[octets][at_once]
        self.deliver("unix", server, at_once, max(drops, at_once), drops, user, 0, octets)
        numbers = range(drops * 1000, drops * 1000 + count)
        before = server.seconds()
        said = self.deliver(way, server, at_once, count, drops, user, numbers.start, octets)
        cpu = server.seconds() - before + said["children"]
        self.verify(server, user, drops, numbers, octets)
        return {"cpu": cpu / count * 1e6, "rate": count / said["seconds"], "p50": said["p50_us"] / 1000,
                "p99": said["p99_us"] / 1000}

    def measure(self, way, octets, at_once, drops):
        able = [server for server in self.servers if way in server.ways]
        found = yard.in_turns(able, lambda server: self.run(way, server, octets, at_once, drops))
        return {server.name: said for server, said in zip(able, found)}

    def table(self, way):
        print("# " + {"unix": "LMTP by a unix socket", "tcp": "LMTP by TCP", "process": "`postfach deliver` and dovecot-lda, a process for "
                      "each message"}[way] + ("" if way == "process" else "; each sender keeps its connection; MAIL, RCPT and DATA go together; "
                                              "Postfix's agents are handed queued messages"))
        print("# octets, at once, maildrops, deliveries/s  p50 ms  p99 ms  CPU µs; then how many times theirs the separated shape's deliveries/s are")
        for octets, counts in (BY_PROCESS if way == "process" else MESSAGES).items():
            for at_once in counts:
                for drops in (1, MANY):
                    found = self.measure(way, octets, at_once, drops)
                    ours = found.get("separated", found["single"])
                    for name, said in found.items():
                        columns = [said["rate"], said["p50"], said["p99"], said["cpu"], ours["rate"] / said["rate"]]
                        yard.row(f"{octets:<7}", f"{at_once:<3}", f"{drops:<3}", f"{name:<18}", *columns)


def names():
    """All users that runs need: each run has its own, the same for every server."""
    runs = (sum(len(counts) for counts in MESSAGES.values()) * 2 * 2 + len(BY_PROCESS[SMALL]) * 2) * RUNS
    return [f"u{run}x{drop}" for run in range(1, runs + 1) for drop in range(MANY)]


def start(folder, owner, found):
    """Appends them to `found`, so that whoever has started is ended."""
    users = os.path.join(folder, "users")
    with open(users, "w", encoding="ascii") as file:
        file.writelines(f"{name}:{{PLAIN}}x::::::\n" for name in names())
    os.chmod(users, 0o600)
    for shape in ("split", "single"):
        found.append(servers.ours(shape, users, owner))
    if servers.has_dovecot():
        for fsync in ("optimized", "always"):
            found.append(servers.Dovecot(folder, fsync, owner))
    if servers.has_postfix():
        found += servers.agents(folder, names(), owner)


def bench():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    somebody = pwd.getpwnam(yard.NOBODY if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    owner = (somebody.pw_uid, somebody.pw_gid)
    yard.RUNS = RUNS
    found = []
    with tempfile.TemporaryDirectory(prefix="postfach-deliver.") as folder:
        os.chmod(folder, 0o755)
        try:
            start(folder, owner, found)
            measure = Bench(found, owner)
            if "--json" in sys.argv:
                print(json.dumps({key: measure.measure("unix", *ROWS[key], MANY) for key in words or ROWS}, indent=1))
                return
            say_where(folder)
            for way in words or ("unix", "tcp", "process"):
                measure.table(way)
        finally:
            for server in found:
                server.stop()


if "--json" in sys.argv:
    bench()
else:
    yard.main(bench)
