#!/usr/bin/env python3
"""No downtime: an upgrade under load, one that goes wrong, ports from the service manager, and what it is told."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import office as house  # noqa: E402
from office import PATIENCE, Office, run, wait_until  # noqa: E402


class Client:
    def __init__(self, port=None, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.file = self.socket.makefile("rb")
        self.greeting = self.file.readline()

    def ask(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.file.readline()

    def login(self, user="anna"):
        self.ask(f"USER {user}")
        answer = self.ask("PASS secret")
        assert answer.startswith(b"+OK"), answer
        return self

    def retr(self, number):
        assert self.ask(f"RETR {number}").startswith(b"+OK")
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            assert line, "cut"
            lines.append(line)
        return b"".join(lines)


def pids(office):
    """Of all that have started, in order."""
    return [int(pid) for pid in re.findall(r"event=start .*?pid=(\d+)", office.log())]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


ROLES = ("postfach-gate", "postfach-auth", "postfach-store", "postfach-desk", "postfach-journal")


class Moving(Office):
    """A server that runs from a copy of the program, which a test may replace."""

    def start(self):
        self.program = os.path.join(self.folder, "postfachd")
        shutil.copy(house.POSTFACHD, self.program)
        for name in ROLES if self.shape == "split" else ():
            shutil.copy(os.path.join(os.path.dirname(house.POSTFACHD), name), self.folder)
        self.wrapper = ["/bin/sh", "-c", f'shift; exec {self.program} "$@"', "sh"]
        super().start()
        return self

    def __exit__(self, kind, value, trace):
        started = pids(self)
        super().__exit__(kind, value, trace)
        if kind is not None:  # who took over is no child of ours
            for pid in filter(lambda pid: not gone(pid), started):
                os.kill(pid, signal.SIGKILL)

    def replace(self, make):
        fresh = self.program + ".new"
        make(fresh)
        os.chmod(fresh, 0o755)
        os.rename(fresh, self.program)

    def end_successor(self, pid):
        os.kill(pid, signal.SIGTERM)
        wait_until("the end of the successor", lambda: gone(pid))


def upgrade(office, count):
    office.process.send_signal(signal.SIGUSR2)
    office.wait_log("event=upgrade ", count)


def an_upgrade_drops_nobody():
    path = "{}/socket"
    with Moving() as office:
        unix = path.format(office.folder)
        office.settings = f"listen unix:{unix} {{ protocol pop3; tls none; plaintext-login yes }}\n"
        office.add_user("anna", "secret")
        office.add_user("bob", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        stays = Client(office.pop3).login()
        end, served, wrong = threading.Event(), [], []

        def come_and_go():
            while not end.is_set():
                try:
                    client = Client(office.pop3).login("bob")
                    assert client.ask("QUIT").startswith(b"+OK")
                    served.append(1)
                except Exception as error:  # whatever it is, somebody was dropped
                    wrong.append(error)

        crowd = threading.Thread(target=come_and_go, daemon=True)
        crowd.start()
        old, port = office.process, office.pop3
        wait_until("some guests", lambda: len(served) > 5)
        office.replace(lambda fresh: shutil.copy(house.POSTFACHD, fresh))
        upgrade(office, 1)
        before = len(served)
        wait_until("guests of the new one", lambda: len(served) > before + 5)
        end.set()
        crowd.join()
        assert not wrong, wrong[0]
        assert Client(path=unix).login("bob").ask("QUIT").startswith(b"+OK")
        first, second = pids(office)
        assert first == old.pid and not gone(first), "the old one waits for who is still there"
        assert b"body" in stays.retr(1)
        assert stays.ask("DELE 1").startswith(b"+OK") and stays.ask("QUIT").startswith(b"+OK")
        assert old.wait(PATIENCE) == 0
        assert office.files("anna") == []
        assert Client(port).login("bob").ask("QUIT").startswith(b"+OK")
        office.end_successor(second)
        office.process = None


def an_upgrade_that_fails_hurts_nobody():
    def broken(fresh):
        with open(fresh, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 1\n")

    with Moving() as office:
        office.add_user("anna", "secret")
        office.start()
        stays = Client(office.pop3).login()
        office.replace(broken)
        office.process.send_signal(signal.SIGUSR2)
        office.wait_log("event=upgrade_failed")
        office.replace(lambda fresh: open(fresh, "w", encoding="ascii").close())
        os.chmod(office.program, 0o644)  # cannot even be started
        office.process.send_signal(signal.SIGUSR2)
        office.wait_log("event=upgrade_failed", 2)
        assert stays.ask("STAT") == b"+OK 0 0\r\n" and len(pids(office)) == 1
        office.write_conf("nonsense yes\n")  # and settings that the new one cannot read
        office.replace(lambda fresh: shutil.copy(house.POSTFACHD, fresh))
        office.process.send_signal(signal.SIGUSR2)
        office.wait_log("event=upgrade_failed", 3)
        assert stays.ask("QUIT").startswith(b"+OK")
        assert Client(office.pop3).greeting.startswith(b"+OK")


def an_upgrade_that_hangs_holds_up_no_end():
    def hanging(fresh):
        with open(fresh, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n: > {fresh}.here\nexec sleep 600\n")

    with Moving() as office:
        office.start()
        office.replace(hanging)
        office.process.send_signal(signal.SIGUSR2)
        wait_until("the new program", lambda: os.path.exists(office.program + ".new.here"))
        office.process.send_signal(signal.SIGUSR2)
        office.wait_log("one is under way already")
        office.stop()  # within its time, and nothing is left
        assert "given up" in office.log()


def ports_come_from_the_service_manager():
    with Office() as office:
        office.add_user("anna", "secret")
        taken = socket.create_server(("127.0.0.1", 0))
        other = socket.create_server(("127.0.0.1", 0))  # that no settings name
        taken.setblocking(True)
        port = taken.getsockname()[1]
        waits = Client.__new__(Client)  # it connects before there is a server
        waits.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        office.listens = []
        office.settings = f"listen 127.0.0.1:{port} {{ tls none; plaintext-login yes }}\n"
        handed = (f"import os,sys; os.dup2({taken.fileno()},3); os.dup2({other.fileno()},4); "
                  "os.environ['LISTEN_FDS']='2'; os.environ['LISTEN_PID']=str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])")
        os.set_inheritable(taken.fileno(), True)
        os.set_inheritable(other.fileno(), True)
        office.wrapper = [sys.executable, "-c", handed]
        popen = subprocess.Popen

        def passing(*words, **more):
            return popen(*words, **more, close_fds=False)

        subprocess.Popen = passing
        try:
            office.start()
        finally:
            subprocess.Popen = popen
        taken.close()
        other.close()
        waits.file = waits.socket.makefile("rb")
        assert waits.file.readline().startswith(b"+OK")
        assert waits.login().ask("QUIT").startswith(b"+OK")
        listening = [name for name in os.listdir(f"/proc/{office.process.pid}/fd")
                     if os.readlink(f"/proc/{office.process.pid}/fd/{name}").startswith("socket:")]
        assert Client(port).greeting.startswith(b"+OK")
        assert len(listening) < 6 + len(office.children()), listening  # a channel to each


def the_service_manager_is_told():
    with Office() as office, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(office.folder, "notify")
        manager.bind(path)
        manager.settimeout(PATIENCE)
        office.add_user("anna", "secret")
        office.wrapper = ["/usr/bin/env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000"]
        office.start()
        heard = []

        def wait_for(text):
            while not any(text in word for word in heard):
                heard.append(manager.recv(4096).decode())
            heard.clear()

        wait_for("READY=1")
        wait_for("WATCHDOG=1")
        office.process.send_signal(signal.SIGHUP)
        wait_for("RELOADING=1\nMONOTONIC_USEC=")
        wait_for("READY=1")
        office.process.terminate()
        wait_for("STOPPING=1")


run(an_upgrade_drops_nobody, an_upgrade_that_fails_hurts_nobody, an_upgrade_that_hangs_holds_up_no_end,
    ports_come_from_the_service_manager,
    the_service_manager_is_told)
