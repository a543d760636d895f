#!/usr/bin/env python3
"""The benchmark of POP3 servers: one table, and with --write doc/BENCHMARK.md and its picture.

    bench/table.py [--quick] [--write] [--rows KEY,…] [--servers NAME,…] [--deliver] [--free]     BENCH_BUILD says where the programs are

All run on one processor core, load and server by turns, unless --free: what it costs to wake another core is the machine's,
not a server's, and whether there is another to wake is chance.
"""
import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import yard
from yard import office
import plot
import rows
import servers

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST = 30  # seconds of a run: no session of any row needs as much
DELIVERING = 300  # and of all deliveries
LATE = 540  # seconds, after which rows have fewer runs: a slow machine should not need the whole day
RESULT = os.path.join(HERE, "results", "table.json")


class Fails(Exception):
    """A server does not get through a row; says why."""


def command(server, row, mode, words, user, password="secret"):
    tls = row.tls.removeprefix("stls ")
    port = server.ports["plain" if tls != row.tls else tls]
    if port is None:
        raise Fails("it has no TLS")
    return [yard.LOAD, mode, "--values", "--patience", "8000", "--password", password, "--user", user, "--port", str(port),
            "--tls", tls, *(["--stls"] if tls != row.tls else []), *map(str, words)]


def start(words):
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def drive(server, words):
    with start(words) as load:
        try:
            if "--prime" in words:
                load.stdout.readline()
            before, roots = server.seconds(), server.roots()
            out, err = load.communicate("\n", timeout=LONGEST)
        except subprocess.TimeoutExpired as reason:
            load.kill()
            raise Fails(f"a run took more than {LONGEST} s") from reason
    if load.returncode:
        raise Fails(err.strip().splitlines()[-1] if err.strip() else f"status {load.returncode}")
    spent = server.seconds() - before
    if roots != server.roots():
        raise Again
    said = dict(pair.split("=") for pair in out.split())
    return {**{name: float(value) for name, value in said.items()}, "cpu": spent}


class Again(Exception):
    """A process of it ended meanwhile, and with it what it had spent."""


def told(said, per):
    count = said["messages"] if per == "message" else said["sessions"]
    return {"cpu": said["cpu"] / count * 1e6, "rate": count / said["seconds"], "p50": said["p50_us"] / 1000,
            "p99": said["p99_us"] / 1000}


class Scene:
    """Maildrops, servers, and what has been found."""

    def __init__(self, place, wish):
        self.place, self.quick, self.only = place, wish.quick, wish.servers.split(",") if wish.servers else None
        quick, self.began = wish.quick, time.monotonic()
        self.runs, self.ms = (3, 120) if quick else (5, 300)
        self.sizes, self.servers, self.others, self.box = {}, [], [], None
        self.fresh_memory = {}  # of servers that have held nobody
        self.fresh = 0  # users who have not logged in yet
        self.mails = {name: [yard.content(octets, seed) for seed in range(count)]
                      for name, (count, octets) in rows.FETCHED.items()}

    def fill(self):
        hashed = "{CRYPT}" + subprocess.run(["openssl", "passwd", "-6", "-salt", "benchbenchbench1", "secret"],
                                            check=True, capture_output=True, text=True).stdout.strip()
        light = [yard.content(2000, seed) for seed in (1, 2)]
        for prefix, (count, users) in rows.POLLED.items():
            for number in range(users):
                self.sizes[prefix] = self.place.add_user(f"{prefix}{number}", light if count else [], count // 2, hashed)
        for prefix in rows.FETCHED:
            self.sizes[prefix] = self.place.add_user(f"{prefix}x0", self.mails[prefix], 0, hashed)
        for number in range(len(rows.OWN)):
            self.place.add_user(f"d{number}", scheme=hashed)
        for number in range(rows.COLD * (self.runs + 1)):
            self.place.add_user(f"cold{number}", scheme=hashed)
        for number in range(rows.held(self.quick)["login"]):
            self.sizes["h"] = self.place.add_user(f"h{number}")  # {PLAIN}
        self.place.add_user("s0", [yard.content(1000000)])
        first = os.path.join(self.place.office.maildir("s0"), "cur")
        first = os.path.join(first, *os.listdir(first))
        for number in range(1, rows.held(self.quick)["slow"]):  # all have the same message
            self.place.add_user(f"s{number}")
            os.link(first, first.replace("/s0/", f"/s{number}/"))

    def start(self):
        place = self.place
        os.environ["BENCH_ALONE"] = "1"  # which Dovecots there are is said here
        place.start()
        place.servers[0].name = "single"
        place.servers.append(yard.Separated(place))
        found = [servers.Tuned, servers.Default] if os.path.exists("/usr/sbin/dovecot") else []
        for kind in found:
            place.servers.append(kind(place.folder, place.owner))
            place.servers[-1].wait()
        boxes = {prefix: (*self.sizes[prefix], None) for prefix in rows.POLLED}
        for prefix in rows.FETCHED:
            boxes[prefix] = (*self.sizes[prefix], os.path.join(place.office.maildir(f"{prefix}x0"), "cur"))
        boxes.update(d=boxes["rb"], s=boxes["rc"], cold=(0, 0, None), h=(0, 0, None))
        place.servers.append(servers.Limit(place, boxes))
        self.servers = sorted(place.servers, key=lambda s: rows.OWN.index(s.name))
        if self.only:
            self.servers = [server for server in self.servers if server.name in self.only]

    def with_others(self, box):
        """The servers of one user, over that maildrop; a group of rows at a time."""
        if box is None or box == self.box or self.only:
            return
        self.end_others()
        self.box = box
        for kind in servers.OTHERS:
            try:
                self.others.append(servers.Other(kind, self.mails.get(box, [])))
            except (servers.Unfit, AssertionError) as reason:
                print(f"# {kind.__name__} is left out: {reason}", flush=True)

    def end_others(self):
        for server in self.others:
            server.stop()
        self.others, self.box = [], None

    # rows

    def poll(self, row, server, warms=False):
        if isinstance(server, servers.Other):
            words, user, password = ["--loose"], "anna", "geheim7"
        else:
            count, octets = self.sizes[row.box]
            users = rows.POLLED.get(row.box, (0, 64))[1]
            words, user, password = ["-c", min(row.clients, users), "-n", count, "-o", octets], f"{row.box}%", "secret"
        turns = min(row.users, rows.held(self.quick)["login"])
        words += ["--users", turns] if turns else []
        words += ["--prime"] if "resumed" in row.tls else []
        words += ["-s", self.ms * (4 if row.users and warms else 1)] + (["--lists"] if row.lists else [])
        said = told(drive(server, command(server, row, "poll", words, user, password)), "session")
        return {**said, "users": turns} if turns else said

    def cold(self, row, server):
        words = ["-c", rows.COLD, "--first", self.fresh]
        return told(drive(server, command(server, row, "poll", words, "cold%")), "session")

    def fetch(self, row, server):
        words, user, password = ["-s", self.ms, "-w", row.window], f"{row.box}x%", "secret"
        if isinstance(server, servers.Other):
            words, user, password = words + ["--loose", "--quick-ack"], "anna", "geheim7"
        elif not isinstance(server, servers.Limit):
            words += ["--folder", os.path.join(self.place.office.maildir(f"{row.box}x0"), "cur")]
        return told(drive(server, command(server, row, "fetch", words, user, password)), "message")

    def refill(self):
        for at in range(len(rows.OWN)):
            cur = os.path.join(self.place.office.maildir(f"d{at}"), "cur")
            for name in os.listdir(cur):
                os.unlink(os.path.join(cur, name))
            for number, mail in enumerate(self.mails["rb"]):
                wire = len(mail) + mail.count(b"\n")
                path = os.path.join(cur, f"{int(time.time())}.M{number * 7919 % 999983}P{number}.d,S={len(mail)},W={wire}:2,")
                with open(path, "wb") as file:
                    file.write(mail)
                os.chown(path, *self.place.owner)
        self.place.rest()

    def erase(self, row, server):
        if isinstance(server, servers.Other):
            words, user, password = ["--delete", "--loose", "--quick-ack"], "anna", "geheim7"
        else:
            words, user, password = ["--delete", "-w", row.window], f"d{rows.OWN.index(server.name)}", "secret"
        return told(drive(server, command(server, row, "fetch", words, user, password)), "message")

    def hold(self, server, row, mode, words, user):
        """From another address: ports that are held are not looked through by who connects beside them."""
        holder = start(command(server, row, mode, [*words, "--from", "127.0.0.2"], user))
        if holder.stdout.readline() != "ready\n":
            said = holder.communicate()[1].strip()
            raise Fails(said.splitlines()[-1] if said else "the load ended")
        return holder

    def memory(self, row, server):
        """What it had before it ever held anybody is taken off: what was used once is used again."""
        many = rows.held(self.quick)["login"] if server.name != "dovecot" else 50
        if server.name not in self.fresh_memory:
            for tls in ("plain", "full"):  # what is there once for all
                drive(server, command(server, dataclasses.replace(row, tls=tls), "poll", ["-c", 8, "-s", 50], "h%"))
            self.fresh_memory[server.name] = yard.memory(server)
        holder = self.hold(server, row, "idle", [*(["--login"] if row.login else []), "-c", many], "h%")
        full = yard.memory(server)
        holder.communicate()
        return {"kib": (full - self.fresh_memory[server.name]) / many, "many": many}

    def pairs(self, row, server):
        """Polls alone, and as many beside those who are held."""
        many = int(rows.held(self.quick)[row.held] * row.share)
        mode = "slow" if row.held == "slow" else "idle"
        count = rows.PAIRS[self.quick]
        self.poll(row, server)
        alone = [self.poll(row, server) for _ in range(count)]
        holder = self.hold(server, row, mode, ["-c", many], "s%")
        try:
            self.poll(row, server)
            beside = [self.poll(row, server) for _ in range(count)]
        finally:
            holder.communicate()
        return [{**with_them, "ratio": with_them["p99"] / without["p99"], "many": many, "alone": without["cpu"]}
                for with_them, without in zip(beside, alone)]

    def once(self, row, server, warms):
        """What a run found; of pairs some."""
        for _ in range(3):
            try:
                if row.kind == "pairs":
                    return self.pairs(row, server)
                return [self.poll(row, server, warms) if row.kind == "poll" else getattr(self, row.kind)(row, server)]
            except Again:
                continue
        raise Fails("its processes end while it is measured")

    def asked(self, row, server, run):
        """The slow ones are asked less often; a run below 0 warms."""
        if isinstance(server, servers.Other):
            return run in range(3 if row.kind != "erase" and not self.quick else 1)  # what they delete is lost
        if server.name == "dovecot":  # as it is shipped it takes 100 connections
            return row.kind != "pairs" and not row.users and run in range(1 if self.quick else 3)
        return True

    def measure(self, row):
        """Runs in turns; a server that has failed is not asked again."""
        found, failed = {}, {}
        self.with_others(row.others)
        everyone = self.servers + (self.others if row.others is not None else [])
        runs = 1 if row.kind in ("memory", "pairs") else 2 if time.monotonic() - self.began > LATE else self.runs
        for run in range(-1 if row.kind in ("poll", "fetch") else 0, runs):
            if row.kind == "erase":
                self.refill()
            for server in everyone:
                if server.name in failed or not self.asked(row, server, run):
                    continue
                try:
                    said = self.once(row, server, run < 0)
                except Fails as reason:
                    failed[server.name] = str(reason)
                    continue
                if run >= 0:
                    found.setdefault(server.name, []).extend(said)
            self.fresh += rows.COLD if row.kind == "cold" else 0
        result = {name: rows.summary(row, runs) for name, runs in found.items() if name not in failed}
        result.update((name, {"fails": reason}) for name, reason in failed.items())
        return result


def arguments():
    parser = argparse.ArgumentParser(description="the benchmark of POP3 servers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="doc/BENCHMARK.md and its picture")
    parser.add_argument("--rows", default="", help="only these, by the names in rows.py")
    parser.add_argument("--servers", default="", help="only these of: " + ", ".join(rows.OWN))
    parser.add_argument("--deliver", action="store_true", help="bench_deliver.py's table, too (as in the full form)")
    parser.add_argument("--free", action="store_true", help="on all cores")
    return parser.parse_args()


def deliveries():
    """Another program's rows, in the form of ours; not on one core: they wait for the disk, not for each other."""
    words = [os.path.join(HERE, "bench_deliver.py"), "--json", "--quick", *rows.DELIVERED]
    own = {name: value for name, value in os.environ.items() if name != "BENCH_ALONE"}  # Scene.start's
    with subprocess.Popen([sys.executable, *words], env=own, stdout=subprocess.PIPE, text=True) as process:
        try:
            out = process.communicate(timeout=DELIVERING)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            out = ""
    if process.returncode == 0 and out:
        return json.loads(out)
    print("# deliveries are left out: bench_deliver.py has ended without them", flush=True)
    return {}


def measure_all(wish, wanted):
    found, began = {}, time.monotonic()
    with yard.Yard() as place:
        scene = Scene(place, wish)
        scene.fill()
        try:
            scene.start()
            place.rest()
            for row in wanted:
                found[row.key] = scene.measure(row)
                print(f"{time.monotonic() - began:.0f} s: {rows.progress(row, found[row.key])}", file=sys.stderr, flush=True)
        finally:
            scene.end_others()
    return found


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wish = arguments()
    cores = os.sched_getaffinity(0)
    wanted = [row for row in rows.ROWS if (row.key in wish.rows.split(",") if wish.rows else row.quick or not wish.quick)]
    wanted.sort(key=lambda row: row.kind != "memory")  # first: see Scene.memory
    began, (before, _) = time.monotonic(), yard.busy()
    if not wish.free:
        os.sched_setaffinity(0, {max(cores)})
    found = measure_all(wish, wanted) if wanted else {}
    os.sched_setaffinity(0, cores)
    delivered = deliveries() if wish.deliver or not (wish.quick or wish.rows) else {}
    seconds = time.monotonic() - began
    other = max(yard.busy()[0] - before - sum(os.times()[:4]), 0) / seconds / os.cpu_count()
    head = rows.head(wish, seconds, other)
    text = rows.text(found, delivered, head)
    print(text)
    if wish.write:
        with open(RESULT, "w", encoding="utf-8") as file:
            json.dump({"head": head, "found": found, "delivered": delivered}, file, indent=1)
        rows.write(os.path.join(HERE, "..", "doc", "BENCHMARK.md"), text)
        plot.write(os.path.join(HERE, "..", "doc", "benchmark.svg"), found)


if __name__ == "__main__":
    main()
