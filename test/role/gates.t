#!/usr/bin/env python3
"""A gate in the hands of a stranger, against the real auth and store in their jails, beside an honest gate."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from strict import AUTH, STORE, Strict, own, plain  # noqa: E402
from office import run  # noqa: E402

FOLDER = plain.build("test/role/jail_foe")
FRAMES = 2000
SEEDS = (1, 2, 3)


def attack(seed):
    office = Strict()
    office.settings += f"listen unix:{office.doors}/lmtp {{ protocol lmtp; tls none }}\n"
    office.add_user("anna", "secret")
    with open(os.path.join(office.maildir("anna"), "new", "1.x"), "wb") as file:
        file.write(b"Subject: x\n\nbody\n")
    office.write_conf()
    if office.own_users:
        own(os.path.join(office.folder, "mail"), STORE)
        own(os.path.join(office.folder, "secrets"), AUTH)
    said = subprocess.run([os.path.join(FOLDER, "test/role/jail_foe"), office.conf, os.path.join(FOLDER, "src/role/postfach-auth"),
                           os.path.join(FOLDER, "src/role/postfach-store"), str(seed), str(FRAMES)], capture_output=True, text=True,
                          check=False, timeout=300)
    print(f"# seed {seed}", said.stdout.removesuffix("ok\n").rstrip(), sep="\n")
    assert said.returncode == 0 and said.stdout.endswith("ok\n"), said.stderr[-3000:]
    for line in said.stderr.splitlines():
        assert "event=trouble" in line or "event=jail" in line, line
    assert "missing=nothing" in said.stderr or not office.own_users, said.stderr
    left = os.listdir(os.path.join(office.maildir("anna"), "new")) + os.listdir(os.path.join(office.maildir("anna"), "cur"))
    assert len(left) == 2, left  # what was there, and what the honest gate delivered


def a_stranger_gains_nothing_and_holds_nobody_up():
    for seed in SEEDS:
        attack(seed)


if __name__ == "__main__":
    run(a_stranger_gains_nothing_and_holds_nobody_up)
