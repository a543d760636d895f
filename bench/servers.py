"""The servers of the table: ours in both shapes, Dovecot as Debian ships it and tuned, the limit, and the others that
Debian has, each in a private instance (test/peer/private_pop3.py).

A server has a name, `ports` by way of TLS, `seconds()` of processor time, `pids()` of its processes, and `roots()`, those
that have to be there from begin to end of a run, for what they have spent to be counted."""
import os
import socket
import subprocess

import yard
from yard import office  # it knows where the harness lies
import private_pop3
from peer_server import Unfit

# The fast settings that Dovecot's own manual names, over those of yard.DOVECOT; and what Debian's packages do by themselves.
# Passwords are PAM's, which is Debian's default: of them the auth cache keeps a quick digest when they were right, while of
# a file it keeps the slow hash, and computes that for each login. h… and s… are users of table.py whose passwords are
# stored in plain text.
PAM = """passdb {{
  driver = pam
  username_filter = !h* !s*
  args = cache_key=%u postfach-bench
}}
passdb {{
  driver = passwd-file
"""
TUNED = yard.DOVECOT.replace("pop3_no_flag_updates = yes", """pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
maildir_very_dirty_syncs = yes
default_vsz_limit = 8 G
mail_fsync = never
""").replace("process_limit = 400", "process_limit = 900").replace("client_limit = 4000", "client_limit = 19000").replace(
    "service_count = 10000\n  process_min_avail = 4", "service_count = 100000\n  client_limit = 1000\n  process_min_avail = CORES")
BY_DEFAULT = """
protocols = pop3
listen = 127.0.0.1
base_dir = {own}/run
state_dir = {own}/state
log_path = {own}/log
{users}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%n:CONTROL={own}/control/%n:INDEX={own}/index/%n
mail_max_userip_connections = 20000
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={own}/home
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""


class Tuned(yard.Dovecot):
    """For PAM it needs files of its own in /etc, so a mount namespace, so root; without, it computes each password."""
    name, text = "dovecot tuned", TUNED

    def __init__(self, folder, owner):
        self.pam = os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False,
                                                        capture_output=True).returncode == 0
        self.text = TUNED.replace("CORES", str(len(os.sched_getaffinity(0))))
        if self.pam:
            self.text = self.text.replace("passdb {{\n  driver = passwd-file\n", PAM, 1)
        else:
            print("# dovecot tuned computes the hash of each password: it gets PAM from root only", flush=True)
        super().__init__(folder, owner)

    def room(self, folder, owner):
        if not self.pam:
            return []
        etc = os.path.join(self.own, "etc")
        os.mkdir(etc)
        texts = {"pam.d": "auth required pam_unix.so nodelay\naccount required pam_permit.so\n"}
        for name in ("passwd", "shadow"):
            with open("/etc/" + name, encoding="utf-8") as file:
                texts[name] = file.read()
        with open(os.path.join(folder, "users"), encoding="utf-8") as users:
            for user, password in (line.split(":")[:2] for line in users if "{CRYPT}" in line):
                texts["passwd"] += f"{user}:x:{owner[0]}:{owner[1]}::/:/bin/false\n"
                texts["shadow"] += f"{user}:{password.removeprefix('{CRYPT}')}:19000:0:99999:7:::\n"
        for name, text in texts.items():
            path = os.path.join(etc, name + ("/postfach-bench" if name == "pam.d" else ""))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(text)
            os.chmod(path, 0o600 if name == "shadow" else 0o644)
        binds = " && ".join(f"mount --bind {etc}/{name} /etc/{name}" for name in texts)
        return ["unshare", "--mount", "sh", "-c", f'mount --make-rprivate / && {binds} && exec "$@"', "sh"]


class Default(yard.Dovecot):
    name, text = "dovecot", BY_DEFAULT


class Limit:
    """bench/limit.c over copies of the messages as they go over the wire."""
    name = "limit"

    def __init__(self, place, boxes):
        words = []
        for prefix, (count, octets, folder) in boxes.items():
            words.append(f"{prefix}:{count}:{octets}" + (":" + self.encode(place, prefix, folder) if folder else ""))
        self.end, other = socket.socketpair()
        pair = os.path.join(place.folder, "server")
        self.process = subprocess.Popen([os.path.join(yard.BUILD, "bench/limit"), "-c", pair + ".pem", "-k", pair + ".key",
                                         *words], stdin=other, stdout=subprocess.PIPE, text=True)
        other.close()
        self.ports = {name: int(port) for name, port in (self.process.stdout.readline().split() for _ in range(2))}
        self.ports["resumed"] = self.ports["full"]

    @staticmethod
    def encode(place, prefix, folder):
        to = os.path.join(place.folder, "wire-" + prefix)
        os.mkdir(to)
        for number, name in enumerate(sorted(os.listdir(folder))):
            with open(os.path.join(folder, name), "rb") as source:
                lines = source.read().split(b"\n")[:-1]
            with open(os.path.join(to, f"{number:06}"), "wb") as copy:
                copy.write(b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n")
        return to

    def seconds(self):
        return yard.spent(self.process.pid)

    def pids(self):
        return [self.process.pid]

    def roots(self):
        return [self.process.pid]

    def stop(self):
        self.end.close()
        self.process.wait(office.PATIENCE)
        self.process.stdout.close()


class Other:
    """One of private_pop3.py: one user, whose maildrop is that of one group of rows. `kind` makes the instance."""

    def __init__(self, kind, mails):
        self.name = kind.__name__.lower()
        self.server = kind()
        self.server.start()
        self.server.put_all(mails)
        self.ports = {"plain": self.server.port, "full": self.server.tls_port, "resumed": self.server.tls_port}

    def roots(self):
        """Cyrus is started by us; the others by an inetd in a namespace."""
        return [p.pid for p in getattr(self.server, "processes", {}).values()] or [self.server.process.pid]

    def pids(self):
        return [pid for root in self.roots() for pid in yard.family(root)]

    def seconds(self):
        """Without what the inetd, a script, spends itself."""
        total = sum(map(yard.spent, self.roots()))
        if not hasattr(self.server, "processes"):
            total -= sum(yard.spent_alone(pid) for pid in self.pids()[:2])
        return total

    def stop(self):
        self.server.__exit__(None, None, None)


OTHERS = (private_pop3.Cyrus, private_pop3.Courier, private_pop3.Mailutils, private_pop3.Popa3d, private_pop3.SolidPop3d)
__all__ = ["Default", "Limit", "OTHERS", "Other", "Tuned", "Unfit"]
