#!/usr/bin/env python3
"""The question for a password, asked at a terminal with a shell's job control (tmux, bash): stopped and continued, in
the background, and what an empty answer comes to."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run  # noqa: E402
from screen import Screen, need_tmux  # noqa: E402


class Desk(Office):
    def __init__(self):
        super().__init__()
        self.add_user("anna", "hunter2")
        self.put("anna", b"Subject: here it is\n\nbody\n")
        self.start()

    def ls(self):
        return f"{POSTFACH} ls --ca {self.certificates.ca} pops://anna@localhost:{self.pop3s}"


class Shell(Screen):
    """bash, whose prompt tells the status of what went before."""

    def __init__(self, desk):
        environment = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG")}
        environment.update(LC_ALL="C.UTF-8", HOME=desk.folder, PS1="<$?> ", HISTFILE="")
        super().__init__(os.path.join(desk.folder, "tmux"), "bash", "--norc", "--noprofile", "-i", size=(200, 40),
                         folder=desk.folder, environment=environment)
        self.shows("^<0> *$")
        self.enter("set -b; clear")  # a job that stops is told at once
        self.shows(r"\A<0> *$")

    def enter(self, text):
        self.type(text)
        self.keys("Enter")

    def asked(self, times):
        """Waits for the question, which stands there so many times, the last one at the end."""
        return self.shows(r"(?:Password of anna at localhost:[^\0]*){%d}\s*\Z" % times)


def who_stops_and_continues_is_asked_again():
    with Desk() as desk, Shell(desk) as shell:
        shell.enter(desk.ls())
        shell.asked(1)
        shell.type("hunt")
        shell.keys("C-z")
        shell.shows(r"Stopped[^\0]*^<\d+> *$")
        shell.enter("echo what is typed is seen")
        shell.shows(r"^what is typed is seen$")
        shell.enter("fg")
        shell.asked(2)
        shell.keys("C-z")
        shell.shows(r"Stopped[^\0]*Stopped[^\0]*^<\d+> *$")
        shell.enter("fg")
        shell.asked(3)
        shell.enter("hunter2")
        text = shell.shows(r"^1 message, [^\0]*^<0> *$")
        assert "here it is" in text and "hunt" not in text and "no password" not in text, text
        shell.enter("stty -a | grep -o -w -e -echo -e echo")
        shell.shows(r"^echo$")


def in_the_background_it_waits_to_be_called():
    with Desk() as desk, Shell(desk) as shell:
        shell.enter(desk.ls() + " &")
        shell.shows(r"^\[1\]\+ +Stopped")
        assert "Password of" not in shell.text(), shell.text()
        shell.enter("bg")
        shell.shows(r"^\[1\]\+ +Stopped[^\0]*^\[1\]\+ +Stopped")
        shell.enter("fg")
        shell.asked(1)
        shell.enter("hunter2")
        shell.shows(r"^1 message, [^\0]*^<0> *$")


def a_stop_that_nobody_catches_is_no_way_to_see_it():
    with Desk() as desk, Shell(desk) as shell:
        shell.enter(f"sh -c 'echo $$ > pid; exec {desk.ls()}'")
        shell.asked(1)
        pid = shell.tmux("display-message", "-p", "#{pane_pid}").strip()
        assert pid
        with open(os.path.join(desk.folder, "pid"), encoding="ascii") as file:
            number = int(file.read())
        os.kill(number, 19)  # SIGSTOP
        shell.shows(r"Stopped[^\0]*^<\d+> *$")
        shell.enter("stty echo; fg")
        shell.asked(2)
        shell.enter("hunter2")
        text = shell.shows(r"^1 message, [^\0]*^<0> *$")
        assert "hunter2" not in text, text


def who_says_nothing_is_refused_as_with_a_wrong_password():
    with Desk() as desk, Shell(desk) as shell:
        for key in ("Enter", "C-d"):
            shell.keys("C-l")
            shell.enter(desk.ls())
            shell.asked(1)
            shell.keys(key)
            text = shell.shows(r"no password was given$[^\0]*^<77> *$")
            assert re.search(r"^postfach ls: anna@localhost", text, re.M), text
        shell.keys("C-l")
        shell.enter(desk.ls())
        shell.asked(1)
        shell.keys("C-c")
        shell.shows(r"^<130> *$")


need_tmux()
run(who_stops_and_continues_is_asked_again, in_the_background_it_waits_to_be_called,
    a_stop_that_nobody_catches_is_no_way_to_see_it, who_says_nothing_is_refused_as_with_a_wrong_password)
