#!/usr/bin/env python3
"""Locks that do not get stuck: who holds a maildrop is told, an idle holder gives way where that is set, and one
whose machine has vanished is noticed. The last runs in a network of its own that is taken down under the client."""
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, Office, run, wait_until  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402

ALONE = ["unshare", "--user", "--map-root-user", "--net"]
PAUSE = 5.5  # seconds: more than the shortest dead-peer


def office_with(policy="", message=b"Subject: a\n\nbody\n"):
    office = Office(settings=policy)
    office.add_user("anna", "secret")
    office.put("anna", message)
    return office


def rc_013_in_use_names_the_holder():
    with office_with() as office:
        office.start()
        with Tcp(office.pop3) as holder, Tcp(office.pop3) as newcomer:
            holder.login("anna", "secret")
            told = newcomer.login("anna", "secret")
            assert told.startswith(b"-ERR [IN-USE] maildrop has been locked for "), told
            assert b" by a session from 127.0.0.1, " in told, told
            assert len(told) <= 512
            assert b"127.0.0.1" not in newcomer.login("anna", "wrong")
            office.wait_log("code=IN_USE err=")


def an_idle_holder_yields():
    with office_with("policy { idle-yield 100ms }") as office:
        office.start()
        with Tcp(office.pop3) as holder, Tcp(office.pop3s, context(office)) as newcomer:
            holder.login("anna", "secret")
            holder.ask("DELE 1")
            # The first tries may come too early; each says how idle the holder is.
            wait_until("a login", lambda: newcomer.login("anna", "secret").startswith(b"+OK 1 "))
            assert newcomer.ask("STAT") == b"+OK 1 20\r\n"
            assert holder.ask("QUIT").startswith(b"-ERR [SYS/TEMP] ")
            assert holder.read_line() == b""
        office.wait_log("end=yielded")
        who = "address=127.0.0.1 " if office.shape == "single" else ""  # a gate does not know who came to another one
        assert office.log().count(f"event=yielded user=anna {who}holder=127.0.0.1 ") == 1
        assert len(office.files("anna")) == 1


def who_works_does_not_yield():
    with office_with("policy { idle-yield 1h }") as office:
        office.start()
        with Tcp(office.pop3) as holder, Tcp(office.pop3) as newcomer:
            holder.login("anna", "secret")
            for _ in range(5):
                assert newcomer.login("anna", "secret").startswith(b"-ERR [IN-USE] ")
                assert holder.ask("NOOP").startswith(b"+OK")
            assert holder.ask("QUIT").startswith(b"+OK")
            assert newcomer.login("anna", "secret").startswith(b"+OK")


def narrow(port):
    """A connection whose client takes little at a time."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE)
    client.connect(("127.0.0.1", port))
    return client


def who_reads_slowly_neither_yields_nor_dies():
    """It takes nothing for longer than dead-peer, and then all."""
    message = b"Subject: a\n\n" + b"0123456789abcdef\n" * 600000
    with office_with("policy { idle-yield 1ms }\ntimes { dead-peer 4s }", message) as office:
        office.start()
        holder = narrow(office.pop3)
        file = holder.makefile("rb")
        holder.sendall(b"USER anna\r\nPASS secret\r\nRETR 1\r\n")
        for _ in range(4):
            line = file.readline()
            assert line.startswith(b"+OK"), line
        end = time.monotonic() + PAUSE
        while time.monotonic() < end:  # logins are what the time is spent with
            with Tcp(office.pop3) as newcomer:
                told = newcomer.login("anna", "secret")
                assert told.startswith(b"-ERR [IN-USE] ") and b", busy now" in told, told
            time.sleep(0.2)
        while (line := file.readline()) != b".\r\n":
            assert line, "the message was cut"
        holder.sendall(b"QUIT\r\n")
        assert file.readline().startswith(b"+OK")
        file.close()
        holder.close()


def a_delivery_is_no_holder():
    with Office(settings="policy { idle-yield 1ms }", listens=[
            "{ tls none; plaintext-login yes }", "{ protocol lmtp; tls none }"]) as office:
        office.add_user("anna", "secret")
        office.start()
        with socket.create_connection(("127.0.0.1", office.ports[1]), PATIENCE) as sender:
            file = sender.makefile("rb")
            file.readline()
            sender.sendall(b"LHLO x.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@x>\r\n")
            while not file.readline().startswith(b"250 "):
                pass
            with Tcp(office.ports[0]) as client:
                assert client.login("anna", "secret").startswith(b"+OK 0 ")
            sender.sendall(b"NOOP\r\n")
            told = [file.readline() for _ in range(3)]  # to MAIL, RCPT and NOOP
            assert all(line.startswith(b"250 ") for line in told), told
            file.close()
        assert "event=yielded" not in office.log()


def network(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def vanish(office, begin):
    """Takes the network down under a client that has logged in and done `begin`; returns seconds to the end."""
    with Tcp(office.pop3) as client:
        assert client.login("anna", "secret").startswith(b"+OK")
        ends = office.log().count("event=session")
        begin(client)
        network("down")
        start = time.monotonic()
        office.wait_log("event=session", ends + 1)
        took = time.monotonic() - start
        network("up")
    return took


def alone():
    """In a network of its own."""
    network("up")
    with office_with("times { dead-peer 4s }") as office:
        office.start()
        idle = vanish(office, lambda client: None)
        assert 1 < idle < 12, idle
        with Tcp(office.pop3) as client:
            assert client.login("anna", "secret").startswith(b"+OK 1 ")
            client.ask("QUIT")
        assert "end=eof" in office.log()


def a_vanished_peer_frees_the_lock():
    if subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        print("# not tested: no network namespaces here", flush=True)
        return
    subprocess.run([*ALONE, sys.executable, os.path.abspath(__file__), "alone"], check=True, stdout=sys.stderr)


if sys.argv[1:] == ["alone"]:
    alone()
    sys.exit(0)
run(rc_013_in_use_names_the_holder, an_idle_holder_yields, who_works_does_not_yield,
    who_reads_slowly_neither_yields_nor_dies, a_delivery_is_no_holder, a_vanished_peer_frees_the_lock)
