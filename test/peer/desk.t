#!/usr/bin/env python3
"""The server as several processes, seen by its administrator as one: sessions, kicks, figures, reloads."""
import json
import os
import poplib
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run, wait_until  # noqa: E402

GUESTS = 8  # the kernel shares them out; that one of two gates gets none is rare, and no fault


class Desk(Office):
    def __init__(self, settings=""):
        super().__init__(shape="split", gates=2)
        self.control = os.path.join(self.folder, "control")
        self.settings = f"listen unix:{self.control} {{ protocol control }}\n{settings}"

    def start(self):
        for number in range(GUESTS):
            if not os.path.exists(self.maildir(f"u{number}")):
                self.add_user(f"u{number}", "secret")
                self.put(f"u{number}", b"Subject: x\n\nbody\n")
        return super().start()

    def ctl(self, *words, status=0):
        done = subprocess.run([POSTFACH, "ctl", "--socket", self.control, *words], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == status, done
        return done

    def sessions(self):
        return json.loads(self.ctl("sessions", "--json").stdout)

    def figure(self, series):
        found = re.findall(rf"^postfach_{re.escape(series)} ([0-9.]+)$", self.ctl("metrics").stdout, re.M)
        return float(found[0]) if found else 0

    def login(self, number):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(f"u{number}")
        client.pass_("secret")
        return client


def sessions_of_all_gates_are_one_table():
    with Desk() as desk:
        desk.start()
        clients = [desk.login(n) for n in range(GUESTS)]
        sessions = desk.sessions()
        assert sorted(s["user"] for s in sessions) == [f"u{n}" for n in range(GUESTS)]
        assert all(re.fullmatch(r"\d+\.\d+", s["id"]) for s in sessions), sessions
        assert len({s["id"] for s in sessions}) == GUESTS
        ages = [s["age"] for s in sessions]
        assert ages == sorted(ages, reverse=True)
        assert desk.figure("sessions") == GUESTS and desk.figure("processes") >= 6
        assert desk.figure('logins_total{mechanism="USER",verdict="OK"}') == GUESTS
        one = next(s["id"] for s in sessions if s["user"] == "u3")
        assert desk.ctl("kick", one).stdout == "kicked 1\n"
        assert clients[3].file.readline() == b""
        desk.wait_log(f"id={one} end=kicked")
        assert "no such session" in desk.ctl("kick", one.split(".")[1], status=75).stderr, "a number alone is none"
        assert desk.ctl("kick", "u4").stdout == "kicked 1\n"
        clients[0].retr(1)
        for number in (0, 1, 2, 5, 6, 7):
            clients[number].quit()
        wait_until("all ends", lambda: desk.figure("sessions") == 0)
        assert desk.figure("messages_retrieved_total") == 1
        assert desk.figure('sessions_total{end="kicked"}') == 2
        assert desk.figure('sessions_total{end="quit"}') == 6
        assert desk.figure("processes_silent") == 0
        assert desk.figure('store_work_seconds_count{work="open"}') == GUESTS, "told by the store"


def counters_do_not_go_back():
    with Desk() as desk:
        desk.start()
        for number in range(GUESTS):
            desk.login(number).quit()
        ended = 'sessions_total{end="quit"}'
        wait_until("the count", lambda: desk.figure(ended) == GUESTS)
        start = desk.figure("start_time_seconds")
        assert desk.ctl("reload").stdout == "reloaded\n"  # other gates; the old ones tell their last figures and go
        for number in range(GUESTS):
            desk.login(number).quit()
        wait_until("the count over a reload", lambda: desk.figure(ended) == 2 * GUESTS)
        assert desk.figure('reloads_total{outcome="good"}') == 1
        assert desk.figure("start_time_seconds") == start
        assert desk.figure("processes_lost_total") == 0, desk.log()
        good = desk.settings
        desk.write_conf(good + "limts { }\n")
        told = desk.ctl("reload", status=75).stderr
        assert "not taken on" in told and "limts" in told and desk.conf + ":" in told, told
        desk.write_conf(good)
        assert desk.figure('reloads_total{outcome="bad"}') == 1


def a_gate_that_does_not_answer_is_named():
    with Desk() as desk:
        desk.start()
        clients = [desk.login(n) for n in range(GUESTS)]
        before = {s["id"] for s in desk.sessions()}
        logins = 'logins_total{mechanism="USER",verdict="OK"}'
        assert desk.figure(logins) == GUESTS
        _, pid = desk.children("gate")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            done = desk.ctl("sessions")
            missing = re.search(r"not all is told: without gate (\d+)\n", done.stderr)[1]
            told = set(re.findall(r"^(\d+\.\d+) ", done.stdout, re.M))
            assert told == {i for i in before if not i.startswith(missing + ".")}, (before, done)
            assert desk.figure("processes_silent") == 1
            assert desk.figure(logins) == GUESTS, "what it told last"
            top = subprocess.run([POSTFACH, "top", "--once", "--socket", desk.control], capture_output=True, text=True,
                                 timeout=60, check=True).stdout
            assert f"! not all is told: without gate {missing}\n" in top and "(1 silent)" in top, top
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("all again", lambda: {s["id"] for s in desk.sessions()} == before)
        for client in clients:
            client.quit()


def a_gate_that_dies_leaves_its_counts():
    with Desk() as desk:
        desk.start()
        for number in range(GUESTS):
            desk.login(number).quit()
        ended = 'sessions_total{end="quit"}'
        wait_until("the count", lambda: desk.figure(ended) == GUESTS)
        for _, pid in desk.children("gate"):
            os.kill(pid, signal.SIGKILL)
        wait_until("the loss", lambda: desk.figure("processes_lost_total") == 2)
        wait_until("other gates", lambda: len(desk.children("gate")) == 2)
        assert desk.figure(ended) == GUESTS
        wait_until("a login", lambda: try_login(desk))
        wait_until("the count behind it", lambda: desk.figure(ended) == GUESTS + 1)


def try_login(desk):
    try:
        desk.login(0).quit()
    except (OSError, EOFError, poplib.error_proto):
        return False
    return True


run(sessions_of_all_gates_are_one_table, counters_do_not_go_back, a_gate_that_does_not_answer_is_named,
    a_gate_that_dies_leaves_its_counts)
