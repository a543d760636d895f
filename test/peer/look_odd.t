#!/usr/bin/env python3
"""`postfach ls`, `show`, `save` and `rm` with servers that do not do as they should, made up here; and with those of
others, as Debian has them."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_pop3  # noqa: E402
from office import PATIENCE, POSTFACH, run  # noqa: E402

MAIL = b"From: a@example.org\r\nSubject: s%d\r\n\r\nbody\r\n"
DROP = object()  # the server hangs up


class Made:
    """A server of so many messages, whose answers to some lines are the test's: bytes, or a function of the words."""

    def __init__(self, answers=None, count=3, capabilities=b"USER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n"):
        self.answers = answers or {}
        self.count = count
        self.capabilities = capabilities
        self.lines, self.calls = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            with connection, connection.makefile("rb") as lines:
                try:
                    self.talk(connection, lines)
                except OSError:
                    pass

    def talk(self, connection, lines):
        connection.sendall(b"+OK hello\r\n")
        for line in lines:
            words = line.decode().split()
            self.lines.append(line.decode().strip())
            answer = self.answers.get(words[0], getattr(self, words[0].lower(), b"+OK\r\n"))
            answer = answer(*words[1:]) if callable(answer) else answer
            if answer is DROP:
                return
            connection.sendall(answer)
            if words[0] == "QUIT":
                return

    def capa(self):
        return b"+OK\r\n" + self.capabilities + b".\r\n"

    def rows(self, form):
        return b"+OK\r\n" + b"".join(form % (n, n) for n in range(1, self.count + 1)) + b".\r\n"

    def list(self):
        return self.rows(b"%d 1%d\r\n")

    def uidl(self):
        return self.rows(b"%d uid%d\r\n")

    @staticmethod
    def top(number, _):
        return b"+OK\r\n" + (MAIL % int(number)).split(b"body")[0] + b".\r\n"

    @staticmethod
    def retr(number):
        return b"+OK\r\n" + MAIL % int(number) + b".\r\n"


def tool(port, word, *words, status=0, options=("--plain",)):
    with tempfile.TemporaryDirectory(prefix="postfach-test.") as home:
        secret = os.path.join(home, "secret")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write("geheim7\n")
        done = subprocess.run(
            [POSTFACH, word, *options, "--password-file", secret, f"pop://anna@127.0.0.1:{port}", *words],
            capture_output=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL, cwd=home,
            env={**os.environ, "HOME": home, "TZ": "UTC", "LC_ALL": "C.UTF-8"})
        left = sorted(set(os.listdir(home)) - {"secret"})
    assert done.returncode == status, (word, words, done)
    return done.stdout.decode(), done.stderr.decode(), left


def without_top_there_are_no_heads():
    with Made({"TOP": b"-ERR what?\r\n"}, count=300) as server:
        out, _, _ = tool(server.port, "ls")
        assert "300 messages" in out and "tells no heads" in out and "uid300" in out, out
        assert sum(line.startswith("TOP") for line in server.lines) <= 130  # it does not ask for all
        tool(server.port, "rm", "--older", "1d", "--yes", status=70)
        assert not any(line.startswith("DELE") for line in server.lines)
    with Made({"TOP": lambda n, _: b"-ERR\r\n" if n == "2" else Made.top(n, 0)}) as server:
        out, _, _ = tool(server.port, "ls")
        assert " s1 " in out and " s3 " in out and " s2 " not in out and "tells no heads" not in out, out


def without_uidl_there_are_numbers():
    with Made({"UIDL": b"-ERR what?\r\n"}) as server:
        rows = json.loads(tool(server.port, "ls", "--json")[0])
        assert [(row["uid"], row["subject"]) for row in rows] == [(None, "s1"), (None, "s2"), (None, "s3")], rows
        assert "the same with --yes" in tool(server.port, "rm", "2")[0]
        tool(server.port, "rm", "--yes", "2")
        assert server.lines[-2:] == ["DELE 2", "QUIT"], server.lines
        assert tool(server.port, "show", "uid:uid1", status=65)[0] == ""


def a_uid_of_two_messages_is_nobodys():
    with Made({"UIDL": b"+OK\r\n1 a\r\n2 b\r\n3 a\r\n.\r\n"}) as server:
        _, err, _ = tool(server.port, "rm", "--yes", "a", status=70)
        assert "several messages" in err, err
        tool(server.port, "rm", "--yes", "b", "3")
        assert server.lines[-3:] == ["DELE 3", "DELE 2", "QUIT"], server.lines


def what_may_be_copied_to_a_shell_is_quoted():
    with Made({"UIDL": b"+OK\r\n1 $(reboot);`x`\r\n2 a'b\r\n3 plain.1\r\n.\r\n"}) as server:
        out, _, _ = tool(server.port, "rm", "1", "3")
        assert out.endswith(" the same with --yes and uid:'$(reboot);`x`' uid:plain.1\n"), out
        out, _, _ = tool(server.port, "rm", "2")
        assert out.endswith(": the same with --yes\n"), out
        tool(server.port, "rm", "--yes", "uid:$(reboot);`x`", "uid:a'b")
        assert server.lines[-3:] == ["DELE 2", "DELE 1", "QUIT"], server.lines


def lists_out_of_order_are_put_in_order():
    with Made({"LIST": b"+OK\r\n3 13\r\n1 11\r\n1 99\r\n2 12\r\n.\r\n",
               "UIDL": b"+OK\r\n2 b\r\n9 x\r\n1 a\r\n.\r\n"}) as server:
        rows = json.loads(tool(server.port, "ls", "--json")[0])
        assert [(r["number"], r["octets"], r["uid"]) for r in rows] == [(1, 11, "a"), (2, 12, "b"), (3, 13, None),
                                                                         (9, None, "x")], rows


def sizes_may_be_missing():
    for sizes in (b"+OK\r\n1 11\r\n2 18446744073709551616\r\n3 13\r\n.\r\n", b"-ERR not today\r\n"):
        with Made({"LIST": sizes}) as server:
            rows = json.loads(tool(server.port, "ls", "--json")[0])
            assert [(r["number"], r["uid"]) for r in rows] == [(1, "uid1"), (2, "uid2"), (3, "uid3")], rows
            assert rows[1]["octets"] is None, rows
            assert "body" in tool(server.port, "show", "2")[0]
    with Made({"LIST": b"-ERR [SYS/TEMP] not now\r\n"}, capabilities=b"USER\r\nRESP-CODES\r\n") as server:
        assert "not now" in tool(server.port, "ls", status=75)[1]
    with Made({"LIST": b"-ERR a\r\n", "UIDL": b"-ERR b\r\n"}) as server:
        assert "refuses: a" in tool(server.port, "ls", status=70)[1]


def what_speaks_no_pop3_is_told_by_the_status():
    for answer in (b"hello\r\n", b"+OK\r\n" + b"1" * 70000):
        with Made({"LIST": answer}) as server:
            tool(server.port, "ls", status=76)


def a_message_without_a_header_is_shown():
    with Made({"RETR": b"+OK\r\n..\r\n.\r\n"}) as server:
        out, err, _ = tool(server.port, "show", "2")
        assert out == ".\n" and "no header" in err, (out, err)


def qs_024_a_server_that_answers_only_the_first_is_asked_one_by_one():
    with Made() as server:
        server.answers["UIDL"] = lambda: DROP if server.calls == 1 else Made.uidl(server)
        assert "uid3" in tool(server.port, "ls")[0]
        assert server.calls == 2, server.lines


def qs_024_a_server_that_dies_of_pipelining_is_asked_one_by_one():
    with Made(capabilities=b"USER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n") as server:
        server.answers["TOP"] = lambda n, k: DROP if server.calls == 1 else Made.top(n, k)
        out, _, _ = tool(server.port, "ls")
        assert server.calls == 2 and " s3 " in out, out


def nothing_is_deleted_where_the_line_breaks():
    with Made({"DELE": DROP}) as server:
        _, err, _ = tool(server.port, "rm", "--yes", "2", status=75)
        assert "nothing is deleted" in err, err
    for farewell in (DROP, b"-ERR some deleted messages not removed\r\n"):
        with Made({"QUIT": farewell}) as server:
            out, err, _ = tool(server.port, "rm", "--yes", "2", status=75)
            assert "did not confirm" in err and "deleted;" not in out, (out, err)
    with Made({"DELE": lambda n: b"-ERR \x1b[31mno\r\n" if n == "2" else b"+OK\r\n"}) as server:
        out, err, _ = tool(server.port, "rm", "--yes", "2", "3", status=75)
        assert "does not delete message 2" in err and "\x1b" not in err and "1 message deleted" in out, (out, err)


def a_message_that_was_cut_is_no_file():
    def cut(number):
        return DROP if number == "1" else Made.retr(number)

    with Made({"RETR": cut}) as server:
        out, err, left = tool(server.port, "save", "3", "1", status=75)
        assert left == [] and out == "" and "closed the connection" in err, (out, err, left)
    with Made({"RETR": lambda n: b"-ERR gone\r\n" if n == "1" else Made.retr(n)}) as server:
        out, err, left = tool(server.port, "save", "1", "3", status=65)
        assert left == ["s3.eml"] == out.split() and "gone" in err, (out, err, left)
    with Made({"RETR": b"+OK\r\nSubject: x\r\n\r\nhalf"}) as server:
        server.answers["RETR"] = lambda n: DROP
        assert tool(server.port, "show", "1", status=75)[0] == ""


def speaks_with(server, mails):
    server.put_all(mails)
    rows = json.loads(tool(server.port, "ls", "--json")[0])
    assert sorted(row["subject"] for row in rows) == ["s1", "s2", "s3", "s4", "s5"], rows
    assert all(row["uid"] and row["date"] == "2026-11-03T16:42:11Z" for row in rows), rows
    out, _, _ = tool(server.port, "show", rows[1]["uid"])
    assert "body " + rows[1]["subject"][1:] in out, out
    saved = tool(server.port, "save", rows[2]["uid"])
    assert saved[2] == [rows[2]["subject"] + ".eml"], (rows, saved)
    out, _, _ = tool(server.port, "rm", "--yes", rows[1]["uid"], "uid:" + rows[3]["uid"])
    assert "2 messages deleted" in out, out
    left = json.loads(tool(server.port, "ls", "--json")[0])
    # Solid POP3 has another order in each session: that is why numbers are nothing to keep.
    assert {row["uid"] for row in left} == {rows[n]["uid"] for n in (0, 2, 4)}, left


def servers_of_others():
    mails = [b"From: a@example.org\nSubject: s%d\nDate: Tue, 03 Nov 2026 17:42:11 +0100\n"
             b"Message-ID: <%d@example.org>\n\nbody %d\n" % (n, n, n) for n in range(1, 6)]
    for kind in private_pop3.SERVERS:
        try:
            with kind() as server:
                speaks_with(server, mails)
                print(f"# {kind.__name__}")
        except private_pop3.Unfit as reason:
            print(f"# {kind.__name__} is left out: {reason}")


run(without_top_there_are_no_heads, without_uidl_there_are_numbers, a_uid_of_two_messages_is_nobodys,
    what_may_be_copied_to_a_shell_is_quoted,
    lists_out_of_order_are_put_in_order, sizes_may_be_missing,
    what_speaks_no_pop3_is_told_by_the_status, a_message_without_a_header_is_shown,
    qs_024_a_server_that_dies_of_pipelining_is_asked_one_by_one,
    qs_024_a_server_that_answers_only_the_first_is_asked_one_by_one,
    nothing_is_deleted_where_the_line_breaks, a_message_that_was_cut_is_no_file, servers_of_others)
