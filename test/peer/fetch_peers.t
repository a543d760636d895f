#!/usr/bin/env python3
"""`postfach fetch` and its sisters against other people's servers: what such a server says is what arrives, octet for
octet, once; and what is deleted there is what arrived."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_pop3  # noqa: E402
from corpus import corpus  # noqa: E402
from fetching import Account, run_together  # noqa: E402
from pop_wire import Tcp  # noqa: E402

MORE = [b"From: a@example.org\nSubject: more\nMessage-ID: <%d@example.org>\n\nof it\n.\n" % n for n in range(2)]


class There:
    """What a server has, read by hand: UIDs, which may stand there twice, and texts as they will lie in a Maildir."""

    def __init__(self, server):
        self.mails = []
        with Tcp(server.port) as session:
            assert session.login(server.user, server.password).startswith(b"+OK")
            assert session.ask("UIDL").startswith(b"+OK")
            for number, uid in [line.split() for line in session.lines()]:
                assert session.ask(f"RETR {number}").startswith(b"+OK"), number
                text = b""
                while (line := session.read_line()) != b".\r\n":
                    assert line, "the server hung up"
                    text += line[1:] if line.startswith(b".") else line
                self.mails.append((uid, text.replace(b"\r\n", b"\n")))
            session.ask("QUIT")

    def texts(self):
        return sorted(text for _, text in self.mails)


def account(server, tls, keep="all", settings=""):
    port = server.tls_port if tls == "implicit" else server.port
    return Account(port, server.certificates.ca, server.user, server.password, tls, keep, settings)


def ways(server):
    return ["none"] + ["starttls"] * server.stls + ["implicit"] * bool(server.tls_port)


def good(done):
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return done.stdout.decode()


def filled(server, mails):
    server.put_all([mail for mail in mails if server.fits(mail)])
    There(server)  # some servers mark mail that was seen, and are at rest then
    return There(server)


def hard_mail_comes_once(kind):
    """Kept, then new mail, then deleted: over the best way that the server has."""
    with kind() as server:
        before = filled(server, corpus().values())
        with account(server, ways(server)[-1]) as here:
            good(here.run("fetch"))
            assert sorted(here.mails()) == before.texts()
            assert There(server).mails == before.mails
            good(here.run("fetch"))
            assert sorted(here.mails()) == before.texts(), "a second run brings nothing"
            there = filled(server, MORE)
            good(here.run("fetch", "--no-delete", "--keep", "none"))
            # What came before stays as it was, whatever the server writes into it now.
            came = sorted(before.texts() + [text for text in there.texts() if b"Subject: more" in text])
            assert sorted(here.mails()) == came and There(server).texts() == there.texts()
            good(here.run("fetch", "--keep", "none"))
            assert There(server).mails == [] and sorted(here.mails()) == came
            good(here.run("fetch"))
            assert sorted(here.mails()) == came and not here.waste()


def every_way_to_the_server(kind):
    """In plain text, behind STLS, in TLS: fetched and deleted in one session."""
    with kind() as server:
        for tls in ways(server):
            there = filled(server, list(corpus().values())[:3] + MORE)
            assert len(there.mails) >= len(MORE)
            with account(server, tls, "none") as here:
                good(here.run("fetch"))
                assert sorted(here.mails()) == there.texts() and There(server).mails == []


def a_wrong_password_is_one(kind):
    with kind() as server:
        server.put_all(MORE)
        with account(server, ways(server)[-1]) as here:
            with open(os.path.join(here.folder, "secret"), "w", encoding="ascii") as file:
                file.write("wrong\n")
            done = here.run("fetch")
            assert done.returncode == 77 and b"refuses the login" in done.stderr and not here.mails(), done


def looked_at(kind):
    """ls, show, save and rm see what the server has, and change nothing that they are not told to."""
    with kind() as server:
        there = filled(server, [*corpus().values()][:12] + MORE)
        with account(server, ways(server)[-1]) as here:
            rows = json.loads(good(here.run("ls", "--json", "test")))
            assert [row["uid"] for row in rows] == [uid for uid, _ in there.mails], rows
            raw = here.run("show", "--raw", "test", "1")
            assert raw.returncode == 0 and raw.stdout.replace(b"\r\n", b"\n") == there.mails[0][1], raw
            assert good(here.run("show", "test", str(len(rows)))).startswith("From: a@example.org")
            saved = os.path.join(here.folder, "saved")
            os.mkdir(saved)
            good(here.run("save", "--to", saved, "test", *(str(row["number"]) for row in rows)))
            assert sorted(content(os.path.join(saved, name)) for name in os.listdir(saved)) == there.texts()
            good(here.run("rm", "test", "1"))
            assert There(server).texts() == there.texts(), "a rehearsal"
            last = rows[-1]["uid"]
            good(here.run("rm", "--yes", "test", f"uid:{last}"))
            left = [uid for uid, _ in There(server).mails]
            assert sorted(left) == sorted(uid for uid, _ in there.mails if uid != last), (left, last)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def probed(kind):
    """What the probe blames a server for is so: logins in plain text, TLS of the last century, and in Courier before
    1.1.5 commands behind STLS that are taken for said inside TLS (CVE-2021-38084)."""
    blame = {"plain-login", "tls-1.0", "tls-1.1"} | ({"tls-injection"} if kind is private_pop3.Courier else set())
    with kind() as server:
        filled(server, MORE)
        for tls in ways(server):
            with account(server, tls) as here:
                done = here.run("probe", "--json", "--account", "test")
                bad = {row["check"] for row in findings(json.loads(done.stdout)) if row["verdict"] == "bad"}
                assert done.returncode == bool(bad) and bad <= blame, (bad, done)
                assert ("plain-login" in bad) <= (tls != "implicit"), bad


def findings(told):
    """Wherever they stand."""
    if isinstance(told, list):
        return [row for part in told for row in findings(part)]
    if not isinstance(told, dict):
        return []
    own = [told] if "verdict" in told and "check" in told else []
    return own + [row for part in told.values() for row in findings(part)]


def try_of(kind, test):
    def named():
        test(kind)
    named.__name__ = f"{kind.__name__.lower()}_{test.__name__}"
    return named


if __name__ == "__main__":
    KINDS = private_pop3.able()
    TESTS = (hard_mail_comes_once, every_way_to_the_server, a_wrong_password_is_one, looked_at, probed)
    run_together(*(try_of(kind, test) for kind in KINDS for test in TESTS
                   if not sys.argv[1:] or kind.__name__ in sys.argv[1:]))
