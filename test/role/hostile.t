#!/usr/bin/env python3
"""Somebody has taken over a process of a role: what he can do from there, with the settings and beside the processes of a
real server. Tried twice: with a user for each role, and with one user for all, as in a container, where nothing but the
jails stands between them."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from strict import AUTH, GATE, STORE, Strict, plain  # noqa: E402
from office import run  # noqa: E402

FOLDER = plain.build("test/role/jail_probe")
PROBE = os.path.join(FOLDER, "test/role/jail_probe")
# What changes nothing, to see that it can be done at all.
HARMLESS = ("read", "list", "exec", "fork", "ring", "bpf", "tcp", "unix", "trace", "peek", "maps", "descriptors")
WHO = {"gate": GATE, "auth": AUTH, "store": STORE}


def probe(office, role, attempts, jail=None):
    """What became of each attempt."""
    user = WHO[role] if office.own_users else "-"
    space = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    os.dup2(space, 77)
    said = subprocess.run([PROBE, jail or role, office.conf, user, *attempts], capture_output=True, text=True, check=True,
                          pass_fds=[77]).stdout
    os.close(space)
    os.close(77)
    results = dict(line.rsplit(" ", 1) for line in said.splitlines())
    assert set(results) == set(attempts) and "?" not in results.values(), results
    return results


def forbidden(office, role):
    """What no role may, by word; `others` are processes of other roles, and the keeper."""
    others = [pid for name, pid in office.children() if name != role] + [office.process.pid]
    key = os.path.join(office.certificates.folder, "server.key")
    tries = [f"read:{key}", f"read:{office.conf}", "read:/etc/shadow", "read:/etc/passwd", f"read:{office.certificates.ca}",
             f"list:{office.folder}", "list:/", "list:/proc", "exec:/bin/true", "fork:", "ring:", "bpf:",
             "setns:77", f"mount:{office.folder}/mail", "root:", f"tcp:{office.pop3}", f"unix:{office.doors}/lmtp",
             f"make:{office.folder}/x", f"make:{office.folder}/secrets/x", f"write:{office.conf}", f"remove:{office.conf}",
             f"write:{office.users}", f"remove:{office.users}", "read:/proc/self/mem", "maps:1"]
    for pid in others:
        tries += [f"{word}:{pid}" for word in ("trace", "peek", "memory", "maps", "descriptors", "kill", "steal")]
    return tries


def what_is_let(office):
    """The one thing that each role is for, and what the others then may not."""
    mail = os.path.join(office.maildir("anna"), "new", "1.x")
    mine = {"gate": [], "auth": [f"read:{office.users}"],
            "store": [f"read:{mail}", f"list:{office.maildir('anna')}", f"make:{office.maildir('anna')}/new/2.x",
                      f"remove:{office.maildir('anna')}/new/2.x"]}
    return mine, {role: [word for other, words in mine.items() if other != role for word in words] for role in mine}


def attack(office):
    office.settings += f"listen unix:{office.doors}/lmtp {{ protocol lmtp; tls none }}\n"
    office.add_user("anna", "secret")
    with open(os.path.join(office.maildir("anna"), "new", "1.x"), "wb") as file:
        file.write(b"Subject: x\n\nbody\n")
    office.start()
    mine, theirs = what_is_let(office)
    for role in WHO:
        tries = forbidden(office, role) + theirs[role]
        free = probe(office, role, [attempt for attempt in tries if attempt.split(":")[0] in HARMLESS], "none")
        got = probe(office, role, tries)
        let = [f"{attempt} {result}" for attempt, result in got.items() if result == "let"]
        assert not let, (role, let)
        killed, here = (sum(result == word for result in got.values()) for word in ("killed", "let"))
        jailed = sum(result == "let" for result in free.values())
        print(f"# {role}: {len(got)} tried, {killed} ended by death, {here} let; without the jail {jailed} are let")
        assert jailed > (3 if office.own_users else 8), free
        good = probe(office, role, mine[role]) if mine[role] else {}
        assert all(result == "let" for result in good.values()), (role, good)
    assert len(office.children("gate")) == 2 and "signal=" not in office.log(), office.log()


def with_a_user_for_each_role():
    if os.geteuid() != 0:
        print("# not root: there is one user")
        return
    with Strict() as office:
        attack(office)


def with_one_user_for_all():
    with Strict(users=False) as office:
        attack(office)


if __name__ == "__main__":
    run(with_a_user_for_each_role, with_one_user_for_all)
