#!/usr/bin/env python3
"""Processes that hang: each role is stopped without being told, and noticed; a whole server that was frozen is not."""
import os
import poplib
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
from office import PATIENCE, Office, run, wait_until  # noqa: E402

ROLES = ("gate", "auth", "store", "desk")


class Crew(Office):
    def __init__(self, patience):
        super().__init__(settings=f"processes {{ gates 1; patience {patience} }}\nlisten unix:%s/ctl {{ protocol control }}\n",
                         shape="split")

    def start(self):
        self.settings = self.settings % self.folder
        self.add_user("anna", "secret")
        self.put("anna", b"Subject: x\n\nbody\n")
        return super().start()

    def only(self, role):
        ((_, pid),) = self.children(role)
        return pid


def works(office):
    client = poplib.POP3("127.0.0.1", office.pop3, timeout=PATIENCE)
    client.user("anna")
    client.pass_("secret")
    count = client.stat()[0]
    client.quit()
    return count == 1


def who_hangs_is_replaced():
    with Crew("1s") as office:
        office.start()
        for role in ROLES:
            pid = office.only(role)
            os.kill(pid, signal.SIGSTOP)
            office.wait_log(f"process {pid}) hangs")
            wait_until(f"the end of the {role}", lambda: (role, pid) not in office.children(role))
            wait_until(f"service with another {role}", lambda: tries(office))


def tries(office):
    try:
        return works(office)
    except (poplib.error_proto, OSError):  # for a moment there is nobody
        return False


def who_was_frozen_lives():
    """Every deadline passes while all of them are stopped; none of them hangs."""
    with Crew("1s") as office:
        office.start()
        before = sorted(office.children())
        everybody = [*(pid for _, pid in before), office.process.pid]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        try:
            threading.Event().wait(2.5)  # nothing is waited for: that time passes is what is tested
        finally:
            for pid in reversed(everybody):
                os.kill(pid, signal.SIGCONT)
        for _ in range(10):
            assert works(office)
        assert sorted(office.children()) == before and "hangs" not in office.log(), office.log()


run(who_hangs_is_replaced, who_was_frozen_lives)
