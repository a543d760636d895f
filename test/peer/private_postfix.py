"""Debian's Postfix in an instance of its own: configuration, queue, log and sockets in a folder that goes away.

It is spoken to through a unix socket, so that it needs no port; what the system has in /etc/postfix is not read.
master(8) wants to be root and two more users, so who is not root needs a user namespace with mapped ids for it."""
import contextlib
import ctypes
import email
import email.policy
import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys

from office import PATIENCE, POSTFACH, TOP, wait_until

PRCTL = ctypes.CDLL(None).prctl
DAEMONS = "/usr/lib/postfix/sbin"
# As /etc/postfix/postfix-files has them.
FOLDERS = (
    ("queue queue/pid", 0o755, "root", "root"),
    ("data queue/active queue/bounce queue/corrupt queue/defer queue/deferred queue/flush queue/hold queue/incoming"
     " queue/private queue/saved queue/trace", 0o700, "postfix", "root"),
    ("queue/maildrop", 0o730, "postfix", "postdrop"),
    ("queue/public", 0o710, "postfix", "postdrop"),
)
MAIN = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mta.example
mydestination = local.example
virtual_mailbox_domains = unix.example inet.example mute.example pipe.example manual.example
virtual_transport = error:5.3.5 this domain has no road
transport_maps = inline:{{ {{ unix.example = lmtp:unix:{socket} }} {{ inet.example = lmtp:inet:127.0.0.1:{port} }}
  {{ mute.example = mute:unix:{socket} }} {{ pipe.example = flagged: }} {{ manual.example = postfach: }} }}
default_transport = error:5.7.1 nothing leaves this machine
relay_transport = $default_transport
mailbox_command = {command} -f "$SENDER" -a "$ORIGINAL_RECIPIENT" -d "$USER"
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_dns_support_level = disabled
lmtp_dns_support_level = disabled
lmtp_host_lookup = native
smtpd_peername_lookup = no
smtputf8_enable = yes
message_size_limit = 0
mailbox_size_limit = 0
flagged_destination_recipient_limit = 1
postfach_destination_recipient_limit = 1
in_flow_delay = 0
notify_classes =
"""
MASTER = """
smtpd     unix  n  -  n  -     -  smtpd
pickup    unix  n  -  n  60    1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  300   1  qmgr
rewrite   unix  -  -  n  -     -  trivial-rewrite
bounce    unix  -  -  n  -     0  bounce
defer     unix  -  -  n  -     0  bounce
trace     unix  -  -  n  -     0  bounce
verify    unix  -  -  n  -     1  verify
proxymap  unix  -  -  n  -     -  proxymap
flush     unix  n  -  n  1000? 0  flush
showq     unix  n  -  n  -     -  showq
error     unix  -  -  n  -     -  error
retry     unix  -  -  n  -     -  error
local     unix  -  n  n  -     -  local
lmtp      unix  -  -  n  -     -  lmtp
mute      unix  -  -  n  -     -  lmtp
  -o lmtp_discard_lhlo_keywords=size
anvil     unix  -  -  n  -     1  anvil
scache    unix  -  -  n  -     1  scache
postlog   unix-dgram n - n -   1  postlogd
flagged   unix  -  n  n  -     5  pipe
  flags=DRhu user={user} null_sender= argv={command} -d ${{recipient}} -f ${{sender}}
"""


def manual(command, user):
    """The transport that the manual page recommends, with the paths of the test."""
    with open(os.path.join(TOP, "man/postfach-deliver.1"), encoding="utf-8") as file:
        text = file.read().split("For Postfix, in\n", 1)[1]
    text = text.split(".Bd", 1)[1].split("\n", 1)[1].split(".Ed", 1)[0]
    for old, new in (("/usr/bin/postfach deliver", command), ("user=vmail", "user=" + user)):
        assert text.count(old) == 1, text
        text = text.replace(old, new)
    return text


def ready_or_skip():
    """Ends the test with a summary line where Postfix cannot be run."""
    missing = [p for p in ("/usr/sbin/postfix", "/usr/sbin/sendmail", DAEMONS + "/master") if not os.path.exists(p)]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)} (Debian: postfix) not installed")
        sys.exit(0)
    if os.geteuid() == 0:
        return
    mapped = ["unshare", "--map-root-user", "--map-auto"]
    if subprocess.run([*mapped, "true"], capture_output=True, check=False).returncode == 0:
        os.execvp(mapped[0], [*mapped, sys.executable, *sys.argv])
    print("1..0 # SKIP Postfix needs root, or a user namespace with mapped ids (uidmap, a range in /etc/subuid)")
    sys.exit(0)


class ByUnix(smtplib.SMTP):
    """SMTP through a unix socket, as smtplib.LMTP does it."""

    def __init__(self, path):
        self.path = path
        super().__init__("localhost", timeout=PATIENCE)

    def _get_socket(self, host, port, timeout):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(timeout)
        plain.connect(self.path)
        return plain


class Postfix:
    """Beside an office that runs and has a socket and a port for LMTP."""

    def __init__(self, office, user, port):
        self._make_folders(os.path.join(office.folder, "postfix"))
        program = os.path.join(office.folder, "postfach")  # where the user who delivers can start it
        shutil.copy(POSTFACH, program)
        shutil.copy(POSTFACH + "-deliver", program + "-deliver")
        command = f"{program} deliver -c {office.conf}"
        self._write("main.cf", MAIN.format(folder=self.folder, daemons=DAEMONS, socket=office.socket, port=port,
                                           command=command))
        self._write("master.cf", MASTER.format(user=user, command=command) + manual(command, user))

    def _make_folders(self, folder):
        self.folder = folder
        self.conf = os.path.join(self.folder, "etc")
        self.process = None
        os.makedirs(self.conf)
        for names, mode, owner, group in FOLDERS:
            for name in names.split():
                path = os.path.join(self.folder, name)
                os.makedirs(path)
                shutil.chown(path, owner, group)
                os.chmod(path, mode)
        open(os.path.join(self.folder, "log"), "w", encoding="ascii").close()

    def _write(self, name, text):
        path = os.path.join(self.conf, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(path, (0, 0))  # Postfix waits for a file that changed this second to be finished

    def _run(self, *words, **more):
        more = {"check": True, "capture_output": True, "timeout": PATIENCE, **more}
        return subprocess.run(words, **more)

    def __enter__(self):
        # The children of master(8) become ours when it ends: not every machine's first process collects them.
        PRCTL(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        # In a session of its own: master(8) ends its process group at SIGTERM.
        self.process = subprocess.Popen([DAEMONS + "/master", "-c", self.conf, "-s"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until("the start of Postfix",
                       lambda: "daemon started" in self.log() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait(PATIENCE)
        wait_until("the end of Postfix's processes", lambda: not self.processes())
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.process.pid, 0)
        if kind is not None:
            sys.stdout.write("".join(f"# {line}\n" for line in self.log().splitlines()[-40:]))

    def processes(self):
        """All of them work in the queue's folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                where = os.readlink(f"/proc/{pid}/cwd")
            except OSError:
                continue
            if where.startswith(self.folder):
                found.append(int(pid))
        return found

    # what it says

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def ids(self):
        return set(re.findall(r"postfix/cleanup\[\d+\]: (\w+): message-id=", self.log()))

    def results(self, status=None):
        """(to, relay, dsn, status, what was said) of each attempt for a recipient."""
        pattern = r": to=<([^>]*)>, (?:orig_to=[^,]*, )?relay=([^,]*), .*dsn=([\d.]+), status=(\w+) (\(.*\))"
        return [found for found in re.findall(pattern, self.log()) if status in (None, found[3])]

    def finish(self):
        """Until nothing that it took lies in the queue any more."""
        wait_until("an empty queue", lambda: self.ids() <= set(re.findall(r"qmgr\[\d+\]: (\w+): removed", self.log())))
        assert self.queue() == []

    def wait_settled(self):
        """Until each message is gone or waits for another day."""
        wait_until("mail at rest", lambda: self.ids() and all(
            entry["queue_name"] == "deferred" for entry in self.queue()))

    def wait_results(self, status, count):
        wait_until(f"{count} recipients {status}", lambda: len(self.results(status)) >= count)
        assert len(self.results(status)) == count, self.results()
        return self.results(status)

    def queue(self):
        said = self._run("/usr/sbin/postqueue", "-c", self.conf, "-j").stdout
        return [json.loads(line) for line in said.splitlines()]

    def flush(self):
        self._run("/usr/sbin/postqueue", "-c", self.conf, "-f")

    # mail

    def smtp(self, sender, recipients, mail, options=("BODY=8BITMIME",)):
        with ByUnix(os.path.join(self.folder, "queue/public/smtpd")) as client:
            refused = client.sendmail(sender, recipients, mail, mail_options=options)
            assert not refused, refused

    def sendmail(self, sender, recipients, mail):
        taken = len(re.findall(r"pickup\[\d+\]: \w+: uid=", self.log()))
        self._run("/usr/sbin/sendmail", "-C", self.conf, "-i", "-f", sender, "--", *recipients, input=mail)
        wait_until("the mail to be picked up",
                   lambda: len(re.findall(r"pickup\[\d+\]: \w+: uid=", self.log())) > taken)
        wait_until("the mail to be cleaned up", lambda: len(self.ids()) >= len(
            set(re.findall(r"pickup\[\d+\]: (\w+): uid=", self.log()))))


def report(mail):
    """The fields of a bounce for each recipient, lower case; it must be one."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report" and message["Return-Path"] == "<>", mail[:2000]
    blocks = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
    return [{name.lower(): value for name, value in block.items()} for block in blocks[0].get_payload()[1:]]
