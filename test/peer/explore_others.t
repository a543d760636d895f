#!/usr/bin/env python3
"""postfach explore before other people's servers: list, preview, a mail, a second connection, and a deletion."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_pop3  # noqa: E402
from explore_rig import Explorer, Post, mail  # noqa: E402
from office import run  # noqa: E402
from screen import need_tmux  # noqa: E402


def mails():
    return [mail(f"Number {i}", f"body {i}\n", more=f"Message-ID: <{i}@example.org>\n") for i in range(1, 4)]


def words(server, post):
    with open(post.password, "w", encoding="ascii") as file:
        file.write(server.password + "\n")
    if server.tls_port:
        way = [f"pops://{server.user}@localhost:{server.tls_port}"]
    elif server.stls:
        way = [f"pop://{server.user}@localhost:{server.port}"]
    else:
        way = [f"pop://{server.user}@localhost:{server.port}", "--plain", "--mechanisms", "USER"]
    return [*way, "--ca", server.certificates.ca, "--password-file", post.password]


def explores(kind):
    with Post() as post, kind() as server:
        server.put_all(mails())
        way = words(server, post)
        with Explorer(post, address=way) as screen:
            screen.shows("^3 messages, ")
            for i in range(1, 4):
                screen.shows(rf"^ +\d 2026-11-22 10:00 +\d+ Bob +Number {i} *$")
            screen.keys("/")
            screen.type("number 2")
            screen.keys("Enter", "p")
            screen.shows("^body 2$")
            screen.keys("Enter")
            screen.shows(r"^\d  Number 2 +1-")
            screen.keys("w")
            screen.shows("^Write message to: Number 2.eml$")
            screen.keys("Enter")
            screen.shows("^saved: Number 2.eml$")
            assert screen.file("Number 2.eml").endswith(b"\n\nbody 2\n")
            screen.keys("d", "q", "R")
            screen.shows("; 1 marked, ")
            screen.keys("q")
            screen.shows(r"^Delete 1 message\?")
            screen.keys("y")
            screen.shows("^1 message deleted$")
            assert screen.ended() == 0
        with Explorer(post, address=way) as screen:
            screen.shows("Number 1")
            screen.shows("Number 3")
            shown = screen.shows("^2 messages, ")
            assert "Number 2" not in shown, shown
            screen.keys("q")
            assert screen.ended() == 0


def try_of(kind):
    def test():
        explores(kind)
    test.__name__ = f"explores_{kind.__name__.lower()}"
    return test


need_tmux()
run(*(try_of(kind) for kind in private_pop3.able()))
