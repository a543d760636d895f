#!/usr/bin/env python3
"""Users of the machine, judged by Linux-PAM with Debian's modules: the server runs where /etc/passwd and /etc/shadow
are others (a mount namespace), and its helper takes the services from a folder of ours."""
import os
import poplib
import signal
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, Office, children_of, run, wait_until  # noqa: E402

ROOT = os.geteuid() == 0
HELPER = os.path.join(BUILD, "src/auth/postfach-pam")
NAMESPACE = ["unshare", "--mount"] if ROOT else ["unshare", "--mount", "--map-root-user"]
if not os.path.exists(HELPER):
    print("1..0 # SKIP built without PAM")
    sys.exit(0)
if subprocess.run([*NAMESPACE, "mount", "--bind", "/etc/hostname", "/etc/passwd"], capture_output=True,
                  check=False).returncode:
    print("1..0 # SKIP no mount namespaces here")
    sys.exit(0)

UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"
EXEC = "auth required pam_exec.so quiet {folder}/script\naccount required pam_permit.so\n"
SERVICES = {"pop3": UNIX, "script": EXEC, "deny": "auth required pam_deny.so\naccount required pam_permit.so\n",
            "twice": "auth optional pam_unix.so\n" + UNIX,
            "permit": "auth required pam_permit.so\naccount required pam_permit.so\n"}
# Name, uid, days since 1970 on which the account expires.
USERS = (("anna", 1000, ""), ("system", 999, ""), ("expired", 1001, "100"), ("both", 1002, ""))


class Machine:
    """The files of a machine, in a folder that goes away."""

    def __init__(self):
        self.place = tempfile.TemporaryDirectory(prefix="postfach-pam.")
        self.folder = self.place.name
        secret = subprocess.run(["openssl", "passwd", "-5", "-salt", "salt", "secret"], check=True, capture_output=True,
                                text=True).stdout.strip()
        # uid 0 stays root, as which the server runs.
        self.write("passwd", "root:x:0:0:root:/root:/bin/sh\n" + "".join(
            f"{name}:x:{uid}:{uid}:x:/home/{name}:/usr/sbin/nologin\n" for name, uid, _ in USERS))
        self.write("shadow", "root:*:19000:0:99999:7:::\n" + "".join(
            f"{name}:{secret}:19000:0:99999:7::{expires}:\n" for name, _, expires in USERS))
        os.chmod(os.path.join(self.folder, "shadow"), 0o600)
        os.mkdir(os.path.join(self.folder, "pam.d"))
        for service, text in SERVICES.items():
            self.write(f"pam.d/{service}", text.format(folder=self.folder))
        self.script("exit 0")
        self.write("helper", f"#!/bin/sh\nexec {HELPER} --confdir {self.folder}/pam.d\n", 0o755)
        self.write("enter", "#!/bin/sh\nset -e\n"
                   f"mount --bind {self.folder}/passwd /etc/passwd\nmount --bind {self.folder}/shadow /etc/shadow\n"
                   f"export POSTFACH_PAM={self.folder}/helper\n" 'exec "$@"\n', 0o755)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def script(self, text):
        """What pam_exec(8) runs."""
        self.write("script", f"#!/bin/sh\n{text}\n", 0o755)

    def office(self, service="pop3", more="timeout 20s", **how):
        place = Office(settings=f"userdb pam {{ service {service}; cache-time 0; {more} }}\n",
                       listens=["{ tls none; plaintext-login yes }"], wrapper=[*NAMESPACE, f"{self.folder}/enter"],
                       **how)
        for user in ("anna", "both", "first", "last"):
            for folder in ("tmp", "new", "cur"):
                os.makedirs(os.path.join(place.maildir(user), folder))
        return place

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.place.cleanup()


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
    with Machine() as machine, machine.office() as place:
        place.put("anna", b"Subject: x\n\nbody\n")
        place.start()
        says(place, "+OK")
        says(place, "-ERR [AUTH]", "anna", "wrong")
        says(place, "-ERR [AUTH]", "anna", "")
        says(place, "-ERR [AUTH]", "nobody-at-all", "secret")
        says(place, "-ERR [AUTH]", "expired", "secret")
        says(place, "-ERR [AUTH]", "system", "secret")
        says(place, "-ERR [AUTH]", "root", "secret")
        says(place, "+OK")
    with Machine() as machine, machine.office("deny") as place:
        place.start()
        says(place, "-ERR [AUTH]")


def what_a_module_is_told():
    with Machine() as machine, machine.office("script") as place:
        told = os.path.join(machine.folder, "told")
        machine.script(f"echo $PAM_USER $PAM_SERVICE $PAM_RHOST $PAM_TTY > {told}")
        place.start()
        says(place, "+OK", "anna", "whatever")
        with open(told, encoding="ascii") as file:
            assert file.read() == "anna script 127.0.0.1 postfach\n"


def modules_that_fail_are_no_wrong_password():
    with Machine() as machine, machine.office("script", "timeout 1s") as place:
        place.start()
        says(place, "+OK")
        machine.script(f"echo $PPID > {machine.folder}/pid; exec sleep 3")
        assert 0.9 < says(place, "-ERR [SYS/TEMP]") < 2.9
        assert "no answer in time" in place.log()
        with open(f"{machine.folder}/pid", encoding="ascii") as file:
            assert not os.path.exists(f"/proc/{int(file.read())}")
        machine.script("kill -KILL $PPID")
        assert says(place, "-ERR [SYS/TEMP]") < 10
        assert "killed by signal 9" in place.log()
        machine.script("exit 0")
        says(place, "+OK")
        os.rename(f"{machine.folder}/helper", f"{machine.folder}/away")
        # Separated processes have started theirs before, since auth may start none.
        says(place, "-ERR [SYS/TEMP]" if place.shape == "single" else "+OK")
        os.rename(f"{machine.folder}/away", f"{machine.folder}/helper")
        says(place, "+OK")
    with Machine() as machine, machine.office("unheard-of") as place:
        place.start()
        says(place, "-ERR [SYS/TEMP]")


def a_password_is_told_once_to_all_modules():
    with Machine() as machine, machine.office("twice") as place:
        place.start()
        says(place, "+OK")
        says(place, "-ERR [AUTH]", "anna", "wrong")


def only_so_many_at_a_time():
    with Machine() as machine, machine.office("script", "timeout 1s; connections 1") as place:
        place.start()
        gate = os.path.join(machine.folder, "gate")
        machine.script(f"[ -e {gate} ] && exec sleep 3; exit 0")
        open(gate, "w", encoding="ascii").close()
        first = poplib.POP3("localhost", place.pop3, timeout=60)
        first._putcmd("USER anna")
        first._getresp()
        first._putcmd("PASS secret")
        says(place, "-ERR [SYS/TEMP]")
        os.unlink(gate)
        says(place, "+OK", "both")
        first.close()


def in_its_turn_and_for_mail_that_comes_in():
    with Machine() as machine, machine.office() as place:
        door, other = os.path.join(place.folder, "lmtp"), os.path.join(place.folder, "others")
        with open(other, "w", encoding="ascii") as file:
            file.write("both:{PLAIN}third::::::\nlast:{PLAIN}third::::::\n")
        os.chmod(other, 0o600)
        place.add_user("first", "first")
        place.settings += f"userdb file {{ path {other} }}\nlisten unix:{door} {{ protocol lmtp }}\n"
        place.start()
        says(place, "+OK", "first", "first")
        says(place, "-ERR [AUTH]", "both", "third")
        says(place, "+OK", "both", "secret")
        with smtplib.LMTP(door) as client:
            client.ehlo()
            client.mail("s@x")
            assert client.rcpt("anna@x")[0] == 250
            assert client.rcpt("last@x")[0] == 250
            assert client.rcpt("system@x")[0] == 550
            assert client.rcpt("nobody-at-all@x")[0] == 550


def auth_is_nobody_and_its_helpers_are_root():
    """pam_unix(8) reads what only root may; the process that speaks with gates is not root any more."""
    if os.geteuid() != 0:
        print("# not root")
        return
    with Machine() as machine:
        os.chmod(machine.folder, 0o755)
        with open(os.path.join(machine.folder, "passwd"), "a", encoding="ascii") as file:
            file.write("daemon:x:1:1::/:/bin/sh\nbin:x:2:2::/:/bin/sh\nmail:x:8:8::/:/bin/sh\n")
        with machine.office(shape="split") as place:
            place.settings += "run-as mail\nprocesses { gate-user daemon; auth-user bin }\n"
            os.chmod(place.folder, 0o755)
            os.chown(place.users, 2, 2)
            subprocess.run(["chown", "-R", "8:8", os.path.join(place.folder, "mail")], check=True)
            place.start()
            auth = place.children("auth")[0][1]
            assert os.stat(f"/proc/{auth}/task").st_uid in (0, 2)  # not dumpable: its files are root's
            with open(f"/proc/{auth}/status", encoding="ascii") as file:
                assert "Uid:\t2\t2\t2\t2\n" in file.read()
            says(place, "+OK")
            says(place, "-ERR [AUTH]", "anna", "wrong")
            says(place, "-ERR [AUTH]", "expired", "secret")
            for helper in children_of(auth):
                with open(f"/proc/{helper}/status", encoding="ascii") as file:
                    assert "Uid:\t0\t0\t0\t0\n" in file.read()
                os.kill(helper, signal.SIGKILL)
            for _ in range(8):  # the last one that is lost ends auth, and another one comes with new helpers
                try:
                    says(place, "-ERR [SYS/TEMP]")
                except AssertionError:
                    break
            place.wait_log("event=jail role=auth", 2)
            answers = []
            try:
                wait_until("a login", lambda: logs_in(place, answers))
            finally:
                wrong = [answer for answer in answers if b"[SYS/TEMP]" not in answer]
                assert not wrong, (len(answers), wrong[:3])  # who cannot ask does not say no


def logs_in(place, answers):
    client = poplib.POP3("localhost", place.pop3, timeout=60)
    try:
        client.user("anna")
        return client.pass_("secret").startswith(b"+OK")
    except poplib.error_proto as error:
        answers.append(error.args[0])
        return False
    finally:
        client.close()


run(good_and_wrong_passwords, what_a_module_is_told, modules_that_fail_are_no_wrong_password,
    a_password_is_told_once_to_all_modules, only_so_many_at_a_time, in_its_turn_and_for_mail_that_comes_in,
    auth_is_nobody_and_its_helpers_are_root)
