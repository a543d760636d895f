"""Other people's POP3 servers, as Debian has them, each in an instance of its own that listens to loopback:

    with Popa3d() as server:        # see SERVERS
        server.put(b"Subject: x\n\nbody\n")
        server.port, server.tls_port, server.stls, server.user, server.password

Nothing of the system is touched, and everything ends with the instance. Debian lets only one POP3 server be installed
(but for Dovecot, which is), so check/install-packages unpacks the others below build-servers/. Those that know only
the system's users stand in namespaces (inetd.py): for root, or for who may map ids (uidmap, a range in /etc/subuid)."""
import contextlib
import json
import os
import poplib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from office import PATIENCE, TOP, Certificates, wait_until, wire
from owner import OWNER, ROOT
import private_dovecot

UNPACKED = os.path.join(TOP, "build-servers")
HERE = os.path.dirname(os.path.abspath(__file__))


class Unfit(Exception):
    """The server cannot be started here; says why."""


def part(package, path):
    """A file of an unpacked package."""
    found = os.path.join(UNPACKED, package, path)
    if not os.path.exists(found):
        raise Unfit(f"{package} (Debian) is not unpacked in {UNPACKED}: check/install-packages test")
    return found


class Server:
    """What all have in common. `fits` says which mail the server can hold, `exact` which of that goes out octet for
    octet as it was put."""

    user, password = "anna", "geheim7"
    stls = True
    tls_port = None

    @staticmethod
    def fits(mail):
        return bool(mail)

    @staticmethod
    def exact(mail):
        return True

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postfach-peer.")
        os.chmod(self.folder, 0o755)
        self.certificates = Certificates(self.folder)
        self.certificates.make("server", "localhost")
        self.count = 0

    @property
    def pem(self):
        """Certificate and key in one text."""
        text = ""
        for end in ("key", "pem"):
            with open(os.path.join(self.folder, f"server.{end}"), encoding="ascii") as file:
                text += file.read()
        return text

    def staged(self, mail):
        self.count += 1
        path = os.path.join(self.folder, f"staged-{self.count}")
        with open(path, "wb") as file:
            file.write(mail)
        return path

    def put_all(self, mails):
        for mail in mails:
            self.put(mail)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
            if kind not in (None, Unfit):
                sys.stdout.write("".join(f"# {line}\n" for line in self.log().splitlines()[-30:]))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return ""


class Dovecot(Server):
    """private_dovecot.py, and two ports that it is handed as systemd would. A lone dot that is the first line of a
    message goes out as it is, and ends the message before it began."""

    @staticmethod
    def fits(mail):
        return not mail.startswith(b".")

    HAND_OVER = """import os, sys
for at in range(2): os.dup2(int(sys.argv[1 + at]), 3 + at, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[3], sys.argv[3:])"""

    def start(self):
        if not all(map(os.path.exists, ("/usr/sbin/dovecot", private_dovecot.LIBRARY + "/pop3"))):
            raise Unfit("dovecot-pop3d (Debian) is not installed")
        self.maildir = os.path.join(self.folder, "mail", self.user)
        for name in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(self.maildir, name))
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.tls_port = (listener.getsockname()[1] for listener in listeners)
        self.dovecot = private_dovecot.Dovecot(self)
        self.own()
        with open(self.dovecot.conf, "a", encoding="utf-8") as file:
            file.write(f"listen = 127.0.0.1\nssl = yes\nssl_cert = <{self.folder}/server.pem\n"
                       f"ssl_key = <{self.folder}/server.key\npassdb {{\n  driver = static\n  args = password={self.password}\n}}\n"
                       f"service pop3-login {{\n  inet_listener pop3 {{\n    port = {self.port}\n  }}\n"
                       f"  inet_listener pop3s {{\n    port = {self.tls_port}\n    ssl = yes\n  }}\n}}\n")
        handed = [str(listener.fileno()) for listener in listeners]
        self.dovecot.command = [sys.executable, "-c", self.HAND_OVER, *handed, *self.dovecot.command]
        self.dovecot.handed = tuple(map(int, handed))
        with contextlib.ExitStack() as stack:
            for listener in listeners:
                stack.enter_context(listener)
            self.dovecot.__enter__()

    def own(self):
        if ROOT:
            subprocess.run(["chown", "-R", f"{OWNER.pw_uid}:{OWNER.pw_gid}", self.folder + "/mail"], check=True)

    def put(self, mail):
        self.count += 1
        name = os.path.join(self.maildir, "new", f"{1700000000 + self.count}.M{self.count}P1.test")
        with open(name, "wb") as file:
            file.write(mail)
        os.chown(name, OWNER.pw_uid, OWNER.pw_gid)

    def stop(self):
        if getattr(self, "dovecot", None) and self.dovecot.process:
            self.dovecot.__exit__(None, None, None)

    def log(self):
        return self.dovecot.log() if hasattr(self, "dovecot") else ""


class Inetd(Server):
    """In namespaces; who derives from it says what of /etc the server reads and how it is started."""

    maildir = False
    daemons, folders, awaits = (), (), ()
    process = None

    def etc(self):
        return {}

    def listen(self):
        """Commands: the first for `port`, the second for `tls_port`."""
        raise NotImplementedError

    def start(self):
        hashed = subprocess.run(["openssl", "passwd", "-6", self.password], check=True, capture_output=True,
                                text=True).stdout.strip()
        names = [("root", 0, "/"), (self.user, 1001, f"/home/{self.user}"), ("courier", 1002, "/run"),
                 ("popa3d", 1003, "/var/lib/popa3d"), ("spop3d", 1004, "/run"), ("nobody", 65534, "/run")]
        etc = {
            "passwd": "".join(f"{name}:x:{id}:{id}::{home}:/bin/sh\n" for name, id, home in names),
            "group": "".join(f"{name}:x:{id}:\n" for name, id, _ in names) + f"mail:x:8:{self.user}\n",
            "shadow": f"{self.user}:{hashed}:19000:0:99999:7:::\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n",
            "pam.d/other": "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n",
            "server.pem": self.pem,
        }
        etc.update(self.etc())
        listen = [{"argv": argv, "env": env} for argv, env in self.listen()]
        daemons = [{"argv": argv, "env": env} for argv, env in self.daemons]
        path = os.path.join(self.folder, "scene")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"etc": etc, "maildir": self.maildir, "daemons": daemons, "listen": listen,
                       "folders": self.folders, "await": self.awaits}, file)
        self._unshare(path)
        self.port = int(self._line())
        if len(listen) > 1:
            self.tls_port = int(self._line())
        assert self._line() == "ready"

    def _unshare(self, path):
        room = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if ROOT else
                                                                         ["--map-root-user", "--map-auto"])]
        tried = subprocess.run([*room, "true"], capture_output=True, check=False)
        if tried.returncode:
            raise Unfit("namespaces are not to be had: " + tried.stderr.decode(errors="replace").strip())
        self.process = subprocess.Popen([*room, sys.executable, os.path.join(HERE, "inetd.py"), path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.watch = threading.Timer(10 * PATIENCE, self.process.kill)
        self.watch.daemon = True
        self.watch.start()

    def _line(self):
        line = self.process.stdout.readline()
        assert line, "the inetd has ended: " + self.log()
        return line.rstrip("\n")

    def put(self, mail):
        path = self.staged(mail)
        self.process.stdin.write(f"put {path}\n")
        self.process.stdin.flush()
        assert self._line() == "put"
        os.unlink(path)

    def stop(self):
        if self.process:
            self.watch.cancel()
            self.process.stdin.close()
            self.process.wait(PATIENCE)
            self.process.stdout.close()
            self.process = None

    def log(self):
        try:
            with open(os.path.join(self.folder, "scene.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def no_crlf(mail):
    """What a server sends as it was that puts a CR before every LF."""
    return b"\r\n" not in mail


def is_text(mail):
    """What an mbox gives back as it was: LF lines behind a header."""
    return b"\r" not in mail and mail.endswith(b"\n") and b"\n\n" in mail and b":" in mail.split(b"\n")[0]


class Popa3d(Inetd):
    """Solar Designer's: mbox, no CAPA, no TLS."""

    fits = staticmethod(is_text)

    stls = False
    folders = (("/var/lib/popa3d", "root"),)

    def listen(self):
        return [([part("popa3d", "usr/sbin/popa3d")], {})]


class SolidPop3d(Inetd):
    """Of 2000, over a Maildir. A message without a final LF is damaged for it, and the maildrop with it."""

    @staticmethod
    def fits(mail):
        return mail.endswith(b"\n")

    stls, maildir, exact = False, True, staticmethod(no_crlf)
    folders = (("/var/lib/solid-pop3d/bulletins", "spop3d"),)

    def etc(self):
        return {"spop3d.conf": """<Global>
  MailDropName "Maildir"
  MailDropType maildir
  LogStatistics no
</Global>
"""}

    def listen(self):
        return [([part("solid-pop3d", "usr/sbin/solid-pop3d")], {})]


class Mailutils(Inetd):
    """GNU's, over an mbox, whose messages it marks with X-UIDL."""

    fits = staticmethod(is_text)

    @staticmethod
    def exact(mail):
        return False

    def etc(self):
        return {"mailutils.conf": """mailbox { mail-spool /var/mail; };
auth { authentication generic:system:pam; authorization system; };
pam { service other; };
tls-mode ondemand;
tls { ssl-certificate-file /etc/server.pem; ssl-key-file /etc/server.pem; };
"""}

    def listen(self):
        program = part("mailutils-pop3d", "usr/sbin/pop3d")
        return [([program, "--inetd", "--config-file=/etc/mailutils.conf"], {})]


class Courier(Inetd):
    """Courier's, over a Maildir; its authentication daemon asks PAM. As Dovecot with a first line that is a dot."""

    fits, exact = Dovecot.fits, staticmethod(no_crlf)

    maildir = True
    folders = (("/run/courier/authdaemon", "courier"), ("/var/lib/courier", "courier"))
    awaits = ("/run/courier/authdaemon/socket",)
    RC = {"authmodulelist": "authpam", "authmodulelistorig": "authpam", "daemons": "2",
          "authdaemonvar": "/run/courier/authdaemon"}

    @property
    def daemons(self):
        daemon = "/usr/lib/courier/courier-authlib/authdaemond"
        if not os.path.exists(daemon):
            raise Unfit("courier-authlib (Debian) is not installed")
        return [([daemon], self.RC)]

    def etc(self):
        return {"courier/authdaemonrc": "".join(f'{name}="{value}"\n' for name, value in self.RC.items()),
                "courier/server.cert": self.pem}  # to be read by the user courier

    def listen(self):
        tls = part("courier-base", "usr/bin/couriertls")
        session = [part("courier-pop", f"usr/lib/courier/courier/courierpop3{what}") for what in ("login", "d")]
        env = {"POP3AUTH": "PLAIN LOGIN", "POP3AUTH_TLS": "PLAIN LOGIN", "COURIERTLS": tls, "MAILDIRPATH": "Maildir",
               "TLS_CERTFILE": "/etc/courier/server.cert", "TLS_VERIFYPEER": "NONE"}
        return [([*session, "Maildir"], dict(env, POP3_STARTTLS="YES", POP3_TLS="0")),
                ([tls, "-server", "-tcpd", *session, "Maildir"], dict(env, POP3_STARTTLS="NO", POP3_TLS="1"))]


class Cyrus(Server):
    """Project Cyrus's: pop3d itself on our listening sockets, one after the other, as
    its master would start them; no master, no root."""

    LISTENER, STATUS = 4, 3  # descriptors (Cyrus's service.h)
    HAND_OVER = """import os, sys
for at in range(2): os.dup2(int(sys.argv[1 + at]), 10 + at)
for at in range(2): os.dup2(10 + at, 3 + at, inheritable=True)
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
        done = subprocess.run([self.reconstruct, "-C", self.conf, "-R", f"user.{self.user}"], capture_output=True, check=False,
                              timeout=PATIENCE, env=self._env())
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


@contextlib.contextmanager
def pop3(server):
    """A session by Python's own client."""
    session = poplib.POP3("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        session.user(server.user)
        session.pass_(server.password)
        yield session
        session.quit()
    finally:
        session.close()


SERVERS = (Dovecot, Courier, Cyrus, Mailutils, Popa3d, SolidPop3d)


def able():
    """The servers that can be started here; a line of comment for each of the others."""
    found = []
    for kind in SERVERS:
        try:
            with kind():
                found.append(kind)
        except Unfit as reason:
            print(f"# {kind.__name__} is left out: {reason}", flush=True)
    if not found:
        print("1..0 # SKIP none of the servers can be started here")
        sys.exit(0)
    return found
