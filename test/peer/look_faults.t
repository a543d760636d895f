#!/usr/bin/env python3
"""ls, show, rm and probe against a server that does wrong in every way of test/talk/fault: they end in time, show no
control octets, say no password without TLS, and delete what they were told to and nothing else.

    look_faults.t [NAME ...]      # only these, by the names of their files
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from double import SECRET, USER, Double, Papers  # noqa: E402
from fault import all_faults  # noqa: E402
from fetching import Account, run_together  # noqa: E402

SHORT = "  connect-time 2s\n  answer-time 1s"
PAPERS = Papers()


def ran(fault, check, *words):
    """The command against a double of its own, and the laws."""
    with Double(PAPERS, fault) as double, \
            Account(double.port, PAPERS.ca, USER.decode(), SECRET.decode(), fault.client, settings=SHORT) as account:
        done = account.run(*words)
        for text in (done.stdout, done.stderr):
            shown = text.decode()
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), shown
        assert fault.client == "none" or not double.secret_in_clear, "the password went out in plain text"
        assert done.returncode == 0 or done.stderr or words[0] == "probe", done
        check(done, set(range(1, len(fault.mails) + 1)) - set(double.left()))


def nothing_deleted(done, deleted):
    assert not deleted, (deleted, done)


def told(done, deleted):
    nothing_deleted(done, deleted)
    if done.returncode == 0:
        json.loads(done.stdout)


def only_what_was_asked_for(done, deleted):
    assert deleted <= {2}, (deleted, done)
    # The server confirmed it, or nobody knows.
    assert not deleted or done.returncode == 0 or b"confirm" in done.stderr, done


def try_of(fault):
    def test():
        ran(fault, told, "ls", "--json", "test")
        ran(fault, nothing_deleted, "show", "test", "2")
        ran(fault, only_what_was_asked_for, "rm", "--yes", "test", "2")
        ran(fault, told, "probe", "--timeout", "1", "--json", "--account", "test")
    test.__name__ = fault.name.replace(".fault", "").replace("-", "_")
    return test


if __name__ == "__main__":
    NAMES = [name.replace("-", "_") for name in sys.argv[1:]]
    TESTS = [try_of(fault) for fault in all_faults()]
    try:
        run_together(*(test for test in TESTS if not NAMES or test.__name__ in NAMES))
    finally:
        PAPERS.remove()
