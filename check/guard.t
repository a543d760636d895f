#!/usr/bin/env python3
"""What fixed sessions cost the server, against the record (check/guard.txt): system calls, allocations, instructions.

    check/guard.t                     the test
    check/guard.t --write "WHY"       measures, and records what has changed with this reason; all of it on another toolchain
    check/guard.t --show list         of sessions of that kind (or of all): each system call, who allocates, where instructions go

Fails when a session takes one system call or one allocation more, or 3% more instructions, than recorded. It fails as
well when it takes less: a gain that is not recorded could be lost again unseen. A figure that is changed by hand without
a new reason beside it is a fault of its own.

Instructions and allocations are those of the libraries, too, and of one compiler: elsewhere than on the toolchain that the
record names only the order of the day is the same, and they are left out with a word. What TLS computes is another
thing on each processor; of a TLS session only the system calls count.
"""
import argparse
import concurrent.futures
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, "check")
RECORD = "check/guard.txt"
TOLERANCE = 0.03
TRIES = 3
HEAD = """# What fixed sessions cost each process of the server; made by check/guard.t --write "WHY" (doc/profile.md).
# 10 messages in retr and pipe, 100 kB in large, 1,000 messages in list; shapes: single is one process, the others are several.
# toolchain: {toolchain}
# kind  process    calls  allocations  instructions  why
"""
CALLS, ALLOCATIONS, INSTRUCTIONS = range(3)
NAMES = "system calls", "allocations", "instructions"


# The record


def parse(text):
    """The toolchain, and {(kind, process): ((calls, allocations, instructions), why)}; None is what does not count."""
    toolchain, rows = "", {}
    for line in text.splitlines():
        if line.startswith("# toolchain: "):
            toolchain = line.split(": ", 1)[1]
        elif line and line[0] != "#":
            kind, role, *figures, why = (line.split(None, 5) + [""])[:6]
            rows[kind, role] = tuple(None if f == "-" else int(f.replace(",", "")) for f in figures), why.strip()
    return toolchain, rows


def spell(toolchain, rows):
    lines = []
    for (kind, role), (figures, why) in rows.items():
        words = ["-" if f is None else f"{f:,}" for f in figures]
        lines.append(f"{kind:<6}  {role:<8} {words[0]:>7} {words[1]:>12} {words[2]:>13}  {why}\n")
    return HEAD.format(toolchain=toolchain) + "".join(lines)


def strays(name, recorded, seen):
    """One figure: how it is off the record, or None."""
    if recorded is None or seen is None or recorded == seen:
        return None
    if name == INSTRUCTIONS and abs(seen - recorded) <= recorded * TOLERANCE:
        return None
    share = f" ({(seen - recorded) / recorded:+.1%})" if recorded else ""
    return f"{NAMES[name]} {recorded:,} -> {seen:,}{share}"


def differences(rows, seen):
    """[(row, which figure, what is off, whether it grew)]"""
    found = []
    for row in {**rows, **seen}:
        old = rows[row][0] if row in rows else (0, 0, 0)
        new = seen.get(row, (0, 0, 0))
        for name in range(3):
            if off := strays(name, old[name], new[name]):
                found.append((row, name, off, new[name] > old[name]))
    return found


def unexplained(before, after):
    """Rows with other figures and the same words as before, or none at all."""
    return [row for row, (figures, why) in after.items()
            if not why or (row in before and before[row][0] != figures and before[row][1] == why)]


def earlier():
    """The record as it was committed, before what stands in the file now: [(text before, text after)]."""
    def git(*words):
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""
    last = git("log", "-1", "--format=%H", "--", RECORD).strip()
    if not last:
        return []
    now = git("show", f"{last}:{RECORD}")
    with open(RECORD, encoding="utf-8") as file:
        return [(now, file.read()), (git("show", f"{last}^:{RECORD}"), now)]


def check_the_check():
    """It must see what is more or less, and nothing else."""
    rows = {("poll", "gate"): ((40, 10, 100000), "a")}
    for seen, count in (((40, 10, 102900), 0), ((40, 10, 97100), 0), ((40, 10, 103100), 1), ((40, 10, 96900), 1),
                        ((41, 10, 100000), 1), ((39, 11, 100000), 2), ((40, None, None), 0)):
        assert len(differences(rows, {("poll", "gate"): seen})) == count, seen
    assert len(differences(rows, {**{row: figures for row, (figures, _) in rows.items()}, ("poll", "new"): (1, 0, 0)})) == 1
    assert not unexplained(rows, rows) and not unexplained(rows, {("poll", "gate"): ((41, 1, 1), "b")})
    assert unexplained(rows, {("poll", "gate"): ((41, 1, 1), "a")}) and unexplained({}, {("poll", "gate"): ((1, 1, 1), "")})
    assert parse(spell("x", rows)) == ("x", rows)
    more, same = {("poll", "gate"): (41, 10, 100000)}, {("poll", "gate"): (40, 10, 100000)}
    assert lasting(rows, more, lambda: more) and not lasting(rows, more, lambda: same)


# Where it runs


def said(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def toolchain(folder):
    """Versions to the second number: corrections of faults may come in."""
    with open(folder + "/compile_commands.json", encoding="utf-8") as file:
        compiler = json.load(file)[0]["command"].split(" -")[0].split()[-1]
    version = said(compiler, "--version").splitlines()[:1] or ["?"]
    words = ["clang" if "clang" in version[0] else "gcc", version[0].split()[-1].split(".")[0], "glibc " + platform.libc_ver()[1]]
    words[:2] = [" ".join(words[:2])]
    words += [name + " " + ".".join(said("pkg-config", "--modversion", name).strip().split(".")[:2])
              for name in ("libuv", "openssl", "libsodium", "libgsasl")]
    words.append(".".join(said("valgrind", "--version").strip().split(".")[:2]))
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        words.append(platform.machine() + (" avx2" if " avx2 " in file.read() else ""))
    return ", ".join(words)


def lacking():
    """Why nothing can be measured here, or ""."""
    if not said("strace", "-V"):
        return "there is no strace"
    if subprocess.run(["strace", "-D", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        return "nobody may trace here"
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
        file.flush()
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError:
            return "files in the temporary folder cannot be read without waiting"
    return ""


def measure(counts_instructions):
    """{(kind, process): figures}, and what guard_rig tells of calls and of functions, by (kind, process)."""
    import guard_rig  # builds the server
    if counts_instructions:
        guard_rig.plain.build("test/role/counted.so")
    shapes = "single", "split"
    with concurrent.futures.ProcessPoolExecutor(4, max_tasks_per_child=1) as pool:  # a process for each
        counted = [pool.submit(guard_rig.under_callgrind, shape) for shape in shapes if counts_instructions]
        traced = [pool.submit(guard_rig.under_strace, shape) for shape in shapes]
        calls, names = merged([task.result() for task in traced], 2)
        instructions, allocations, dumps = merged([task.result() for task in counted], 3)
    seen = {}

    def order(row):
        return [*guard_rig.KINDS].index(row[0]), ("single", "gate", "store", "auth", "keeper").index(row[1])
    for kind in guard_rig.KINDS:
        for row in calls:
            if row[0] == kind:
                tls = kind == "tls" or not counts_instructions
                seen[row] = (calls[row], *(2 * [None] if tls else [allocations.get(row, 0), instructions.get(row, 0)]))
    return {row: seen[row] for row in sorted(seen, key=order) if any(seen[row])}, \
        names, dumps


def merged(results, count):
    return [{row: value for result in results for row, value in result[n].items()} for n in range(count)]


# What is done with it


def show(kind, names, dumps):
    for row in names:
        if kind not in (row[0], "all") or not names[row]:
            continue
        print(f"== {' '.join(row)}: {len(names[row])} system calls")
        print("".join(f"   {name[:100]}\n" for name in names[row]), end="")
        if row in dumps:
            dump = dumps[row]
            print(f"   {dump.allocations} allocations: " + ", ".join(f"{n} {f}" for f, n in dump.callers.most_common()))
            print(f"   {dump.instructions:,} instructions: " + ", ".join(f"{n:,} {f}" for f, n in dump.own.most_common(16)))


def both(one, other):
    """The least of two measurements."""
    return {row: tuple(None if None in pair else min(pair) for pair in zip(one[row], other[row])) for row in one if row in other}


def write(rows, seen, why, where):
    off = {row for row, *_ in differences(rows, seen)}
    now = {row: (figures, why if row in off or row not in rows else rows[row][1]) if row in off or row not in rows
           else rows[row] for row, figures in seen.items()}
    with open(RECORD, "w", encoding="utf-8") as file:
        file.write(spell(where, now))
    for row, _, what, _ in differences(rows, seen):
        print(" ".join(row), what)


def lasting(rows, seen, again):
    """What is off each time: on a machine that is very busy a timer may come into every session of a kind."""
    off = differences(rows, seen)
    for _ in range(TRIES - 1):
        if off:
            found = {(row, name, grew) for row, name, _, grew in differences(rows, again())}
            off = [(row, name, what, grew) for row, name, what, grew in off if (row, name, grew) in found]
    return off


def test(rows, seen, complete):
    off = lasting(rows, seen, lambda: measure(complete)[0])
    for row, _, what, grew in off:
        print(f"# {' '.join(row)}: {what}" + ("" if grew else ": record the gain"))
    faults = [f"{' '.join(row)}: other figures need a reason" for before, after in earlier()
              for row in unexplained(parse(before)[1], parse(after)[1])]
    print("".join(f"# {fault}\n" for fault in faults), end="")
    if off:
        print('# If that is meant: check/guard.t --write "WHY", and commit check/guard.txt with the change.')
    what = "" if complete else ", instructions and allocations left out"
    print(f"{'not ' if off else ''}ok 1 - {len(seen)} accounts of sessions are as recorded{what}")
    print(f"{'not ' if faults else ''}ok 2 - what changed in the record has a reason")
    return bool(off or faults)


def main():
    given = argparse.ArgumentParser()
    given.add_argument("--write", metavar="WHY")
    given.add_argument("--show", metavar="KIND")
    given = given.parse_args()
    check_the_check()
    why_not = lacking()
    if why_not:
        print(f"1..0 # SKIP {why_not}")
        return 0
    with open(RECORD, encoding="utf-8") as file:
        there, rows = parse(file.read())
    import guard_rig
    here = toolchain(guard_rig.BUILD)
    complete = "valgrind" in here and (here == there or bool(given.write or given.show))
    if not complete:
        print(f"# recorded with {there}\n# this is      {here}")
    seen, names, dumps = measure(complete)
    if given.show:
        show(given.show, names, dumps)
    elif given.write:
        write(rows if here == there else {}, both(seen, measure(complete)[0]), given.write, here)
    else:
        print("1..2")
        return test(rows, seen, complete)
    return 0


if __name__ == "__main__":
    sys.exit(main())
