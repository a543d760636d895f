"""A fetcher that dies: its scene, its deaths, and what must be there afterwards.

Each point is a maildrop of its own at one server, with the same messages. `postfach fetch` is killed at a point of its
run, started again until it is done, and then every message must be at its place as often as the rules allow, octet for
octet; nothing half, nothing strange; the server is empty or as full as before.
"""
import collections
import os
import random
import re
import subprocess
import threading
import time

from office import BUILD, PATIENCE, POSTFACH, Office

KILLED_AT = os.path.join(BUILD, "test/peer/killed_at")
TRIES = 40  # runs until one is done; a server notices a moment later that a client is dead
HOURS_40 = 40 * 3600  # from tmp everybody may sweep what is older than 36 hours
# Takes a message as a mail filter does: whole and at once, or not at all.
SINK = """#!/bin/sh
file=$(mktemp "$1/in.XXXXXX") && cat >"$file" && mv "$file" "$1/out.${file##*.}"
"""


def messages():
    """Told apart by their text; of lengths that are less than a piece and more than many."""
    found = []
    for number, lines in enumerate((1, 4, 30, 3000, 2, 900)):
        body = "".join(f"{number}.{line} a line of text, and of another one\n" for line in range(lines))
        found.append((f"From: joe@example.org\nSubject: message {number}\nMessage-ID: <{number}@example.org>\n\n"
                      f".dot\nFrom the beginning\n>From another\n{body}").encode())
    return found


MESSAGES = messages()


class Maildir:
    """Where mail goes, and how it is read back."""
    word = "maildir"

    def __init__(self, folder):
        self.path = os.path.join(folder, "Mail")

    def setting(self):
        return f"maildir {self.path}"

    def contents(self):
        found = []
        for name in ("new", "cur"):
            folder = os.path.join(self.path, name)
            for file in os.listdir(folder) if os.path.isdir(folder) else []:
                with open(os.path.join(folder, file), "rb") as opened:
                    found.append(opened.read())
        return found

    def litter(self):
        """What may lie there until it is old."""
        tmp = os.path.join(self.path, "tmp")
        return [os.path.join(tmp, file) for file in os.listdir(tmp)]


class Mbox:
    word = "mbox"

    def __init__(self, folder):
        self.path = os.path.join(folder, "mbox")

    def setting(self):
        return f"mbox {self.path}"

    def contents(self):
        """As mboxrd is read: a line `From ` behind an empty one begins a message, one `>` less is the text."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as file:
            text = file.read()
        parts = re.split(rb"(?:\A|(?<=\n\n))From [^\n]*\n", text)
        assert not parts[0], "the mbox begins with no From_ line"
        assert all(part.endswith(b"\n\n") for part in parts[1:]), "a message of the mbox has no end"
        return [re.sub(rb"(?m)^>(>*From )", rb"\1", part[:-1]) for part in parts[1:]]

    def litter(self):
        return []


class Command:
    word = "command"
    seconds = 0  # it takes for each message

    def __init__(self, folder):
        self.path = os.path.join(folder, "taken")
        os.mkdir(self.path)
        self.sink = os.path.join(folder, "sink")
        with open(self.sink, "w", encoding="ascii") as file:
            file.write(SINK.replace("\n", f"\nsleep {self.seconds}\n", 1))
        os.chmod(self.sink, 0o755)

    def setting(self):
        return f"command {self.sink} {self.path}"

    def contents(self):
        found = []
        for name in os.listdir(self.path):
            assert name.startswith("out."), f"half a message was taken: {name}"
            with open(os.path.join(self.path, name), "rb") as file:
                found.append(file.read())
        return found

    def litter(self):
        return []


class SlowCommand(Command):
    """A run that did not wait for the carrier of the one before would overtake it."""
    word = "slow command"
    seconds = 0.1


class Case:
    def __init__(self, place, keep, carrier=False, twice=0):
        self.place, self.keep = place, keep
        self.carrier = carrier  # it is killed with its master
        self.twice = twice      # so many messages may come twice for each death

    def __str__(self):
        return f"{self.place.word}, keep {self.keep}{', with the carrier' if self.carrier else ''}"


class Point:
    """One maildrop, one account, one death or more."""
    numbers = iter(range(10**6))
    lock = threading.Lock()

    def __init__(self, office, case):
        with Point.lock:
            self.name = f"user{next(Point.numbers)}"
            office.add_user(self.name, "secret")
            for message in MESSAGES:
                office.put(self.name, message)
        self.office, self.case = office, case
        self.folder = os.path.join(office.folder, "client", self.name)
        os.makedirs(self.folder)
        self.place = case.place(self.folder)
        self.said = os.path.join(self.folder, "said")
        self.ledger = os.path.join(self.folder, "ledger")
        self.deaths, self.orphans = [], []
        self.write_account()

    def write_account(self):
        self.conf = os.path.join(self.folder, "accounts.conf")
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(f"account crash {{\n server 127.0.0.1\n port {self.office.pop3}\n tls none\n user {self.name}\n"
                       f" password secret\n mechanisms USER\n keep {self.case.keep}\n state {self.ledger}\n"
                       f" {self.place.setting()}\n}}\n")
        os.chmod(self.conf, 0o600)

    def words(self):
        return [POSTFACH, "fetch", "-c", self.conf, "crash"]

    def start(self, *killer):
        # The leak sanitizer cannot work where somebody else traces.
        options = os.environ.get("ASAN_OPTIONS", "") + (":detect_leaks=0" if killer else "")
        env = {**os.environ, "HOME": self.folder, "ASAN_OPTIONS": options, "LC_ALL": "C"}
        with open(self.said, "ab") as said:
            return subprocess.Popen([*killer, *self.words()], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE if killer else said, stderr=said, env=env)

    def die(self, *when):
        """One run, killed at that point; what killed_at said of it. It does not wait for what the dead one left."""
        words = [self.ledger if word == "LEDGER" else str(word) for word in when]
        if self.case.carrier and "-t" not in when:
            words = ["-c", *words]
        killer = self.start(KILLED_AT, *words)
        told = killer.stdout.readline().decode().split()
        assert told, f"{KILLED_AT} {words} said nothing\n{self.story()}"
        self.orphans.append(killer)
        if told[0] == "killed":
            self.deaths.append(when)
        return told

    def finish(self):
        """Runs until one is done."""
        for _ in range(TRIES):
            status = self.start().wait(PATIENCE)
            if status == 0:
                break
            assert status == 75, f"a run ended with {status}\n{self.story()}"
            time.sleep(0.02)  # for the server to see that its client is dead
        else:
            raise AssertionError(f"no run was ever done\n{self.story()}")
        for killer in self.orphans:
            assert killer.wait(PATIENCE) == 0, self.story()
            killer.stdout.close()
        self.orphans = []

    def story(self):
        with open(self.said, encoding="utf-8", errors="replace") as file:
            said = file.read()
        ledger = ""
        if os.path.exists(self.ledger):
            with open(self.ledger, encoding="utf-8", errors="replace") as file:
                ledger = file.read()
        return f"{self.case}, killed at {self.deaths}\n{said[-3000:]}\n{ledger[-3000:]}"

    def verify(self):
        found = collections.Counter(self.place.contents())
        spool = self.ledger + ".spool"
        assert not os.path.exists(spool) or not os.listdir(spool), f"{os.listdir(spool)} is in the spool\n{self.story()}"
        twice = sum(found.values()) - len(found)
        assert set(found) <= set(MESSAGES), f"something strange was delivered\n{self.story()}"
        assert len(found) == len(MESSAGES), f"{len(MESSAGES) - len(found)} lost\n{self.story()}"
        assert twice <= self.case.twice * len(self.deaths), f"{twice} came twice\n{self.story()}"
        left = len(self.office.files(self.name))
        wanted = 0 if self.case.keep == "none" else len(MESSAGES)
        assert left == wanted, f"{left} messages are on the server\n{self.story()}"
        return found

    def verify_again(self):
        """What a dead one left in tmp goes when it is old, and nothing is fetched any more."""
        before = self.verify()
        for file in self.place.litter():
            old = time.time() - HOURS_40
            os.utime(file, (old, old))
        self.finish()
        assert self.verify() == before, f"a run that had nothing to do did something\n{self.story()}"
        assert not self.place.litter(), f"{self.place.litter()} is left\n{self.story()}"


def opened():
    """A server for all that will die."""
    office = Office()
    office.add_user("nobody", "secret")
    return office.start()


def may_trace():
    done = subprocess.run([KILLED_AT, "0", "true"], stdout=subprocess.PIPE, check=True)
    return done.stdout != b"refused\n"


class Measure:
    """What a run costs that nobody kills: system calls, those upon the ledger, and seconds."""

    def __init__(self, office, case):
        points = [Point(office, case) for _ in range(3)]
        self.calls = self.count(points[0], 0)  # takes more than a second
        self.records = self.count(points[1], "-f", "LEDGER", 0)
        began = time.monotonic()
        points[2].finish()
        self.seconds = time.monotonic() - began
        for point in points:
            point.verify()

    @staticmethod
    def count(point, *when):
        told = point.die(*when)
        assert told[:2] == ["ended", "0"], f"{told}\n{point.story()}"
        point.finish()
        return int(told[2])


class Disk:
    """What a power cut would leave, from the calls of a run that nobody kills: a kill does not tell whether a sync is
    missing. A file's octets, and a folder's names, count when they are synced."""

    def __init__(self, point):
        self.point = point
        self.unsynced = set()  # files, and folders
        self.nameless = set()  # files whose names in tmp are not on disk
        self.wills, self.dones, self.renames, self.deletes = 0, 0, 0, 0

    def check(self, good, what, line):
        assert good, f"{what}, and then: {line}\n{self.point.story()}"

    def take(self, line):
        word, path, *rest = line.split(" ")
        if word == "sync":
            self.unsynced.discard(path)
            self.nameless = {name for name in self.nameless if os.path.dirname(name) != path}
        elif word == "create" and "/Mail/tmp/" in path:
            self.nameless.add(path)
        elif word == "rename" and "/Mail/tmp/" in path:
            self.appear(path, rest[0], line)
        elif word == "write":
            self.write(path, rest[0], line)

    def appear(self, path, to, line):
        """A message is seen."""
        self.check(path not in self.nameless, "its name in tmp is not synced", line)
        needed = {path, self.point.ledger}
        self.check(not needed & self.unsynced, f"{needed & self.unsynced} is not synced", line)
        self.renames += 1
        self.check(self.renames <= len(MESSAGES) and self.wills, "the ledger has no record", line)
        self.unsynced.add(os.path.dirname(to))

    def write(self, path, first, line):
        seen = {name for name in self.unsynced if "/Mail/tmp" not in name}  # what is in tmp is not promised
        if path == self.point.ledger:
            self.wills += first == "will"
            self.dones += first == "done"
            self.check(first != "done" or not seen, f"{seen} is not synced", line)
            if first != "done" or self.point.place.word != "maildir":  # there `will` alone tells
                self.unsynced.add(path)
        elif path == self.point.place.path and self.point.place.word == "mbox":
            noted = self.point.ledger not in self.unsynced and self.wills == self.dones + 1
            self.check(noted, "there is no record", line)
            self.unsynced.add(path)
        elif "/Mail/tmp/" in path:
            self.unsynced.add(path)
        elif path.startswith("socket:") and first.startswith("DELE"):
            self.deletes += 1
            self.check(self.dones and not seen, f"{seen} is not synced", line)


def ordered(office, case):
    """One run, and the order of its calls."""
    point = Point(office, case)
    log = os.path.join(point.folder, "calls")
    told = point.die("-l", log, 0)
    assert told[:2] == ["ended", "0"], f"{told}\n{point.story()}"
    point.finish()
    point.verify()
    disk = Disk(point)
    with open(log, encoding="ascii", errors="replace") as file:
        for line in file:
            disk.take(line.rstrip("\n"))
    assert disk.deletes and disk.wills and disk.dones, f"{vars(disk)}"
    assert disk.renames == (len(MESSAGES) if case.place is Maildir else 0), f"{vars(disk)}"


def spread(count, limit, dice):
    """So many numbers from 1 to limit, evenly spread."""
    return [1 + (i * limit + dice.randrange(limit)) // count % limit for i in range(count)]


def plan(case, measure, count, dice):
    """The moments around records are those that matter most: all of them, if there is room. A sixth goes by the clock,
    the rest is spread over all calls."""
    by_record = min(measure.records, max(1, count // 3))
    by_clock = 0 if case.carrier else max(1, count // 6)
    by_call = count - by_record - by_clock
    return ([("-f", "LEDGER", number) for number in spread(by_record, measure.records, dice)] +
            [("-t", dice.randrange(1, int(measure.seconds * 1000000))) for _ in range(by_clock)] +
            [(number,) for number in spread(by_call, measure.calls, dice)])


def at_once(tasks, workers=6):
    """All of these functions, some at a time: they wait more than they work. The first fault is raised."""
    rest, faults = list(reversed(tasks)), []

    def worker():
        while rest and not faults:
            try:
                rest.pop()()
            except IndexError:
                return
            except Exception as fault:  # told by the thread that waits
                faults.append(fault)

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def crash(office, case, count):
    """The number of deaths. The maildrops are made first and asked once more last: a server waits a second with a
    folder that has changed just now."""
    dice = random.Random(str(case))
    measure = Measure(office, case)
    points = [Point(office, case) for _ in range(count)]

    def death(point, when, more):
        def task():
            point.die(*when)
            if more:
                point.die(more)
            point.finish()
            point.verify()
        return task

    whens = plan(case, measure, count, dice)
    at_once([death(point, when, dice.randrange(1, measure.calls + 1) if number % 4 == 3 else 0)
             for number, (point, when) in enumerate(zip(points, whens))])
    at_once([point.verify_again for point in points])
    died = sum(len(point.deaths) for point in points)
    print(f"# {case}: {died} deaths in {len(points)} maildrops; a run has {measure.calls} calls, "
          f"{measure.records} of them upon the ledger, {measure.seconds:.2f} s", flush=True)
    return died
