#!/usr/bin/env python3
"""Which rules of rules.txt are proven, and by what. TAP; a rule in scope without a test is a failure."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
STATUSES = ("test", "client", "later", "moot")
PARTS = ("PORT", "QC", "QS")  # families of which the list has only what is proven


def rules():
    found = {}
    with open(os.path.join(HERE, "rules.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            name, status, text = line.split(None, 2)
            if status not in STATUSES or name in found:
                sys.exit(f"rules.txt:{number}: {line.strip()}")
            found[name] = (status, text.strip())
    return found


def named(known):
    """Rule -> files that say they prove it; talks by `# Rules:`, C tests by function, others by comment."""
    families = "|".join(sorted({name.split("-")[0].lower() for name in known}))
    function = re.compile(rf"\b((?:(?:{families})_\d{{3}}_)+)\w+\(")
    comment = re.compile(r"Rules?: *((?:[A-Z0-9]+-\d+[ ,]*)+)")
    proven = {}
    for folder, _, files in os.walk(TESTS):
        for file in files:
            path = os.path.join(folder, file)
            if not file.endswith((".talk", ".c", ".py", ".t")) or path == os.path.abspath(__file__):
                continue
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
            names = {name for match in comment.finditer(text) for name in re.findall(r"[A-Z0-9]+-\d+", match[1])}
            if file.endswith(".c"):
                names |= {name.upper().replace("_", "-") for m in function.finditer(text)
                          for name in re.findall(r"[a-z0-9]+_\d{3}", m[1])}
            for name in names:
                proven.setdefault(name, []).append(os.path.relpath(path, TESTS))
    return proven


def main():
    known = rules()
    proven = named(known)
    unknown = sorted(name for name in set(proven) - set(known) if name.split("-")[0] not in PARTS)
    missing = [name for name, (status, _) in known.items() if status == "test" and name not in proven]
    silent = sorted(file for folder, _, files in os.walk(HERE) for file in files
                    if file.endswith(".talk") and not any(file in p for ps in proven.values() for p in ps))
    print("1..3")
    for name in unknown:
        print(f"# {name} is not in rules.txt, but named by {proven[name][0]}")
    print(f"{'not ' if unknown else ''}ok 1 - every rule that a test names is in rules.txt")
    for name in missing:
        print(f"# {name} {known[name][1]}")
    scope = [name for name, (status, _) in known.items() if status == "test"]
    print(f"{'not ' if missing else ''}ok 2 - {len(scope) - len(missing)} of {len(scope)} rules in scope are proven")
    for file in silent:
        print(f"# {file} names no rule")
    print(f"{'not ' if silent else ''}ok 3 - every talk says what it proves")
    for status in STATUSES[1:]:
        print(f"# {status}: {sum(s == status for s, _ in known.values())} rules")
    return 1 if unknown or missing or silent else 0


if __name__ == "__main__":
    sys.exit(main())
