"""A program in a terminal: a tmux server of its own, what stands on the screen, and keys."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import wait_until  # noqa: E402


def need_tmux():
    if not shutil.which("tmux"):
        print("1..0 # SKIP tmux is not here")
        sys.exit(0)


def is_over(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"  # nobody has asked for its status yet
    except (OSError, IndexError):
        return True


class Screen:
    """A command in a tmux server of its own, which ends with the block."""

    def __init__(self, socket, *words, size=(100, 24), folder=".", environment=None):
        self.socket = socket
        # At the end the terminal is taken away, and a search for leaks in a program that ends of that hangs now and then.
        environment = dict(environment or os.environ)
        environment["ASAN_OPTIONS"] = f"{environment.get('ASAN_OPTIONS', '')}:detect_leaks=0"
        # The screen tells the status: tmux now and then forgets to ask for it.
        shell = ["sh", "-c", 'trap : INT; cd "$0" && "$@"; echo "ended with $?"; exec cat', folder]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *shell, *words,
                  ";", "set-option", "-g", "window-size", "manual", environment=environment)

    def tmux(self, *words, check=True, environment=None):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *words], capture_output=True, text=True, check=check,
                              timeout=60, env=environment).stdout

    def text(self):
        return self.tmux("capture-pane", "-p")

    def shows(self, pattern):
        """Waits until the screen matches; what it shows then."""
        seen = [""]

        def look():
            seen[0] = self.text()
            found = re.search(pattern, seen[0], re.M)
            assert found or not re.search("^ended with", seen[0], re.M), f"it ended before {pattern!r}"
            return found
        try:
            wait_until(f"a screen with {pattern!r}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows\n{seen[0]}") from None
        return seen[0]

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def ended(self):
        return int(re.search(r"^ended with (\d+)", self.shows(r"^ended with \d+$"), re.M)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pid = self.tmux("display-message", "-p", "#{pane_pid}", check=False).strip()
        self.tmux("kill-server", check=False)
        wait_until("the end of tmux", lambda: is_over(pid) and self.is_gone())

    def is_gone(self):
        return subprocess.run(["tmux", "-S", self.socket, "list-sessions"], capture_output=True,
                              check=False).returncode != 0
