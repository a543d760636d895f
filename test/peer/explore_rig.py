"""postfach explore in a terminal (tmux): an office for it, its screen, and servers of another make."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, POSTFACH, Office, command, wait_until  # noqa: E402

LOOK = os.path.join(BUILD, "src/tool/postfach-look")


def need_tmux():
    if not shutil.which("tmux"):
        print("1..0 # SKIP tmux is not here")
        sys.exit(0)


def sanitized():
    with open(LOOK, "rb") as file:
        return b"__asan_init" in file.read()


def mail(subject, body="Hello\n", sender="Bob <bob@example.org>", date="Sun, 22 Nov 2026 10:00:00 +0000", more=""):
    return (f"From: {sender}\nTo: anna@example.org\nDate: {date}\nSubject: {subject}\n{more}\n{body}").encode()


class Post(Office):
    """An office with a user, and her password in a file."""

    def __init__(self, *messages, settings=""):
        super().__init__(settings=settings)
        self.add_user("anna", "secret")
        self.password = os.path.join(self.folder, "password")
        with open(self.password, "w", encoding="ascii") as file:
            file.write("secret\n")
        os.chmod(self.password, 0o600)
        for message in messages:
            self.put("anna", message, sizes=True)

    def words(self):
        return [f"pops://anna@localhost:{self.pop3s}", "--ca", self.certificates.ca, "--password-file", self.password]


class Screen:
    """postfach explore in a tmux server of its own, which ends with the block."""

    def __init__(self, office, *words, size=(100, 24), locale=None, address=None):
        self.folder = os.path.join(office.folder, "here")
        os.makedirs(self.folder, exist_ok=True)
        self.socket = os.path.join(office.folder, "tmux")
        wanted = address or office.words()
        # The screen tells the status: tmux now and then forgets to ask for it.
        shell = ["sh", "-c", 'trap : INT; cd "$0" && "$@"; echo "ended with $?"; exec cat', self.folder]
        environment = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG")}
        environment.update(locale or {"LC_ALL": "C.UTF-8"}, TMPDIR=office.folder, TZ="UTC", HOME=office.folder)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]),
                  *shell, POSTFACH, "explore", *wanted, *words, ";", "set-option", "-g", "window-size", "manual",
                  environment=environment)

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

    def answer(self, text):
        """To a question whose answer is there already."""
        self.keys("BSpace", *["BSpace"] * 80)
        self.type(text)
        self.keys("Enter")

    def numbers(self):
        """Of the rows from top to bottom, with their marks."""
        return re.findall(r"^(D?) +(\d+) \d{4}-", self.text(), re.M)

    def ended(self):
        return int(re.search(r"^ended with (\d+)", self.shows(r"^ended with \d+$"), re.M)[1])

    def pid(self):
        """Of the explorer."""
        shell = int(self.tmux("display-message", "-p", "#{pane_pid}"))

        def find():
            with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
                return [int(p) for p in file.read().split() if command(int(p)) == "explore"]
        return wait_until("the explorer", find)[0]

    def peak(self):
        """Its memory at most, in kB."""
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as file:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M)[1])

    def file(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pid = self.tmux("display-message", "-p", "#{pane_pid}", check=False).strip()
        self.tmux("kill-server", check=False)
        wait_until("the end of tmux", lambda: not command(pid) and self.is_gone())

    def is_gone(self):
        return subprocess.run(["tmux", "-S", self.socket, "list-sessions"], capture_output=True,
                              check=False).returncode != 0


class Fake:
    """A server of another make, without TLS, that answers from a table; None hangs up, of a list one after the
    other is taken, the last for good."""

    def __init__(self, **answers):
        self.answers = {"CAPA": b"-ERR\r\n", "USER": b"+OK\r\n", "PASS": b"+OK\r\n", "QUIT": b"+OK\r\n",
                        "LIST": b"+OK\r\n1 50\r\n2 50\r\n.\r\n", "UIDL": b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
                        "TOP": b"+OK\r\nSubject: x\r\n\r\n.\r\n", "DELE": b"+OK\r\n", "NOOP": b"+OK\r\n"}
        self.answers.update(answers)
        self.heard = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(one,), daemon=True).start()

    def talk(self, one):
        with one:
            one.sendall(b"+OK\r\n")
            for line in one.makefile("rb"):
                word = line.split()[0].decode().upper()
                self.heard.append(line.decode().strip())
                answer = self.answers.get(word, b"-ERR\r\n")
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                if answer is None:
                    return
                one.sendall(answer)
                if word == "QUIT":
                    return


def fake_screen(office, fake, *options):
    words = [f"pop://anna@127.0.0.1:{fake.port}", "--plain", "--mechanisms", "USER", "--password-file", office.password]
    return Screen(office, *options, address=words)
