"""The rows of the benchmark, what is to be reached, and how the table is set."""
import dataclasses
import os
import re
import resource
import statistics
import subprocess

POLLED = {"n0x": (0, 64), "n1000x": (1000, 16), "n10000x": (10000, 4), "n100000x": (100000, 1)}  # messages, users
FETCHED = {"rb": (1000, 4000), "rc": (200, 100000), "rm": (5, 20000000)}  # messages, octets of each
OWN = ["separated", "single", "dovecot tuned", "dovecot", "limit"]  # those of many users, in the order of columns
COLD = 16  # users who log in for the first time, in one run
EDGES = ("<!-- the table begins -->", "<!-- the table ends -->")


PAIRS = {True: 3, False: 5}  # in the quick form, in the full one
DELIVERED = ["deliver-4k-1", "deliver-4k-8", "deliver-4k-64"]  # of bench_deliver.py


def held(quick):
    """How many: a session that reads may cost a server some descriptors."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return {"idle": 2000 if quick else min(15000, most - 1000), "slow": 1000 if quick else min(15000, (most - 2000) // 6),
            "login": 320 if quick else 2048}


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
    users: int = 0  # the sessions of all clients go through so many in turns; 0: each client has one
    lists: bool = False
    window: int = 1
    login: bool = True
    held: str = ""
    share: float = 1  # of those that are held
    others: str = None  # maildrop of the servers of one user: "" is an empty one
    unit: str = "cpu"
    quick: bool = True  # in the quick form, too
    shown: bool = True  # in the table; else only in the picture


def full(*words, **more):
    return Row(*words, quick=False, **more)


ROWS = [
    Row("poll", "poll, empty maildrop", "poll", 120, 85, others=""),
    Row("poll-1", "the same, one client at a time", "poll", clients=1),
    Row("poll-64", "the same, 64 clients, 64 users", "poll", clients=64),
    Row("stored-plain", "the same, 16 clients, password stored in plain text", "poll", box="h"),
    full("users-256", "256 users in turn", "poll", box="h", users=256, shown=False),
    Row("users", "the same, 2,048 users in turn (quick form: 320)", "poll", box="h", users=2048),
    Row("cold", "poll, first login (SHA512-crypt)", "cold"),
    Row("tls", "poll, TLS 1.3, full handshake (ECDSA)", "poll", 400, tls="full", others=""),
    Row("resumed", "poll, TLS, resumed", "poll", tls="resumed"),
    Row("stls", "poll, STLS, full handshake", "poll", tls="stls full"),
    full("stls-resumed", "poll, STLS, resumed", "poll", tls="stls resumed"),
    full("tls-1000", "poll, TLS, full handshake, 1,000 messages", "poll", box="n1000x", tls="full"),
    full("tls-10000", "poll, TLS, full handshake, 10,000 messages", "poll", box="n10000x", tls="full"),
    Row("list-1000", "poll, LIST, UIDL, 1,000 messages", "poll", 160, box="n1000x", lists=True, others="rb"),
    Row("list-10000", "poll, LIST, UIDL, 10,000 messages", "poll", 260, box="n10000x", lists=True),
    full("list-10000-tls", "the same, TLS, full handshake", "poll", box="n10000x", lists=True, tls="full"),
    Row("list-100000", "poll, LIST, UIDL, 100,000 messages", "poll", 2200, box="n100000x", lists=True),
    Row("retr-4k", "RETR 4 kB, one by one", "fetch", 17, box="rb", others="rb"),
    Row("retr-4k-32", "RETR 4 kB, pipelined by 32", "fetch", 11, box="rb", window=32, others="rb"),
    full("retr-4k-tls", "RETR 4 kB, TLS, one by one", "fetch", box="rb", tls="full"),
    Row("erase-4k", "RETR and DELE 4 kB, durable QUIT", "erase", 45, box="rb", others="rb"),
    full("erase-4k-32", "the same, pipelined by 32", "erase", box="rb", window=32),
    Row("retr-100k", "RETR 100 kB", "fetch", 58, box="rc", others="rc"),
    full("retr-100k-32", "RETR 100 kB, pipelined by 32", "fetch", box="rc", window=32),
    Row("retr-100k-tls", "RETR 100 kB, TLS", "fetch", 95, box="rc", tls="full", others="rc"),
    Row("retr-20m", "RETR 20 MB", "fetch", 11500, box="rm"),
    full("retr-20m-tls", "RETR 20 MB, TLS", "fetch", box="rm", tls="full"),
    Row("greeted", "memory of a connection before login, plain, KiB", "memory", login=False, unit="kib"),
    Row("idle", "memory of a session, plain, KiB", "memory", 4, unit="kib"),
    Row("greeted-tls", "memory of a connection before login, TLS, KiB", "memory", login=False, tls="full", unit="kib"),
    Row("idle-tls", "memory of a session, TLS, KiB", "memory", 20, tls="full", unit="kib"),
    full("beside-tenth", "p99 of a poll beside a tenth of the idle connections", "pairs", held="idle", share=0.1,
         unit="ratio", shown=False),
    Row("beside-idle", "p99 of a poll beside idle connections, times that without", "pairs", 2, held="idle",
        unit="ratio"),
    Row("beside-slow", "p99 of a poll beside slow readers, times that without", "pairs", 2, held="slow",
        unit="ratio"),
]


def summary(row, runs):
    """Medians; how far the middle run is from them (the median of the distances), in parts; and the runs themselves."""
    said = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    if len(runs) > 1 and said[row.unit]:
        said["spread"] = statistics.median(abs(run[row.unit] - said[row.unit]) for run in runs) / said[row.unit]
    return {**said, "runs": [round(run[row.unit], 3) for run in runs]}


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


def cell(row, name, said, notes):
    if not said:
        return "–"
    if "fails" in said:
        notes.append(f"{name}, {row.says}: {said['fails']}")
        return f"fails [{len(notes)}]"
    spread = f" ±{said['spread'] * 100:.0f}%" if "spread" in said else ""
    return number(said[row.unit]) + spread + (verdict(row, name, said) if name in OWN[:2] else "")


def costs(found, names, notes):
    lines = ["| | " + " | ".join(names) + " | tuned / separated | separated / limit |",
             "|---|" + "---:|" * (len(names) + 2)]
    for row in (row for row in ROWS if row.key in found and row.shown):
        cells = [cell(row, name, found[row.key].get(name), notes) for name in names]
        cells += [times(row, found[row.key], "dovecot tuned"), times(row, found[row.key], "limit", True)]
        lines.append(f"| {says(row, found[row.key])} | " + " | ".join(cells) + " |")
    return lines


def says(row, result):
    many = max((said["many"] for said in result.values() if "many" in said), default=0) if row.kind == "pairs" else 0
    return row.says.replace("beside", f"beside {many:,.0f}") if many else row.says


def speed(said):
    return f"{number(said['rate'])} {number(said['p50'])} {number(said['p99'])}" if said and "rate" in said else "–"


def speeds(found, names):
    lines = ["| rate /s, p50 ms, p99 ms | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for row in (row for row in ROWS if row.key in found and row.shown and row.kind != "memory"):
        what = says(row, found[row.key]).replace("p99 of a poll", "poll").replace(", times that without", "")
        lines.append(f"| {what} | " + " | ".join(speed(found[row.key].get(name)) for name in names) + " |")
    return lines


def deliveries(delivered):
    """bench_deliver.py's: rates, and beside them what the target is about."""
    if not delivered:
        return []
    names = list(dict.fromkeys(name for result in delivered.values() for name in result))
    lines = ["", "| deliveries by LMTP: rate /s, p50 ms, p99 ms, CPU µs | " + " | ".join(names) + " | separated / best other |",
             "|---|" + "---:|" * (len(names) + 1)]
    for key, result in delivered.items():
        _, octets, clients = key.split("-")
        rates = {name: said["rate"] for name, said in result.items() if name not in OWN[:2]}
        ratio = result["separated"]["rate"] / max(rates.values()) if rates and "separated" in result else 0
        target = f" (≥ 1.5 {'met' if ratio >= 1.5 else '**missed**'})" if clients == "64" and ratio else ""
        cells = [f"{speed(result.get(name))} {number(result[name]['cpu'])}" if name in result else "–" for name in names]
        lines.append(f"| {octets.replace('k', ' kB')}, {clients} at once | " + " | ".join(cells) +
                     f" | {number(ratio) + target if ratio else '–'} |")
    return lines


def head(wish, seconds, other):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return (f"{model.group(1) if model else 'unknown processor'}, {os.cpu_count()} cores"
            f"{'' if wish.free else ', one of them used'}; commit {commit or 'unknown'}; "
            f"{'quick' if wish.quick else 'full'} form, {seconds:.0f} s; other work took {other:.0%} of the processors")


def text(found, delivered, about):
    names, notes = names_in(found), []
    lines = [about, "", "CPU µs of all the server's processes, for a session (poll) or a message (RETR), unless a row says "
             "something else; medians of runs in turns, ± the median distance from it.", "", *costs(found, names, notes), ""]
    lines += [f"{at}. {note}" for at, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", *speeds(found, names), *deliveries(delivered)]) + "\n"


def write(path, table):
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(EDGES[0])
    after = rest.split(EDGES[1])[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{EDGES[0]}\n{table}{EDGES[1]}{after}")
