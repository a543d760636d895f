#!/usr/bin/env python3
"""The administrator's doors at a live server: who is here, kick, reload, figures."""
import json
import os
import poplib
import re
import shutil
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run, wait_until  # noqa: E402

MAIL = b"Subject: hello\n\nbody\n"


class Desk(Office):
    """An office with all doors."""

    def __init__(self, settings="", mode=""):
        super().__init__()
        self.control = os.path.join(self.folder, "control")
        self.figures = os.path.join(self.folder, "figures")
        self.lmtp = os.path.join(self.folder, "lmtp")
        self.settings = (f"listen unix:{self.control} {{ protocol control }}\n"
                         f"listen unix:{self.figures} {{ protocol metrics }}\n"
                         f"listen unix:{self.lmtp} {{ protocol lmtp }}\n"
                         "listen 127.0.0.1:0 { protocol metrics }\n" + settings)

    def start(self):
        super().start()
        self.metrics_port = self.ports[-1]
        return self

    def ctl(self, *words, status=0, wrapper=()):
        done = subprocess.run([*wrapper, POSTFACH, "ctl", "--socket", self.control, *words], capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    def sessions(self):
        return json.loads(self.ctl("sessions", "--json"))

    def login(self, user="anna", password="secret"):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=60)
        client.user(user)
        client.pass_(password)
        return client

    def metrics(self):
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    def figure(self, series):
        found = re.findall(rf"^postfach_{re.escape(series)} ([0-9.]+)$", self.metrics(), re.M)
        return float(found[0]) if found else 0


def talk(path, octets):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(path)
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                return got
            got += piece


def sessions_are_listed_with_what_they_do():
    with Desk() as desk:
        desk.add_user("anna", "secret")
        desk.put("anna", MAIL)
        desk.start()
        assert desk.sessions() == []
        stranger = socket.create_connection(("127.0.0.1", desk.pop3), timeout=60)
        stranger.recv(100)
        client = desk.login()
        client.retr(1)
        first, second = sorted(desk.sessions(), key=lambda s: s["user"] or "")
        ids = [first["id"], second["id"]]
        assert ids == [1, 2] if desk.shape == "single" else all(re.fullmatch(r"\d+\.\d+", id_) for id_ in ids), ids
        assert (first["user"], first["state"], first["tls"]) == (None, "login", "none"), first
        assert (second["user"], second["state"]) == ("anna", "transaction"), second
        assert second["address"] == "127.0.0.1" and second["messages"] == 1 and second["sent"] > len(MAIL)
        table = desk.ctl("sessions")
        assert table.startswith("id ") and \
            re.search(rf"^{re.escape(str(ids[1]))} +anna +127.0.0.1 +none +transaction ", table, re.M), table
        stranger.close()
        client.quit()
        desk.wait_log(f"id={ids[1]} end=quit")
        wait_until("an empty table", lambda: desk.sessions() == [])


def who_is_kicked_is_gone_and_the_maildrop_is_free():
    with Desk() as desk:
        for user in ("anna", "bob", "17"):
            desk.add_user(user, "secret")
        desk.put("anna", MAIL)
        desk.start()
        anna, bob, other = desk.login(), desk.login("bob"), desk.login("17")
        anna.dele(1)
        number = next(s["id"] for s in desk.sessions() if s["user"] == "anna")
        assert desk.ctl("kick", str(number)) == "kicked 1\n"
        assert anna.file.readline() == b""
        desk.wait_log(f"id={number} end=kicked")
        again = wait_until("a login behind the kick", lambda: try_login(desk))
        assert again.stat()[0] == 1, "what was marked is not removed"
        assert "no such session" in desk.ctl("kick", "12345", status=75)
        assert desk.ctl("kick", "bob") == "kicked 1\n"
        assert bob.file.readline() == b""
        assert "no such session" in desk.ctl("kick", "17", status=75), "a number is an id"
        assert desk.ctl("--user", "kick", "17") == "kicked 1\n"
        assert other.file.readline() == b""
        assert desk.figure('sessions_total{end="kicked"}') == 3
        again.quit()


def try_login(desk):
    try:
        return desk.login()
    except poplib.error_proto as error:
        assert b"IN-USE" in error.args[0], error
        return None


def a_reload_tells_how_it_went():
    with Desk() as desk:
        desk.add_user("anna", "secret")
        desk.start()
        assert desk.ctl("reload") == "reloaded\n"
        good = desk.settings
        desk.write_conf(good + "limts { }\n")
        told = desk.ctl("reload", status=75)
        assert "not taken on" in told and "limts" in told and desk.conf + ":" in told, told
        desk.write_conf(good + "limits { line 2000 }\n")
        assert desk.ctl("reload") == "reloaded\n"
        assert desk.figure('reloads_total{outcome="good"}') == 2
        assert desk.figure('reloads_total{outcome="bad"}') == 1
        done = subprocess.run([POSTFACH, "ctl", "-c", desk.conf, "stats"], capture_output=True, text=True, check=True)
        assert 'postfach_reloads_total{outcome="good"} 2\n' in done.stdout
        desk.login().quit()


def figures_move_as_they_should():
    with Desk() as desk:
        desk.add_user("anna", "secret")
        desk.put("anna", MAIL)
        desk.start()
        good, bad = ('logins_total{mechanism="USER",verdict="%s"}' % v for v in ("OK", "AUTH"))
        assert desk.figure(good) == desk.figure(bad) == 0
        client = desk.login()
        sent = len(client.retr(1)[1])
        assert sent > 2 and desk.figure("sessions") == 1 and desk.figure("sessions_before_login") == 0
        client.dele(1)
        client.quit()
        for password in ("wrong", "worse"):
            try:
                desk.login(password=password)
                raise AssertionError("logged in")
            except poplib.error_proto:
                pass
        secure = poplib.POP3_SSL("127.0.0.1", desk.pop3s, timeout=60)
        secure.quit()
        wait_until("all ends", lambda: desk.figure("sessions") == 0)
        assert desk.figure(good) == 1 and desk.figure(bad) == 2
        assert desk.figure("messages_retrieved_total") == desk.figure("messages_deleted_total") == 1
        assert desk.figure("sent_octets_total") == len(MAIL) + MAIL.count(b"\n")
        assert desk.figure('sessions_total{end="quit"}') == 2
        assert desk.figure('tls_sessions_total{version="TLSv1.3"}') == 1
        assert desk.figure('store_seconds_count{operation="expunge"}') == 1
        assert desk.figure('store_work_seconds_count{work="expunge"}') == 1
        assert desk.figure("login_seconds_count") == 3


def deliveries_are_counted():
    with Desk() as desk:
        desk.add_user("anna", "secret")
        desk.start()
        answer = talk(desk.lmtp, b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<anna@x>\r\nRCPT TO:<nobody@x>\r\nDATA\r\n"
                                 b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n")
        assert b"\r\n550 5.1.1" in answer and b"\r\n221 " in answer, answer
        assert desk.figure('deliveries_total{verdict="OK"}') == desk.figure('deliveries_total{verdict="NO_USER"}') == 1
        assert desk.figure('store_work_seconds_count{work="seal"}') == 1
        assert desk.figure("delivery_seconds_count") == 1 and desk.figure("delivered_octets_total") > 10


def curl_on_loopback_and_unix_socket():
    with Desk() as desk:
        desk.start()
        url = f"http://127.0.0.1:{desk.metrics_port}/metrics"
        for words in ([url], ["--http1.0", url], ["--unix-socket", desk.figures, "http://localhost/metrics"]):
            done = subprocess.run(["curl", "-sSf", "-m", "60", *words], capture_output=True, text=True, check=True)
            assert "\npostfach_sessions 0\n" in done.stdout, words
        for method, target, status in (("GET", "/", "404"), ("HEAD", "/metrics", "405"), ("POST", "/metrics", "400"),
                                       ("GET", "/metrics?x", "404")):
            words = ["-I"] if method == "HEAD" else ["-d", "x"] if method == "POST" else []
            done = subprocess.run(["curl", "-sS", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}", *words,
                                   f"http://127.0.0.1:{desk.metrics_port}{target}"], capture_output=True, text=True,
                                  check=False)
            assert done.stdout == status, (method, target, done)
        assert talk(desk.figures, b"SESSIONS\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert talk(desk.figures, b"GET /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 "), "no Host"
        assert talk(desk.figures, b"GET /metrics HTTP/1.0\r\nx: " + b"y" * 5000).startswith(b"HTTP/1.1 431 ")


def prometheus_reads_the_figures():
    if not shutil.which("promtool"):
        print("# promtool is not here: skipped")
        return
    with Desk() as desk:
        desk.start()
        done = subprocess.run(["promtool", "check", "metrics"], input=desk.metrics(), capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done


def what_comes_over_the_control_socket():
    with Desk() as desk:
        desk.start()
        assert os.stat(desk.control).st_mode & 0o777 == 0o600
        assert talk(desk.control, b"SESSIONS\nsessions\nKICK ID -1\r\n") == \
            b"+sessions\n.\n-not understood\n.\n-not understood\n.\n"
        assert talk(desk.control, b"x" * 600) == b"-too long\n.\n"
        assert talk(desk.control, b"STAT") == b"", "half a line is none"
        assert talk(desk.control, b"METRICS\n").endswith(b"\n.\n")
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(16)]
        for one in crowd:
            one.connect(desk.control)
        late = socket.socket(socket.AF_UNIX)
        late.settimeout(60)
        late.connect(desk.control)
        assert late.recv(1) == b"", "there is a limit"
        desk.wait_log('why="ctl callers"')
        for one in [*crowd, late]:
            one.close()
        wait_until("room again", lambda: "SESS" not in subprocess.run(
            [POSTFACH, "ctl", "--socket", desk.control, "sessions"], capture_output=True, text=True,
            check=False).stderr and not desk.sessions())


def strangers_of_the_machine_are_refused():
    if os.geteuid() != 0:
        print("# only root can be somebody else: skipped")
        return
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with Desk() as desk:
        os.chmod(desk.folder, 0o755)
        desk.start()
        program = os.path.join(desk.folder, "postfach")
        shutil.copy(POSTFACH, program)
        shutil.copy(POSTFACH + "-office", program + "-office")
        words = [*nobody, program, "ctl", "--socket", desk.control, "sessions"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 75 and "only root" in done.stderr, done
        os.chmod(desk.control, 0o666)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 75 and "no whole answer" in done.stderr and not done.stdout[3:4].isdigit(), done
        desk.wait_log("why=\"not root or the server's user\"")


def doors_stand_only_where_no_stranger_comes_by():
    with Desk() as desk:
        for settings, word in (("listen 127.0.0.1:0 { protocol control }", "unix sockets only"),
                               ("listen 0.0.0.0:0 { protocol metrics }", "loopback and unix"),
                               ("listen [::]:0 { protocol metrics }", "loopback and unix"),
                               ("listen unix:/c { protocol control; mode 666 }", "owner only"),
                               ("listen 127.0.0.1:0 { protocol metrics; tls starttls }", "no TLS")):
            desk.write_conf(settings)
            done = subprocess.run([POSTFACH, "ctl", "-c", desk.conf, "stats"], capture_output=True, text=True,
                                  check=False)
            assert done.returncode == 78 and word in done.stderr, done
        desk.write_conf("")
        done = subprocess.run([POSTFACH, "ctl", "-c", desk.conf, "stats"], capture_output=True, text=True, check=False)
        assert done.returncode == 78 and "no control socket" in done.stderr, done


run(sessions_are_listed_with_what_they_do, who_is_kicked_is_gone_and_the_maildrop_is_free, a_reload_tells_how_it_went,
    figures_move_as_they_should, deliveries_are_counted, curl_on_loopback_and_unix_socket, prometheus_reads_the_figures,
    what_comes_over_the_control_socket, strangers_of_the_machine_are_refused,
    doors_stand_only_where_no_stranger_comes_by)
