#!/usr/bin/env python3
"""postfach explore in a terminal (tmux), before our server: what the screen shows, and what becomes of it."""
import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, POSTFACH, Office, command, run, wait_until  # noqa: E402

LOOK = os.path.join(BUILD, "src/tool/postfach-look")
BLOB = bytes(range(256)) * 40 + b"\r\n\r\n.\r\n\0end"


def mail(subject, body="Hello\n", sender="Bob <bob@example.org>", date="Sun, 22 Nov 2026 10:00:00 +0000", more=""):
    return (f"From: {sender}\nTo: anna@example.org\nDate: {date}\nSubject: {subject}\n{more}\n{body}").encode()


def with_attachment():
    data = base64.encodebytes(BLOB).decode()
    return mail("With a file", more='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n', body=(
        '--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nSee what hangs on. Grüße\n'
        '--b\nContent-Type: application/octet-stream; name="../blob.bin"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="../blob.bin"\n\n{data}--b--\n'))


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
            return re.search(pattern, seen[0], re.M)
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


THREE = (mail("First", date="Fri, 20 Nov 2026 10:00:00 +0000", sender="Zoe <z@example.org>"),
         mail("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Lieber Text\n" + "word " * 60 + "\n",
              sender="=?utf-8?q?J=C3=BCrgen?= <j@example.org>", date="Thu, 19 Nov 2026 09:00:00 +0000"),
         mail("Third and last", "<p>only <b>HTML</b></p>\n", more="Content-Type: text/html\n"))


def messages_are_listed_and_looked_at():
    with Post(*THREE) as post:
        post.start()
        with Screen(post) as screen:
            screen.shows(r"^ +1 2026-11-20 10:00 +\d+ Zoe +First *$")
            shown = screen.shows(r"^ +2 2026-11-19 09:00 +\d+ Jürgen +Grüße aus Köln *$")
            assert re.search(r"^anna@localhost.* TLSv1\.3 SCRAM-SHA-256", shown), shown
            assert re.search(r"^3 messages, \d+ octets; by number$", shown, re.M), shown
            assert [n for _, n in screen.numbers()] == ["3", "2", "1"], shown
            screen.keys("Down", "p")
            shown = screen.shows(r"^Lieber Text$")
            assert re.search(r"^Preview *$", shown, re.M) and "From: Jürgen <j@example.org>" in shown, shown
            screen.keys("Up")
            screen.shows(r"^only HTML$")
            screen.keys("p", "Down", "Enter")
            shown = screen.shows(r"^2  Grüße aus Köln +1-\d+/\d+$")
            assert re.search(r"^(word ){19}word$", shown, re.M), shown
            screen.keys("v")
            screen.shows(r"^Subject: =\?utf-8\?q\?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln\?=$")
            screen.keys("v", "/")
            screen.type("LIEBER")
            screen.keys("Enter")
            screen.shows(r"^Lieber Text$")
            screen.keys("J")
            screen.shows(r"^1  First ")
            screen.keys("K", "K")
            screen.shows(r"^\[HTML as plain text\]$")
            screen.keys("Escape", "?")
            screen.shows("mark for deletion")
            screen.keys("q", "t")
            screen.shows(r"^C: UIDL$")
            screen.keys("q")
            screen.shows("^ +1 2026")
            screen.keys("q")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 3


def lists_are_sorted_searched_and_sifted():
    with Post(*THREE) as post:
        post.start()
        with Screen(post, "--sort", "from") as screen:
            screen.shows("by from")
            wait_until("an order", lambda: [n for _, n in screen.numbers()] == ["3", "2", "1"])
            screen.keys(">", "r")
            screen.shows("by subject, turned")
            wait_until("an order", lambda: [n for _, n in screen.numbers()] == ["3", "2", "1"])
            screen.keys("<", "<", "<", "r")
            screen.shows("by date;|by date$")
            wait_until("an order", lambda: [n for _, n in screen.numbers()] == ["3", "1", "2"])
            screen.keys("/")
            screen.type("köln")
            screen.keys("Enter", "d")
            wait_until("a mark", lambda: ("D", "2") in screen.numbers())
            screen.keys("f")
            screen.shows("Only with this in From, Subject, UID:")
            screen.type("zoex")
            screen.keys("BSpace", "Enter")
            screen.shows('only "zoe": 1$')
            assert [n for _, n in screen.numbers()] == ["1"]
            screen.keys("/")
            screen.type("nowhere")
            screen.keys("Enter")
            screen.shows("not found: nowhere")
            screen.keys("Q")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 3, "Q deletes nothing"


def files_are_written_and_never_over_others():
    with Post(with_attachment()) as post:
        post.start()
        with Screen(post) as screen:
            screen.shows("With a file")
            screen.keys("Enter")
            shown = screen.shows(r"^Attachment 1: \.\./blob\.bin \(application/octet-stream, ")
            assert "See what hangs on. Grüße" in shown, shown
            screen.keys("s")
            screen.shows(r"^Save as: blob\.bin$")
            screen.keys("Enter")
            screen.shows(r"^saved: blob\.bin$")
            assert screen.file("blob.bin") == BLOB
            screen.keys("s")
            screen.shows(r"^Save as: blob-2\.bin$")
            screen.answer("blob.bin")
            screen.shows("^not saved: blob.bin: File exists")
            screen.keys("s")
            screen.shows("^Save as: ")
            screen.answer("~/other")
            screen.shows("^saved: ")
            with open(os.path.join(post.folder, "other"), "rb") as file:
                assert file.read() == BLOB
            screen.keys("w")
            screen.shows(r"^Write message to: With a file\.eml$")
            screen.keys("Enter")
            screen.shows(r"^saved: With a file\.eml$")
            assert screen.file("With a file.eml") == with_attachment()
            assert sorted(os.listdir(screen.folder)) == ["With a file.eml", "blob.bin"]
            screen.keys("q")
            screen.shows("^1 message,")
            screen.keys("q")
            assert screen.ended() == 0


def nothing_is_deleted_before_it_is_confirmed():
    with Post(*(mail(f"Number {i}") for i in range(1, 7))) as post:
        post.start()
        with Screen(post) as screen:
            screen.shows("Number 1")
            screen.keys("d", "d", "d", "Up", "u")
            screen.shows("; 2 marked, ")
            screen.keys("q")
            screen.shows(r"^Delete 2 messages\? y: delete and leave, n: leave, Escape: stay")
            screen.keys("Escape")
            screen.shows("^nothing was deleted")
            screen.keys("U")
            wait_until("no mark", lambda: " marked" not in screen.text())
            screen.keys("D", "q")
            screen.shows(r"^Delete 6 messages\?")
            screen.keys("n")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 6
        with Screen(post) as screen:
            screen.shows("Number 1")
            screen.keys("Enter")
            screen.shows("^6  Number 6 ")
            screen.keys("d")
            screen.shows("^marked for deletion")
            screen.keys("q", "Down", "d", "d")
            screen.shows("; 3 marked, ")
            screen.keys("q")
            screen.shows(r"^Delete 3 messages\?")
            screen.keys("y")
            screen.shows("^3 messages deleted$")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 3
        assert [n[:12] for n in post.files("anna")] == ["1700000001.M", "1700000002.M", "1700000003.M"]


def german_is_spoken():
    with Post(*THREE) as post:
        post.start()
        with Screen(post, locale={"LC_MESSAGES": "de_DE.UTF-8", "LC_CTYPE": "C.UTF-8"}) as screen:
            shown = screen.shows(r"^3 Nachrichten, \d+ Oktette; nach Nummer$")
            assert re.search(r"Nr\. Datum +Größe Von +Betreff", shown), shown
            screen.keys("d", "q")
            screen.shows(r"^1 Nachricht löschen\? j: löschen und Ende")
            screen.keys("j")
            screen.shows("^1 Nachricht gelöscht$")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 2


def marks_survive_a_server_that_dies():
    with Post(*(mail(f"Number {i}") for i in range(1, 5))) as post:
        post.listens = ["{ tls starttls }", "{ tls implicit }"]
        post.start()
        port = post.pop3s
        with Screen(post) as screen:
            screen.shows("Number 1")
            screen.keys("Down", "d", "d")
            screen.shows("; 2 marked, ")
            post.kill()
            screen.shows(r"calls again in \d+ s")
            shown = screen.shows("; 2 marked, ")
            assert "Number 3" in shown, shown
            os.unlink(os.path.join(post.maildir("anna"), "new", post.files("anna")[0]))  # numbers become others
            post.put("anna", mail("Number 5"), sizes=True)
            post.listens[1] = f"{{ tls implicit }}\nlisten 127.0.0.1:{port} {{ tls implicit }}"
            post.start()
            screen.keys("R")
            shown = screen.shows(r"^ +4 2026.* Number 5 *$")
            assert screen.numbers() == [("", "4"), ("", "3"), ("D", "2"), ("D", "1")], shown
            screen.keys("q")
            screen.shows(r"^Delete 2 messages\?")
            screen.keys("y")
            screen.shows("^2 messages deleted$")
            assert screen.ended() == 0
        left = [open(os.path.join(post.maildir("anna"), "new", n), "rb").read() for n in post.files("anna")]
        assert left == [mail("Number 4"), mail("Number 5")], left


def an_idle_line_is_kept():
    with Post(*THREE, settings="times { idle 10m }") as post:
        post.start()
        with Screen(post, "--keep-alive", "0.1") as screen:
            screen.shows("First")
            screen.keys("t")
            screen.shows("^C: ")

            def noops():
                screen.keys("q", "t")
                return re.search(r"^C: NOOP\n(.*\n)*?C: NOOP", screen.text(), re.M)
            wait_until("two NOOPs", noops)
            screen.keys("C-c")
            assert screen.ended() == 0


def the_window_may_change():
    with Post(*(mail(f"Number {i}") for i in range(1, 50))) as post:
        post.start()
        with Screen(post) as screen:
            screen.shows("Number 49")
            screen.keys("p")
            screen.shows("^Preview")
            for size, pattern in (((60, 14), r"^ +\d+ 11-22 +\d+ Bob +Number"), ((30, 8), "^ +49 11-22 Bob"),
                                  ((5, 2), "^ *anna|^ +4?9?"), ((200, 60), "Number 32 *$"), ((100, 24), "^Preview")):
                screen.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
                screen.shows(pattern)
            screen.keys("End")
            screen.shows("Number 1 *$")
            screen.keys("Q")
            assert screen.ended() == 0


def no_mail_moves_the_terminal():
    evil = "\033]0;owned\007\033[2J\x9b31m"
    subject = base64.b64encode(evil.encode("utf-8")).decode()
    with Post(mail(f"=?utf-8?b?{subject}?=", body=f"{evil}\nend of it\n", sender=f'"{evil}" <x@example.org>',
                   more=f'Content-Type: text/plain; charset=utf-8; name="{evil}"\n'),
              mail("Harmless")) as post:
        post.start()
        with Screen(post) as screen:
            title = screen.tmux("display-message", "-p", "#{pane_title}")
            screen.shows(r"\?\]0;owned\?\?\[2J\?3~ +\?\]0;owned\?\?\[2J\?31m *$")
            screen.keys("Down", "p")
            screen.shows("^end of it")
            screen.keys("Enter")
            screen.shows(r"^\?\]0;owned\?\?\[2J\?31m$")
            screen.keys("v")
            screen.shows(r"^\^\[\]0;owned\^G\^\[\[2J<9b>31m$")
            screen.keys("w")
            screen.shows("^Write message to: _]0;owned__\\[2J_31m.eml$")
            screen.keys("Escape")
            assert screen.tmux("display-message", "-p", "#{pane_title}") == title != "owned\n"
            screen.keys("Q")
            assert screen.ended() == 0


def who_is_not_let_in_is_told_without_a_screen():
    with Post() as post:
        post.start()
        with open(post.password, "w", encoding="ascii") as file:
            file.write("wrong\n")
        done = subprocess.run([POSTFACH, "explore", *post.words()], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 77 and "postfach explore: " in done.stderr and not done.stdout, done
        done = subprocess.run([POSTFACH, "explore", "--sort", "colour", "x@y"], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 64 and done.stderr.startswith("usage: postfach explore"), done


class Fake:
    """A server of another make, without TLS, that answers from a table; answers may be functions of the line."""

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
                if answer is None:
                    return
                one.sendall(answer)
                if word == "QUIT":
                    return


def fake_screen(office, fake):
    words = [f"pop://anna@127.0.0.1:{fake.port}", "--plain", "--mechanisms", "USER", "--password-file", office.password]
    return Screen(office, address=words)


def only_what_quit_confirmed_is_told_as_deleted():
    cases = ((b"-ERR [SYS/TEMP] some not removed\r\n", "not all was deleted; the server says: .*some not removed", 75),
             (None, "whether anything was deleted is unknown", 75),
             (b"+OK\r\n", "^1 message deleted", 0))
    for answer, text, status in cases:
        with Post() as post:
            fake = Fake(QUIT=answer)
            with fake_screen(post, fake) as screen:
                screen.shows("^2 messages, 100 octets")
                screen.keys("d", "q")
                screen.shows("Delete 1 message")
                assert not any(line.startswith("DELE") for line in fake.heard), fake.heard
                screen.keys("y")
                screen.shows(text)
                assert screen.ended() == status
                assert [line for line in fake.heard if line.startswith("DELE")] == ["DELE 2"], fake.heard
            fake.listener.close()


def a_server_without_top_and_uidl_is_of_use():
    message = mail("Read at last")
    octets = message.replace(b"\n", b"\r\n")
    with Post() as post:
        fake = Fake(TOP=b"-ERR what\r\n", UIDL=b"-ERR what\r\n", DELE=b"-ERR no\r\n",
                    LIST=b"+OK\r\n" + b"".join(b"%d %d\r\n" % (i, len(octets)) for i in range(1, 21)) + b".\r\n",
                    RETR=b"+OK\r\n" + octets + b".\r\n")
        with fake_screen(post, fake) as screen:
            screen.shows("^the server has no TOP")
            screen.keys("Enter")
            screen.shows("^Hello$")
            screen.keys("q")
            screen.shows("^ +20 .* Bob +Read at last")
            assert sum(line.startswith("TOP") for line in fake.heard) < 15, fake.heard
            screen.keys("d", "q")
            screen.shows("Delete 1 message")
            screen.keys("y")
            screen.shows("^1 messages? stays?: the server refused")
            assert screen.ended() == 75
        fake.listener.close()


def twenty_thousand_messages_are_at_hand():
    with Post() as post:
        for i in range(20000):
            path = os.path.join(post.maildir("anna"), "new", f"{1700000000 + i}.M{i}P1.test")
            text = mail(f"Message {i} of many that are listed here", f"Body {i}\n", sender=f"Person {i % 97} <p@example.org>")
            with open(f"{path},S={len(text)},W={len(text) + text.count(10)}", "wb") as file:
                file.write(text)
        post.start()
        begin = time.monotonic()
        with Screen(post, "--sort", "number") as screen:
            screen.shows("^20000 messages, ")
            screen.shows("Message 19999 of many")
            first = time.monotonic() - begin
            screen.keys("p")
            screen.shows("^Body 19999")
            screen.keys("End")
            screen.shows("^Body 0$")
            wait_until("all heads", lambda: "heads: " not in screen.text())
            all_heads = time.monotonic() - begin
            screen.keys("/")
            screen.type("message 777 ")
            screen.keys("Enter")
            screen.shows("^Body 777$")
            screen.keys("f")
            screen.type("person 42")
            screen.keys("Enter")
            screen.shows('only "person 42": 206$')
            with open(f"/proc/{screen.pid()}/status", encoding="ascii") as file:
                peak = int(re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M)[1])
            print(f"# first screen after {first:.2f} s, all heads after {all_heads:.1f} s, {peak} kB at most", flush=True)
            if not sanitized():
                assert peak <= 60 * 1024, peak
            screen.keys("Q")
            assert screen.ended() == 0


def sanitized():
    with open(LOOK, "rb") as file:
        return b"__asan_init" in file.read()


if not shutil.which("tmux"):
    print("1..0 # SKIP tmux is not here")
    sys.exit(0)
run(messages_are_listed_and_looked_at, lists_are_sorted_searched_and_sifted, files_are_written_and_never_over_others,
    nothing_is_deleted_before_it_is_confirmed, german_is_spoken, marks_survive_a_server_that_dies, an_idle_line_is_kept,
    the_window_may_change, no_mail_moves_the_terminal, who_is_not_let_in_is_told_without_a_screen,
    only_what_quit_confirmed_is_told_as_deleted, a_server_without_top_and_uidl_is_of_use,
    twenty_thousand_messages_are_at_hand)
