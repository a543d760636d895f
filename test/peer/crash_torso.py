"""A message that a lone dot may have ended too early is delivered, and stays on the server, whenever the fetcher is killed.

The double tells more octets of it than come; of all others the sizes are right."""
import os
import subprocess

from crash_fetch import KILLED_AT, POSTFACH, Command, Maildir, Mbox
from double import SECRET, USER, Double, Papers
from fault import Fault
from fetching import Account
from office import PATIENCE

TORSO, PART = 2, b"a: b\n\n"
FAULT = (f"box three\nC: RETR {TORSO}\nS: +OK 20 octets\n"
         "S~ a: b\\r\\n\\r\\n.\\r\\n3456789\\r\\n.\\r\\n\n")
ALIKE = "box three\nC: LIST\nS: +OK\nS: 1 110\nS: 2 120\nS: 3 130\nS: .\n"
WHOLE = "box three\n"


class Torso:
    """One maildrop of a double, and one death."""

    def __init__(self, papers, place, fault=FAULT):
        self.double = Double(papers, Fault(fault, "torso"))
        self.papers, self.kind = papers, place

    def __enter__(self):
        self.double.__enter__()
        self.account = Account(self.double.port, self.papers.ca, USER.decode(), SECRET.decode(), "none")
        self.place = self.kind(self.account.folder)
        with open(self.account.conf, encoding="utf-8") as file:
            text = file.read()
        with open(self.account.conf, "w", encoding="utf-8") as file:
            file.write(text.replace(f"maildir {self.account.maildir}", self.place.setting()))
        return self

    def __exit__(self, *what):
        self.account.__exit__(*what)
        self.double.__exit__(*what)

    def die(self, *when):
        words = [KILLED_AT, *when, POSTFACH, "fetch", "-c", self.account.conf]
        env = dict(os.environ, HOME=self.account.folder, LC_ALL="C",
                   ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=PATIENCE, check=True)
        return done.stdout.decode().split()

    def deaths(self, how):
        told = self.die(*how, "-f", self.account.ledger, "0")
        assert told[:2] == ["ended", "0"], told
        return int(told[2])

    def verify(self, left=None):
        """Whoever comes after the death finds each message once, and the torso where it was, if it was delivered."""
        for _ in range(2):
            done = self.account.run()
            found = self.place.contents()
            here = left if left is not None else [TORSO] if PART in found else []
            assert done.returncode == 0, (done, self.double.heard)
            assert self.double.left() == here, (self.double.left(), done, self.ledger(), self.double.heard)
            assert len(found) == len(set(found)) == 3, (found, done)

    def ledger(self):
        with open(self.account.ledger, encoding="utf-8") as file:
            return file.read()


def at_each_record(place, *how):
    """Killed before each write and sync of the ledger. Then the server is a good one: nothing tells the next run that
    the message may be a torso."""
    papers = Papers()
    try:
        with Torso(papers, place) as torso:
            count = torso.deaths(how)
            torso.verify([TORSO])
        died = 0
        for number in range(1, count + 1):
            with Torso(papers, place) as torso:
                told = torso.die(*how, "-f", torso.account.ledger, str(number))
                died += told[0] == "killed"  # letters that end together have fewer records than that
                came = f" u{TORSO} *" in torso.ledger()
                if came:
                    torso.double.heal()
                torso.verify()
        with Torso(papers, place, ALIKE) as torso:  # a server that always counts so, as the double does of some
            torso.verify([1, 2, 3])
        with Torso(papers, place, WHOLE) as torso:
            torso.verify([])
    finally:
        papers.remove()
    assert died > 2, (died, count)
    return died


CASES = ((Maildir,), (Mbox,), (Mbox, "-c"), (Command,))  # -c: the carrier dies, too
