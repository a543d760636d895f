#!/usr/bin/env python3
"""Limits over several gates: each has its share, and all shares together are the limit."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peer"))
from office import PATIENCE, Office, run  # noqa: E402

GATES, ALL, DOOR = 4, 16, 8


def greeted(port):
    """A connection that was taken in, or None."""
    one = socket.create_connection(("127.0.0.1", port), PATIENCE)
    if one.recv(3) == b"+OK":
        return one
    one.close()
    return None


def fill(port, most):
    """Which gate takes a connection is chance; so many come that each has had its chance."""
    here = []
    for _ in range(1000):
        if len(here) == most:
            break
        one = greeted(port)
        if one:
            here.append(one)
    return here


def shares_add_up():
    settings = f"processes {{ gates {GATES} }}\nlimits {{ connections {ALL} }}\n"
    listens = ["{ tls none; plaintext-login yes }", f"{{ tls none; plaintext-login yes; connections {DOOR} }}"]
    with Office(settings=settings, listens=listens, shape="split") as office:
        office.start()
        door = fill(office.ports[1], DOOR)
        assert len(door) == DOOR, len(door)
        assert not any(greeted(office.ports[1]) for _ in range(40))
        rest = fill(office.ports[0], ALL - DOOR)
        assert len(rest) == ALL - DOOR, len(rest)
        assert not any(greeted(office.ports[0]) for _ in range(40))
        for one in door + rest:
            one.close()


run(shares_add_up)
