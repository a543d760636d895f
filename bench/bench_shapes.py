#!/usr/bin/env python3
"""Shapes: what it costs that the server stands as several processes instead of one."""
import os

import yard

MS = 500  # of one run
POLLS = {"empty": 0, "1000": 1000, "10000": 10000}  # messages
DROPS = {"4k": (1000, 4000), "100k": (200, 100000), "20m": (5, 20000000)}  # messages, octets of each
CASES = (("4k", 1), ("4k", 32), ("100k", 1), ("20m", 1))


def poll(server, tls, size, slots):
    count, octets = size
    said = yard.load(server, tls, "poll", "-u", f"n{count}x%", "-c", slots, "-s", MS, "-n", count, "-o", octets, "-l")
    return {"rate": said["sessions"] / said["seconds"], "p50": said["p50_us"] / 1000,
            "cpu": said["cpu"] / said["sessions"] * 1e6}


def retr(place, server, tls, drop, window):
    cur = os.path.join(place.office.maildir(f"r{drop}0"), "cur")
    said = yard.load(server, tls, "fetch", "-u", f"r{drop}%", "-f", cur, "-w", window, "-s", MS)
    return {"rate": said["octets"] / 1e6 / said["fetch_seconds"], "p50": 0,
            "cpu": said["cpu"] / said["sessions"] / DROPS[drop][0] * 1e6}


def show(words, results):
    one, many = results
    yard.row(*words, one["rate"], one["p50"], one["cpu"], many["rate"], many["p50"], many["cpu"], many["cpu"] / one["cpu"])


def bench():
    with yard.Yard() as place:
        data = yard.content(2000)
        sizes = {name: [place.add_user(f"n{count}x{number}", [data] if count else [], count) for number in range(16)][0]
                 for name, count in POLLS.items()}
        for drop, (count, octets) in DROPS.items():
            place.add_user(f"r{drop}0", [yard.content(octets, seed) for seed in range(count)])
        place.start()
        for other in place.servers[1:]:
            other.stop()
        place.servers[1:] = [yard.Separated(place)]
        place.rest()
        print(f"# one process beside keeper, gates, auth and store; medians of {yard.RUNS} runs in turns, {MS} ms each")
        print("# polls: sessions/s  p50 ms  CPU µs of a session; RETR: MB/s  -  CPU µs of a message; one, separated, CPU ratio")
        for name, size in sizes.items():
            for slots, tls in ((1, "plain"), (16, "plain"), (16, "full")):
                for server in place.servers:
                    poll(server, tls, size, slots)
                show((name, tls, str(slots)), yard.in_turns(
                    place.servers, lambda server, t=tls, s=slots, z=size: poll(server, t, z, s)))
        for drop, window in CASES:
            for tls in ("plain", "full"):
                for server in place.servers:
                    retr(place, server, tls, drop, window)
                show((drop, tls, str(window)), yard.in_turns(
                    place.servers, lambda server, t=tls, d=drop, w=window: retr(place, server, t, d, w)))


yard.main(bench)
