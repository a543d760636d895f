#!/usr/bin/env python3
"""The live server as administrators and attackers meet it: locks, kills, others in the Maildir, limits,
reloads, smuggling, TLS on the wrong port, truth of QUIT, shutdown."""
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACHD, Office, run, wait_until, wire  # noqa: E402


class Raw:
    """A client that sends what it is told and reads lines."""

    def __init__(self, port, tls=None, greet=True):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        if greet:
            self.greeting = self.line()

    def line(self):
        return self.file.readline()

    def send(self, octets):
        self.socket.sendall(octets)

    def ask(self, text):
        self.send(text.encode() + b"\r\n")
        return self.line()

    def lines(self):
        got = []
        while (line := self.line()) not in (b".\r\n", b""):
            got.append(line)
        assert line, "the answer was cut"
        return got

    def login(self, user="anna", password="secret"):
        assert self.ask(f"USER {user}").startswith(b"+OK")
        return self.ask(f"PASS {password}")

    def rest(self):
        return self.file.read()

    def close(self):
        self.file.close()
        self.socket.close()


def office_with(count=2, **words):
    office = Office(**words)
    office.add_user("anna", "secret")
    for i in range(count):
        office.put("anna", b"Subject: %d\n\nbody\n" % i)
    return office


def context(office):
    return ssl.create_default_context(cafile=office.certificates.ca)


def p3_008_one_session_per_maildrop():
    with office_with() as office:
        office.start()
        first = Raw(office.pop3)
        assert first.login().startswith(b"+OK")
        second = Raw(office.pop3)
        assert second.login().startswith(b"-ERR [IN-USE] ")
        assert b"lock" in second.login()
        assert first.ask("STAT") == b"+OK 2 40\r\n"  # the refusals freed nothing
        first.close()
        wait_until("the lock's release", lambda: second.login().startswith(b"+OK"))
        second.close()


def p3_009_delivery_is_not_blocked_and_stays_unseen():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        office.put("anna", b"Subject: new\n\n")
        assert client.ask("STAT") == b"+OK 2 40\r\n"
        client.ask("DELE 1")
        assert client.ask("QUIT").startswith(b"+OK")
        client.close()
        client = Raw(office.pop3)
        client.login()
        assert client.ask("STAT").startswith(b"+OK 2 ")
        client.close()


def p3_039_a_killed_server_removed_nothing_and_locks_nothing():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        client.ask("DELE 1")
        before = client.ask("UIDL 2")
        office.kill()
        client.close()
        assert len(office.files("anna")) == 2
        office.start()
        client = Raw(office.pop3)
        assert client.login().startswith(b"+OK 2 ")
        assert client.ask("UIDL 2") == before
        client.close()


def p3_078_md_016_others_work_in_the_maildir():
    with office_with(count=4) as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        names = office.files("anna")
        new, cur = (os.path.join(office.maildir("anna"), d) for d in ("new", "cur"))
        os.rename(os.path.join(new, names[0]), os.path.join(cur, names[0] + ":2,RS"))
        os.unlink(os.path.join(new, names[1]))
        with open(os.path.join(new, names[2]), "r+b") as file:
            file.truncate(5)
        assert client.ask("RETR 1") == b"+OK 20 octets\r\n"
        assert len(client.lines()) == 3
        assert client.ask("RETR 2").startswith(b"-ERR [SYS/TEMP] ")
        assert client.ask("RETR 3").startswith(b"-ERR [SYS/")
        assert client.ask("DELE 3").startswith(b"-ERR")  # it could not be sent whole
        assert client.ask("RETR 4") == b"+OK 20 octets\r\n"
        client.lines()
        client.ask("DELE 1")
        assert client.ask("QUIT").startswith(b"+OK")
        assert office.files("anna") == names[2:]
        client.close()


def p3_028_a_long_message_cut_on_disk_never_ends_in_a_dot():
    with office_with(count=0) as office:
        mail = b"Subject: long\n\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\n" * 400000
        path = office.put("anna", mail)
        office.start()
        client = Raw(office.pop3)
        client.login()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        assert client.ask("RETR 1") == b"+OK %d octets\r\n" % len(wire(mail))
        os.truncate(path, len(mail) // 2)
        rest = client.rest()
        assert len(rest) < len(wire(mail)) and not rest.endswith(b"\r\n.\r\n")
        client.close()
        office.wait_log("end=body-failed")
        assert os.path.exists(path)


def p3_034_quit_tells_the_truth():
    """The folder becomes read-only during the session; root would not notice, so the server is nobody."""
    root = os.geteuid() == 0
    with office_with(settings="run-as nobody" if root else "") as office:
        if root:
            subprocess.run(["chown", "-R", "nobody", office.folder], check=True)
        office.start()
        client = Raw(office.pop3)
        assert client.login().startswith(b"+OK")
        client.ask("DELE 1")
        os.chmod(os.path.join(office.maildir("anna"), "new"), 0o500)
        assert client.ask("QUIT").startswith(b"-ERR [SYS/"), office.log()
        assert client.rest() == b""
        client.close()
        os.chmod(os.path.join(office.maildir("anna"), "new"), 0o700)
        assert len(office.files("anna")) == 2
        office.wait_log("deleted messages not removed")
        client = Raw(office.pop3)
        assert client.login().startswith(b"+OK 2 ")  # and the lock is free
        client.ask("DELE 1")
        assert client.ask("QUIT").startswith(b"+OK")
        client.close()
        assert len(office.files("anna")) == 1


def tls_005_input_behind_stls_is_never_executed():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.send(b"STLS\r\nUSER anna\r\nPASS secret\r\nSTAT\r\n")
        answers = client.rest()
        assert answers.count(b"\r\n") == 1 and answers.startswith(b"-ERR"), answers
        client.close()
        office.wait_log("end=input-behind-stls")


def tls_022_the_same_refusal_for_every_name():
    with office_with(listens=["{ tls starttls }", "{ tls implicit }"]) as office:
        office.start()
        client = Raw(office.pop3)
        known = client.ask("USER anna")
        assert known.startswith(b"-ERR") and known == client.ask("USER nobody")
        assert client.ask("PASS secret").startswith(b"-ERR")
        assert client.ask("AUTH PLAIN AGFubmEAc2VjcmV0").startswith(b"-ERR")
        client.send(b"CAPA\r\n")
        assert b"STLS\r\n" in (got := client.lines()) and b"USER\r\n" not in got, got
        client.close()


def tls_on_the_plain_port_is_told_or_served():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3, greet=False)
        client.send(b"\x16\x03\x01\x00\x05hello")
        client.line()
        assert b"995" in (answer := client.line()) and answer.startswith(b"-ERR"), answer
        client.close()
        office.wait_log("end=tls-on-plain-port")
    with office_with(listens=["{ tls starttls; tls-on-plain serve }"]) as office:
        office.start()
        client = Raw(office.pop3, tls=context(office))
        assert client.greeting.startswith(b"+OK POP3") and client.login().startswith(b"+OK")
        client.close()
        plain = Raw(office.pop3)  # who waits for the greeting gets it after a moment
        assert plain.greeting.startswith(b"+OK POP3")
        plain.close()


def w_008_w_018_bad_input_is_answered_and_the_session_lives():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        for octets in (b"x" * 100000 + b"\r\n", b"ST\0AT\r\n", b"\xff\xfe\r\n", b"\r\n", b"LIST 99999999999999999999\r\n",
                       b"STAT 1\r\n", b"RETR -1\r\n", b"TOP 1\r\n", b"LIST\t1\r\n", b"S\rTAT\r\n"):
            client.send(octets)
            assert client.line().startswith(b"-ERR"), octets[:20]
            assert client.ask("STAT") == b"+OK 2 40\r\n"
        client.close()


def hostile_names_are_wrong_passwords():
    with office_with() as office:
        os.makedirs(os.path.join(office.folder, "mail", "x", "new"))
        office.start()
        client = Raw(office.pop3)
        for name in ("../x", "a/b", ".hidden", "x" * 900, "\u00e4\u0308", "..", "a\x01b".replace("\x01", "\u0081")):
            client.send(b"USER " + name.encode() + b"\r\n")
            client.line()
            assert client.ask("PASS secret").startswith(b"-ERR"), name
            client.close()
            client = Raw(office.pop3)
        assert client.login().startswith(b"+OK")
        client.close()


def w_047_octet_by_octet_and_half_closed():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"USER anna\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n":
            client.send(bytes([octet]))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest().count(b"+OK") == 4
        assert len(office.files("anna")) == 1
        client.close()


def reload_keeps_the_old_settings_when_the_new_are_bad():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        office.write_conf("policy { expire 7; bogus 1 }")
        office.reload()
        assert "event=reload_failed" in office.log() and "bogus" in office.log()
        other = Raw(office.pop3)
        other.send(b"CAPA\r\n")
        assert b"EXPIRE NEVER\r\n" in other.lines()
        other.close()
        office.write_conf("policy { expire 7 }\nlog { debug yes }")
        office.reload()
        other = Raw(office.pop3)
        other.send(b"CAPA\r\n")
        assert b"EXPIRE 7\r\n" in other.lines()
        other.close()
        assert client.ask("STAT") == b"+OK 2 40\r\n"  # the one who is here goes on
        assert client.ask("QUIT").startswith(b"+OK")
        client.close()
        last = Raw(office.pop3)
        assert last.login().startswith(b"+OK 0 ")  # the messages are from 2023: seven days are over
        last.close()
        assert office.files("anna") == []
        office.wait_log("event=store")


def reload_takes_more_of_equal_listeners():
    with office_with() as office:
        office.start()
        office.listens += office.listens  # twice the same lines, with port 0
        office.write_conf()
        office.reload()
        assert "event=reload_failed" not in office.log(), office.log()
        client = Raw(office.pop3)
        assert client.login().startswith(b"+OK")
        client.close()


def sigterm_drains():
    with office_with() as office:
        office.start()
        client = Raw(office.pop3)
        client.login()
        client.ask("DELE 1")
        office.process.send_signal(signal.SIGTERM)
        assert client.line().startswith(b"-ERR [SYS/TEMP] ")
        client.close()
        assert office.process.wait(PATIENCE) == 0
        assert len(office.files("anna")) == 2


def p3_002_limits_per_address():
    with office_with(settings="limits { connections-per-address 3 }", gates=1) as office:
        office.start()
        clients = [Raw(office.pop3) for _ in range(3)]
        extra = Raw(office.pop3)
        assert extra.greeting.startswith(b"-ERR [SYS/TEMP] ")
        extra.close()
        clients.pop().close()
        office.wait_log("end=eof")
        again = Raw(office.pop3)
        assert again.greeting.startswith(b"+OK")
        for client in (*clients, again):
            client.close()


def w_034_w_035_silence_is_ended_silently():
    with office_with(settings="times { first-command 300ms; login 1s }") as office:
        office.start()
        client = Raw(office.pop3)
        assert client.rest() == b""
        client.close()
        client = Raw(office.pop3)
        client.ask("CAPA")
        client.lines()
        assert client.rest() == b""  # a command came, a login did not
        client.close()
        office.wait_log("end=login-time")
        office.wait_log("end=idle")
        client = Raw(office.pop3)
        assert client.login().startswith(b"+OK")
        client.close()


def w_036_who_takes_no_output_is_dropped():
    with office_with(count=0, settings="times { stall 500ms }") as office:
        office.put("anna", b"Subject: x\n\n" + b"0123456789\n" * 3000000)
        office.start()
        client = Raw(office.pop3)
        client.login()
        client.send(b"DELE 1\r\nRSET\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
        office.wait_log("end=stall")
        client.close()
        assert len(office.files("anna")) == 1
        again = Raw(office.pop3)
        assert again.login().startswith(b"+OK")  # the lock is free
        again.close()


def many_at_once():
    with Office() as office:
        for i in range(40):
            office.add_user(f"u{i}", "secret")
            for n in range(20):
                office.put(f"u{i}", b"Subject: %d\n\n.body\n" % n)
        office.start()
        faults = []

        def one(i):
            try:
                client = Raw(office.pop3s, tls=context(office))
                assert client.login(f"u{i}").startswith(b"+OK 20 ")
                client.send(b"".join(b"RETR %d\r\nDELE %d\r\n" % (n, n) for n in range(1, 21)) + b"QUIT\r\n")
                got = client.rest()
                assert got.count(b"\r\n..body\r\n.\r\n") == 20 and got.endswith(b"\r\n")
                client.close()
            except Exception as fault:  # told by the main thread
                faults.append((i, fault))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults, faults[:3]
        assert all(office.files(f"u{i}") == [] for i in range(40))


def all_mistakes_of_a_file_in_one_run():
    with Office() as office:
        with open(office.conf, "w", encoding="utf-8") as file:
            file.write("hostnam x\nlisten 1.2.3.4:99999\ntimes { idle 5s }\nmail { path /x }\n")
        done = subprocess.run([POSTFACHD, "check", "-f", office.conf], capture_output=True, text=True, check=False)
        assert done.returncode == 78
        for line in (1, 2, 3, 4):
            assert f"postfach.conf:{line}:" in done.stderr, done.stderr
        assert "did you mean" in done.stderr and "hostname" in done.stderr, done.stderr


run(p3_008_one_session_per_maildrop, p3_009_delivery_is_not_blocked_and_stays_unseen,
    p3_039_a_killed_server_removed_nothing_and_locks_nothing, p3_078_md_016_others_work_in_the_maildir,
    p3_028_a_long_message_cut_on_disk_never_ends_in_a_dot, p3_034_quit_tells_the_truth,
    tls_005_input_behind_stls_is_never_executed, tls_022_the_same_refusal_for_every_name,
    tls_on_the_plain_port_is_told_or_served, w_008_w_018_bad_input_is_answered_and_the_session_lives,
    hostile_names_are_wrong_passwords, w_047_octet_by_octet_and_half_closed,
    reload_keeps_the_old_settings_when_the_new_are_bad,
    reload_takes_more_of_equal_listeners, sigterm_drains, p3_002_limits_per_address,
    w_034_w_035_silence_is_ended_silently, w_036_who_takes_no_output_is_dropped, many_at_once,
    all_mistakes_of_a_file_in_one_run)
