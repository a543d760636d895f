"""postfach explore in a terminal (tmux): an office for it, its screen, and servers of another make."""
import os
import re
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, POSTFACH, Office, command, wait_until  # noqa: E402
from screen import Screen  # noqa: E402

LOOK = os.path.join(BUILD, "src/tool/postfach-look")


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


class Explorer(Screen):
    """postfach explore."""

    def __init__(self, office, *words, size=(100, 24), locale=None, address=None):
        self.folder = os.path.join(office.folder, "here")
        os.makedirs(self.folder, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG")}
        environment.update(locale or {"LC_ALL": "C.UTF-8"}, TMPDIR=office.folder, TZ="UTC", HOME=office.folder)
        super().__init__(os.path.join(office.folder, "tmux"), POSTFACH, "explore", *(address or office.words()), *words,
                         size=size, folder=self.folder, environment=environment)

    def answer(self, text):
        """To a question whose answer is there already."""
        self.keys("BSpace", *["BSpace"] * 80)
        self.type(text)
        self.keys("Enter")

    def numbers(self):
        """Of the rows from top to bottom, with their marks."""
        return re.findall(r"^(D?) +(\d+) \d{4}-", self.text(), re.M)

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
        self.host = threading.Thread(target=self.serve, daemon=True)
        self.host.start()

    def close(self):
        """Nobody is let in from here on: a thread that still waits in accept would take the next server's guests."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.host.join()
        self.listener.close()

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
    return Explorer(office, *options, address=words)
