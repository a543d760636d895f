#!/usr/bin/env python3
"""What `postfach fetch` says when something is in the way: once, by name, and with a status that others can use."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fetch_home import Home  # noqa: E402
from office import POSTFACH, run  # noqa: E402


def what_a_place_refuses_for_one_reason_is_told_once():
    with Home() as home:
        home.fill(18)
        home.start()
        program = os.path.join(home.home, "refuse")
        home.write(program, "#!/bin/sh\ncat > /dev/null\necho no such user here\nexit 67\n", mode=0o700)
        home.configure(home.account("program", place=f"command {program}"))
        out = home.fetch()
        assert home.errors.count("no such user here") == 1, home.errors
        assert home.errors.endswith("postfach fetch: program: the same of 17 more messages\n"), home.errors
        assert "18 refused" in out, out
        assert home.fetch("status").count("no such user here") == 18


def a_full_disk_keeps_what_is_whole():
    """Mail that was whole before the disk was full stays, the rest waits, and there is one line."""
    if os.geteuid() != 0:
        return
    with Home() as home:
        for number in range(101):
            home.put("anna", b"Subject: %d\n\n" % number + (b"x" * 70 + b"\n") * (2850 if number == 50 else 3))
        home.start()
        disk = os.path.join(home.home, "disk")
        os.mkdir(disk)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, check=False)
        if done.returncode:
            return  # nobody may mount here
        try:
            home.configure(home.account("work", place=f"maildir {disk}/Mail", extra="keep none"))
            out = home.fetch(status=75)
            assert "work: 50 messages fetched" in out and "50 deleted" in out, out
            assert home.errors.count("\n") == 1 and "make room" in home.errors, home.errors
            assert len(os.listdir(f"{disk}/Mail/new")) == 50 and len(home.files("anna")) == 51
            subprocess.run(["mount", "-o", "remount,size=3m", disk], check=True)
            assert "51 messages fetched" in home.fetch()
        finally:
            subprocess.run(["umount", disk], check=True)


def json_that_nobody_gets_is_an_error():
    if not os.path.exists("/dev/full"):
        return
    with Home() as home:
        home.fill(3)
        home.start()
        home.configure(home.account("work"))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([POSTFACH, "fetch", "-c", home.accounts, "--json"], env=home.environment(), stdout=full,
                                  stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 74, done
        assert len(home.mails()) == 3  # it lost what it said, and no mail


def options_say_what_they_want():
    with Home() as home:
        home.configure(home.account("work"))
        for words, wanted in ((("--jobs", "0"), "--jobs wants a number from 1 to 1000, and not `0`"),
                              (("--number-limit", "-1"), "--number-limit wants a number, or 0, and not `-1`"),
                              (("--lmtp", "nohostport", "a@b.example"), "--lmtp wants HOST:PORT or unix:/PATH, and not"),
                              (("--recipient", "a b", "a@b.example"), "--recipient wants an address, and not `a b`"),
                              (("--keep", "1h"), "write all, none, or days as 14d"),
                              (("--keep", "never"), "write all, none, or days as 14d")):
            home.fetch(*words, status=64)
            assert wanted in home.errors and home.errors.count("\n") <= 2, home.errors
        home.fetch("--jobs", "0", status=64, locale="de_DE.UTF-8")
        assert "--jobs braucht eine Zahl von 1 bis 1000, und nicht `0`" in home.errors, home.errors


def places_that_cannot_be_are_found_in_the_file():
    with Home() as home:
        home.pop3s = 995  # nobody calls there
        for place in ("lmtp nohostport", "lmtp unix:rel", "smtp ::1:25", "smtp unix:x"):
            home.configure(home.account("work", place=place, extra="recipient a@b.example"))
            home.fetch("--dry-run", status=78)
            assert "that is no server" in home.errors, home.errors
        home.configure(home.account("work", place="lmtp [::1]:24", extra='recipient "a b@c"'))
        home.fetch("--dry-run", status=78)
        assert "`recipient` that is no address" in home.errors, home.errors


def nobody_at_home():
    done = subprocess.run([POSTFACH, "fetch"], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60, check=False)
    assert done.returncode == 78 and b"HOME is not set" in done.stderr, done


if __name__ == "__main__":
    run(what_a_place_refuses_for_one_reason_is_told_once, a_full_disk_keeps_what_is_whole,
        json_that_nobody_gets_is_an_error, options_say_what_they_want, places_that_cannot_be_are_found_in_the_file,
        nobody_at_home)
