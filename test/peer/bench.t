#!/usr/bin/env python3
"""`postfach bench`: each of its modes against a live server, and that it believes nothing."""
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, PATIENCE, POSTFACH, Office, run, wire  # noqa: E402

USERS = 6
LINES = b"".join(b"Line %d of a message that is stored with LF.\n" % n for n in range(60))
MAILS = [b"Subject: %d\n\n.\n..dots\n" % n + LINES * (1 + n % 3) for n in range(5)]


def start(*words, **more):
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    return subprocess.Popen([POSTFACH, "bench", *map(str, words)], text=True, **pipes, **more)


def bench(*words, status=0):
    """The values that it prints; with another status what it says on standard error."""
    with start(*words) as process:
        out, err = process.communicate("", timeout=PATIENCE)
    assert process.returncode == status, (words, process.returncode, out, err)
    if status:
        return err
    return {name: float(value) for name, value in (pair.split("=") for pair in out.split() if "=" in pair)}


class Scene(Office):
    def __init__(self):
        super().__init__(settings="times { login 10m }\nlisten 127.0.0.1:0 { protocol lmtp }")
        self.socket = os.path.join(self.folder, "lmtp")
        self.settings += f"\nlisten unix:{self.socket} {{ protocol lmtp }}"
        for number in range(USERS):
            self.add_user(f"u{number}", "secret")
            for at, mail in enumerate(MAILS):
                self.put(f"u{number}", mail, name=f"17000000{at:02}.M{at}P1.test", folder="cur", sizes=True)
        self.start()
        self.common = ["--values", "--user", "u%", "--password", "secret", "--port", self.pop3]

    def over(self, *how):
        stls = "--stls" in how
        return [*self.common, "--port", self.pop3 if stls else self.pop3s, "--tls", *how]


def polls_in_each_way():
    octets = sum(len(mail) + mail.count(b"\n") for mail in MAILS)
    with Scene() as office:
        for way in (office.common, office.over("full"), office.over("resumed"), office.over("full", "--stls"),
                    office.over("resumed", "--stls")):
            said = bench("poll", *way, "--clients", 3, "--ms", 150, "--lists", "--count", len(MAILS),
                         "--octets", octets)
            assert said["sessions"] >= 3 and said["p99_us"] >= said["p50_us"] > 0, said
        assert "sessions in" in subprocess.run(
            [POSTFACH, "bench", "poll", *map(str, office.common[1:]), "--host", "localhost"], check=True,
            capture_output=True, text=True, timeout=PATIENCE).stdout


def polls_go_through_users():
    with Scene() as office:
        for way in (office.common, office.over("resumed")):
            said = bench("poll", *way, "--clients", 2, "--users", USERS, "--ms", 150, "--from", "127.0.0.3")
            assert said["sessions"] >= 2, said
        bench("poll", *office.common, "--clients", 3, "--users", USERS, "--ms", 100)
        with start("poll", *office.over("resumed"), "--clients", 3, "--prime", "--ms", 50) as process:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            said = process.communicate("\n", timeout=PATIENCE)[0]
            assert process.returncode == 0 and said.startswith("sessions="), said
        office.stop()
        with open(office.log_file, encoding="utf-8") as file:
            log = file.read()
        assert all(f"user=u{number}" in log for number in range(USERS)) and "address=127.0.0.3" in log, log[-2000:]


def fetches_in_each_way():
    with Scene() as office:
        folder = os.path.join(office.maildir("u0"), "cur")
        for way in (office.common, office.over("full"), office.over("resumed", "--stls")):
            for more in ((), ("--pipeline", 3), ("--quick-ack",), ("--folder", folder, "--pipeline", 32), ("--messages", 2)):
                said = bench("fetch", *way, "--clients", 2, *more, "--ms", 50)
                each = 2 if "--messages" in more else len(MAILS)
                assert said["messages"] == said["sessions"] * each and said["sessions"] >= 2, (more, said)
                assert said["octets"] > said["messages"] * len(LINES)


def deleted_messages_are_gone():
    with Scene() as office:
        said = bench("fetch", *office.common, "--delete", "--clients", 2, "--messages", 3)
        assert said["messages"] == 6 and len(office.files("u0")) == len(office.files("u1")) == len(MAILS) - 3
        bench("fetch", *office.common, "--delete", "--clients", 2, "--pipeline", 8)
        assert office.files("u0") == office.files("u1") == [] and len(office.files("u2")) == len(MAILS)


def clients_are_held():
    with Scene() as office:
        for words in (["idle"], ["idle", "--login"], ["slow", "--sip", 9, "--pause", 40]):
            for way in (office.common, office.over("full"), office.over("full", "--stls")):
                with start(*words, *way, "--clients", USERS) as process:
                    assert process.stdout.readline() == "ready\n", process.stderr.read()
                    process.stdin.close()
                    assert process.wait(PATIENCE) == 0, process.stderr.read()
        assert bench("slow", *office.common, "--clients", 2, "--ms", 100, "--pause", 10) == {}


def polls_go_on_beside_held_clients():
    with Scene() as office:
        for held in ("greeted", "idle", "slow"):
            said = bench("mixed", *office.common, "--clients", 2, "--ms", 100, "--hold", 3, "--held-as", held,
                         "--pause", 20)
            assert said["sessions"] >= 2 and said["alone_sessions"] >= 2, said


def messages_are_delivered():
    with Scene() as office:
        for times, how in enumerate((["--port", office.ports[2]], ["--socket", office.socket]), 1):
            said = bench("deliver", "--values", *how, "--user", "u%@localhost", "--maildrops", 3,
                         "--messages", 10, "--clients", 2, "--octets", 3000)
            assert said["messages"] == 10
            assert [len(office.files(f"u{n}")) - len(MAILS) for n in range(4)] == [4 * times, 3 * times, 3 * times, 0]
        bench("fetch", *office.common, "--clients", 3)


def what_is_wrong_ends_it():
    with Scene() as office:
        with open(office.put("u5", MAILS[0]), "ab") as file:
            file.write(b"longer than it was\n")
        cases = [("poll", "--count", 4, "--octets", 1, "wrong answer to STAT"),
                 ("poll", "--password", "wrong", "not +OK"),
                 ("fetch", "--first", 5, "--folder", os.path.join(office.maildir("u0"), "cur"), "wrong answer to STAT"),
                 ("fetch", "--first", 4, "--folder", office.folder + "/other", "wrong octets in a message")]
        os.mkdir(office.folder + "/other")
        for at, mail in enumerate(MAILS):
            with open(f"{office.folder}/other/{at}", "wb") as file:
                file.write(mail.replace(b"Line 7", b"Line 8"))
        for mode, *words, reason in cases:
            said = bench(mode, *office.common, *words, status=1)
            assert reason in said, (mode, words, said)


class Liar:
    """A server with one message; its words are a dialogue that is sent whatever comes, the last one over and over."""

    def __init__(self, bodies):
        self.bodies = list(bodies)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while self.bodies:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"+OK\r\n")
                for line in lines:
                    word = line.split()[0]
                    connection.sendall({b"STAT": b"+OK 1 8\r\n", b"RETR": b"+OK\r\n" + self.bodies[0]}
                                       .get(word, b"+OK\r\n"))
                    if word == b"QUIT":
                        break
            self.bodies.pop(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(PATIENCE)
        self.listener.close()


def liars_are_found_out():
    good = b"a: b\r\n\r\n.\r\n"
    lies = [([good.replace(b"\r\n\r\n", b"\r\nx\r\n\r\n", 1)], "octets that STAT said"),
            ([b"a: b\r\n\n.\r\n"], "without CR"),
            ([good, good.replace(b"b", b"c")], "not what it was"), ([b"a: b\r\n.\rx\r\n.\r\n"], "not stuffed"),
            ([b"a: b\r\n\r\n.\r\n+OK\r\n"], "more than was asked")]
    lies += [([good[:-3]], "silent"), ([good[:-3] + b"\r\n"], "silent"), ([good.replace(b"b", b"bb", 1)], "octets that STAT said"),
             ([good.replace(b"b", b"", 1)], "octets that STAT said"), ([b"a: b\r\n\r\n..\r\n"], "silent")]
    for bodies, reason in lies:
        with Liar(bodies) as liar:
            port = liar.listener.getsockname()[1]
            said = bench("fetch", "--port", port, "--user", "u", "--password", "p", "--ms", 5000,
                         "--patience", 300 if reason == "silent" else 5000,
                         *(["--loose"] if len(bodies) == 2 else []), status=1)
            assert reason in said, (said, reason)
    with Liar([b"a: b\r\n..\r\n.\r\n".replace(b": b", b":")]) as liar:  # a line of one dot
        bench("fetch", "--values", "--port", liar.listener.getsockname()[1], "--user", "u", "--password", "p",
              "--messages", 1, "--loose")


def the_limit_answers():
    """bench/limit.c, beside which servers are measured, is right, too."""
    limit = os.path.join(BUILD, "bench/limit")
    with Office() as office:
        wire_form, stored = os.path.join(office.folder, "wire"), os.path.join(office.folder, "stored")
        for folder in (wire_form, stored):
            os.mkdir(folder)
        for at, mail in enumerate(MAILS + [MAILS[0] + LINES * 400]):
            with open(f"{stored}/{at}", "wb") as file:
                file.write(mail)
            with open(f"{wire_form}/{at}", "wb") as file:
                file.write(wire(mail).replace(b"\r\n.", b"\r\n..") + b".\r\n")
        octets = sum(len(wire(mail)) for mail in MAILS + [MAILS[0] + LINES * 400])
        pair, (end, other) = os.path.join(office.folder, "server"), socket.socketpair()
        words = [limit, "-c", pair + ".pem", "-k", pair + ".key", f"u:{len(MAILS) + 1}:{octets}:{wire_form}",
                 "n:1000:54321"]
        with subprocess.Popen(words, stdin=other, stdout=subprocess.PIPE, text=True) as process:
            other.close()
            plain, full = (process.stdout.readline().split()[1] for _ in range(2))
            for port, *tls in ((plain, "plain"), (full, "full"), (full, "resumed"), (plain, "full", "--stls"),
                               (plain, "resumed", "--stls")):
                common = ["--values", "--user", "u%", "--password", "p", "--port", port, "--tls", *tls, "--clients", 2]
                for window in (1, 3, 32):
                    said = bench("fetch", *common, "--folder", stored, "--pipeline", window, "--ms", 30)
                    assert said["messages"] >= 12, said
                bench("poll", *common, "--user", "n%", "--lists", "--count", 1000, "--octets", 54321, "--ms", 30)
            end.close()
        assert process.returncode == 0


def wrong_words_are_told():
    cases = [("poll",), ("nonsense", "--user", "u", "--password", "p"), ("idle", "--stls"),
             ("poll", "--user", "u", "--password", "p", "--clients", 2),
             ("poll", "--clients", "x"), ("idle", "--clients", 0), ("deliver",), (),
             ("fetch", "--user", "u", "--password", "p", "--delete", "--ms", 5), ("poll", "--tls", "half"),
             ("poll", "--user", "u%", "--password", "p", "--clients", 4, "--users", 6),
             ("fetch", "--user", "u%", "--password", "p", "--clients", 2, "--users", 6)]
    for words in cases:
        said = bench(*words, status=64)
        assert "bench" in said, (words, said)
    for words in (("--help",), ("poll", "--help"), ("deliver", "--help")):
        assert "usage: postfach bench" in subprocess.run([POSTFACH, "bench", *words], check=True, capture_output=True,
                                                         text=True, timeout=PATIENCE).stdout


if __name__ == "__main__":
    run(polls_in_each_way, polls_go_through_users, fetches_in_each_way, deleted_messages_are_gone, clients_are_held,
        polls_go_on_beside_held_clients, messages_are_delivered, what_is_wrong_ends_it, liars_are_found_out,
        the_limit_answers, wrong_words_are_told)
