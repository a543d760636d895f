#!/usr/bin/env python3
"""Stats: code, page and dashboard name the figures of stats.def, all of them and no others."""
import json
import os
import re
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

PROCESSES = {"g": "gate", "a": "auth", "s": "store", "d": "desk"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sources():
    for folder, _, names in os.walk("src"):
        for name in sorted(names):
            if name.endswith(".c"):
                yield read(os.path.join(folder, name))


def split_def(text):
    rows = {m[0]: m[1:] for m in re.findall(
        r'^PF_STAT\((\w+),\s*(COUNTER|GAUGE|GAUGE_MIN|HISTOGRAM),\s*"([gasd]+)",\s*(\w+),\s*(\w+),\s*"([^"]+)",'
        r'\s*"([^"]+)"\)$', text, re.M)}
    return rows, len(re.findall(r"^PF_STAT\(", text, re.M)), re.findall(r"^PF_LABEL\((\w+),", text, re.M)


def rules(rows, count, labels):
    """What a row must be, beside what the compiler sees."""
    if len(rows) != count:
        yield "a row that does not read as a row, or stands there twice"
    for name, (kind, _, first, second, _, text) in rows.items():
        if (kind == "COUNTER") != name.endswith("_total") or (kind == "HISTOGRAM" and not name.endswith("_seconds")):
            yield f"{name}: a {kind} has another name"
        if first not in labels or second not in labels or (kind != "COUNTER" and second != "none") or (
                kind.startswith("GAUGE") and first != "none"):
            yield f"{name}: labels"
        if len(text) > 159 or not text.endswith("."):
            yield f"{name}: help"


def names_in(text):
    """Figures that a text speaks of, a histogram by its own name."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) if not name.endswith("_total") else name
            for name in re.findall(r"\bpostfach_([a-z][a-z_]*)\b", text)}


def expressions(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def difference(wanted, got, where):
    return [f"{name} is not in {where}" for name in sorted(wanted - got)] + [
        f"{where} has {name}, which is no figure" for name in sorted(got - wanted)]


def main():
    rows, count, labels = split_def(read("src/base/stats.def"))
    wanted = set(rows)
    code = set(re.findall(r"\bPF_STAT_(\w+)", "\n".join(sources())))
    page = read("doc/block/ctl.md")
    told = {m[0]: m[1:] for m in re.findall(
        r"^\| `postfach_(\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.M)}
    said = {name: (kind.split("_")[0].lower(), ", ".join(PROCESSES[letter] for letter in letters),
                   ", ".join(x for x in (first, second) if x != "none") or "–", unit, text)
            for name, (kind, letters, first, second, unit, text) in rows.items()}
    board = "\n".join(expressions(json.loads(read("dist/grafana/postfach.json"))))
    # The check must be able to fail.
    assert list(rules({"x": ("COUNTER", "g", "none", "none", "calls", "X.")}, 1, ["none"]))
    assert difference({"a"}, {"b"}, "x") == ["a is not in x", "x has b, which is no figure"]
    assert names_in("rate(postfach_a_seconds_bucket{postfach_b_total}") == {"a_seconds", "b_total"}
    checks = [
        ("rows of stats.def", list(rules(rows, count, labels))),
        ("figures that code counts", difference(wanted, code, "src/")),
        ("figures of doc/block/ctl.md", [f"{n} differs from stats.def" for n in sorted(wanted | set(told))
                                         if told.get(n) != said.get(n)]),
        ("figures of the dashboard", difference(wanted, names_in(board), "dist/grafana/postfach.json")),
    ]
    print(f"1..{len(checks)}")
    failed = len(rows) < 10
    for number, (what, faults) in enumerate(checks, 1):
        failed |= bool(faults)
        for fault in faults:
            print("#", fault)
        print(f"{'not ok' if faults else 'ok'} {number} - {len(rows)} {what}")
    sys.exit(failed)


main()
