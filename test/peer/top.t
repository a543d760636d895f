#!/usr/bin/env python3
"""postfach top in a terminal (tmux): what the screen shows, and what the keys do."""
import os
import poplib
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run, wait_until  # noqa: E402
from screen import Screen, need_tmux  # noqa: E402


class Desk(Office):
    """An office with a control socket."""

    def __init__(self):
        super().__init__()
        self.control = os.path.join(self.folder, "control")
        self.settings = f"listen unix:{self.control} {{ protocol control }}"

    def start(self):
        for user in ("anna", "bob", "carol"):
            if not os.path.exists(self.maildir(user)):
                self.add_user(user, "secret")
        return super().start()

    def login(self, user):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(user)
        client.pass_("secret")
        return client


class Top(Screen):
    """postfach top."""

    def __init__(self, control, *words):
        super().__init__(os.path.join(os.path.dirname(control), "tmux"), POSTFACH, "top", "--socket", control, *words,
                         size=(100, 20))

    def rows(self):
        """Users of the table from top to bottom."""
        return re.findall(r"^[0-9.]+ +(\S+) +127", self.text(), re.M)


def once(control, *words, status=0):
    done = subprocess.run([POSTFACH, "top", "--socket", control, *words], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == status, done
    return done.stdout + done.stderr


def a_page_is_printed_where_there_is_no_terminal():
    with Desk() as desk:
        desk.start()
        anna, bob = desk.login("anna"), desk.login("bob")
        for words in ((), ("--once",)):
            page = once(desk.control, *words)
            assert re.match(r"postfach top [0-9:]{8}Z, up \d+s, \d+ process(es)?, 2 sessions\non average: ", page), page
            assert re.search(r"^[0-9.]+ +anna +127\.0\.0\.1 none +transaction .* PASS$", page, re.M), page
            assert "\033" not in page
        assert "bob" not in once(desk.control, "--filter", "ANN")
        names = re.findall("(anna|bob) ", once(desk.control, "--sort", "user"))
        assert names == ["anna", "bob"], names
        assert once(desk.control, "--sort", "size", status=64).startswith("usage: ")
        assert once(desk.control, "--interval", "0.1", status=64).startswith("usage: ")
        anna.quit()
        bob.quit()
        desk.stop()
        assert "no server listens there" in once(desk.control, status=75)


def the_page_renews_itself():
    with Desk() as desk:
        desk.start()
        with Top(desk.control, "--interval", "0.2") as screen:
            screen.shows(r"^postfach top .*, 0 sessions")
            anna = desk.login("anna")
            screen.shows(r"^[0-9.]+ +anna +127\.0\.0\.1 +none +transaction +\d+s +\d+s +0 .* PASS")
            anna.noop()
            screen.shows(r" NOOP")
            anna.quit()
            shown = screen.shows(r"^postfach top .*, 0 sessions")
            assert "anna" not in shown, shown
            screen.keys("q")
            assert screen.ended() == 0


def keys_sort_and_sift():
    with Desk() as desk:
        desk.start()
        clients = [desk.login(user) for user in ("carol", "anna", "bob")]
        with Top(desk.control, "--interval", "0.2", "--sort", "user") as screen:
            screen.shows("carol")
            assert screen.rows() == ["anna", "bob", "carol"]
            screen.keys("r")
            screen.shows("sorted by user, turned")
            assert screen.rows() == ["carol", "bob", "anna"]
            screen.keys(">")
            screen.shows("sorted by address, turned")
            screen.keys("<", "<", "<")
            screen.shows("sorted by age, turned")
            screen.keys("/")
            screen.shows("Only with this in user or address:")
            screen.type("bot")
            screen.keys("BSpace")
            screen.type("b")
            screen.keys("Enter")
            screen.shows('only "bob": 1 of 3')
            assert screen.rows() == ["bob"]
            screen.keys("/", "Escape")
            screen.shows("q leave")
            assert screen.rows() == ["bob"]
            screen.keys("/", "Enter")
            screen.shows("carol")
            screen.keys("i")
            screen.shows("Seconds between two looks:")
            screen.type("0")
            screen.keys("Enter")
            screen.shows("0.2 to 3600 seconds")
            screen.keys("i")
            screen.type("0.5")
            screen.keys("Enter")
            screen.shows("every 0.5 s")
            screen.keys("h")
            screen.shows("K   end all sessions of its user")
            screen.keys("h")
            screen.shows("^ID +USER +ADDRESS")
            screen.keys("C-c")
            assert screen.ended() == 0
        for client in clients:
            client.quit()


def who_is_kicked_is_asked_for_first():
    with Desk() as desk:
        desk.start()
        anna, bob, carol = (desk.login(user) for user in ("anna", "bob", "carol"))
        with Top(desk.control, "--interval", "0.2", "--sort", "user") as screen:
            screen.shows("carol")
            screen.keys("Down", "k")
            screen.shows(r"End session [0-9.]+ of bob from 127\.0\.0\.1\? \(y/n\)")
            screen.keys("n")
            screen.shows("nobody was kicked")
            bob.noop()
            screen.keys("k")
            screen.shows("of bob from")
            screen.keys("y")
            screen.shows("^kicked 1")
            assert bob.file.readline() == b""
            wait_until("two rows", lambda: screen.rows() == ["anna", "carol"])
            screen.keys("Home", "K")
            screen.shows("End all sessions of anna")
            screen.keys("y")
            wait_until("one row", lambda: screen.rows() == ["carol"])
            assert anna.file.readline() == b""
            carol.noop()
            stranger = socket.create_connection(("127.0.0.1", desk.pop3), timeout=60)
            screen.shows("1 before login")
            wait_until("two rows again", lambda: screen.rows() == ["-", "carol"])
            screen.keys("Home", "K")
            screen.shows("nobody has logged in there")
            stranger.close()
        carol.quit()


def a_server_that_was_started_again_is_found():
    with Desk() as desk:
        desk.start()
        with Top(desk.control, "--interval", "0.2") as screen:
            screen.shows(r"^postfach top .*, 0 sessions")
            desk.stop()
            screen.shows("^! no server listens there: .*; what is shown is old")
            desk.start()
            shown = screen.shows(r"^sorted by age; every 0\.2 s\n *\nID ")
            assert "!" not in shown, shown
            client = desk.login("anna")
            screen.shows(" anna ")
            client.quit()


def the_window_may_change():
    with Desk() as desk:
        desk.start()
        client = desk.login("anna")
        with Top(desk.control, "--interval", "60") as screen:
            screen.shows("^ID +USER +ADDRESS +TLS +STATE +AGE +IDLE +MSGS +GOT +IN +OUT +CMD")
            for size, titles in (((60, 12), "^ID +USER +ADDRESS +STATE +AGE +IDLE +OUT *(CMD)?$"), ((20, 7), "^ID "),
                                 ((200, 40), " CMD$"), ((5, 2), "^postf"), ((100, 20), " GOT +IN +OUT +CMD")):
                screen.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
                screen.shows(titles)
            screen.shows(" anna ")
        client.quit()


EVIL = "\033]0;owned\007\033[2J\033[31m\x9b31m\u009b\xff"


class Liar:
    """Somebody at a control socket who says what he likes."""

    def __init__(self, path, answer):
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(5)
        self.requests = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            with one:
                request = b""
                while piece := one.recv(4096):
                    request += piece
                self.requests.append(request)
                if not request.startswith(b"STOP"):
                    one.sendall(self.answer)


def nothing_of_a_stranger_moves_the_terminal():
    evil = EVIL.encode("latin-1")
    row = b"\t".join([b"1", b"anna" + evil, evil, evil, evil, b"1", b"1", b"1", b"1", b"1", b"1", b"1", evil])
    with Office() as office:
        path = os.path.join(office.folder, "control")
        liar = Liar(path, b"+sessions, without " + evil + b"\n" + row + b"\n.\n+metrics\npostfach_sessions 1\n.\n")
        with Top(path, "--interval", "0.2") as screen:
            title = screen.tmux("display-message", "-p", "#{pane_title}")
            shown = screen.shows(r"anna\?\]0;owned")
            assert "! not all is told: without ?]0;owned??[2J" in shown, shown
            assert shown.startswith("postfach top"), shown
            screen.keys("k")
            screen.shows(r"End session 1 of anna\?\]0;owned")
            screen.keys("y")
            screen.shows("sessions, without")
            assert screen.tmux("display-message", "-p", "#{pane_title}") == title != "owned\n"
            assert b"KICK ID 1\n" in liar.requests
            liar.answer = b"+sessions\n" + evil
            screen.shows("^! the server gave no whole answer")
        page = once(path, status=75)
        assert "no whole answer" in page and "\033" not in page, page
        liar.listener.close()


need_tmux()
run(a_page_is_printed_where_there_is_no_terminal, the_page_renews_itself, keys_sort_and_sift,
    who_is_kicked_is_asked_for_first, a_server_that_was_started_again_is_found, the_window_may_change,
    nothing_of_a_stranger_moves_the_terminal)
