#!/usr/bin/env python3
"""postfach fetch --daemon: polls, new settings, failures, signals, the service manager; and secrets that take their time."""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fetch_home import Home, Relay  # noqa: E402
from office import PATIENCE, POSTFACH, run, wait_until  # noqa: E402


class Daemon:
    """It runs until the block ends, and must end well then."""

    def __init__(self, home, *words, status=0, environment=None):
        self.out, self.status = os.path.join(home.home, "out"), status
        with open(self.out, "wb") as file:
            self.process = subprocess.Popen([POSTFACH, "fetch", "-c", home.accounts, "--daemon", *words],
                                            env={**home.environment(), **(environment or {})}, stdout=file,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def said(self):
        with open(self.out, encoding="utf-8") as file:
            return file.read()

    def says(self, pattern, count=1):
        try:
            wait_until(f"{count} of {pattern!r}", lambda: len(re.findall(pattern, self.said(), re.M)) >= count
                       or self.process.poll() is not None)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.said()}") from None
        assert len(re.findall(pattern, self.said(), re.M)) >= count, self.said()

    def signal(self, number):
        self.process.send_signal(number)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == self.status or kind, (self.process.returncode, self.said())


def mail_comes_by_itself():
    with Home() as home:
        home.fill(2)
        home.start()
        home.configure(home.account("work", extra="poll 1s; keep none"))
        with Daemon(home) as daemon:
            daemon.says(r"^work: 2 messages fetched \(.*\) in .*; 2 deleted$")
            home.fill(3, seed=2)
            # One poll may meet them while they come.
            wait_until("the rest of the mail", lambda: len(home.mails()) == 5)
            wait_until("an empty maildrop", lambda: not home.files("anna"))
        assert len(re.findall(r"^work: \d of \d, \d+ octets, to ", daemon.said(), re.M)) == 5, daemon.said()
        assert "nothing new" not in daemon.said()


def new_accounts_are_read():
    with Home(users=("anna", "bob")) as home:
        home.fill(1)
        home.fill(1, user="bob")
        home.start()
        home.configure(home.account("work", extra="poll 1s"))
        with Daemon(home, "--json") as daemon:
            daemon.says(r'"event":"end","account":"work"', 2)
            home.configure(home.account("work", extra="nonsense"))
            daemon.signal(signal.SIGHUP)
            daemon.says(r"accounts stay as they were")
            home.configure()  # somebody is writing the file: it is empty just now
            daemon.signal(signal.SIGHUP)
            daemon.says(r"accounts stay as they were", 2)
            home.configure(home.account("other", "bob", extra="poll 1s"))
            daemon.signal(signal.SIGHUP)
            daemon.says(r'"event":"end","account":"other"', 2)
            work = daemon.said().count('"event":"begin","account":"work"')
            daemon.says(r'"event":"end","account":"other"', 4)
            assert daemon.said().count('"event":"begin","account":"work"') == work
        assert len(home.mails("work")) == 1 and len(home.mails("other")) == 1


def failures_wait_and_do_not_end_it():
    with Home(users=("anna", "bob")) as home:
        home.fill(1)
        home.start()
        home.write(home.home + "/wrong", "falsch\n")
        bad = home.account("bad", "bob", extra="poll 1s").replace(home.secret, home.home + "/wrong")
        home.configure(home.account("work", extra="poll 1s"), bad)
        with Daemon(home, "--json") as daemon:
            daemon.says(r'"event":"end","account":"work"', 3)
            ends = [json.loads(line) for line in daemon.said().splitlines() if '"end"' in line]
            waits = [end["next_in_milliseconds"] for end in ends if end["account"] == "bad"]
            assert len(waits) == 1 and 1800000 <= waits[0] <= 2250000, waits
            assert all(end["next_in_milliseconds"] <= 1000 for end in ends if end["account"] == "work"), ends
            home.write(home.home + "/wrong", "geheim\n")
            daemon.signal(signal.SIGHUP)  # what failed is tried at once
            daemon.says(r'"event":"end","account":"bad","code":"OK"')


def a_server_that_wants_time_is_given_it():
    with Home() as home:
        home.settings = "policy { expire never; login-delay 3s }"
        home.start()
        home.configure(home.account("work", extra="poll 1s"))
        ends = []

        def look(count):
            daemon.says(r'"event":"end"', count)
            ends[:] = [json.loads(line) for line in daemon.said().splitlines() if '"end"' in line]
        with Daemon(home, "--json") as daemon:
            look(2)
            assert [end["code"] for end in ends] == ["OK", "OK"], ends  # it is not sent away
            assert 3000 <= ends[0]["next_in_milliseconds"] < 60000, ends


def the_end_is_orderly():
    with Home() as home:
        for _ in range(8):
            home.put("anna", b"Subject: x\n\n" + (b"y" * 98 + b"\n") * 1000)
        home.start()
        with Relay(home.pop3s, 250000) as relay:
            home.configure(home.account("work", extra="poll 1s; keep none").replace(
                f"port {home.pop3s}", f"port {relay.here}"))
            with Daemon(home, "--json") as daemon:
                daemon.says(r'"event":"taken"')
                daemon.signal(signal.SIGTERM)
                relay.free.set()
                daemon.says(r'"event":"summary"')
        ends = [json.loads(line) for line in daemon.said().splitlines() if '"end"' in line]
        assert len(ends) == 1 and ends[0]["fetched"] == len(home.mails()), ends
        assert ends[0]["deleted"] == ends[0]["fetched"] == 8 - len(home.files("anna")), ends


def the_service_manager_is_told():
    with Home() as home:
        home.start()
        path = os.path.join(home.home, "notify")
        home.configure(home.account("work", extra="poll 1s"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(PATIENCE)
            with Daemon(home, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as daemon:
                assert b"READY=1" in manager.recv(4096)
                while b"WATCHDOG=1" not in manager.recv(4096):
                    pass
                daemon.signal(signal.SIGTERM)
                while b"STOPPING=1" not in manager.recv(4096):
                    pass


def a_slow_secret_holds_nobody_up():
    with Home(users=("anna", "bob")) as home:
        home.fill(1)
        home.fill(1, user="bob")
        home.start()
        fifo = os.path.join(home.home, "fifo")
        os.mkfifo(fifo)
        slow = re.sub(r"password-file [^;]*", f"password-command head -n1 {fifo}", home.account("slow", "bob"))
        home.configure(home.account("work"), slow)
        fetch = subprocess.Popen([POSTFACH, "fetch", "-c", home.accounts, "--json"], env=home.environment(), text=True,
                                 stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        for line in fetch.stdout:
            event = json.loads(line)
            if event["event"] == "end" and event["account"] == "work":
                break
        assert event["fetched"] == 1, event
        with open(fifo, "w", encoding="ascii") as file:
            file.write("geheim\n")
        events = [json.loads(line) for line in fetch.stdout]
        assert fetch.wait(PATIENCE) == 0 and events[-1]["fetched"] == 2, events
        # Who wants the end does not wait for it, either.
        fetch = subprocess.Popen([POSTFACH, "fetch", "-c", home.accounts, "slow", "--verbose", "--json"],
                                 env=home.environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        writer = os.open(fifo, os.O_WRONLY)  # the command runs
        fetch.terminate()
        assert fetch.wait(PATIENCE) == 75
        fetch.stdout.close()
        os.close(writer)


class Tokens(http.server.BaseHTTPRequestHandler):
    """Hands out access tokens, and vouches for them."""

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status, answer = 200, {"access_token": "the-token", "refresh_token": "new"}
        if self.path == "/ask":
            answer = {"active": form["token"] == ["the-token"], "iss": "https://x.example", "aud": "pop",
                      "scope": "mail", "username": "anna"}
        elif form["refresh_token"] != ["old"] or form["client_id"] != ["me"]:
            status, answer = 400, {"error": "invalid_grant"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def a_token_comes_by_a_helper():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"http://localhost:{server.server_port}"
    with Home() as home:
        home.settings += (f'\noauth {{ issuer https://x.example; audience pop; scope mail; '
                          f'introspect "{url}/ask" }}')
        home.fill(1)
        home.start()
        refresh = os.path.join(home.home, "refresh")
        home.write(refresh, "old\n")
        wanted = f'token-url "{url}/token"; client-id me; refresh-token-file {refresh}'
        home.configure(re.sub(r"password-file [^;]*", wanted, home.account("work")))
        events = home.json()
        assert events[1]["mechanism"] in ("OAUTHBEARER", "XOAUTH2") and events[-1]["fetched"] == 1, events
        with open(refresh, encoding="ascii") as file:
            assert file.read() == "new\n"
        home.fetch(status=77)
        assert "the refresh token is no longer good, get a new one" in home.errors, home.errors
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
        home.fetch(status=75)


run(mail_comes_by_itself, new_accounts_are_read, failures_wait_and_do_not_end_it,
    a_server_that_wants_time_is_given_it, the_end_is_orderly,
    the_service_manager_is_told, a_slow_secret_holds_nobody_up, a_token_comes_by_a_helper)
