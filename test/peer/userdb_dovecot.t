#!/usr/bin/env python3
"""Users of Debian's Dovecot: its auth process tells who they are and judges their passwords, dies and comes back."""
import os
import poplib
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run, wait_until  # noqa: E402
from owner import OWNER, ROOT  # noqa: E402
from private_dovecot import LIBRARY, OWN, Dovecot  # noqa: E402

if not os.path.exists("/usr/sbin/dovecot"):
    print("1..0 # SKIP dovecot-core (Debian) not installed")
    sys.exit(0)

CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
protocols =
first_valid_uid = 1
auth_failure_delay = 0
auth_mechanisms = plain login
auth_username_chars =
auth_debug = yes
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/passwd
}}
service auth {{
  unix_listener {folder}/auth-client {{
    mode = 0666
  }}
  unix_listener {folder}/auth-userdb {{
    mode = 0777
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
SECRETS = {"anna": "secret", "dora@example.org": "a \"b\\ c", "both": "second", "away": "secret", "old": "secret"}


class Auth(Dovecot):
    """Only that: no protocol, no port."""

    def __init__(self):
        self.place = tempfile.TemporaryDirectory(prefix="postfach-dovecot.")
        self.folder = self.place.name
        os.chmod(self.folder, 0o755)
        self.conf = os.path.join(self.folder, "conf")
        self.client = os.path.join(self.folder, "auth-client")
        self.userdb = os.path.join(self.folder, "auth-userdb")  # what it speaks is told by its name
        self.process = None
        text = CONF.format(folder=self.folder, here="" if ROOT else "chroot =")
        if not ROOT:
            group = subprocess.run(["id", "-gn"], capture_output=True, check=True, text=True).stdout.strip()
            text += OWN.format(name=OWNER.pw_name, group=group)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)
        open(os.path.join(self.folder, "log"), "w", encoding="ascii").close()
        self.write({})

    def write(self, extra):
        """The file of its users, with words behind some of them."""
        with open(os.path.join(self.folder, "passwd"), "w", encoding="utf-8") as file:
            for name, secret in SECRETS.items():
                file.write(f"{name}:{{PLAIN}}{secret}:{OWNER.pw_uid}:{OWNER.pw_gid}::{self.folder}/home/{name}::"
                           f"{extra.get(name, '')}\n")

    def answers(self):
        with socket.socket(socket.AF_UNIX) as there:
            try:
                there.connect(self.client)
                there.settimeout(1)
                return there.recv(1) == b"V"
            except OSError:
                return False

    def __enter__(self):
        super().__enter__()
        wait_until("Dovecot's auth process to answer", self.answers)
        return self

    def __exit__(self, *what):
        if self.process:
            super().__exit__(*what)
        self.place.cleanup()

    def kill(self):
        super().__exit__(None, None, None)
        self.process = None

    def pids(self):
        """Of its auth processes."""
        found = subprocess.run(["pgrep", "-f", "^dovecot/auth", "-g", str(self.process.pid)], capture_output=True,
                               check=False, text=True).stdout.split()
        return [int(pid) for pid in found]


def block(auth, users=True, more="timeout 20s"):
    path = f"; user-path {auth.userdb}" if users else ""
    return f"userdb dovecot {{ path {auth.client}{path}; cache-time 0; {more} }}\n"


def office(*blocks):
    place = Office(settings="".join(blocks), listens=["{ tls none; plaintext-login yes }"])
    for user in ("anna", "dora", "both", "elsewhere"):
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(place.maildir(user), folder))
    return place


def says(place, what, name="anna", secret="secret"):
    """Checks what the server says to it; returns the seconds until then."""
    client = poplib.POP3("localhost", place.pop3, timeout=60)
    begin = time.monotonic()
    try:
        client.user(name)
        said = client.pass_(secret)
        client.quit()
    except poplib.error_proto as error:
        said = error.args[0]
        client.close()
    assert said.decode().startswith(what), (said, name, secret, place.log()[-1500:])
    return time.monotonic() - begin


def good_and_wrong_passwords():
    for users in (True, False):
        with Auth() as auth, office(block(auth, users)) as place:
            place.put("anna", b"Subject: x\n\nbody\n")
            place.start()
            for _ in range(3):
                says(place, "+OK")
                says(place, "-ERR [AUTH]", "anna", "wrong")
                says(place, "-ERR [AUTH]", "nobody", "secret")
                says(place, "-ERR [AUTH]", "anna", "")
            says(place, "+OK", "dora@example.org", SECRETS["dora@example.org"])
            says(place, "-ERR [AUTH]", "dora", SECRETS["dora@example.org"])
            assert "rip=127.0.0.1" in auth.log() and "service=pop3" in auth.log()


def what_it_tells_about_users():
    with Auth() as auth, office() as place:
        auth.write({"anna": f"userdb_mail=maildir:{place.maildir('elsewhere')} userdb_quota_rule=*:storage=1M",
                    "away": "nologin", "old": "userdb_mail=mdbox:~/mail", "both": "user=anna"})
        place.put("elsewhere", b"Subject: x\n\nbody\n")
        place.settings = block(auth)
        place.start()
        client = poplib.POP3("localhost", place.pop3, timeout=60)
        client.user("anna")
        client.pass_("secret")
        assert client.stat()[0] == 1
        client.quit()
        says(place, "-ERR [AUTH]", "away")
        says(place, "-ERR [SYS/TEMP]", "old")
        assert "`mail` has a value" in place.log()


def one_that_dies_is_no_wrong_password():
    auth = Auth()
    with office(block(auth, True, "timeout 1s")) as place:
        with auth:
            place.start()
            says(place, "+OK")
            subprocess.run(["doveadm", "-c", auth.conf, "reload"], check=True, capture_output=True)
            says(place, "+OK")
            auth.kill()
            says(place, "-ERR [SYS/TEMP]")
            for _ in range(10):
                assert says(place, "-ERR [SYS/TEMP]", "anna", "wrong") < 1
            Dovecot.__enter__(auth)
            wait_until("Dovecot to be asked again", lambda: tries(place))
            says(place, "-ERR [AUTH]", "anna", "wrong")
            for pid in wait_until("its auth process", auth.pids):
                os.kill(pid, signal.SIGSTOP)
            assert 0.9 < says(place, "-ERR [SYS/TEMP]") < 10
            assert "no answer in time" in place.log()
            for pid in auth.pids():
                os.kill(pid, signal.SIGKILL)
            wait_until("Dovecot to be asked again", lambda: tries(place))


def tries(place):
    try:
        says(place, "+OK")
        return True
    except AssertionError:
        return False


def it_is_asked_in_its_turn():
    for users in (True, False):
        with Auth() as auth, office(block(auth, users)) as place:
            other = os.path.join(place.folder, "others")
            with open(other, "w", encoding="ascii") as file:
                file.write("both:{PLAIN}third::::::\n")
            os.chmod(other, 0o600)
            place.add_user("first", "first")
            place.settings += f"userdb file {{ path {other} }}\n"
            place.start()
            says(place, "+OK", "first", "first")
            says(place, "+OK", "both", "second")
            # With users the first that knows the name decides; without, its NO leaves it to those behind.
            says(place, "-ERR [AUTH]" if users else "+OK", "both", "third")
            auth.kill()
            says(place, "+OK", "first", "first")
            says(place, "-ERR [SYS/TEMP]", "both", "third")


def mail_comes_in_for_users_that_it_tells_of():
    for users in (True, False):
        with Auth() as auth, office(block(auth, users, "timeout 2s")) as place:
            door = os.path.join(place.folder, "lmtp")
            place.settings += f"listen unix:{door} {{ protocol lmtp }}\n"
            place.start()
            with smtplib.LMTP(door) as client:
                client.ehlo()
                client.mail("s@x")
                assert client.rcpt("anna@x")[0] == (250 if users else 550)
                assert client.rcpt("dora@example.org")[0] == (250 if users else 550)
                assert client.rcpt("nobody@x")[0] == 550
                auth.kill()
                assert client.rcpt("both@x")[0] == (451 if users else 550)


assert os.path.exists(LIBRARY)
run(good_and_wrong_passwords, what_it_tells_about_users, one_that_dies_is_no_wrong_password, it_is_asked_in_its_turn,
    mail_comes_in_for_users_that_it_tells_of)
