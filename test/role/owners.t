#!/usr/bin/env python3
"""Who runs as whom: users of their own for gates, auth and stores; a store for each owner of mail; tickets of TLS."""
import os
import poplib
import pwd
import signal
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
from office import PATIENCE, POSTFACHD, Office, run, wait_until  # noqa: E402

# Users that every Debian has, and that are nobody's here.
GATE, AUTH, MAIL, OTHER = "games", "news", "nobody", "lp"


def uids(pid):
    """All four, and the groups."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return set(map(int, found["Uid"].split())), set(map(int, found["Groups"].split())), int(found["CapEff"], 16)


def give(user, path):
    subprocess.run(["chown", "-R", f"{user}:", path], check=True)


def fetch(office, user):
    client = poplib.POP3("127.0.0.1", office.pop3, timeout=PATIENCE)
    client.user(user)
    client.pass_("secret")
    lines = client.retr(1)[1]
    client.quit()
    return lines


class House(Office):
    def __init__(self, *users, **more):
        super().__init__(shape="split", **more)
        os.chmod(self.folder, 0o755)
        for user in users:
            self.add_user(user, "secret")
            self.put(user, b"Subject: x\n\nbody\n")


def each_role_is_a_user_of_its_own():
    settings = f"run-as {MAIL}\nprocesses {{ gates 1; gate-user {GATE}; auth-user {AUTH} }}"
    with House("anna", settings=settings) as office:
        give(AUTH, office.users)
        give(MAIL, os.path.join(office.folder, "mail"))
        os.chmod(os.path.join(office.folder, "server.key"), 0o600)  # root's: read before the gate gives it up
        office.start()
        assert fetch(office, "anna")[0] == b"Subject: x"
        for role, user in (("gate", GATE), ("auth", AUTH), ("store", MAIL)):
            ids, groups, capabilities = uids(office.children(role)[0][1])
            entry = pwd.getpwnam(user)
            assert ids == {entry.pw_uid} and 0 not in groups and capabilities == 0, (role, ids, groups, capabilities)
        assert "event=one_user" not in office.log()
        assert uids(office.process.pid)[0] == {0}
        office.reload()
        os.kill(office.children("gate")[0][1], signal.SIGKILL)  # and again, from a keeper that is root still
        wait_until("a login", lambda: answers(office))


def answers(office):
    try:
        return fetch(office, "anna")
    except (poplib.error_proto, OSError):
        return None


def who_cannot_become_that_user_says_so():
    with House("anna", settings="processes { gate-user nobody-of-this-name }") as office:
        office.write_conf()
        for words in ([], ["check"]):
            done = subprocess.run([POSTFACHD, *words, "-f", office.conf], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  timeout=PATIENCE, check=False)
            assert done.returncode == 78 and b"nobody-of-this-name" in done.stderr, done


def each_owner_has_a_store_of_his_own():
    store = "mail { path %s/mail/%%n; owner user; first-uid 2 }"
    with House(GATE, OTHER, "root", "nobody-of-this-name", store=store) as office:
        for user in (GATE, OTHER):
            give(user, office.maildir(user))
            os.chmod(office.maildir(user), 0o700)
        office.start()
        assert not office.children("store")
        for user in (GATE, OTHER, GATE):
            assert fetch(office, user)[0] == b"Subject: x"
        found = {next(iter(uids(pid)[0])) for _, pid in office.children("store")}
        assert found == {pwd.getpwnam(user).pw_uid for user in (GATE, OTHER)}, found
        for user in ("root", "nobody-of-this-name"):
            try:
                fetch(office, user)
                raise AssertionError(f"{user} was served")
            except poplib.error_proto as error:
                assert b"[SYS/TEMP]" in error.args[0], error
        assert served(office, "nobody-of-this-name") is None
        told = [line for line in office.log().splitlines() if "what=owner" in line]
        assert len(told) == 2 and "mail of root is served by nobody" in told[0], told
        assert "user=nobody-of-this-name" in told[1] and "no such user on this machine" in told[1], told
        assert len(office.children("store")) == 2
        victim = office.children("store")[0][1]
        os.kill(victim, signal.SIGKILL)
        wait_until("both are served again", lambda: all(served(office, user) for user in (GATE, OTHER)))


def served(office, user):
    try:
        return fetch(office, user)
    except poplib.error_proto:
        return None


def the_smallest_number_of_an_owner_is_kept_to():
    with House(GATE, store="mail { path %s/mail/%%n; owner user }") as office:
        give(GATE, office.maildir(GATE))
        office.start()
        assert served(office, GATE) is None and not office.children("store")
        assert f"uid {pwd.getpwnam(GATE).pw_uid} is below first-uid 1000" in office.log(), office.log()


def tls_sessions_are_resumed_by_any_gate_of_any_generation():
    with House("anna") as office:
        office.start()
        context = ssl.create_default_context(cafile=office.certificates.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # its ticket comes with the handshake

        def meet(session=None):
            with socket.create_connection(("127.0.0.1", office.pop3s), PATIENCE) as plain, \
                    context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                assert client.recv(3) == b"+OK"
                return client.session, client.session_reused

        session, reused = meet()
        assert not reused
        gates = [pid for _, pid in office.children("gate")]
        assert len(gates) == 2
        for stopped in gates:  # the other one has to do it
            os.kill(stopped, signal.SIGSTOP)
            try:
                assert meet(session)[1]
            finally:
                os.kill(stopped, signal.SIGCONT)
        office.reload()
        wait_until("the end of the old gates", lambda: not set(gates) & {pid for _, pid in office.children("gate")})
        assert meet(session)[1]


if os.geteuid() != 0:
    print("1..0 # SKIP only root may become others")
    sys.exit(0)
run(each_role_is_a_user_of_its_own, who_cannot_become_that_user_says_so, each_owner_has_a_store_of_his_own,
    the_smallest_number_of_an_owner_is_kept_to, tls_sessions_are_resumed_by_any_gate_of_any_generation)
