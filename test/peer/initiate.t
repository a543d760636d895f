#!/usr/bin/env python3
"""GSSAPI from both of our sides: src/auth/initiate*.c against src/auth/exchange*.c in a Kerberos realm of our own."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, run  # noqa: E402
from private_kdc import Realm  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", "build-check"))
PROGRAM = BUILD + "/test/unit/auth/initiate_gssapi"


class Scene:
    """A realm with a service and anna."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="postfach-initiate-")
        self.realm = Realm(self.folder.name).start()
        self.keytab = self.realm.add("pop/localhost")
        self.realm.add("anna")
        self.suppressions = os.path.join(self.folder.name, "suppressions")
        with open(self.suppressions, "w", encoding="ascii") as file:
            file.write("leak:libgssapi_krb5.so\nleak:libkrb5.so\n")
        return self

    def __exit__(self, *_):
        self.realm.__exit__()
        self.folder.cleanup()

    def meet(self, env, *words):
        env = dict(env, LSAN_OPTIONS="suppressions=" + self.suppressions)
        done = subprocess.run([PROGRAM, self.keytab, "localhost", *words], env=env, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr


def gss_001_a_ticket_is_enough():
    with Scene() as scene:
        code, said = scene.meet(scene.realm.tickets("anna"))
        assert code == 0 and "name=anna@POST.TEST " in said, said
        code, said = scene.meet(scene.realm.tickets("anna"), "localhost", "bert")
        assert code == 0 and "acts_for=bert " in said, said


def without_a_ticket_nothing_is_sent():
    with Scene() as scene:
        code, said = scene.meet(dict(scene.realm.env, KRB5CCNAME="FILE:/nonexistent"))
        assert code == 1 and "client=2" in said, said


def a_server_that_the_realm_does_not_know():
    with Scene() as scene:
        code, said = scene.meet(scene.realm.tickets("anna"), "pop.example.org")
        assert code == 1 and "client=2" in said, said


def a_server_without_the_key_of_its_name():
    """The ticket is for another host than the one whose keys the server holds."""
    with Scene() as scene:
        scene.realm.add("pop/other.test")
        code, said = scene.meet(scene.realm.tickets("anna"), "other.test")
        assert code == 1 and "name= " in said, said


if __name__ == "__main__":
    run(gss_001_a_ticket_is_enough, without_a_ticket_nothing_is_sent, a_server_that_the_realm_does_not_know,
        a_server_without_the_key_of_its_name)
