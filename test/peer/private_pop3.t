#!/usr/bin/env python3
"""The private instances of other people's servers are what the tests of our client take them for: an ordinary POP3
dialogue with each, by hand."""
import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_pop3  # noqa: E402
from corpus import corpus  # noqa: E402
from office import run, wire  # noqa: E402
from pop_wire import Tcp  # noqa: E402


def login(server, port=None, **more):
    session = Tcp(port or server.port, **more)
    assert session.greeting.startswith(b"+OK"), session.greeting
    assert session.login(server.user, server.password).startswith(b"+OK")
    return session


def message(session, number):
    assert session.ask(f"RETR {number}").startswith(b"+OK"), number
    text = b""
    while (line := session.read_line()) != b".\r\n":
        assert line, "the server hung up"
        text += line[1:] if line.startswith(b".") else line
    return text


def by_uid(session):
    assert session.ask("UIDL").startswith(b"+OK")
    return dict(line.split() for line in session.lines())


def speaks(kind):
    """The hard mail goes out, UIDs stay, DELE deletes, and a wrong password is one."""
    mails = [mail for mail in corpus().values() if kind.fits(mail)]
    with kind() as server:
        server.put_all(mails)
        with login(server) as session:
            uids = by_uid(session)
            found = [message(session, number) for number in uids]
            session.ask("QUIT")
        assert len(found) == len(mails) == len(set(uids.values())), (len(found), len(mails))
        missing = [mail for mail in mails if kind.exact(mail) and wire(mail) not in found]
        assert not missing, missing[0]
        with Tcp(server.port) as session:
            assert session.login(server.user, "wrong").startswith(b"-ERR")
        with login(server) as session:
            again = by_uid(session)
            assert sorted(again.values()) == sorted(uids.values())
            assert session.ask("DELE 1").startswith(b"+OK") and session.ask("QUIT").startswith(b"+OK")
        del again["1"]
        with login(server) as session:
            assert sorted(by_uid(session).values()) == sorted(again.values())
        over_tls(server, len(mails) - 1)


def over_tls(server, count):
    """STLS, and TLS from the start, with the certificate of the test's own CA."""
    trust = ssl.create_default_context(cafile=server.certificates.ca)
    ways = [{"stls": True}] if server.stls else []
    ways += [{"port": server.tls_port}] if server.tls_port else []
    for way in ways:
        with login(server, tls=trust, **way) as session:
            assert session.ask("STAT").split()[1] == str(count).encode()
            session.ask("QUIT")


def try_of(kind):
    def test():
        speaks(kind)
    test.__name__ = kind.__name__.lower() + "_is_what_we_take_it_for"
    return test


if __name__ == "__main__":
    run(*(try_of(kind) for kind in private_pop3.able()))
