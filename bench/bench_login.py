#!/usr/bin/env python3
"""Logins: USER PASS QUIT on an empty maildrop, by password scheme; with the memory of good logins and without."""
import ctypes
import os

import yard

office = yard.office  # it knows where the harness lies

MS = 500  # of one run
SLOTS = (1, 16)
SALTS = {"PLAIN": None, "SHA512-CRYPT": b"$6$benchbenchbench1$", "YESCRYPT": b"$y$j9T$benchbenchbenchbench1/$"}


def stored(scheme):
    """A hash at its default cost."""
    if not SALTS[scheme]:
        return "{PLAIN}secret"
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return "{CRYPT}" + crypt(b"secret", SALTS[scheme]).decode()


def users():
    """One for each client: a maildrop has one session."""
    for scheme in SALTS:
        for number in range(SLOTS[-1]):
            yield f"{scheme.lower()}x{number}", scheme


class Forgetful(yard.Postfach):
    """The same server, which remembers no login."""
    name = "forgetful"

    def __init__(self, place):
        self.place = place
        own = office.Office(settings=yard.LIMITS + "users { cache-time 0 }\n"
                            + (f"run-as {yard.NOBODY}\n" if place.root else ""))
        os.chmod(own.folder, 0o755)
        for name in users():
            for sub in ("", "tmp", "new", "cur"):
                os.makedirs(os.path.join(own.maildir(name[0]), sub), exist_ok=True)
                os.chown(os.path.join(own.maildir(name[0]), sub), *place.owner)
        with open(place.office.users, encoding="utf-8") as source, open(own.users, "w", encoding="utf-8") as copy:
            copy.write(source.read())
        os.chown(own.folder, *place.owner)
        os.chown(own.users, *place.owner)
        own.start()
        self.office = own
        self.ports = {"plain": own.pop3, "full": own.pop3s, "resumed": own.pop3s}

    def stop(self):
        self.office.__exit__(None, None, None)


def login(server, scheme, slots):
    said = yard.load(server, "plain", "poll", "-u", scheme.lower() + "x%", "-c", slots, "-s", MS, "-n", 0, "-o", 0)
    return {"rate": said["sessions"] / said["seconds"], "p50": said["p50_us"] / 1000, "p99": said["p99_us"] / 1000,
            "cpu": said["cpu"] / max(said["sessions"], 1) * 1e6}


def bench():
    with yard.Yard() as place:
        hashes = {scheme: stored(scheme) for scheme in SALTS}
        for name, scheme in users():
            place.add_user(name, scheme=hashes[scheme])
        place.start()
        place.servers.insert(1, Forgetful(place))
        place.rest()
        print(f"# a login: connect USER PASS STAT QUIT, each client always the same user; medians of {yard.RUNS} runs in turns")
        print("# each group: logins/s  p50 ms  p99 ms  CPU µs; " + ", ".join(s.name for s in place.servers))
        print("# postfach remembers a good login for an hour, forgetful is it with `cache-time 0`; Dovecot has auth_cache on")
        for scheme in SALTS:
            for server in place.servers:
                login(server, scheme, SLOTS[0])
            for slots in SLOTS:
                found = yard.in_turns(place.servers, lambda server, h=scheme, s=slots: login(server, h, s))
                yard.row(scheme, str(slots), *(f[k] for f in found for k in ("rate", "p50", "p99", "cpu")))


yard.main(bench)
