#!/usr/bin/env python3
"""Banned calls: what C offers and this house does not use, each with its reason."""
import os
import re
import sys

BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|stpcpy|strtok)\s*\(": "unbounded or stateful; use spans or snprintf",
    r"\b(system|popen|wordexp)\s*\(": "a shell never sees our words",
    r"\b(atoi|atol|atoll|atof)\s*\(": "no error on overflow; pf_parse_u64",
    r"\b(rand|srand|random|drand48)\s*\(": "not random; pf_random",
    r"\b(alloca|strdupa)\s*\(": "a stack has no error",
    r"\bgoto\b": "two exits mean two functions",
    r"\b(mktemp|tmpnam|tempnam)\s*\(": "race",
    r"\b(sleep|usleep|nanosleep)\s*\(": "nobody waits by sleeping",
    r"\btypedef\b": "no typedefs but pf_time",
    r"\baccept\s*\(\s*\w*fd|\bpipe\s*\(|\bdup\s*\(|\bcreat\s*\(": "not close-on-exec from birth",
    r"\b(ctime|asctime|gmtime|localtime|strerror_l|readdir_r|getpwnam|getgrnam|gethostbyname)\s*\(": "static buffer",
}
# (path, reason key) that are right as they stand.
EXCEPTIONS = [
    (r"include/postfach/err\.h", r"typedef int64_t pf_time"),
    (r"src/role/check\.c", r"getpwnam\("),  # one thread, at the prompt
    (r"src/sys/proc\.c", r"getpwnam\("),    # one thread, at start
    (r"src/session/.*", r"void \(\*accept\)"),
]


def strip(text):
    """Comments and strings out, line count kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)


def faults(path, text):
    for n, line in enumerate(strip(text).split("\n"), 1):
        for pattern, reason in BANNED.items():
            if re.search(pattern, line) and not any(
                    re.fullmatch(p, path) and re.search(e, line) for p, e in EXCEPTIONS):
                yield f"{path}:{n}: {line.strip()}: {reason}"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    found, files = [], 0
    for top in ("include", "src"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    files += 1
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        found += faults(path, file.read())
    assert list(faults("x.c", "strcpy(a, b);")) and list(faults("x.c", "goto out;"))
    assert not list(faults("x.c", "/* goto heaven */ puts(\"strcpy(\");"))
    for fault in found:
        print("#", fault)
    print(f"1..1\n{'not ok' if found or not files else 'ok'} 1 - banned calls in {files} files")
    sys.exit(bool(found))


main()
