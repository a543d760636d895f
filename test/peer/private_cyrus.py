"""Debian's Cyrus pop3d in an instance of its own (private_pop3.py)."""
import contextlib
import os
import socket
import subprocess
import sys
import threading

from office import PATIENCE, wire
from owner import OWNER, ROOT
from peer_server import UNPACKED, Server, Unfit, part, pop3


class Cyrus(Server):
    """Project Cyrus's: pop3d itself on our listening sockets, one after the other, as
    its master would start them; no master, no root."""

    # The status is told by descriptor 3, the listening socket is 4 (Cyrus's service.h).
    HAND_OVER = """import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1:3]]
for at in range(2): os.dup2(high[at], 3 + at, inheritable=True)
for number in high: os.close(number)
os.execv(sys.argv[3], sys.argv[3:])"""
    CONF = """configdirectory: {folder}/conf
proc_path: {folder}/conf/proc
lock_path: {folder}/conf/lock
mboxname_lockpath: {folder}/conf/lock
defaultpartition: default
partition-default: {folder}/spool
cyrus_user: {who}
cyrus_group: {group}
servername: localhost
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
autocreate_quota: 0
unixhierarchysep: no
altnamespace: no
virtdomains: off
improved_mboxlist_sort: no
tls_server_cert: {folder}/server.pem
tls_server_key: {folder}/server.key
popminpoll: 0
syslog_prefix: postfach-test
"""

    def __init__(self):
        super().__init__()
        self.processes, self.masters, self.ends = {}, [], False
        self.lock, self.stack = threading.Lock(), contextlib.ExitStack()

    def start(self):
        self.pop3d = part("cyrus-pop3d", "usr/lib/cyrus/bin/pop3d")
        self.reconstruct = part("cyrus-common", "usr/lib/cyrus/bin/reconstruct")
        if not os.path.exists("/usr/sbin/saslpasswd2"):
            raise Unfit("sasl2-bin (Debian) is not installed")
        group = subprocess.run(["id", "-gn", OWNER.pw_name], capture_output=True, check=True, text=True).stdout.strip()
        self.conf = os.path.join(self.folder, "imapd.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(self.CONF.format(folder=self.folder, who=OWNER.pw_name, group=group))
        for name in ("db", "proc", "lock", "log", "msg", "ptclient", "quota", "sieve", "socket", "user"):
            os.makedirs(os.path.join(self.folder, "conf", name))
        os.makedirs(os.path.join(self.folder, "spool"))
        subprocess.run(["saslpasswd2", "-c", "-p", "-f", self.folder + "/sasldb", "-u", "localhost", self.user],
                       input=self.password, text=True, check=True, capture_output=True)
        self.own()
        self.port, self.tls_port = self._serve("pop3"), self._serve("pop3s", "-s")
        with pop3(self) as session:  # makes the maildrop
            session.stat()
        self.spool = next((folder for folder, _, names in os.walk(os.path.join(self.folder, "spool"))
                           if "cyrus.header" in names), None)
        assert self.spool, "no maildrop was made: " + self.log()

    def own(self):
        if ROOT:
            subprocess.run(["chown", "-R", f"{OWNER.pw_uid}:{OWNER.pw_gid}", self.folder], check=True)

    def _env(self, **more):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": self.libraries(), **more}

    @staticmethod
    def libraries():
        """Cyrus has them in a folder of its own."""
        for folder, _, names in os.walk(os.path.join(UNPACKED, "cyrus-common", "usr/lib")):
            if "libcyrus_min.so.0" in names:
                return folder
        raise Unfit("cyrus-common has no libraries")

    def _serve(self, name, *options):
        listener = self.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        status = self.stack.enter_context(open(os.path.join(self.folder, f"status-{name}"), "wb"))
        log = self.stack.enter_context(open(os.path.join(self.folder, "log"), "ab"))
        command = [sys.executable, "-c", self.HAND_OVER, str(status.fileno()), str(listener.fileno()), self.pop3d,
                   "-C", self.conf, "-T", "600", *options]

        def master():
            while True:
                with self.lock:
                    if self.ends:
                        return
                    process = self.processes[name] = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                        pass_fds=(status.fileno(), listener.fileno()), env=self._env(CYRUS_SERVICE=name, CYRUS_ID="1"))
                process.wait()

        self.masters.append(threading.Thread(target=master))
        self.masters[-1].start()
        return listener.getsockname()[1]

    def put(self, mail):
        self.put_all([mail])

    def put_all(self, mails):
        for mail in mails:
            self.count += 1
            with open(os.path.join(self.spool, f"{self.count}."), "wb") as file:
                file.write(wire(mail))
        self.own()
        done = subprocess.run([self.reconstruct, "-C", self.conf, "-R", f"user.{self.user}"],
                              capture_output=True, check=False, timeout=PATIENCE, env=self._env())
        assert done.returncode == 0, done

    def stop(self):
        with self.lock:
            self.ends = True
            for process in self.processes.values():
                process.kill()
        for thread in self.masters:
            thread.join(PATIENCE)
        self.stack.close()

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""
