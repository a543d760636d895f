#!/usr/bin/env python3
"""postfach fetch at a terminal (tmux): progress bars, the line that stays, questions for passwords."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fetch_home import Home, Relay  # noqa: E402
from office import POSTFACH, run, wait_until  # noqa: E402


def without_leaks(environment):
    """As in screen.py: who ends because its terminal is taken away must not hang in a search for leaks."""
    return {**environment, "ASAN_OPTIONS": f"{environment.get('ASAN_OPTIONS', '')}:detect_leaks=0"}


class Screen:
    """A command in a tmux server of its own, which ends with the block."""

    def __init__(self, home, *words, size=(100, 20), locale="C.UTF-8"):
        self.socket = os.path.join(home.folder, "tmux")
        # The screen tells the status: tmux now and then forgets to ask for it.
        shell = ["sh", "-c", 'trap : INT; "$@"; echo "ended with $?"; exec cat', "sh"]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *shell,
                  POSTFACH, "fetch", "-c", home.accounts, *words, ";", "set-option", "-g", "window-size", "manual",
                  environment=without_leaks(home.environment(locale)))

    def tmux(self, *words, check=True, environment=None):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *words], capture_output=True, text=True, check=check,
                              timeout=60, env=environment).stdout

    def shows(self, pattern):
        """Waits until the screen matches; what it shows then."""
        seen = [""]

        def look():
            seen[0] = self.tmux("capture-pane", "-p")
            return re.search(pattern, seen[0], re.M)
        try:
            wait_until(f"a screen with {pattern!r}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows\n{seen[0]}") from None
        return seen[0]

    def ended(self):
        text = self.shows(r"^ended with \d+$")
        return int(re.search(r"^ended with (\d+)$", text, re.M)[1]), text[:text.index("ended with")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server", check=False)
        wait_until("the end of tmux", lambda: subprocess.run(
            ["tmux", "-S", self.socket, "list-sessions"], capture_output=True, check=False).returncode != 0)


def slow(home, relay, name="work"):
    return home.account(name).replace(f"port {home.pop3s}", f"port {relay.here}")


def a_bar_moves_and_a_line_stays():
    with Home() as home:
        for number in range(10):
            home.put("anna", b"Subject: x\n\n" + (b"y" * 98 + b"\n") * 1000)
        home.start()
        with Relay(home.pop3s, 520000) as relay:
            home.configure(slow(home, relay), home.account("idle"))
            with Screen(home, "work") as screen:
                text = screen.shows(r"^work +\[#+\.+\] +\d+ % +\d/10 +\d+ kB of 1\.0 MB +\S+ .?B/s +\S+$")
                assert "\n\n" not in text.strip(), text
                assert "Subject" not in text
                screen.tmux("resize-window", "-x", "40", "-y", "20")
                narrow = screen.shows(r"^work +\[#+\.+\] +\d+ % +\d/10$")
                assert all(len(line) < 40 for line in narrow.split("\n")), narrow
                screen.tmux("resize-window", "-x", "100", "-y", "20")
                relay.free.set()
                status, text = screen.ended()
                assert status == 0 and re.fullmatch(r"work: 10 messages fetched \(1\.0 MB\) in [0-9.:]+( s)?\n", text), \
                    text
        assert len(home.mails()) == 10


def each_account_has_its_bar():
    users = [f"u{number}" for number in range(4)]
    with Home(users=users) as home:
        for user in users:
            for number in range(5):
                home.put(user, b"Subject: x\n\n" + (b"y" * 98 + b"\n") * 500)
        home.start()
        with Relay(home.pop3s, 100000) as relay:
            home.configure(*(slow(home, relay, name=user).replace("anna", user) for user in users))
            with Screen(home, locale="de_DE.UTF-8", size=(100, 4)) as screen:
                # No more bars than the screen has lines for, and the line of the cursor.
                text = screen.shows(r"^u0 .* von 25\d kB[^\0]*^u1 .* von 25\d kB[^\0]*^u2 .* von 25\d kB")
                assert "u3" not in text, text
                relay.free.set()
                screen.tmux("resize-window", "-x", "100", "-y", "20")
                status, text = screen.ended()
                assert status == 0 and text.count(": 5 Nachrichten geholt (25") == 4, text
                assert "[" not in text, text


def control_c_ends_it():
    with Home() as home:
        for number in range(10):
            home.put("anna", b"Subject: x\n\n" + (b"y" * 98 + b"\n") * 1000)
        home.start()
        with Relay(home.pop3s, 250000) as relay:
            home.configure(slow(home, relay))
            with Screen(home) as screen:
                screen.shows(r"^work +\[#+\.+\]")
                screen.tmux("send-keys", "C-c")
                screen.shows(r"^work +ending")
                screen.tmux("send-keys", "C-c")
                status, text = screen.ended()
                assert status == 75, (status, text)
        there = len(home.mails())
        assert there < 10
        home.configure(home.account("work"))
        home.fetch("work")
        assert len(home.mails()) == 10


def persons_are_asked_before_anything_is_drawn():
    with Home(users=("anna", "bob")) as home:
        home.fill(1, user="anna")
        home.fill(2, user="bob")
        home.start()
        home.configure(*(re.sub(r"password-file [^;]*;", "", home.account("of-" + user, user))
                         for user in ("anna", "bob")))
        with Screen(home) as screen:
            screen.shows(r"^of-anna: password of anna at localhost:")
            screen.tmux("send-keys", "-l", "geheim")
            screen.tmux("send-keys", "Enter")
            text = screen.shows(r"^of-bob: password of bob at localhost:")
            assert "geheim" not in text and "fetched" not in text, text
            screen.tmux("send-keys", "-l", "geheim")
            screen.tmux("send-keys", "Enter")
            status, text = screen.ended()
            assert status == 0, text
            assert "of-anna: 1 message fetched" in text and "of-bob: 2 messages fetched" in text, text
        with Screen(home, "of-anna", locale="de_DE.UTF-8") as screen:
            screen.shows(r"^of-anna: Passwort von anna bei localhost:")
            screen.tmux("send-keys", "-l", "falsch")
            screen.tmux("send-keys", "Enter")
            assert screen.ended()[0] == 77


run(a_bar_moves_and_a_line_stays, each_account_has_its_bar, control_c_ends_it,
    persons_are_asked_before_anything_is_drawn)
