#!/usr/bin/env python3
"""The benchmark of POP3 servers: one table, and with --write doc/BENCHMARK.md and its picture.

    bench/table.py [--quick] [--write] [--rows KEY,…] [--servers NAME,…]     BENCH_BUILD says where the programs are
"""
import argparse
import json
import os
import signal
import statistics
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
RESULT = os.path.join(HERE, "results", "table.json")


class Fails(Exception):
    """A server does not get through a row; says why."""


def command(server, row_tls, mode, words, user, password="secret"):
    if server.ports[row_tls] is None:
        raise Fails("it has no TLS")
    return [yard.LOAD, mode, "--values", "--patience", "8000", "--password", password, "--user", user, "--port",
            str(server.ports[row_tls]), "--tls", row_tls, *map(str, words)]


def drive(server, words):
    before = server.seconds()
    roots = server.roots()
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired as reason:
        raise Fails(f"a run took more than {LONGEST} s") from reason
    if done.returncode:
        raise Fails(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
    spent = server.seconds() - before
    if roots != server.roots():
        raise Again
    said = dict(pair.split("=") for pair in done.stdout.split())
    return {**{name: float(value) for name, value in said.items()}, "cpu": spent}


class Again(Exception):
    """A process of it ended meanwhile, and with it what it had spent."""


def told(said, per):
    count = said["messages"] if per == "message" else said["sessions"]
    return {"cpu": said["cpu"] / count * 1e6, "rate": count / said["seconds"], "p50": said["p50_us"] / 1000,
            "p99": said["p99_us"] / 1000}


class Scene:
    """Maildrops, servers, and what has been found."""

    def __init__(self, place, quick):
        self.place, self.quick = place, quick
        self.runs, self.ms = (3, 150) if quick else (5, 500)
        self.sizes, self.servers, self.others, self.box = {}, [], [], None
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
        large = [yard.content(1000000)]
        for number in range(rows.held(self.quick)["slow"]):
            self.place.add_user(f"s{number}", large)

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

    def with_others(self, box):
        """The servers of one user, over that maildrop; a group of rows at a time."""
        if box is None or box == self.box:
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

    def poll(self, row, server):
        if isinstance(server, servers.Other):
            words, user, password = ["--loose"], "anna", "geheim7"
        else:
            count, octets = self.sizes[row.box]
            users = rows.POLLED.get(row.box, (0, 64))[1]
            words, user, password = ["-c", min(row.clients, users), "-n", count, "-o", octets], f"{row.box}%", "secret"
        words += ["-s", self.ms] + (["--lists"] if row.lists else [])
        return told(drive(server, command(server, row.tls, "poll", words, user, password)), "session")

    def cold(self, row, server):
        words = ["-c", rows.COLD, "--first", self.fresh]
        return told(drive(server, command(server, row.tls, "poll", words, "cold%")), "session")

    def fetch(self, row, server):
        words, user, password = ["-s", self.ms, "-w", row.window], f"{row.box}x%", "secret"
        if isinstance(server, servers.Other):
            words, user, password = words + ["--loose", "--messages", 100], "anna", "geheim7"
        elif not isinstance(server, servers.Limit):
            words += ["--folder", os.path.join(self.place.office.maildir(f"{row.box}x0"), "cur")]
        return told(drive(server, command(server, row.tls, "fetch", words, user, password)), "message")

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
        words, user, password = ["--delete"], f"d{rows.OWN.index(server.name)}" if server.name in rows.OWN else "", "secret"
        if isinstance(server, servers.Other):
            words, user, password = ["--delete", "--loose", "--messages", 100], "anna", "geheim7"
        return told(drive(server, command(server, row.tls, "fetch", words, user, password)), "message")

    def hold(self, server, row, mode, words, user):
        holder = subprocess.Popen(command(server, row.tls, mode, words, user), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        if holder.stdout.readline() != "ready\n":
            said = holder.communicate()[1].strip()
            raise Fails(said.splitlines()[-1] if said else "the load ended")
        return holder

    def memory(self, row, server):
        if isinstance(server, servers.Other):
            raise Fails("one user only")
        many = rows.held(self.quick)["login"] if server.name in ("single", "separated", "limit") else 50
        drive(server, command(server, row.tls, "poll", ["-c", 8, "-s", 50], "h%"))  # what is there once for all
        empty = yard.memory(server)
        holder = self.hold(server, row, "idle", ["--login", "-c", many], "h%")
        full = yard.memory(server)
        holder.communicate()
        return {"kib": (full - empty) / many, "many": many}

    def beside(self, row, server):
        if isinstance(server, servers.Other):
            raise Fails("one user only")
        many = rows.held(self.quick)[row.held]
        slow = row.held == "slow"
        alone = self.poll(row, server)
        holder = self.hold(server, row, "slow" if slow else "idle", ["-c", many], "s%")
        try:
            beside = self.poll(row, server)
        finally:
            holder.communicate()
        return {**beside, "ratio": beside["p99"] / alone["p99"], "many": many}

    def once(self, row, server):
        for _ in range(3):
            try:
                return getattr(self, row.kind)(row, server)
            except Again:
                continue
        raise Fails("its processes end while it is measured")

    def asks_other(self, row, run):
        """They are slow, some take 40 ms for a message, and lose what they delete."""
        return run == 0 if self.quick or row.kind == "erase" else run < 3

    def measure(self, row):
        """Runs in turns; a server that has failed is not asked again."""
        found, failed = {}, {}
        self.with_others(row.others)
        everyone = self.servers + (self.others if row.others is not None else [])
        runs = 1 if row.kind == "memory" or (self.quick and row.kind in ("beside", "erase")) else self.runs
        for run in range(-1 if row.kind in ("poll", "fetch") else 0, runs):  # the first one only warms
            if row.kind == "erase":
                self.refill()
            for server in everyone:
                if server.name in failed or (isinstance(server, servers.Other) and not self.asks_other(row, run)):
                    continue
                try:
                    said = self.once(row, server)
                except Fails as reason:
                    failed[server.name] = str(reason)
                    continue
                if run >= 0:
                    found.setdefault(server.name, []).append(said)
            self.fresh += rows.COLD if row.kind == "cold" else 0
        result = {name: {key: statistics.median(said[key] for said in runs) for key in runs[0]}
                  for name, runs in found.items() if name not in failed}
        result.update((name, {"fails": reason}) for name, reason in failed.items())
        return result


def arguments():
    parser = argparse.ArgumentParser(description="the benchmark of POP3 servers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="doc/BENCHMARK.md and its picture")
    parser.add_argument("--rows", default="", help="only these, by by the names in rows.py")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wish = arguments()
    wanted = [row for row in rows.ROWS if not wish.rows or row.key in wish.rows.split(",")]
    wanted.sort(key=lambda row: row.kind != "memory")  # first: what was used once is used again
    found = {}
    began, (before, _) = time.monotonic(), yard.busy()
    with yard.Yard() as place:
        scene = Scene(place, wish.quick)
        scene.fill()
        try:
            scene.start()
            place.rest()
            for row in wanted:
                found[row.key] = scene.measure(row)
                print(f"{time.monotonic() - began:.0f} s: {rows.progress(row, found[row.key])}", file=sys.stderr, flush=True)
        finally:
            scene.end_others()
    seconds = time.monotonic() - began
    other = max(yard.busy()[0] - before - sum(os.times()[:4]), 0) / seconds / os.cpu_count()
    head = rows.head(wish.quick, seconds, other)
    text = rows.text(found, head)
    print(text)
    if wish.write:
        with open(RESULT, "w", encoding="utf-8") as file:
            json.dump({"head": head, "found": found}, file, indent=1)
        rows.write(os.path.join(HERE, "..", "doc", "BENCHMARK.md"), text)
        plot.write(os.path.join(HERE, "..", "doc", "benchmark.svg"), found)


if __name__ == "__main__":
    main()
