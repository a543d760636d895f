#!/usr/bin/env python3
"""Deliveries of 4 kB per second, by LMTP and by a process for each, with 1, 8 and 64 at once; beside Dovecot.

    bench_deliver.py [lmtp|process]…    only these
"""
import glob
import grp
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import time

import yard
from yard import office

LOAD = yard.LOAD
RUNS = int(os.environ.get("BENCH_RUNS", yard.RUNS))
MANY = 64  # maildrops
OCTETS = 4096
MESSAGES = {"lmtp": {1: 400, 8: 1600, 64: 3200}, "process": {1: 100, 8: 240, 64: 320}}
NO_DISK = {0x01021994: "tmpfs", 0x858458f6: "ramfs", 0x794c7630: "overlayfs"}
SETTINGS = """limits { connections 2000; connections-per-address 2000 }
listen 127.0.0.1:0 { protocol lmtp }
"""
DOVECOT = """
protocols = lmtp
listen = 127.0.0.1
base_dir = {own}/run
state_dir = {own}/state
log_path = {own}/log
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = {fsync}
mail_location = maildir:{own}/mail/%n
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={own}/home/%n allow_all_users=yes
}}
service lmtp {{
  process_min_avail = 64
  process_limit = 100
  inet_listener lmtp {{
    port = {port}
  }}
}}
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
protocol lmtp {{
  auth_username_format = %n
}}
"""


class Ours:
    """postfachd --single, and `postfach deliver` with its settings."""
    name = "postfach"

    def __init__(self, place):
        self.place = place
        self.mail = os.path.join(place.folder, "mail")
        self.port = place.ports[2]
        self.program = [office.POSTFACH, "deliver", "-c", place.conf, "-f", "anna@example.org", "-d", "%"]

    def seconds(self):
        return yard.spent(self.place.process.pid)


class Dovecot:
    def __init__(self, folder, fsync, owner):
        self.name = f"dovecot {fsync}"
        self.own = os.path.join(folder, "dovecot-" + fsync)
        for sub in ("", "run", "state", "home", "mail"):
            os.makedirs(os.path.join(self.own, sub))
            if sub in ("home", "mail"):
                os.chown(os.path.join(self.own, sub), *owner)
        with open(os.path.join(self.own, "log"), "a", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o666)  # dovecot-lda's, too
        self.mail = os.path.join(self.own, "mail")
        self.port = yard.Dovecot._free_port()
        users = ""
        if os.geteuid() != 0:
            users = yard.NOT_ROOT.format(me=pwd.getpwuid(os.geteuid()).pw_name,
                                         mine=grp.getgrgid(os.getegid()).gr_name).split("service pop3-login")[0]
        conf = os.path.join(self.own, "conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(users + DOVECOT.format(own=self.own, fsync=fsync, uid=owner[0], gid=owner[1], port=self.port))
        self.program = ["/usr/lib/dovecot/dovecot-lda", "-c", conf, "-f", "anna@example.org", "-d", "%"]
        self.process = subprocess.Popen([DAEMON, "-F", "-c", conf], stdin=subprocess.DEVNULL)
        self.ports = {"plain": self.port}

    def wait(self):
        office.wait_until("the start of dovecot", lambda: os.path.exists(os.path.join(self.own, "run", "auth-userdb")))

    pids, seconds, stop = yard.Dovecot.pids, yard.Dovecot.seconds, yard.Dovecot.stop


DAEMON = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")


def one_sync(folder):
    """Milliseconds of an fsync of a new file of 4 kB; median of 200."""
    found = []
    for number in range(200):
        path = os.path.join(folder, f"sync{number}")
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(fd, b"x" * OCTETS)
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


class Bench:
    def __init__(self, place, servers, owner):
        self.place, self.servers, self.owner = place, servers, owner
        self.numbers = {server.name: 0 for server in servers}

    def load(self, way, server, words):
        how = ["-p", server.port] if way == "lmtp" else ["-i", self.owner[0] * (os.geteuid() == 0), "--", *server.program]
        done = subprocess.run([LOAD, "deliver", "--values", "-o", str(OCTETS), *map(str, words), *map(str, how)], stdout=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise SystemExit(f"{server.name}: the load failed; " + self.place.log()[-300:])
        return {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.split())}

    def verify(self, server, user, drops, first, count):
        """Each message once, in its maildrop, with all its octets."""
        seen = set()
        for drop in range(drops):
            for path in glob.glob(f"{server.mail}/{user}{drop}/*/*"):
                if path.split("/")[-2] not in ("tmp", "new", "cur"):
                    continue
                with open(path, "rb") as file:
                    body = file.read().replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
                number = int(body.split(b"\n", 1)[0].split()[1])
                if number < first:
                    continue  # of the warming
                lines = body.split(b"\n")[1:-1]
                whole = all(len(line) == 75 and line[0] == 97 + (number + i) % 26 for i, line in enumerate(lines))
                if number in seen or number % drops != drop or not whole or len(body) < OCTETS - 200:
                    raise SystemExit(f"{server.name}: message {number} is wrong in {path}")
                seen.add(number)
        if seen != set(range(first, first + count)):
            raise SystemExit(f"{server.name}: {count - len(seen)} of {count} messages are missing")

    def run(self, way, server, at_once, drops):
        """New maildrops for each run, which have got a message already: indexes and folders are there. None is removed
        before the end: ext4 searches for inodes that were not freed within the last seconds."""
        self.numbers[server.name] += 1
        user, count = f"u{self.numbers[server.name]}x", MESSAGES[way][at_once]
        self.load("lmtp", server, ["-c", "1", "-n", drops, "-m", drops, "-u", user + "%@localhost", "-f", 0])
        first = drops * 1000
        before = server.seconds()
        said = self.load(way, server, ["-c", at_once, "-n", count, "-m", drops,
                                       "-u", user + ("%@localhost" if way == "lmtp" else "%"), "-f", first])
        cpu = server.seconds() - before + said["children"]
        self.verify(server, user, drops, first, count)
        return {"rate": count / said["seconds"], "p50": said["p50_us"] / 1000, "p99": said["p99_us"] / 1000,
                "cpu": cpu / count * 1e6}

    def table(self, way):
        print(f"# {way}: " + ("each sender keeps its connection; MAIL, RCPT and DATA go together" if way == "lmtp" else
                              "dovecot-lda and `postfach deliver`, a process for each message"))
        print("# at-once maildrops, then for each of " + ", ".join(s.name for s in self.servers)
              + ": deliveries/s  p50 ms  p99 ms  CPU µs; then how many times theirs our deliveries/s are")
        for at_once in MESSAGES[way]:
            for drops in (1, MANY):
                found = yard.in_turns(self.servers, lambda s, a=at_once, d=drops: self.run(way, s, a, d))
                columns = [c for f in found for c in (f["rate"], f["p50"], f["p99"], f["cpu"])]
                columns += [found[0]["rate"] / f["rate"] for f in found[1:]]
                yard.row(str(at_once), str(drops), *columns)


def names():
    """All users that runs need: each has its own, the same for every server."""
    runs = sum(len(counts) for counts in MESSAGES.values()) * 2 * RUNS
    return [f"u{run}x{drop}" for run in range(1, runs + 1) for drop in range(MANY)]


def bench():
    root = os.geteuid() == 0
    somebody = pwd.getpwnam(yard.NOBODY if root else pwd.getpwuid(os.geteuid()).pw_name)
    owner = (somebody.pw_uid, somebody.pw_gid)
    yard.RUNS = RUNS
    store = "mail { path %s/mail/%%n; create yes }"
    with office.Office(settings=SETTINGS + (f"run-as {yard.NOBODY}\n" if root else ""), store=store) as place:
        os.chmod(place.folder, 0o755)
        with open(place.users, "a", encoding="ascii") as file:
            file.writelines(f"{name}:{{PLAIN}}x::::::\n" for name in names())
        os.makedirs(os.path.join(place.folder, "mail"))
        for path in (place.folder, place.users, os.path.join(place.folder, "mail")):
            os.chown(path, *owner)
        say_where(place.folder)
        place.start()
        servers = [Ours(place)]
        try:
            if DAEMON and os.path.exists("/usr/lib/dovecot/lmtp") and not os.environ.get("BENCH_ALONE"):
                for fsync in ("optimized", "always"):
                    servers.append(Dovecot(place.folder, fsync, owner))
                    servers[-1].wait()
            measure = Bench(place, servers, owner)
            for way in sys.argv[1:] or MESSAGES:
                measure.table(way)
        finally:
            for server in servers[1:]:
                server.stop()


yard.main(bench)
