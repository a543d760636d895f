#!/usr/bin/env python3
"""Idle: what a connection that does nothing costs in memory, before and after login, plain and with TLS."""
import subprocess

import yard

MANY = min(2000, (yard.HARD - 500) // 6)  # a session has five descriptors, its client one
DOVECOT_MANY = 200  # it has a process for each that has logged in
CASES = (("greeted", "plain"), ("greeted", "full"), ("logged-in", "plain"), ("logged-in", "full"))


def warm(server, tls):
    """Buffers, tables and code pages that are there once for all."""
    yard.load(server, tls, "poll", "-u", "u%", "-c", 8, "-s", 50)


def hold(server, state, tls, count):
    words = [yard.LOAD, "idle", "-p", str(server.ports[tls]), "-t", tls, "-c", str(count), "-u", "u%", "-P", "secret"]
    if state == "logged-in":
        words.append("-a")
    empty, files = yard.memory(server), yard.descriptors(server)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        full, more_files = yard.memory(server), yard.descriptors(server)
        process.stdin.close()
    assert process.returncode == 0
    yard.row(server.name, state, tls, str(count), (full - empty) / count, (more_files - files) / count, empty)


def bench():
    print("# KiB (Pss of all processes of the server, without what the kernel keeps for sockets) and descriptors")
    print("# for each of so many connections; empty: KiB of the server without any")
    print("# server    state       tls         count              KiB  descriptors    empty")
    with yard.Yard() as place:
        for number in range(MANY):
            place.add_user(f"u{number}")
        place.start()
        for number, (state, tls) in enumerate(CASES):
            if number:
                place.again()
            for server in place.servers:
                warm(server, tls)
                few = server.name == "dovecot" and state == "logged-in"
                hold(server, state, tls, DOVECOT_MANY if few else MANY)


yard.main(bench)
