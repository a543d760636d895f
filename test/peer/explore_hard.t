#!/usr/bin/env python3
"""postfach explore where it is hard: servers that die, refuse or lie, and a maildrop of 20,000 messages."""
import base64
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explore_rig import Explorer, Fake, Post, fake_screen, mail, sanitized  # noqa: E402
from office import POSTFACH, run, wait_until  # noqa: E402
from screen import need_tmux  # noqa: E402


def marks_survive_a_server_that_dies():
    with Post(*(mail(f"Number {i}") for i in range(1, 5))) as post:
        post.listens = ["{ tls starttls }", "{ tls implicit }"]
        post.start()
        port = post.pop3s
        with Explorer(post) as screen:
            screen.shows("Number 1")
            screen.keys("Down", "d", "d")
            screen.shows("; 2 marked, ")
            post.kill()
            screen.shows(r"calls again in \d+ s")
            screen.shows("; 2 marked, ")
            screen.shows("Number 3")
            os.unlink(os.path.join(post.maildir("anna"), "new", post.files("anna")[0]))  # numbers become others
            post.put("anna", mail("Number 5"), sizes=True)
            post.listens[1] = f"{{ tls implicit }}\nlisten 127.0.0.1:{port} {{ tls implicit }}"
            post.start()
            screen.keys("R")
            screen.shows(r"^ +4 2026.* Number 5 *$")
            wait_until("the marks", lambda: screen.numbers() == [("", "4"), ("", "3"), ("D", "2"), ("D", "1")])
            screen.keys("q")
            screen.shows(r"^Delete 2 messages\?")
            screen.keys("y")
            screen.shows("^2 messages deleted$")
            assert screen.ended() == 0
        left = [open(os.path.join(post.maildir("anna"), "new", n), "rb").read() for n in post.files("anna")]
        assert left == [mail("Number 4"), mail("Number 5")], left


def who_is_not_let_in_is_told_without_a_screen():
    with Post() as post:
        post.start()
        with open(post.password, "w", encoding="ascii") as file:
            file.write("wrong\n")
        with Explorer(post) as screen:
            screen.shows("^postfach explore: ")
            assert screen.ended() == 77
        done = subprocess.run([POSTFACH, "explore", *post.words()], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 78 and "this takes a terminal" in done.stderr and not done.stdout, done
        done = subprocess.run([POSTFACH, "explore", "--sort", "colour", "x@y"], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 64 and "--sort takes number, date, size, from or subject, not colour" in done.stderr, done


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
            fake.close()


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
        fake.close()


def twenty_thousand_messages_are_at_hand():
    with Post() as post:
        for i in range(20000):
            path = os.path.join(post.maildir("anna"), "new", f"{1700000000 + i}.M{i}P1.test")
            text = mail(f"Message {i} of many that are listed here", f"Body {i}\n", sender=f"Person {i % 97} <p@example.org>")
            with open(f"{path},S={len(text)},W={len(text) + text.count(10)}", "wb") as file:
                file.write(text)
        post.start()
        begin = time.monotonic()
        with Explorer(post, "--sort", "number") as screen:
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
            peak = screen.peak()
            print(f"# first screen after {first:.2f} s, all heads after {all_heads:.1f} s, {peak} kB at most", flush=True)
            assert sanitized() or peak <= 60 * 1024, peak
            screen.keys("Q")
            assert screen.ended() == 0


def what_is_given_up_before_quit_deletes_nothing():
    with Post() as post:
        fake = Fake(DELE=b"")  # says nothing
        with fake_screen(post, fake) as screen:
            screen.shows("^2 messages, 100 octets")
            screen.keys("D", "q")
            screen.shows("Delete 2 messages")
            screen.keys("y")
            screen.shows("deleting: 0 of 2")
            wait_until("DELE", lambda: any(line.startswith("DELE") for line in fake.heard))
            screen.keys("C-c")
            screen.shows("^nothing was deleted: it was given up before")
            assert screen.ended() == 75
        assert "QUIT" not in fake.heard, fake.heard
        fake.close()


def why_a_deletion_waits_is_told():
    with Post(mail("Number 1"), mail("Number 2")) as post:
        post.start()
        with Explorer(post, size=(80, 24)) as screen:
            screen.shows("Number 1")
            screen.keys("D")
            screen.shows("; 2 marked, ")
            post.kill()
            screen.shows(r"calls again in \d+ s")
            screen.keys("q")
            screen.shows("Delete 2 messages")
            screen.keys("y")
            # A sentence that is longer than a line, to its end.
            screen.shows(r"calls again in \d+ s[^\0]*^the line is gone: cannot connect [^\0]*does the server run\?$")
            screen.keys("Q")
            screen.shows("^nothing was deleted: cannot connect")
            assert screen.ended() == 75
        post.start()


def who_is_refused_when_deleting_is_not_called_for_long():
    with Post() as post:
        fake = Fake(DELE=None)  # hangs up
        with fake_screen(post, fake) as screen:
            screen.shows("^2 messages, 100 octets")
            screen.keys("d", "q")
            screen.shows("Delete 1 message")
            fake.answers["PASS"] = b"-ERR [AUTH] no\r\n"
            screen.keys("y")
            screen.shows("^nothing was deleted: ")
            assert screen.ended() == 77
        assert sum(line.startswith("PASS") for line in fake.heard) == 2, fake.heard
        fake.close()


def a_mark_that_is_lost_ends_the_deletion():
    with Post() as post:
        fake = Fake(DELE=[None, b"+OK\r\n"])  # hangs up once
        with fake_screen(post, fake) as screen:
            screen.shows("^2 messages, 100 octets")
            screen.keys("D", "q")
            screen.shows("Delete 2 messages")
            fake.answers["UIDL"] = b"+OK\r\n1 a\r\n2 c\r\n.\r\n"
            screen.keys("y")
            screen.shows("^marks lost: 1, of messages that are gone")
            screen.shows("; 1 marked, 50")
            screen.keys("q")
            screen.shows("Delete 1 message")
            screen.keys("y")
            screen.shows("^1 message deleted")
            assert screen.ended() == 0
        assert [line for line in fake.heard if line.startswith("DELE")][-1] == "DELE 1" and "QUIT" in fake.heard, fake.heard
        fake.close()


def a_server_that_hangs_up_is_called_again():
    with Post() as post:
        fake = Fake(NOOP=None)  # hangs up
        with fake_screen(post, fake, "--keep-alive", "0.2") as screen:
            screen.shows("^2 messages, 100 octets")
            screen.keys("d")
            screen.shows("; 1 marked, 50")
            wait_until("a second call", lambda: fake.heard.count("UIDL") >= 2)
            screen.shows("^D +2 ")
            screen.keys("Q")
            assert screen.ended() == 0
        fake.close()
    with Post() as post:
        fake = Fake(LIST=b"-ERR [SYS/PERM] \033[2Jno list\r\n")
        with fake_screen(post, fake) as screen:
            screen.shows(r"the server refuses to list: \?\[2Jno list")
            screen.keys("q")
            assert screen.ended() == 0
        fake.close()


def a_large_letter_is_not_brought_into_memory():
    blob = os.urandom(1 << 20) * 30
    body = base64.encodebytes(blob).decode()
    more = 'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n'
    parts = f"--b\n\nLook\n--b\nContent-Type: a/b; name=x.bin\nContent-Transfer-Encoding: base64\n\n{body}--b--\n"
    with Post(mail("Large", parts, more=more)) as post:
        post.start()
        with Explorer(post) as screen:
            screen.shows("Large")
            screen.keys("Enter")
            screen.shows(r"^Attachment 1: x\.bin \(a/b, 30\.\dM\)$")
            screen.keys("s", "Enter")
            screen.shows(r"^saved: x\.bin$")
            assert screen.file("x.bin") == blob
            print(f"# {screen.peak()} kB at most", flush=True)
            assert sanitized() or screen.peak() <= 60 * 1024
            screen.keys("Q")
            assert screen.ended() == 0


need_tmux()
run(marks_survive_a_server_that_dies, who_is_not_let_in_is_told_without_a_screen,
    only_what_quit_confirmed_is_told_as_deleted, a_server_without_top_and_uidl_is_of_use,
    what_is_given_up_before_quit_deletes_nothing, why_a_deletion_waits_is_told,
    who_is_refused_when_deleting_is_not_called_for_long, a_mark_that_is_lost_ends_the_deletion,
    a_server_that_hangs_up_is_called_again,
    a_large_letter_is_not_brought_into_memory, twenty_thousand_messages_are_at_hand)
