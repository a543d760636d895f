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
import socket
import subprocess
import sys
import threading

from office import PATIENCE
from owner import OWNER, ROOT
from peer_server import Server, Unfit, part
from private_cyrus import Cyrus
import private_dovecot

HERE = os.path.dirname(os.path.abspath(__file__))


class Dovecot(Server):
    """private_dovecot.py, and two ports that it is handed as systemd would. A lone dot that is the first line of a
    message goes out as it is, and ends the message before it began."""

    @staticmethod
    def fits(mail):
        return not mail.startswith(b".")

    HAND_OVER = """import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1:3]]
for at in range(2): os.dup2(high[at], 3 + at, inheritable=True)
for number in high: os.close(number)
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
                       f"ssl_key = <{self.folder}/server.key\n"
                       f"passdb {{\n  driver = static\n  args = password={self.password}\n}}\n"
                       f"service pop3-login {{\n  inet_listener pop3 {{\n    port = {self.port}\n  }}\n"
                       f"  inet_listener pop3s {{\n    port = {self.tls_port}\n    ssl = yes\n  }}\n}}\n")
        handed = [str(listener.fileno()) for listener in listeners]
        self.dovecot.wrapper = (sys.executable, "-c", self.HAND_OVER, *handed)
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
            "pam.d/other": "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
                           "session required pam_permit.so\n",
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

    fits, exact = staticmethod(Dovecot.fits), staticmethod(no_crlf)

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
