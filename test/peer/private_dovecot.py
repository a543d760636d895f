"""Debian's Dovecot in an instance of its own, over the Maildirs of an office: IMAP, POP3 and LMTP through unix sockets
in a folder that goes away, and its delivery agent. It listens to no port and reads nothing of /etc/dovecot."""
import contextlib
import ctypes
import imaplib
import os
import poplib
import signal
import smtplib
import socket
import subprocess
import sys

from office import PATIENCE, wait_until
from owner import OWNER, ROOT

PRCTL = ctypes.CDLL(None).prctl
LIBRARY = "/usr/lib/dovecot"
CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
protocols = imap pop3 lmtp
hostname = dovecot.example
recipient_delimiter = +
mail_location = maildir:{mail}/%n
mail_fsync = never
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%n
}}
namespace inbox {{
  inbox = yes
  separator = .
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = 0
  }}
  unix_listener {folder}/imap {{
    mode = 0666
  }}
  {here}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = 0
  }}
  unix_listener {folder}/pop3 {{
    mode = 0666
  }}
  {here}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
service anvil {{
  {here}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
  {here}
}}
"""
# Who is not root has nobody else to be, and no other root.
OWN = """
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
"""


def ready_or_skip():
    """Ends the test with a summary line where a part of Dovecot is missing."""
    packages = {"/usr/sbin/dovecot": "dovecot-core", f"{LIBRARY}/imap": "dovecot-imapd",
                f"{LIBRARY}/pop3": "dovecot-pop3d", f"{LIBRARY}/lmtp": "dovecot-lmtpd"}
    missing = [package for path, package in packages.items() if not os.path.exists(path)]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)} (Debian) not installed")
        sys.exit(0)


def connect(path):
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(PATIENCE)
    plain.connect(path)
    return plain


class Imap(imaplib.IMAP4):
    def __init__(self, path):
        self.path = path
        super().__init__()

    def _create_socket(self, timeout):
        return connect(self.path)

    def ask(self, command, *words):
        """The data of an answer that must be OK."""
        kind, data = getattr(self, command)(*words)
        assert kind == "OK", (command, words, kind, data)
        return data


class Pop3(poplib.POP3):
    def __init__(self, path):
        self.path = path
        super().__init__("localhost")

    def _create_socket(self, timeout):
        return connect(self.path)


class Dovecot:
    wrapper = ()  # words in front of its command
    handed = ()  # sockets to listen to

    def __init__(self, office):
        self.folder = os.path.join(office.folder, "dovecot")
        os.mkdir(self.folder)
        self.conf = os.path.join(self.folder, "conf")
        text = CONF.format(folder=self.folder, mail=os.path.join(office.folder, "mail"), uid=OWNER.pw_uid,
                           gid=OWNER.pw_gid, here="" if ROOT else "chroot =")
        if not ROOT:
            group = subprocess.run(["id", "-gn"], capture_output=True, check=True, text=True).stdout.strip()
            text += OWN.format(name=OWNER.pw_name, group=group)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)
        log = os.path.join(self.folder, "log")
        open(log, "w", encoding="ascii").close()
        os.chmod(log, 0o666)  # its delivery agent writes there, too
        self.process = None

    def __enter__(self):
        # Its children become ours when it ends: not every machine's first process collects them.
        PRCTL(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.process = subprocess.Popen([*self.wrapper, "/usr/sbin/dovecot", "-F", "-c", self.conf],
                                        stdin=subprocess.DEVNULL, pass_fds=self.handed, start_new_session=True)
        try:
            wait_until("the start of Dovecot", lambda: "starting up" in self.log() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        # By force: at its leisure it takes seconds, and nothing that it could spoil is looked at any more.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.process.pid, 0)
        if kind is not None:
            sys.stdout.write("".join(f"# {line}\n" for line in self.log().splitlines()[-40:]))

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def imap(self, user="anna"):
        client = Imap(os.path.join(self.folder, "imap"))
        client.ask("login", user, "secret")
        client.ask("select", "INBOX")
        return client

    def pop3(self, user="anna"):
        client = Pop3(os.path.join(self.folder, "pop3"))
        client.user(user)
        client.pass_("secret")
        return client

    def lmtp(self, recipient, mail, sender="s@elsewhere.example"):
        with smtplib.LMTP(os.path.join(self.folder, "lmtp")) as client:
            assert not client.sendmail(sender, [recipient], mail)

    def lda(self, user, mail, sender="s@elsewhere.example"):
        """dovecot-lda(1) as the owner of the mail."""
        who = {"user": OWNER.pw_uid, "group": OWNER.pw_gid, "extra_groups": []} if ROOT else {}
        done = subprocess.run([f"{LIBRARY}/dovecot-lda", "-c", self.conf, "-f", sender, "-a", user], input=mail,
                              capture_output=True, check=False, timeout=PATIENCE, cwd="/",
                              env={"PATH": os.environ["PATH"], "USER": user, "HOME": "/"}, **who)
        assert done.returncode == 0, (done, self.log()[-1000:])
