#!/usr/bin/env python3
"""Links: every relative link of every Markdown page leads to a file, and its #anchor to a heading."""
import os
import re
import sys

LINK = re.compile(r"!?\[[^\]\n]*(?:\n[^\]\n]*)?\]\(<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.M)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)


def prose(text):
    """Without code, where brackets and parentheses mean something else; line count kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"^( {0,3})(```|~~~).*?^ {0,3}\2[^\n]*$", blank, text, flags=re.M | re.S)
    return re.sub(r"(`+)[^`\n].*?\1", blank, text)


def anchors(text):
    """As renderers make them of headings: small letters, digits, '-' and '_'; spaces become '-'."""
    found, seen = set(), {}
    for heading in HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        seen[name] = seen.get(name, -1) + 1
        found.add(name if seen[name] == 0 else f"{name}-{seen[name]}")
    return found


def faults(path, text, exists, read):
    """(fault or None) for each relative link."""
    bare = prose(text)
    for match in [*LINK.finditer(bare), *REFERENCE.finditer(bare)]:
        target = match.group(1)
        if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
            continue
        file, _, anchor = target.partition("#")
        where = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        line = bare.count("\n", 0, match.start()) + 1
        if file.startswith("/") or where.startswith(".."):
            yield f"{path}:{line}: {target} leads out of this tree"
        elif not exists(where):
            yield f"{path}:{line}: {target} is not there"
        elif anchor and where.endswith(".md") and anchor not in anchors(text if not file else read(where)):
            yield f"{path}:{line}: {target}: no such heading"
        else:
            yield None


def pages():
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(f for f in folders if f != ".git" and not f.startswith("build"))
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.normpath(os.path.join(folder, name))


def read_file(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_the_check():
    """It must see what is broken, and nothing else."""
    def look(text):
        made = faults("a/x.md", text, lambda p: p in ("a/x.md", "a/y.md", "b.c"), lambda p: "# One, two\n")
        return [fault for fault in made if fault]
    for bad in ("[t](no.md)", "[t](../y.md)", "[t](y.md#three)", "[t](#none)", "[t](/etc/passwd)", "![t](no.png)",
                "[long\ntext](no.md)", "[r]: no.md", "[t](../../x.md)"):
        assert len(look(bad)) == 1, bad
    for good in ("[t](y.md)", "[t](../b.c)", "[t](y.md#one-two)", "# H h\n[t](#h-h)", "[t](https://example.org/no.md)",
                 "`[t](no.md)`", "```\n[t](no.md)\n```", "[r]: y.md"):
        assert not look(good), good


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    check_the_check()
    links, files, found = 0, 0, []
    for path in pages():
        files += 1
        for fault in faults(path, read_file(path), os.path.exists, read_file):
            links += 1
            found += [fault] if fault else []
    for fault in found:
        print("#", fault)
    good = not found and links > 10
    print(f"1..1\n{'ok' if good else 'not ok'} 1 - {links} links in {files} pages")
    sys.exit(not good)


main()
