"""Who delivers in bench_deliver.py: Postfach in both shapes, Dovecot's LMTP, and Postfix's delivery agents.

A server has a name, `mail` (the folder of its Maildirs), the `ways` it can be reached by, `load(way, at_once, count, drops,
user, first, octets)`, the words of a program that delivers, and `seconds()` of processor time."""
import grp
import os
import pwd
import shutil
import subprocess

import yard
from yard import office
import private_postfix

AGENTS = os.path.join(yard.BUILD, "bench/agents")
DAEMON = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")
SETTINGS = """limits {{ connections 2000; connections-per-address 2000 }}
delivery {{ connections 1000 }}
listen 127.0.0.1:0 {{ protocol lmtp }}
listen unix:{socket} {{ protocol lmtp; mode 666 }}
"""
DOVECOT = """
protocols = lmtp
listen = 127.0.0.1
base_dir = {own}/run
state_dir = {own}/state
log_path = {own}/log
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = {fsync}
mail_location = maildir:{own}/mail/%n
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={own}/home/%n allow_all_users=yes
}}
service lmtp {{
  process_min_avail = 64
  process_limit = 100
  inet_listener lmtp {{
    port = {port}
  }}
  unix_listener {own}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
protocol lmtp {{
  auth_username_format = %n
}}
"""
# Users of local(8) are those of the system; here they are aliases to Maildirs, which it delivers to as `nobody`.
POSTFIX = """
compatibility_level = 3.6
config_directory = {own}/etc
queue_directory = {own}/queue
data_directory = {own}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file = {own}/log
maillog_file_prefixes = {own}
myhostname = mta.example
mydestination = localhost
alias_maps = texthash:{own}/etc/aliases
alias_database =
allow_mail_to_files = alias
default_privs = {owner}
virtual_mailbox_base = {own}/mail
virtual_mailbox_maps = texthash:{own}/etc/virtual
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = 0
max_use = 1000000
inet_interfaces = loopback-only
inet_protocols = ipv4
notify_classes =
"""
MASTER = """
rewrite   unix  -  -  n  -     -    trivial-rewrite
bounce    unix  -  -  n  -     0    bounce
defer     unix  -  -  n  -     0    bounce
trace     unix  -  -  n  -     0    bounce
proxymap  unix  -  -  n  -     -    proxymap
local     unix  -  n  n  -     100  local
virtual   unix  -  n  n  -     100  virtual
postlog   unix-dgram n - n -   1    postlogd
"""


class Lmtp:
    """Reached by the load over a port or a socket."""
    ways = ("unix", "tcp")

    def load(self, way, *numbers):
        """Words that start it: at once, messages, maildrops, user, first, octets."""
        return lmtp(["-s", self.socket] if way == "unix" else ["-p", self.port], *numbers)


def lmtp(how, at_once, count, drops, user, first, octets):
    return [yard.LOAD, "deliver", "--values", "-c", at_once, "-n", count, "-m", drops, "-u", user + "%@localhost",
            "-f", first, "-o", octets, *how]


def ended(done, server):
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: the load failed: {done.stderr.strip()[-300:]} {server.log()[-300:]}")
    return {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.split())}


class Ours(Lmtp):
    """postfachd, and `postfach deliver` with its settings."""

    def __init__(self, place, name):
        self.name, self.place = name, place
        self.ways = Lmtp.ways + (("process",) if name == "single" else ())
        self.mail = os.path.join(place.folder, "mail")
        self.port, self.socket = place.ports[2], os.path.join(place.folder, "lmtp")
        self.program = [office.POSTFACH, "deliver", "-c", place.conf, "-f", "anna@example.org", "-d", "%"]
        self.log = place.log

    def seconds(self):
        return yard.spent(self.place.process.pid)

    def stop(self):
        self.place.__exit__(None, None, None)


def ours(shape, users, owner):
    """With the users of that file, one for each maildrop."""
    place = office.Office(store="mail { path %s/mail/%%n; create yes }", shape=shape)
    place.settings = SETTINGS.format(socket=os.path.join(place.folder, "lmtp"))
    place.settings += f"run-as {yard.NOBODY}\n" if os.geteuid() == 0 else ""
    os.chmod(place.folder, 0o755)
    shutil.copy(users, place.users)
    os.makedirs(os.path.join(place.folder, "mail"))
    for path in (place.folder, place.users, os.path.join(place.folder, "mail")):
        os.chown(path, *owner)
    place.start()
    return Ours(place, "single" if shape == "single" else "separated")


class Dovecot(Lmtp):
    """`fsync` is its mail_fsync: of what a delivery writes, with "optimized" its message, with "always" more."""
    ways = ("unix", "tcp", "process")

    def __init__(self, folder, fsync, owner):
        self.name = "dovecot" if fsync == "optimized" else "dovecot " + fsync
        self.own = os.path.join(folder, "dovecot-" + fsync)
        for sub in ("", "run", "state", "home", "mail"):
            os.makedirs(os.path.join(self.own, sub))
            if sub in ("home", "mail"):
                os.chown(os.path.join(self.own, sub), *owner)
        with open(os.path.join(self.own, "log"), "a", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o666)  # dovecot-lda's, too
        self.mail = os.path.join(self.own, "mail")
        self.port, self.socket = yard.Dovecot._free_port(), os.path.join(self.own, "lmtp")
        users = ""
        if os.geteuid() != 0:
            users = yard.NOT_ROOT.format(me=pwd.getpwuid(os.geteuid()).pw_name,
                                         mine=grp.getgrgid(os.getegid()).gr_name).split("service pop3-login")[0]
        conf = os.path.join(self.own, "conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(users + DOVECOT.format(own=self.own, fsync=fsync, uid=owner[0], gid=owner[1], port=self.port))
        self.program = ["/usr/lib/dovecot/dovecot-lda", "-c", conf, "-f", "anna@example.org", "-d", "%"]
        self.process = subprocess.Popen([DAEMON, "-F", "-c", conf], stdin=subprocess.DEVNULL)
        office.wait_until("the start of dovecot", lambda: os.path.exists(os.path.join(self.own, "run", "auth-userdb")))

    def log(self):
        with open(os.path.join(self.own, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    seconds, stop = yard.Dovecot.seconds, yard.Dovecot.stop


class Postfix(private_postfix.Postfix):
    """A master(8) without a queue manager: bench/agents is it."""

    def __init__(self, folder, names, owner):
        self._make_folders(os.path.join(folder, "postfix"))
        self.mail = os.path.join(self.folder, "mail")
        os.mkdir(self.mail)
        os.chown(self.mail, *owner)
        self._write("main.cf", POSTFIX.format(own=self.folder, daemons=private_postfix.DAEMONS, uid=owner[0], gid=owner[1],
                                              owner=pwd.getpwuid(owner[0]).pw_name))
        self._write("master.cf", MASTER)
        self._write("aliases", "".join(f"{name} {self.mail}/{name}/\n" for name in names["local"]))
        self._write("virtual", "".join(f"{name}@virtual.example {name}/\n" for name in names["virtual"]))


class Agent:
    ways = ("unix", "tcp")  # always by Postfix's own socket

    def __init__(self, postfix, agent):
        self.name, self.postfix, self.agent = f"postfix {agent}", postfix, agent
        self.mail, self.log = postfix.mail, postfix.log

    def load(self, _way, at_once, count, drops, user, first, octets):
        at = "localhost" if self.agent == "local" else "virtual.example"
        return [AGENTS, os.path.join(self.postfix.folder, "queue"), self.agent, at_once, count, drops, first, octets,
                f"{user}%@{at}"]

    def seconds(self):
        return yard.spent(self.postfix.process.pid)

    def stop(self):
        if self.agent == "local":
            self.postfix.__exit__(None, None, None)


def has_dovecot():
    return DAEMON and os.path.exists("/usr/lib/dovecot/lmtp") and not os.environ.get("BENCH_ALONE")


def has_postfix():
    return os.geteuid() == 0 and os.path.exists(private_postfix.DAEMONS + "/virtual") and not os.environ.get("BENCH_ALONE")


def agents(folder, names, owner):
    """Users of the two have other names, so that they do not deliver into the same maildrops."""
    postfix = Postfix(folder, {"local": ["l" + name for name in names], "virtual": ["v" + name for name in names]}, owner)
    postfix.__enter__()
    return [Agent(postfix, "virtual"), Agent(postfix, "local")]
