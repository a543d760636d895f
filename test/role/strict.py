"""An office whose server stands in strict jails: plain programs, several processes, and where that can be a user of its
own for each role (users that every system has; what they are elsewhere does not matter)."""
import os
import pwd
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
import plain  # noqa: E402  first: office looks for the programs
from office import Office, wait_until  # noqa: E402

GATE, AUTH, STORE = "daemon", "bin", "mail"
ROLES = ("gate", "auth", "store")


def own(path, user):
    entry = pwd.getpwnam(user)
    for folder, _, names in os.walk(path):
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        for name in names:
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)


class Strict(Office):
    def __init__(self, settings="", listens=None, users=os.geteuid() == 0, gates=2, **more):
        who = f"gate-user {GATE}; auth-user {AUTH}; " if users else ""
        settings += f"processes {{ {who}gates {gates} }}\n" + (f"run-as {STORE}\n" if users else "")
        super().__init__(settings=settings, listens=listens, shape="split", **more)
        self.own_users = users
        # Each thing in a folder of its own: mail, users, keys, and doors.
        os.chmod(self.folder, 0o755)
        self.doors = os.path.join(self.folder, "doors")
        os.mkdir(self.doors)
        os.mkdir(os.path.join(self.folder, "mail"))
        os.mkdir(os.path.join(self.folder, "secrets"))
        moved = os.path.join(self.folder, "secrets", "users")
        shutil.move(self.users, moved)
        self.users = moved

    def start(self):
        if self.own_users:
            own(os.path.join(self.folder, "mail"), STORE)
            own(os.path.join(self.folder, "secrets"), AUTH)
        super().start()

    def jails(self):
        """What each role lacks, as the log tells."""
        return {role: lacks.strip('"') for role, lacks in
                re.findall(r"event=jail role=(\w+) missing=(\"[^\"]*\"|\S+)", self.log())}


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


__all__ = ["AUTH", "GATE", "ROLES", "STORE", "Strict", "own", "plain", "status", "wait_until"]
