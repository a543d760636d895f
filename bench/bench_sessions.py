#!/usr/bin/env python3
"""Sessions: a poll (USER PASS STAT LIST UIDL QUIT) over maildrops of three sizes, plain and with TLS."""
import ctypes

import yard

MS = 500  # of one run
SIZES = {"empty": (0, 64), "1000": (1000, 16), "10000": (10000, 4)}  # messages, users
SLOTS = {"empty": (1, 16, 64), "1000": (1, 16), "10000": (1, 4)}
WAYS = ("plain", "full", "resumed")


def poll(server, tls, size, slots, prefix=None):
    count, octets = size
    said = yard.load(server, tls, "poll", "-u", prefix or f"n{count}x%", "-c", slots, "-s", MS, "-n", count,
                     "-o", octets, "-l")
    return {"rate": said["sessions"] / said["seconds"], "p50": said["p50_us"] / 1000, "p99": said["p99_us"] / 1000,
            "cpu": said["cpu"] / said["sessions"] * 1e6}


def fill(place):
    sizes = {}
    data = yard.content(2000)
    for name, (count, users) in SIZES.items():
        for number in range(users):
            sizes[name] = place.add_user(f"n{count}x{number}", [data] if count else [], count)
    return sizes


def slow_hash():
    """The default scheme at its default cost (4 MiB, about 16 ms)."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return "{YESCRYPT}" + crypt(b"secret", b"$y$j9T$benchbenchbenchbench1/$").decode()


def show(words, results):
    ours, theirs = results[0], (results + [None])[1]
    columns = [ours["rate"], ours["p50"], ours["p99"], ours["cpu"]]
    if theirs:
        columns += [theirs["rate"], theirs["p50"], theirs["p99"], theirs["cpu"], theirs["cpu"] / ours["cpu"]]
    yard.row(*words, *columns)


def ways(name):
    """Few clients at once tell the cost alone, many tell that it stays; all sizes with all of TLS once."""
    for slots in SLOTS[name]:
        for tls in WAYS:
            if tls == "plain" or slots != SLOTS[name][0] or name == "empty":
                yield slots, tls


def bench():
    with yard.Yard() as place:
        sizes = fill(place)
        place.add_user("slow0", scheme=slow_hash())
        place.start()
        place.rest()
        print(f"# a poll: connect USER PASS STAT LIST UIDL QUIT; medians of {yard.RUNS} runs in turns, {MS} ms each")
        print("# sessions/s and ms share the machine with the load; CPU µs is all that the server's processes spent")
        print("# each group: sessions/s  p50 ms  p99 ms  CPU µs; " + ", ".join(s.name for s in place.servers)
              + "; then CPU of the last over CPU of the first")
        print("# messages  tls         at-once")
        for name in SIZES:
            for server in place.servers:  # caches and indexes are warm before anything is measured
                poll(server, "plain", sizes[name], SIZES[name][1])
            for slots, tls in ways(name):
                show((name, tls, str(slots)), yard.in_turns(
                    place.servers, lambda server, n=name, t=tls, s=slots: poll(server, t, sizes[n], s)))
        print("# the same with a password hash of the default cost (YESCRYPT) instead of {PLAIN}; one client")
        show(("empty", "plain", "1"), yard.in_turns(
            place.servers[:1], lambda server: poll(server, "plain", (0, 0), 1, "slow%")))


yard.main(bench)
