#!/usr/bin/env python3
"""postfach explore in a terminal (tmux), before our server: what the screen shows, and what the keys do."""
import base64
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explore_rig import Explorer, Post, mail  # noqa: E402
from office import run, wait_until  # noqa: E402
from screen import need_tmux  # noqa: E402

BLOB = bytes(range(256)) * 40 + b"\r\n\r\n.\r\n\0end"


def with_attachment():
    data = base64.encodebytes(BLOB).decode()
    return mail("With a file", more='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n', body=(
        '--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nSee what hangs on. Grüße\n'
        '--b\nContent-Type: application/octet-stream; name="../blob.bin"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="../blob.bin"\n\n{data}--b--\n'))


THREE = (mail("First", date="Fri, 20 Nov 2026 10:00:00 +0000", sender="Zoe <z@example.org>"),
         mail("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Lieber Text\n" + "word " * 60 + "\n",
              sender="=?utf-8?q?J=C3=BCrgen?= <j@example.org>", date="Thu, 19 Nov 2026 09:00:00 +0000"),
         mail("Third and last", "<p>only <b>HTML</b></p>\n", more="Content-Type: text/html\n"))


def messages_are_listed_and_looked_at():
    with Post(*THREE) as post:
        post.start()
        with Explorer(post) as screen:
            screen.shows(r"^ +1 2026-11-20 10:00 +\d+ Zoe +First *$")
            screen.shows(r"^ +2 2026-11-19 09:00 +\d+ Jürgen +Grüße aus Köln *$")
            screen.shows(r"^anna@localhost.* TLSv1\.3 SCRAM-SHA-256")
            screen.shows(r"^3 messages, \d+ octets; by number$")
            wait_until("an order", lambda: [n for _, n in screen.numbers()] == ["3", "2", "1"])
            screen.keys("Down", "p")
            screen.shows(r"^Preview *\nFrom: Jürgen <j@example.org>\n(.*\n)*Lieber Text$")
            screen.keys("Up")
            screen.shows(r"^only HTML$")
            screen.keys("p", "Down", "Enter")
            screen.shows(r"^2  Grüße aus Köln +1-\d+/\d+$")
            screen.shows(r"^(word ){19}word$")
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
        with Explorer(post, "--sort", "from") as screen:
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
            wait_until("one row", lambda: [n for _, n in screen.numbers()] == ["1"])
            screen.keys("f")
            screen.shows("Only with this in From, Subject, UID: zoe$")
            screen.keys("C-u", "Enter")
            wait_until("all rows", lambda: len(screen.numbers()) == 3)
            assert "only" not in screen.text()
            screen.keys("f")
            screen.type("nobody")
            screen.keys("C-u")
            screen.type("zoe")
            screen.keys("Enter")
            screen.shows('only "zoe": 1$')
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
        with Explorer(post) as screen:
            screen.shows("With a file")
            screen.keys("Enter")
            screen.shows(r"^Attachment 1: \.\./blob\.bin \(application/octet-stream, ")
            screen.shows("See what hangs on. Grüße")
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
        with Explorer(post) as screen:
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
        with Explorer(post) as screen:
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
        with Explorer(post, locale={"LC_MESSAGES": "de_DE.UTF-8", "LC_CTYPE": "C.UTF-8"}) as screen:
            screen.shows(r"^3 Nachrichten, \d+ Oktette; nach Nummer$")
            screen.shows(r"Nr\. Datum +Größe Von +Betreff")
            screen.keys("d", "q")
            screen.shows(r"^1 Nachricht löschen\? j: löschen und Ende")
            screen.keys("j")
            screen.shows("^1 Nachricht gelöscht$")
            assert screen.ended() == 0
        assert len(post.files("anna")) == 2


def an_idle_line_is_kept():
    with Post(*THREE, settings="times { idle 10m }") as post:
        post.start()
        with Explorer(post, "--keep-alive", "0.1") as screen:
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
        with Explorer(post) as screen:
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
        with Explorer(post) as screen:
            title = screen.tmux("display-message", "-p", "#{pane_title}")
            screen.shows(r"\?\]0;owned\?\?\[2J\?3~ +\?\]0;owned\?\?\[2J\?31m *$")
            screen.keys("Down", "p")
            screen.shows("^end of it")
            screen.keys("Enter")
            screen.shows(r"^\?\]0;owned\?\?\[2J\?31m$")
            screen.keys("v")
            screen.shows(r"^\^\[\]0;owned\^G\^\[\[2J<9b>31m$")
            screen.keys("w")
            screen.shows("^Write message to: __0_owned___2J_31m.eml$")
            screen.keys("Escape")
            assert screen.tmux("display-message", "-p", "#{pane_title}") == title != "owned\n"
            screen.keys("Q")
            assert screen.ended() == 0


need_tmux()
run(messages_are_listed_and_looked_at, lists_are_sorted_searched_and_sifted, files_are_written_and_never_over_others,
    nothing_is_deleted_before_it_is_confirmed, german_is_spoken, an_idle_line_is_kept, the_window_may_change,
    no_mail_moves_the_terminal)
