#!/usr/bin/env python3
"""RETR: MB/s and processor time per MB for small, middle and large messages, plain and with TLS."""
import os

import yard

MS = 500  # of one run; a maildrop is always fetched whole
DROPS = {"4k": (1000, 4000), "100k": (200, 100000), "20m": (5, 20000000)}  # messages, octets of each
CASES = (("4k", 1), ("4k", 32), ("100k", 1), ("20m", 1))


def retr(place, server, tls, drop, window):
    cur = os.path.join(place.office.maildir(f"r{drop}0"), "cur")
    said = yard.load(server, tls, "fetch", "-u", f"r{drop}%", "-f", cur, "-w", window, "-s", MS)
    megabytes = said["octets"] / 1e6
    return {"rate": megabytes / said["fetch_seconds"], "cpu": said["cpu"] / megabytes * 1e6,
            "each": said["cpu"] / said["sessions"] / DROPS[drop][0] * 1e6}


def show(words, results):
    columns = []
    for result in results:
        columns += [result["rate"], result["cpu"], result["each"]]
    if len(results) > 1:
        columns.append(results[1]["cpu"] / results[0]["cpu"])
    yard.row(*words, *columns)


def bench():
    with yard.Yard() as place:
        for drop, (count, octets) in DROPS.items():
            place.add_user(f"r{drop}0", [yard.content(octets, seed) for seed in range(count)])
        place.start()
        place.rest()
        print(f"# all messages of a maildrop, one client; medians of {yard.RUNS} runs in turns; the load compares every octet")
        print("# MB/s (10^6 octets) is from the first RETR to the last dot; CPU is of the server's processes, with the login")
        print("# each group: MB/s  CPU µs per MB  CPU µs per message; " + ", ".join(s.name for s in place.servers)
              + "; then CPU of the last over CPU of the first")
        print("# size      tls         pipelined")
        for drop, window in CASES:
            for tls in ("plain", "full"):
                for server in place.servers:  # warm
                    retr(place, server, tls, drop, window)
                show((drop, tls, str(window)), yard.in_turns(
                    place.servers, lambda server, t=tls, d=drop, w=window: retr(place, server, t, d, w)))


yard.main(bench)
