#!/usr/bin/env python3
"""`postfach fetch` against a server that does wrong in every way of test/talk/fault: it never crashes, hangs, loses or
duplicates, says what is the matter, and once the server is well the job is done, each message exactly once.

    fetch_faults.t [NAME ...]      # only these, by the names of their files
"""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from double import SECRET, USER, Double, Papers  # noqa: E402
from fault import Fault, Message, all_faults  # noqa: E402
from fetching import POSTFACH, Account, run_together  # noqa: E402
from office import PATIENCE, wait_until  # noqa: E402

# Times of the account; a fault that makes the client wait costs one of them.
SHORT = "  connect-time 2s\n  answer-time 2s"
LARGE = b"From: a@example.org\nSubject: large\n\n" + b"".join(b"%06d .\n.\n..\n" % n for n in range(15000))
PAPERS = Papers()


def stored(mail):
    """A message as it lies in a Maildir: LF lines."""
    text = Message(mail).wire.replace(b"\r\n", b"\n")
    return re.sub(rb"(?m)^\.\.", b".", text)


class Trial:
    """A double, an account, and the laws that hold whatever the double does."""

    def __init__(self, fault, mails=None, settings=SHORT):
        self.double = Double(PAPERS, fault, mails)
        self.fault = fault
        self.wanted = [stored(mail) for mail in self.double.mails]
        self.settings = settings

    def __enter__(self):
        self.double.__enter__()
        self.account = Account(self.double.port, PAPERS.ca, USER.decode(), SECRET.decode(), self.fault.client,
                               self.fault.keep, self.settings)
        return self

    def __exit__(self, *what):
        self.account.__exit__(*what)
        self.double.__exit__(*what)

    def delivered(self):
        """Numbers of the messages that lie in the Maildir, those first that came otherwise, as the fault says."""
        left, found = list(enumerate(self.wanted, 1)), []
        for mail in self.account.mails():
            row = next((row for row in left if row[1] == mail), None)
            if row is None:
                row = next((row for row in left if row[0] in self.fault.changed), None)
            assert row, ("came twice, or is none of the server's", mail[:200], self.double.heard)
            left.remove(row)
            found.append(row[0])
        return sorted(found)

    def run(self, *words):
        done = self.account.run(*words, patience=PATIENCE)
        for text in (done.stdout, done.stderr):
            shown = text.decode()  # an octet that is no UTF-8 is an error here
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown), shown
        assert not self.account.waste(), self.account.waste()
        assert self.fault.client == "none" or not self.double.secret_in_clear, "the password went out in plain text"
        lost = set(range(1, len(self.wanted) + 1)) - set(self.double.left()) - set(self.delivered())
        assert not lost, ("deleted and never delivered", lost, self.double.heard)
        return done

    def sick(self):
        done = self.run("fetch")
        told = (done, self.double.heard)
        text = done.stdout + done.stderr
        if self.fault.status:
            assert done.returncode in self.fault.status, told
        else:
            assert done.returncode in (0, 75, 76, 77), told
        if done.returncode == 0 and self.fault.fetched is None:
            assert len(self.delivered()) == len(self.wanted), ("0 says that all is done", *told)
        if done.returncode and self.fault.status is None:
            assert done.stderr, told
        for says in self.fault.says:
            assert says.fullmatch(text), (says.pattern, *told)
        if self.fault.fetched is not None:
            assert self.delivered() == self.fault.fetched, (self.delivered(), *told)
        if self.fault.kept is not None:
            assert self.double.left() == self.fault.kept, (self.double.left(), *told)

    def well(self):
        """What is still to be done is done, and nothing is left for a run behind it."""
        everything = list(range(1, len(self.wanted) + 1))
        for _ in range(2):
            done = self.run("fetch")
            assert done.returncode == 0, (done, self.double.heard)
            assert self.delivered() == everything, (self.delivered(), done, self.double.heard)
            stays = everything if self.fault.keep == "all" else self.fault.stays
            assert self.double.left() == stays, (self.double.left(), done, self.double.heard)


def try_of(fault):
    def test():
        with Trial(fault) as trial:
            trial.sick()
            if not fault.always:
                trial.double.heal()
            trial.well()
    test.__name__ = fault.name.replace(".fault", "").replace("-", "_")
    return test


def cut(octets, mails, number, body):
    """A first session that is cut behind so many octets of a message."""
    return Fault(f"set sessions 1\nC: RETR {number}\nS~ +OK\\r\\n\n{body(octets)}closed\n", f"cut at {octets}"), mails


def every_cut_of_a_small_message():
    mails = [b"Subject: 1\n\none\n", b"Subject: 2\n\n.\n", b"Subject: 3\n\nthree\n"]
    whole = Message(mails[1]).wire + b".\r\n"
    for octets in range(len(whole) + 1):
        text = "".join(f"\\x{octet:02x}" for octet in whole[:octets])
        fault, _ = cut(octets, mails, 2, lambda _: f"S~ {text}\n" if text else "")
        with Trial(fault, mails) as trial:
            trial.sick()
            trial.well()


def cuts_of_a_large_message():
    mails = [LARGE, b"Subject: 2\n\ntwo\n"]
    whole = len(Message(LARGE).wire)
    for octets in (1, 4095, 16384, 65537, whole // 2, whole - 2, whole - 1, whole):
        fault, _ = cut(octets, mails, 1, lambda n: f"S: @begin 1 {n}\n")
        with Trial(fault, mails) as trial:
            trial.sick()
            trial.well()


def a_uid_that_others_get_later_is_not_fetched_again():
    """popa3d makes UIDs of some lines of the header: two later messages may get the UID of one that was fetched."""
    mails = [b"Subject: %d\n\nx\n" % number for number in (1, 2, 3)]

    def uidl(count):
        rows = "".join(f"S: {number} same\n" for number in range(1, count + 1))
        return Fault(f"keep all\nC: UIDL\nS: +OK\n{rows}S: .\n", "a UID for all")

    with Trial(uidl(1), mails[:1]) as trial:
        trial.sick()
        trial.double.mails = mails
        trial.double.drop = {f"u{number}": mail for number, mail in enumerate(mails, 1)}
        trial.double.fault = uidl(3)
        trial.wanted = [stored(mail) for mail in mails]
        trial.well()


def quit_that_hangs_can_be_left():
    """QS-015: the answer to QUIT may take long; a person who does not want to wait signals twice, and the next run
    finds out what became of it."""
    fault = Fault("box three\nset sessions 1\nC: QUIT\nhang\n", "quit hangs")
    with Trial(fault) as trial:
        process = subprocess.Popen([POSTFACH, "fetch", "-c", trial.account.conf], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            wait_until("QUIT", lambda: b"QUIT" in trial.double.heard)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            wait_until("the end of the run", lambda: signal_again(process))
        finally:
            process.kill()
            said = process.communicate()[0]
        assert process.returncode, said
        assert trial.delivered() == [1, 2, 3] and trial.double.left() == [1, 2, 3]
        trial.double.heal()
        trial.well()


def signal_again(process):
    """Two signals that come at once are one."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.poll() is not None


if __name__ == "__main__":
    EXTRA = [every_cut_of_a_small_message, cuts_of_a_large_message, a_uid_that_others_get_later_is_not_fetched_again,
             quit_that_hangs_can_be_left]
    TESTS = [try_of(fault) for fault in all_faults()] + EXTRA
    NAMES = [name.replace("-", "_") for name in sys.argv[1:]]
    try:
        run_together(*(test for test in TESTS if not NAMES or test.__name__ in NAMES))
    finally:
        PAPERS.remove()
