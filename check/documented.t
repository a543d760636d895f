#!/usr/bin/env python3
"""Documented: each verb, event, manual and page of a block is named where a reader looks for it."""
import os
import re
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(path, macro):
    return re.findall(rf"^{macro}\((\w+)[,)]", read(path), re.M)


def listed(folder, pattern):
    return sorted(name for name in os.listdir(folder) if re.fullmatch(pattern, name))


def missing(names, text, form):
    return [name for name in names if not re.search(form.format(re.escape(name)), text)]


def main():
    checks = [
        ("verbs in doc/block/engine.md", rows("include/postfach/pop3_words.def", "PF_WORD"),
         read("doc/block/engine.md"), r"\b{}\b"),
        ("events in doc/block/log.md", rows("src/base/events.def", "PF_EVENT"),
         read("doc/block/log.md"), r"\*\*{}\*\*"),
        ("events in doc/block/journal.md", rows("src/base/journal.def", "PF_JOURNAL_EVENT"),
         read("doc/block/journal.md"), r"`{}`"),
        ("manuals in man/meson.build", listed("man", r".+\.[1-8]"), read("man/meson.build"), "'{}'"),
        ("pages in ARCHITECTURE.md", listed("doc/block", r".+\.md"), read("ARCHITECTURE.md"), r"\(doc/block/{}\)"),
        ("decisions in ARCHITECTURE.md", listed("doc/why", r".+\.md"), read("ARCHITECTURE.md"), r"\(doc/why/{}\)"),
    ]
    assert missing(["no", "yes"], "yes", r"\b{}\b") == ["no"]
    print(f"1..{len(checks)}")
    failed = False
    for number, (what, names, text, form) in enumerate(checks, 1):
        lacks = missing(names, text, form)
        bad = bool(lacks) or len(names) < 3
        failed |= bad
        for name in lacks:
            print(f"# {name} is not there")
        print(f"{'not ok' if bad else 'ok'} {number} - {len(names)} {what}")
    sys.exit(failed)


main()
