#!/usr/bin/env python3
"""Sizes: no function over 60 lines or six parameters, no file over 500 lines, no line over 120."""
import os
import re
import sys

FUNCTION_MAX, FILE_MAX, LINE_MAX, PARAMETERS_MAX = 60, 500, 120, 6


def functions(lines):
    """(first line, last line, head) of each function: `{` and `}` alone in the first column."""
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{" and start is None:
            head = n - 1
            while head > 1 and lines[head - 2].strip() and not lines[head - 2].rstrip().endswith((";", "}", "*/")) \
                    and not lines[head - 2].startswith("#"):
                head -= 1
            start = head
        elif line.startswith("}") and start is not None:
            yield start, n, " ".join(lines[start - 1:n])
            start = None


def parameters(head):
    inner = head[head.find("(") + 1:head.find("{")]
    depth, count = 0, 1
    for c in inner:
        depth += c in "("
        depth -= c in ")"
        if depth < 0:
            break
        count += c == "," and depth == 0
    return count


def faults(path, lines):
    if len(lines) > FILE_MAX:
        yield f"{path}: {len(lines)} lines, at most {FILE_MAX}: a table or a room is missing"
    for n, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            yield f"{path}:{n}: {len(line)} columns, at most {LINE_MAX}"
    for first, last, head in functions(lines):
        if last - first + 1 > FUNCTION_MAX:
            yield f"{path}:{first}: function of {last - first + 1} lines, at most {FUNCTION_MAX}"
        if parameters(head) > PARAMETERS_MAX:
            yield f"{path}:{first}: {parameters(head)} parameters, at most {PARAMETERS_MAX}"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    found, files, lengths = [], 0, []
    for top in ("include", "src", "test", "bench"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if not re.search(r"\.[ch]$", name):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    lines = file.read().split("\n")[:-1]
                files += 1
                found += faults(path, lines)
                lengths += [last - first + 1 for first, last, _ in functions(lines)]
    assert list(faults("x.c", ["int f(void)", "{"] + [""] * 60 + ["}"]))
    assert list(faults("x.c", ["int f(int a, int b, int c, int d, int e, int f, int g)", "{", "}"]))
    assert list(faults("x.c", ["x;"] * 501))
    for fault in found:
        print("#", fault)
    lengths.sort()
    median = lengths[len(lengths) // 2] if lengths else 0
    print(f"1..1\n{'not ok' if found or not files else 'ok'} 1 - sizes: {files} files, "
          f"{len(lengths)} functions, median {median} lines")
    sys.exit(bool(found))


main()
