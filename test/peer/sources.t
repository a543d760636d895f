#!/usr/bin/env python3
"""Users of every source: mail comes in for them, `postfach box` finds them, and `postfachd check` tries the sources."""
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, POSTFACHD, Office, run  # noqa: E402

TEXT = b"From: s@x\nSubject: hello\n\nbody\n"
QUERY = "SELECT name AS user, hash AS password FROM users WHERE name = :user"


class Sources(Office):
    """anna is in the password file, bob in another file, carla in a database."""

    def __init__(self):
        super().__init__()
        self.add_user("anna", "secret")
        for user in ("bob", "carla"):
            for folder in ("tmp", "new", "cur"):
                os.makedirs(os.path.join(self.maildir(user), folder))
        self.more = self.file("more", "bob:{PLAIN}secret\n")
        self.database = os.path.join(self.folder, "users.db")
        with sqlite3.connect(self.database) as db:
            db.execute("CREATE TABLE users (name TEXT, hash TEXT)")
            db.execute("INSERT INTO users VALUES ('carla', '{PLAIN}secret')")
        db.close()
        self.settings = self.blocks()

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def blocks(self, query=QUERY, database=None):
        return (f"userdb file {{ path {self.more} }}\n"
                f'userdb sqlite {{ path {database or self.database}; query "{query}" }}\n')

    def deliver(self, user):
        self.write_conf()
        return subprocess.run([POSTFACH, "deliver", "-c", self.conf, "-d", user], input=TEXT, capture_output=True,
                              check=False, timeout=120)

    def box(self, user):
        self.write_conf()
        return subprocess.run([POSTFACH, "box", "ls", "-c", self.conf, user], capture_output=True, text=True,
                              check=False, timeout=120)

    def check(self, settings=None):
        self.write_conf(settings)
        done = subprocess.run([POSTFACHD, "check", "-f", self.conf], capture_output=True, text=True, check=False,
                              timeout=120)
        return done.returncode, done.stdout, done.stderr


def mail_comes_in_for_users_of_every_source():
    with Sources() as office:
        for user in ("anna", "bob", "carla"):
            done = office.deliver(user)
            assert done.returncode == 0, done
            assert len(office.files(user)) == 1, user
        done = office.deliver("dora")
        assert done.returncode == 67, done


def a_database_out_of_reach_is_no_reason_to_send_mail_back():
    with Sources() as office:
        office.settings = office.blocks(database="/nonexistent/users.db")
        assert office.deliver("bob").returncode == 0
        for user in ("carla", "dora"):
            done = office.deliver(user)
            assert done.returncode == 75, done


def box_finds_users_of_every_source():
    with Sources() as office:
        for user in ("anna", "bob", "carla"):
            done = office.box(user)
            assert done.returncode == 0 and "0 messages" in done.stdout, done
        done = office.box("dora")
        assert done.returncode == 67 and "there is no user dora in any source" in done.stderr, done
        office.settings = office.blocks(database="/nonexistent/users.db")
        done = office.box("carla")
        assert done.returncode == 75 and "/nonexistent/users.db" in done.stderr, done


def users_without_a_password_file():
    with Sources() as office:
        office.write_conf()
        with open(office.conf, encoding="utf-8") as file:
            lines = [line for line in file if "password-file" not in line]
        with open(office.conf, "w", encoding="utf-8") as file:
            file.writelines(lines + ["users { weak-schemes yes }\n"])
        for command in ([POSTFACH, "box", "ls", "-c", office.conf, "carla"], [POSTFACHD, "check", "-f", office.conf]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, done
        done = subprocess.run([POSTFACH, "box", "ls", "-c", office.conf, "anna"], capture_output=True, text=True,
                              check=False, timeout=120)
        assert done.returncode == 67, done


def check_tries_each_source():
    with Sources() as office:
        assert office.check()[0] == 0, office.check()
        status, out, err = office.check(office.blocks(database="/nonexistent/users.db"))
        assert status == 0 and "warning: userdb number 2" in out and "/nonexistent/users.db" in out, (status, out, err)
        status, out, err = office.check(office.blocks(query="SELECT :nonsense"))
        assert status == 78 and "unknown placeholder" in err and "number 2 of `userdb`" in err, (status, out, err)
        status, out, err = office.check(office.blocks(query="SELECT :user FROM elsewhere"))
        assert status == 0 and "warning: userdb number 2" in out and "elsewhere" in out, (status, out, err)
        bad = office.file("bad", "no line of users\n")
        status, out, err = office.check(f"userdb file {{ path {bad} }}")
        assert status == 78 and bad in err, (status, out, err)


def check_looks_at_all_that_logins_need():
    with Sources() as office:
        good = office.file("keytab", "\x05\x02")
        text = office.file("text", "some text\n")
        missing = os.path.join(office.folder, "missing")
        token = office.file("tokens", f"anna:abcdefgh:{{SHA256}}{'0' * 64}:read-only\n")
        masters = office.file("masters", "root:{PLAIN}secret\n")
        closed = os.path.join(office.folder, "closed")
        os.mkdir(closed, 0o700)
        ca = office.certificates.ca
        fine = (f"users {{ keytab {good}; tokens {token}; master-file {masters}; login-record {office.folder}/record }}\n"
                f"tls {{ client-ca {ca} }}\n")
        status, out, err = office.check(fine)
        assert status == 0, (out, err)
        for wrong, what in ((f"users {{ keytab {text} }}", text), (f"users {{ keytab {missing} }}", missing),
                            (f"users {{ tokens {text} }}", text), (f"users {{ tokens {missing} }}", missing),
                            (f"users {{ master-file {text} }}", text), (f"tls {{ client-ca {text} }}", text),
                            (f"oauth {{ keys {text}; issuer x }}", "oauth"),
                            (f"oauth {{ keys {missing}; issuer x }}", missing),
                            (f"users {{ login-record {missing}/record }}", missing),
                            (f"run-as nobody\nusers {{ login-record {closed}/record }}", closed),
                            (f"run-as root\nprocesses {{ gates 1; auth-user nobody }}\n"
                             f"users {{ login-record {closed}/record }}", closed)):
            status, out, err = office.check(wrong)
            assert status == 78 and what in err, (wrong, status, out, err)
        status, out, err = office.check(f"run-as nobody\nprocesses {{ gates 1; auth-user root }}\n"
                                        f"users {{ login-record {closed}/record }}")
        assert closed not in err and "may not read" not in err, (status, out, err)
        status, out, err = office.check("processes { gates 1; auth-user nobody }")
        assert status == 78 and f"{office.users}: auth-user nobody may not read it" in err, (status, out, err)


def check_looks_at_the_places():
    with Sources() as office:
        text, missing = office.file("text", "some text\n"), os.path.join(office.folder, "missing")
        fine = f"pid-file {office.folder}/pid\nlisten unix:{office.folder}/c {{ protocol control }}\n"
        status, out, err = office.check(fine)
        assert status == 0 and "folder" not in out + err and "run-as" not in out, (out, err)
        status, out, err = office.check("run-as root\npid-file /run/nobody-makes-this/pid")
        assert status == 0 and "warning: run-as root" in out and "/run/nobody-makes-this" in out, (status, out, err)
        for wrong, what in ((f"pid-file {missing}/pid", "pid-file"), (f"pid-file {text}/pid", "no folder"),
                            (f"listen unix:{missing}/c {{ protocol control }}", "listen"),
                            (f"journal {{ folder {missing}/journal }}", "journal")):
            status, out, err = office.check(wrong)
            assert status == 78 and what in err and "hint: make that folder" in err, (wrong, status, out, err)
        os.rename(os.path.join(office.folder, "mail"), missing)
        status, out, err = office.check("")
        assert status == 78 and f"folder {office.folder}/mail" in err, (status, out, err)


run(mail_comes_in_for_users_of_every_source, a_database_out_of_reach_is_no_reason_to_send_mail_back,
    box_finds_users_of_every_source, users_without_a_password_file, check_tries_each_source,
    check_looks_at_all_that_logins_need, check_looks_at_the_places)
