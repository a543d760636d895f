"""The rows of the benchmark, what is to be reached, and how the table is set."""
import dataclasses
import os
import re
import subprocess

POLLED = {"n0x": (0, 64), "n1000x": (1000, 16), "n10000x": (10000, 4), "n100000x": (100000, 1)}  # messages, users
FETCHED = {"rb": (1000, 4000), "rc": (200, 100000), "rm": (5, 20000000)}  # messages, octets of each
OWN = ["separated", "single", "dovecot tuned", "dovecot", "limit"]  # those of many users, in the order of columns
COLD = 16  # users who log in for the first time, in one run
EDGES = ("<!-- the table begins -->", "<!-- the table ends -->")


def held(quick):
    return {"idle": 2000 if quick else 15000, "slow": 200 if quick else 1500, "login": 300 if quick else 2000}


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    says: str
    kind: str  # a function of table.Scene
    target: float = 0  # of the separated shape
    single: float = 0  # of the other one, where it has its own
    box: str = "n0x"
    tls: str = "plain"
    clients: int = 16
    lists: bool = False
    window: int = 1
    held: str = ""
    others: str = None  # maildrop of the servers of one user: "" is an empty one
    unit: str = "cpu"


ROWS = [
    Row("poll", "poll, empty maildrop", "poll", 120, 85, others=""),
    Row("poll-1", "the same, one client at a time", "poll", clients=1),
    Row("poll-64", "the same, 64 clients, 64 users", "poll", clients=64),
    Row("stored-plain", "the same, password stored in plain text", "poll", box="h"),
    Row("tls", "poll, TLS 1.3, full handshake (ECDSA)", "poll", 400, tls="full", others=""),
    Row("resumed", "poll, TLS, resumed", "poll", tls="resumed"),
    Row("cold", "poll, first login (SHA512-crypt)", "cold"),
    Row("list-1000", "poll, LIST, UIDL, 1,000 messages", "poll", 160, box="n1000x", lists=True, others="rb"),
    Row("list-10000", "poll, LIST, UIDL, 10,000 messages", "poll", 260, box="n10000x", lists=True),
    Row("list-100000", "poll, LIST, UIDL, 100,000 messages", "poll", 2200, box="n100000x", lists=True),
    Row("retr-4k", "RETR 4 kB, one by one", "fetch", 17, box="rb", others="rb"),
    Row("retr-4k-32", "RETR 4 kB, pipelined by 32", "fetch", 11, box="rb", window=32, others="rb"),
    Row("erase-4k", "RETR and DELE 4 kB, durable QUIT", "erase", 45, box="rb", others="rb"),
    Row("retr-100k", "RETR 100 kB", "fetch", 58, box="rc", others="rc"),
    Row("retr-100k-tls", "RETR 100 kB, TLS", "fetch", 95, box="rc", tls="full", others="rc"),
    Row("retr-20m", "RETR 20 MB", "fetch", 11500, box="rm"),
    Row("idle", "memory of an idle session, plain, KiB", "memory", 4, unit="kib"),
    Row("idle-tls", "memory of an idle session, TLS, KiB", "memory", 20, tls="full", unit="kib"),
    Row("beside-idle", "p99 of a poll beside idle connections, times that without", "beside", 2, held="idle",
        unit="ratio"),
    Row("beside-slow", "p99 of a poll beside slow readers, times that without", "beside", 2, held="slow",
        unit="ratio"),
]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def progress(row, result):
    return f"{row.says}: " + ", ".join(f"{name} {number(said[row.unit]) if row.unit in said else 'fails'}"
                                       for name, said in result.items())


def verdict(row, name, said):
    target = row.single or row.target if name == "single" else row.target
    if not target or row.unit not in said:
        return ""
    return f" (≤ {target:,.0f} {'met' if said[row.unit] <= target else '**missed**'})"


def names_in(found):
    seen = {name for result in found.values() for name in result}
    return [name for name in OWN if name in seen] + sorted(seen - set(OWN))


def times(row, result, other, turned=False):
    ours, theirs = result.get("separated", {}).get(row.unit), result.get(other, {}).get(row.unit)
    if not ours or not theirs or row.unit == "ratio":
        return ""
    return number(ours / theirs if turned else theirs / ours)


def costs(found, names, notes):
    lines = ["| | " + " | ".join(names) + " | tuned / separated | separated / limit |",
             "|---|" + "---:|" * (len(names) + 2)]
    for row in (row for row in ROWS if row.key in found):
        cells = []
        for name in names:
            said = found[row.key].get(name)
            if said and "fails" in said:
                notes.append(f"{name}, {row.says}: {said['fails']}")
                cells.append(f"fails [{len(notes)}]")
            else:
                cells.append(number(said[row.unit]) + (verdict(row, name, said) if name in OWN[:2] else "") if said else "–")
        cells += [times(row, found[row.key], "dovecot tuned"), times(row, found[row.key], "limit", True)]
        lines.append(f"| {row.says} | " + " | ".join(cells) + " |")
    return lines


def speeds(found, names):
    lines = ["| rate /s, p50 ms, p99 ms | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for row in (row for row in ROWS if row.key in found and row.kind != "memory"):
        cells = []
        for name in names:
            said = found[row.key].get(name, {})
            cells.append(f"{number(said['rate'])} {number(said['p50'])} {number(said['p99'])}" if "rate" in said else "–")
        lines.append(f"| {row.says} | " + " | ".join(cells) + " |")
    return lines


def head(quick, seconds, other):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return (f"{model.group(1) if model else 'unknown processor'}, {os.cpu_count()} cores; commit {commit or 'unknown'}; "
            f"{'quick' if quick else 'full'} form, {seconds:.0f} s; other work took {other:.0%} of the processors")


def text(found, about):
    names, notes = names_in(found), []
    lines = [about, "", "CPU µs of all the server's processes, for a session (poll) or a message (RETR), unless a row says "
             "something else; medians of runs in turns.", "", *costs(found, names, notes), ""]
    lines += [f"{at}. {note}" for at, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", *speeds(found, names)]) + "\n"


def write(path, table):
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(EDGES[0])
    after = rest.split(EDGES[1])[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{EDGES[0]}\n{table}{EDGES[1]}{after}")
