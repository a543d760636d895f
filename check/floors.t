#!/usr/bin/env python3
"""Floors: a folder includes only lower floors and its own; a library is named in one place only."""
import os
import re
import sys

FLOORS = [["include"], ["base"], ["proto", "sys", "conf"], ["store", "auth"], ["session"], ["fetch"], ["role", "tool"]]
LEVEL = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}

# header pattern -> path pattern where it may be included
PLACES = [
    (r"openssl/(ssl|tls1)\.h", r"src/(sys/(tls|conn)\w*|tool/probe\w*)\.[ch]$"),
    (r"uv\.h", r"src/sys/\w+\.c$"),
    (r"pthread\.h", r"src/(sys/pool|store/rados/\w+)\.c$"),
    (r"gsasl\.h", r"src/auth/(exchange|initiate)\w*\.c$"),
    (r"sodium\.h", r"src/auth/\w+\.c$"),
    (r"crypt\.h", r"src/auth/\w+\.c$"),
    (r"(n?curses|term|panel)\.h", r"src/tool/(top|explore)_screen\.c$"),
    (r"gmime/.*", r"src/tool/\w+\.[ch]$"),
    (r"(zlib|zstd|zstd_errors)\.h", r"src/(store/maildir/squeeze|fetch/ledger_text)\.c$"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    if path.startswith("include/"):
        return "include"
    return path.split("/")[1]


def faults(path, text):
    mine = room_of(path)
    for mark, name in INCLUDE.findall(text):
        if name.startswith("postfach/"):
            theirs = "include"
        elif mark == '"':
            theirs = name.split("/")[0] if "/" in name else None
            if theirs not in LEVEL:
                yield f"{path}: \"{name}\" is not written from src/"
                continue
        else:
            for header, place in PLACES:
                if re.fullmatch(header, name) and not re.match(place, path):
                    yield f"{path}: <{name}> has its own place ({place})"
            continue
        if theirs == mine:
            continue
        if LEVEL[theirs] >= LEVEL[mine]:
            yield f"{path}: {mine} includes {name}, which is not on a lower floor"
        if mine == "session" and name.startswith(("store/", "auth/")) and name not in (
                "store/store.h", "auth/auth.h", "auth/exchange.h", "auth/initiate.h", "auth/right.h"):
            yield f"{path}: session sees store/store.h and auth/ doors only, not {name}"


def sources():
    for top in ("include", "src"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".def")):
                    yield os.path.join(folder, name)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    found, files = [], 0
    for path in sources():
        files += 1
        with open(path, encoding="utf-8") as file:
            found += faults(path, file.read())
    # The check must be able to fail: three made-up breaches.
    assert list(faults("src/proto/x.c", '#include "sys/loop.h"'))
    assert list(faults("src/store/x.c", "#include <uv.h>"))
    assert list(faults("src/base/x.c", '#include "store/store.h"'))
    for fault in found:
        print("#", fault)
    print(f"1..1\n{'not ok' if found or not files else 'ok'} 1 - floors of {files} files")
    sys.exit(bool(found))


main()
