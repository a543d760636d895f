#!/usr/bin/env python3
"""Errors in German: those of the rooms below the clients' commands, and of the programs that they start; and English where
a program reads them."""
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, Office, run  # noqa: E402

PLAIN = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")}


class Desk(Office):
    def __init__(self):
        super().__init__()
        self.add_user("anna", "secret")
        self.put("anna", b"Subject: x\n\nbody\n")
        self.start()
        self.secret = self.file("secret", "secret\n")
        self.wrong = self.file("wrong", "wrong\n")

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def tool(self, *words, status, lang="de_DE.UTF-8"):
        done = subprocess.run([POSTFACH, *words], capture_output=True, text=True, check=False, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, cwd=self.folder, env=dict(PLAIN, HOME=self.folder, LANG=lang))
        assert done.returncode == status, (words, done)
        return done.stdout, done.stderr


def nobody():
    """A port that nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def errors_of_all_rooms_are_german():
    with Desk() as desk:
        url, ca, free = f"pops://anna@localhost:{desk.pop3s}", ("--ca", desk.certificates.ca), nobody()
        others = desk.file("others", "secret\n", 0o644)
        cases = (  # words, status, German, English
            ((f"pops://anna@127.0.0.1:{free}", "--password-file", desk.secret), 75,
             f"keine Verbindung zu 127.0.0.1 Port {free}: ", "cannot connect to 127.0.0.1 port"),
            ((url, "--password-file", desk.secret), 77, "bürgt für das Zertifikat von localhost", "vouches for the certificate"),
            ((f"pops://anna@localhost:{desk.pop3}", "--password-file", desk.secret), 77, "beginnt nicht mit TLS",
             "does not begin with TLS"),
            ((url, *ca, "--password-file", desk.wrong), 77, "localhost lehnt die Anmeldung von anna mit SCRAM-", "refuses the login"),
            ((url, *ca, "--password-file", others), 78, "andere können sie lesen (Modus 644)", "others may read it"),
            ((url, *ca, "--password-command", "false"), 77, "false gibt kein Geheimnis: es endet mit Status 1", "gives no secret"),
            ((url, *ca), 77, "es gibt kein Passwort für anna", "there is no password for anna"),
            ((url, "--plain"), 78, "pops:// beginnt mit TLS", "pops:// begins with TLS"),
            (("pops://anna@localhost:x",), 78, "Spalte 23: ein Port ist eine Zahl von 1 bis 65535", "a port is a number"))
        for words, status, german, english in cases:
            for lang, text in (("de_DE.UTF-8", german), ("C.UTF-8", english)):
                _, err = desk.tool("ls", *words, status=status, lang=lang)
                assert text in err, (words, lang, err)


def so_are_those_of_the_programs_that_are_started():
    with Desk() as desk:
        words = ("--ca", desk.certificates.ca, "--password-file", desk.secret, "--state", os.path.join(desk.folder, "state"),
                 "--mbox", os.path.join(desk.folder, "no", "mbox"), f"pops://anna@localhost:{desk.pop3s}")
        _, err = desk.tool("fetch", *words, status=67)
        assert "fehlt: den Ordner der mbox anlegen" in err, err
        out, err = desk.tool("fetch", "--json", *words, status=67)
        assert "make the folder of the mbox" in out and "Ordner" not in out, (out, err)


def mistakes_in_the_accounts_are_german():
    with Desk() as desk:
        conf = desk.file("a.conf", "account work {\n sever x\n port 99999\n keep sometimes\n}\n")
        _, err = desk.tool("ls", "-c", conf, "work", status=78)
        for text in ("a.conf:2:2: `sever` ist keine Einstellung", "war `server` gemeint?",
                     "a.conf:3:7: `port` geht von 1 bis 65535, nicht 99999", "a.conf:4:7: `sometimes` sagt nicht, was bleibt"):
            assert text in err, (text, err)
        _, err = desk.tool("ls", "-c", conf, "work", status=78, lang="C.UTF-8")
        assert "a.conf:2:2: `sever` is no setting" in err and "did you mean `server`?" in err, err


def programs_read_english():
    with Desk() as desk:
        free = nobody()
        told = json.loads(desk.tool("probe", "--json", f"127.0.0.1:{free}", status=75)[0])
        assert told["doors"][0]["error"].startswith("cannot connect to "), told
        assert "keine Verbindung zu " in desk.tool("probe", f"127.0.0.1:{free}", status=75)[1]


def help_is_german():
    with Desk() as desk:
        for words in (("ls", "--help"), ("fetch", "--help"), ("probe", "--help"), ("explore", "--help"), ("rm", "--help")):
            out, _ = desk.tool(*words, status=0)
            assert out.startswith("Aufruf: postfach " + words[0]) and "für eine URL oder eine Adresse:" in out, out
            assert all(len(line) <= 120 for line in out.split("\n")), out
            assert desk.tool(*words, status=0, lang="C")[0].startswith("usage: postfach " + words[0])


run(errors_of_all_rooms_are_german, so_are_those_of_the_programs_that_are_started,
    mistakes_in_the_accounts_are_german, programs_read_english, help_is_german)
