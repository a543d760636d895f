#!/usr/bin/env python3
"""postfach fetch against the live server: every octet once, what is told, what stays on the server, what is deleted."""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fetch_home import Home  # noqa: E402
from office import BUILD, run  # noqa: E402


def of(events, kind):
    return [event for event in events if event["event"] == kind]


def each_message_comes_once():
    with Home() as home:
        sent = home.fill(120)
        home.start()
        home.configure(home.account("work"))
        out = home.fetch()
        assert len(re.findall(r"^work: \d+ of 120, \d+ octets, to .*/Mail-work$", out, re.M)) == 120, out
        assert re.search(r"^work: 120 messages fetched \([0-9.]+ kB\) in [0-9.:]+( s)?$", out, re.M), out
        assert home.mails() == sent
        assert home.fetch() == "work: nothing new, 120 on the server\n"
        more = home.fill(3, seed=2)
        events = home.json()
        assert [event["event"] for event in events] == ["begin", "ready", "listed", "taken", "taken", "taken", "end",
                                                        "summary"], events
        assert events[1]["tls"] == "TLSv1.3" and events[1]["mechanism"].startswith("SCRAM-SHA-256"), events[1]
        assert events[2]["messages"] == 123 and events[2]["fresh"] == 3, events[2]
        assert events[-2]["code"] == "OK" and events[-2]["fetched"] == 3 and events[-2]["status"] == 0, events[-2]
        assert events[-1]["fetched"] == 3 and events[-1]["failed"] == 0, events[-1]
        assert home.mails() == sorted(sent + more)
        assert len(home.files("anna")) == 123  # keep all is what nobody has to say


def stls_and_urls():
    with Home() as home:
        sent = home.fill(5)
        home.start()
        way = ("--ca", home.certificates.ca, "--password-file", home.secret, "--maildir", home.place("url"))
        url = f"pop://anna@localhost:{home.pop3}"
        home.fetch(url, status=78, file=False)
        assert "where does mail go?" in home.errors, home.errors
        events = home.json(*way, url, file=False)
        assert of(events, "ready")[0]["tls"] and events[-1]["fetched"] == 5, events
        assert home.mails("url") == sent
        assert os.path.exists(home.ledger("anna@localhost"))
        events = home.json(*way, "--starttls", url, file=False)
        assert events[-1]["fetched"] == 0, events
        # What needs no place wants none, and a word can be asked for like an account.
        trust = ("--ca", home.certificates.ca, "--password-file", home.secret)
        other = f"pops://anna@localhost:{home.pop3s}"
        assert "5 of 5 would be fetched" in home.fetch("--dry-run", "--state", home.home + "/state", *trust, other,
                                                       file=False)
        assert "5 of 5 on the server" in home.fetch("adopt", "--state", home.home + "/state", *trust, other, file=False)
        assert "5 on the server count as fetched" in home.fetch("status", "--state", home.home + "/state", other, file=False)
        home.fetch(*way, file=False, status=78)
        assert "none is named" in home.errors


def what_is_kept_and_what_is_deleted():
    with Home() as home:
        home.fill(10)
        home.start()
        home.configure(home.account("work", extra="keep none"))
        out = home.fetch("--no-delete")
        assert "deleted" not in out and len(home.files("anna")) == 10, out
        out = home.fetch("--dry-run", "--verbose")
        assert "0 of 10 would be fetched; 10 would be deleted" in out and len(home.files("anna")) == 10, out
        out = home.fetch("--keep", "all")
        assert "deleted" not in out and len(home.files("anna")) == 10, out
        events = home.json()
        assert of(events, "deleted")[0]["messages"] == 10 and events[-1]["deleted"] == 10, events
        assert home.files("anna") == [] and len(home.mails()) == 10
        home.fetch("--keep", "fast-alles", status=64)


def filters_folders_and_limits():
    with Home() as home:
        place = home.place("work")
        filters = ('filter Subject "*spam*" delete\nfilter Subject "*later*" skip\n'
                   'filter List-Id "*<announce*" folder Lists\n')
        home.start()
        for subject in ("spam", "later", "hello"):
            home.put("anna", f"Subject: {subject}\n\nbody\n".encode())
        home.put("anna", b"List-Id: x <announce.example.org>\n\nbody\n")
        home.put("anna", b"Subject: large\n\n" + b"y" * 5000 + b"\n")
        home.configure(home.account("work", extra=filters + "size-limit 4000"))
        out = home.fetch("--verbose")
        assert "1 deleted" in out and "1 left by filters; 1 not wanted by filters" in out and "1 over size-limit" in out, out
        assert len(home.mails()) == 1 and len(home.mails(folder="Lists") + home.mails(folder=".Lists")) == 1, \
            [*os.walk(place)]
        assert len(home.files("anna")) == 4
        assert "nothing new" in home.fetch()
        home.fetch("--size-limit", "1m")
        assert len(home.mails()) == 2


def newest_first_and_so_many():
    with Home() as home:
        sent = []
        for number in range(6):
            text = f"Subject: {number}\n\nbody\n".encode()
            home.put("anna", text)
            sent.append(hashlib.sha256(text).hexdigest())
        home.start()
        home.configure(home.account("work", extra="order newest; number-limit 2"))
        events = home.json()
        assert [event["number"] for event in of(events, "taken")] == [6, 5], events
        assert home.mails() == sorted(sent[4:])
        home.fetch("--number-limit", "3", "--order", "oldest")
        assert home.mails() == sorted(sent[:3] + sent[4:])


def accounts_side_by_side():
    users = [f"u{number}" for number in range(12)]
    with Home(users=users) as home:
        sent = {user: home.fill(20, user=user, seed=number) for number, user in enumerate(users)}
        home.start()
        home.configure(*(home.account(user, user) for user in users), home.account("off", "u0", "enabled no"))
        events = home.json("--jobs", "5")
        assert events[-1]["accounts"] == 12 and events[-1]["fetched"] == 240, events[-1]
        under_way, most = 0, 0
        for event in events:
            under_way += (event["event"] == "begin") - (event["event"] == "end")
            most = max(most, under_way)
        assert most == 5, most
        for user in users:
            assert home.mails(user) == sent[user], user
        events = home.json("u3", "off")
        assert {event["account"] for event in of(events, "end")} == {"u3", "off"}, events


def status_adopt_and_again():
    with Home() as home:
        home.fill(7)
        home.start()
        home.configure(home.account("work"))
        assert "work: 0 fetched, the last one: never" in home.fetch("status")
        out = home.fetch("adopt", "work")
        assert out == "work: 7 of 7 on the server count as fetched from now on\n", out
        assert home.fetch() == "work: nothing new, 7 on the server\n" and home.mails() == []
        out = home.fetch("status", "work")
        assert re.match(r"work: 0 fetched, the last one: never\n    7 on the server count as fetched\n    /.*/work\.ledger\n$",
                        out), out
        state = json.loads(home.fetch("status", "--json"))
        assert state["fetched"] == 0 and state["known"] == 7 and state["refused"] == 0 and state["who"].startswith("anna@localhost"), state
        home.fill(1, seed=9)
        uid = of(home.json(), "taken")[0]["uid"]
        home.fetch("again", "work", "no-such-uid", status=65)
        assert "no record of `no-such-uid`" in home.errors, home.errors
        assert "1 will be fetched" in home.fetch("again", "work", uid)
        assert of(home.json(), "taken")[0]["uid"] == uid and len(home.mails()) == 2
        home.fetch("again", "work", "--all", status=64)
        assert "--yes" in home.errors
        home.fetch("again", "work", status=64)
        assert "8 will be fetched" in home.fetch("again", "work", "--all", "--yes")
        assert home.json()[-1]["fetched"] == 8
        home.fetch("--keep", "none")  # what is gone was fetched all the same
        out = home.fetch("status", "work")
        assert re.match(r"work: 10 fetched, the last one: 20\d\d-.*\n    /.*/work\.ledger\n$", out), out
        assert json.loads(home.fetch("status", "--json"))["fetched"] == 10


def other_places_and_what_they_refuse():
    with Home() as home:
        sent = home.fill(3)
        home.start()
        box = os.path.join(home.home, "mbox")
        home.configure(home.account("box", place=f"mbox {box}"))
        assert f"to {box}" in home.fetch("box")
        with open(box, "rb") as file:
            assert file.read().count(b"\nSubject: number ") == 3
        taken = os.path.join(home.home, "taken")
        program = os.path.join(home.home, "take")
        home.write(program, f'#!/bin/sh\nf=$(mktemp {taken}.XXXXXX) && cat > "$f"\n'
                            'if grep -q "^Subject: number 1 " "$f"; then rm "$f"; exit 67; fi\n', mode=0o700)
        home.configure(home.account("program", place=f"command {program}", extra="keep none"))
        out = home.fetch("--verbose")
        assert "program: 2 messages fetched" in out and "1 refused" in out and "2 deleted" in out, out
        digests = [hashlib.sha256(open(os.path.join(home.home, file), "rb").read()).hexdigest()
                   for file in os.listdir(home.home) if file.startswith("taken.")]
        assert len(digests) == 2 and set(digests) < set(sent) and len(home.files("anna")) == 1
        assert "program: nothing new, 1 on the server" in home.fetch()  # it is not tried again
        out = home.fetch("status", "program")
        assert re.search(r"1 refused where they should go.*\n +20\d\d-.* \S+  \d+ octets\n +\S.*/take ended with status 67$",
                         out, re.M), out
        state = json.loads(home.fetch("status", "--json"))
        assert state["refused"] == 1 and state["refused_messages"][0]["octets"] > 0, state
        assert state["refused_messages"][0]["text"].endswith("/take ended with status 67"), state
        home.write(program, f'#!/bin/sh\ncat > {taken}.now\n', mode=0o700)
        assert "1 will be fetched once more" in home.fetch("again", "program", "--refused")
        assert "1 deleted" in home.fetch() and not home.files("anna")


def what_goes_wrong_is_told():
    with Home() as home:
        home.fill(1)
        home.start()
        home.write(home.home + "/wrong", "falsch\n")
        bad = home.account("bad", extra="").replace(home.secret, home.home + "/wrong")
        stranger = re.sub(r"ca \S+", "", home.account("stranger"))
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = home.account("nobody").replace(f"port {home.pop3s}", f"port {closed.getsockname()[1]}")
            home.configure(home.account("work"), bad, stranger, nobody)
            home.fetch("bad", status=77)
            assert re.match(r"postfach fetch: bad: .*password.*\n$", home.errors), home.errors
            home.fetch("stranger", status=77)
            assert "stranger: " in home.errors and "certificate" in home.errors, home.errors
            home.fetch("nobody", status=75)
            assert re.match(r"postfach fetch: nobody: .*refused.*\n$", home.errors), home.errors
            events = home.json(status=75)  # what is temporary wins, and the others are not held up
            assert {event["account"]: event["status"] for event in of(events, "end")} == {
                "work": 0, "bad": 77, "stranger": 77, "nobody": 75}, events
            assert events[-1]["failed"] == 3 and len(home.mails()) == 1
            assert home.fetch("--quiet", "work") == "" and home.errors == ""
        home.fetch("wrok", status=78)
        assert "there are: work bad stranger nobody" in home.errors, home.errors
        home.fetch("--wrong", status=64)
        home.configure(home.account("work", place=" "))
        home.fetch(status=78)
        assert "does not say where mail goes" in home.errors, home.errors


def germans_read_german():
    with Home() as home:
        home.fill(2)
        home.start()
        home.configure(home.account("work"))
        out = home.fetch(locale="de_DE.UTF-8")
        assert re.search(r"^work: 2 von 2, \d+ Oktette, nach /", out, re.M), out
        assert re.search(r"^work: 2 Nachrichten geholt \(.*B\) in \d+,\d s$", out, re.M), out
        assert home.fetch(locale="de_DE.UTF-8") == "work: nichts Neues, 2 auf dem Server\n"
        home.fetch("wrok", locale="de_DE.UTF-8", status=78)
        assert "es gibt kein Konto `wrok`" in home.errors


def accounts_of_fetchmail_are_taken_over():
    with Home() as home:
        sent = home.fill(4)
        home.start()
        old = os.path.join(home.home, "fetchmailrc")
        home.write(old, f'poll localhost protocol pop3 port {home.pop3s}\n'
                        f'  user "anna" password "geheim" ssl sslcertfile "{home.certificates.ca}" keep\n')
        out = home.fetch("import", old, file=False)
        assert "postfach fetch import" in home.errors and "adopt" in home.errors, home.errors
        name = re.search(r"^account (\S+)", out, re.M)[1].strip('"')
        # Where fetchmail hands mail to a server of this machine, somebody says where it goes here.
        out = re.sub(r"^ *(smtp|recipient) .*\n", "", out, flags=re.M)
        home.write(home.accounts, f"defaults {{ maildir {home.place('old')} }}\n" + out)
        home.fetch("--verbose", name)
        assert home.mails("old") == sent, (out, home.errors)
        home.fetch("import", home.home + "/none", status=78, file=False)
        home.fetch("import", "/bin/true", status=64, file=False)
        assert "neither a file of fetchmail nor one of mpop" in home.errors, home.errors


def an_account_without_a_place_is_told_before():
    with Home() as home:
        home.fill(1)
        home.start()
        home.configure(home.account("work", place=" "))
        for words in ((), ("--dry-run",)):
            home.fetch(*words, status=78)
            assert "does not say where mail goes" in home.errors, home.errors


def only_what_is_needed_is_linked():
    out = subprocess.run(["ldd", os.path.join(BUILD, "src/tool/postfach-fetch")], capture_output=True, text=True,
                         check=True).stdout
    assert "libgsasl" in out
    assert not re.search("libcurl|libpq|mariadb|libldap|sqlite|gmime|ncurses|libjansson", out), out


run(each_message_comes_once, stls_and_urls, what_is_kept_and_what_is_deleted, filters_folders_and_limits,
    newest_first_and_so_many, other_places_and_what_they_refuse, accounts_side_by_side, status_adopt_and_again, what_goes_wrong_is_told,
    germans_read_german, accounts_of_fetchmail_are_taken_over,
    an_account_without_a_place_is_told_before, only_what_is_needed_is_linked)
