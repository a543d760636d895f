#!/usr/bin/env python3
"""doc/example/fetch.c against the live server: compiled as it stands, it fetches every hard message octet for octet."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import big, corpus  # noqa: E402
from office import BUILD, PATIENCE, TOP, Office, run, wire  # noqa: E402


def compiled(office):
    program = os.path.join(office.folder, "fetch")
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Werror",
                    "-fsanitize=address,undefined", f"-I{TOP}/include", f"{TOP}/doc/example/fetch.c",
                    f"{BUILD}/src/proto/libpf_proto.a", f"{BUILD}/src/base/libpf_base.a", "-o", program], check=True)
    return program


def fetch(office, program, password):
    folder = os.path.join(office.folder, "fetched")
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run([program, "127.0.0.1", str(office.pop3), "anna"], cwd=folder, input=password + "\n",
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done, folder


def every_message_comes_as_it_was_sent():
    with Office() as office:
        office.add_user("anna", "secret")
        mails = [*corpus().values(), big()]
        for mail in mails:
            office.put("anna", mail)
        office.start()
        done, folder = fetch(office, compiled(office), "secret")
        assert done.returncode == 0, done
        assert len(os.listdir(folder)) == len(mails)
        for number, mail in enumerate(mails, 1):
            with open(os.path.join(folder, f"{number}.eml"), "rb") as file:
                assert file.read() == wire(mail), number
        office.stop()


def a_wrong_password_fetches_nothing_and_says_so():
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\ny\n")
        office.start()
        done, folder = fetch(office, compiled(office), "wrong")
        assert done.returncode == 1 and "name or password is wrong" in done.stderr, done
        assert not os.listdir(folder)
        office.stop()


if __name__ == "__main__":
    run(every_message_comes_as_it_was_sent, a_wrong_password_fetches_nothing_and_says_so)
