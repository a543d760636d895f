#!/usr/bin/env python3
"""A machine within the machine for POP3 servers that know only the system's users and folders: /etc, /run, /var/lib,
/var/mail and /home of its own, and an inetd that starts a server for each connection, in namespaces that end with it.

    unshare --mount --pid --fork --kill-child [--map-root-user --map-auto] inetd.py SCENE

SCENE is a file of JSON: `etc` (files by name, below /etc), `maildir` (or an mbox), `daemons` (started before), `listen`
(a command for each port, and its environment). It prints its ports, one a line. `put FILE` on its standard input
delivers a message, answered by a line; at the end of that input everything ends."""
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time

USER = "anna"
PRIVATE = ("/etc", "/run", "/var/lib", "/var/mail", "/home")
# What all programs want of /etc, and none of these servers is told about in SCENE.
KEPT = ("ld.so.cache", "services", "protocols", "hosts", "ssl/openssl.cnf")


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def private_folders(etc):
    kept = {}
    for name in KEPT:
        if os.path.exists(f"/etc/{name}"):
            with open(f"/etc/{name}", "rb") as file:
                kept[name] = file.read()
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    for path in PRIVATE:
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    kept.update((name, text.encode()) for name, text in etc.items())
    for name, text in kept.items():
        path = f"/etc/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)
        os.chmod(path, 0o600 if name.endswith(("shadow", ".pem")) else 0o644)


class Drop:
    """The maildrop of USER: a Maildir below its home, or an mbox in /var/mail."""

    def __init__(self, maildir):
        user = pwd.getpwnam(USER)
        self.who = (user.pw_uid, user.pw_gid)
        self.maildir = os.path.join(user.pw_dir, "Maildir") if maildir else None
        self.mbox = os.path.join("/var/mail", USER)
        self.count = 0
        os.mkdir(user.pw_dir)
        os.chown(user.pw_dir, *self.who)
        if maildir:
            for name in ("", "tmp", "new", "cur"):
                os.mkdir(os.path.join(self.maildir, name))
                os.chown(os.path.join(self.maildir, name), *self.who)
        else:
            os.chmod("/var/mail", 0o1777)
            open(self.mbox, "w", encoding="ascii").close()
            os.chown(self.mbox, *self.who)
            os.chmod(self.mbox, 0o600)

    def put(self, mail):
        self.count += 1
        if self.maildir:
            name = os.path.join(self.maildir, "new", f"{1700000000 + self.count}.M{self.count}P1.test")
            with open(name, "wb") as file:
                file.write(mail)
            os.chown(name, *self.who)
            return
        lines = mail.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        with open(self.mbox, "ab") as file:
            file.write(b"From a@example.org Tue Nov 14 22:13:20 2023\n")
            for line in lines:
                file.write((b">" if line.startswith(b"From ") else b"") + line + b"\n")
            file.write(b"\n")


def collect(*_):
    """The first process of a PID namespace is the parent of all orphans. To ignore the signal would be inherited."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def serve(listener, command, log):
    while True:
        connection, peer = listener.accept()
        here = connection.getsockname()
        env = dict(command["env"], TCPREMOTEIP=peer[0], TCPREMOTEPORT=str(peer[1]), TCPLOCALIP=here[0],
                   TCPLOCALPORT=str(here[1]), PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        subprocess.Popen(command["argv"], stdin=connection, stdout=connection, stderr=log, env=env)
        connection.close()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        scene = json.load(file)
    log = open(sys.argv[1] + ".log", "ab")
    private_folders(scene["etc"])
    signal.signal(signal.SIGCHLD, collect)
    drop = Drop(scene["maildir"])
    for path, name in scene.get("folders", ()):
        os.makedirs(path)
        user = pwd.getpwnam(name)
        os.chown(path, user.pw_uid, user.pw_gid)
    for daemon in scene.get("daemons", ()):
        subprocess.Popen(daemon["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=daemon["env"])
    for path in scene.get("await", ()):
        while not os.path.exists(path):  # whoever started us has a limit of time for it
            time.sleep(0.01)
    for command in scene["listen"]:
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=serve, args=(listener, command, log), daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        word, path = line.rstrip("\n").split(" ", 1)
        assert word == "put"
        with open(path, "rb") as file:
            drop.put(file.read())
        print("put", flush=True)


main()
