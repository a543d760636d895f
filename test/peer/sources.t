#!/usr/bin/env python3
"""Users of every source: mail comes in for them, and `postfach box` finds them."""
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import POSTFACH, Office, run  # noqa: E402

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
        done = subprocess.run([POSTFACH, "box", "ls", "-c", office.conf, "carla"], capture_output=True, text=True,
                              check=False, timeout=120)
        assert done.returncode == 0, done
        done = subprocess.run([POSTFACH, "box", "ls", "-c", office.conf, "anna"], capture_output=True, text=True,
                              check=False, timeout=120)
        assert done.returncode == 67, done


run(mail_comes_in_for_users_of_every_source, a_database_out_of_reach_is_no_reason_to_send_mail_back,
    box_finds_users_of_every_source, users_without_a_password_file)
