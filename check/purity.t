#!/usr/bin/env python3
"""Purity: the protocol library touches no world. Its undefined symbols are memory, arithmetic and text."""
import os
import subprocess
import sys

ALLOWED = set("""
malloc calloc realloc free memcpy memmove memset memcmp memchr memrchr memmem strlen strnlen strcmp strncmp strchr
explicit_bzero vsnprintf snprintf abort __assert_fail __stack_chk_fail __stack_chk_guard
__memcpy_chk __memset_chk __memmove_chk __snprintf_chk __vsnprintf_chk __explicit_bzero_chk
pf_words_catalogue
_GLOBAL_OFFSET_TABLE_ __cpu_model __cpu_indicator_init
""".split())
SANITIZER = ("__asan_", "__ubsan_", "__sanitizer_")


def symbols(archive):
    text = subprocess.run(["nm", "-g", archive], capture_output=True, text=True, check=True).stdout
    wanted, given = set(), set()
    for line in text.split("\n"):
        parts = line.split()
        if len(parts) == 2 and parts[0] in "Uw":
            wanted.add(parts[1])
        elif len(parts) == 3:
            given.add(parts[2])
    return wanted, given


def impure(wanted, given):
    return sorted(s for s in wanted - given - ALLOWED if not s.startswith(SANITIZER))


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    build = os.environ.get("BUILD", "build-check")
    wanted, given = set(), set()
    for archive in ("base/libpf_base.a", "proto/libpf_proto.a"):
        w, g = symbols(f"{build}/src/{archive}")
        wanted, given = wanted | w, given | g
    # sys must be seen as impure, or this check sees nothing.
    assert impure(*symbols(f"{build}/src/sys/libpf_sys.a"))
    found = impure(wanted, given)
    for symbol in found:
        print(f"# the protocol library calls {symbol}")
    print(f"1..1\n{'not ok' if found or len(given) < 10 else 'ok'} 1 - purity: {len(given)} functions, "
          f"{len(wanted - given)} taken from outside")
    sys.exit(bool(found))


main()
