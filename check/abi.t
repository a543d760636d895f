#!/usr/bin/env python3
"""What programs that were compiled against libpostfach count on: functions with their versions and types, sizes and
offsets of public structs, values of enums. check/abi.txt is the record; check/abi.t --record writes it anew."""
import difflib
import os
import re
import subprocess
import sys
import tempfile

RECORD = "check/abi.txt"
DIE = re.compile(r"^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)", re.M)
ATTRIBUTE = re.compile(r"^ +<[0-9a-f]+> +DW_AT_(\w+) *: (.*?)\s*$", re.M)
FORM = re.compile(r"(\([a-z_]+\d*\) )?(\((indirect[^():]*, )?offset: 0x[0-9a-f]+\): )?")  # binutils differ


def said(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def exported(library):
    """{function: version} of what the shared library gives."""
    return dict(re.findall(r" [TWVBDR] (\w+)@@(\w[\w.]*)$", said("nm", "-D", "--defined-only", library), re.M))


def declared(folder):
    """Functions that the headers declare."""
    names = set()
    for header in headers(folder):
        with open(f"{folder}/postfach/{header}", encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        text = re.sub(r"^static inline.*?^}", "", re.sub(r"^#(?:.*\\\n)*.*$", "", text, flags=re.M), flags=re.S | re.M)
        names |= set(re.findall(r"\b(pf_\w+)\([^{}]*?\)[^{};]*;", text, re.S))
    return names


def headers(folder):
    return sorted(name for name in os.listdir(f"{folder}/postfach") if name.endswith(".h"))


class Dies:
    """The debugging information of a file that holds a pointer to each function: types as the compiler sees them."""

    def __init__(self, folder, functions):
        with tempfile.TemporaryDirectory(prefix="pf-abi.") as place:
            with open(f"{place}/x.c", "w", encoding="utf-8") as file:
                file.write("".join(f"#include <postfach/{name}>\n" for name in headers(folder)))
                file.write("".join(f"extern __typeof__({name}) *F_{name};\n__typeof__({name}) *F_{name};\n"
                                   for name in sorted(functions)))
            said("gcc", "-std=gnu17", "-gdwarf-4", "-fno-eliminate-unused-debug-types", f"-I{folder}", "-c",
                 f"{place}/x.c", "-o", f"{place}/x.o")
            text = said("readelf", "-wi", "-W", f"{place}/x.o")
        self.all, self.inside, path = {}, {}, []
        heads = list(DIE.finditer(text))
        for head, after in zip(heads, [*heads[1:], None]):
            depth, key = int(head[1], 16), int(head[2], 16)
            body = text[head.end():after.start() if after else len(text)]
            self.all[key] = {"tag": head[3], "key": key, **{
                name: value[FORM.match(value).end():] for name, value in ATTRIBUTE.findall(body)}}
            path[depth:] = [key]
            if depth:
                self.inside.setdefault(path[depth - 1], []).append(self.all[key])

    def to(self, die):
        return self.all[int(die["type"].split(">")[0].strip("<"), 16)] if "type" in die else None

    def spelt(self, die):
        if die is None:
            return "void"
        kind, name = die["tag"], die.get("name", "")
        if kind in ("structure_type", "union_type", "enumeration_type"):
            return f"{kind.split('_')[0].replace('structure', 'struct').replace('enumeration', 'enum')} {name}"
        if kind == "pointer_type":
            return self.spelt(self.to(die)) + " *"
        if kind in ("const_type", "volatile_type", "restrict_type"):
            return f"{self.spelt(self.to(die))} {kind.split('_')[0]}"
        if kind == "array_type":
            bounds = [str(int(row["upper_bound"], 0) + 1) for row in self.inside[die["key"]] if "upper_bound" in row]
            return f"{self.spelt(self.to(die))}[{']['.join(bounds)}]"
        if kind == "subroutine_type":
            taken = [self.spelt(self.to(row)) if row["tag"] == "formal_parameter" else "..."
                     for row in self.inside.get(die["key"], [])]
            return f"{self.spelt(self.to(die))} ({', '.join(taken) or 'void'})"
        return name

    def rows(self, versions):
        for die in self.all.values():
            name, tag = die.get("name", ""), die["tag"]
            if tag == "variable" and name.startswith("F_pf_") and "type" in die:
                function = name[2:]
                if function in versions:
                    yield f"function {function}@{versions[function]}: {self.spelt(self.to(self.to(die)))}"
            elif tag == "structure_type" and name.startswith("pf_") and "byte_size" in die:
                yield f"struct {name}: {die['byte_size']} octets"
                for row in self.inside.get(die["key"], []):
                    at = int(row["data_member_location"], 0)
                    yield f"struct {name} at {at:>5}: {self.spelt(self.to(row))} {row['name']}"
            elif tag == "typedef" and name.startswith("pf_"):
                yield f"type {name}: {self.spelt(self.to(die))}"
            elif tag == "enumeration_type":
                for row in self.inside.get(die["key"], []):
                    if row["name"].startswith("PF_"):
                        yield f"enum {row['name']} = {int(row['const_value'].split()[0], 0)}"


def found(folder, versions):
    functions = declared(folder)
    lines = set(Dies(folder, functions).rows(versions))
    lines |= {f"function {name} is declared and not exported" for name in functions - set(versions)}
    return sorted(lines | {f"symbol {name}@{version} is exported and not declared"
                           for name, version in versions.items() if name not in functions})


def recorded():
    with open(RECORD, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]


def differences(old, new):
    return [line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not re.match(r"---|\+\+\+|@@", line)]


def breach(versions, header, old, new):
    """What is seen when a header says `new` where it says `old`."""
    with tempfile.TemporaryDirectory(prefix="pf-abi.") as place:
        subprocess.run(["cp", "-r", "include/postfach", place], check=True)
        with open(f"{place}/postfach/{header}", "r+", encoding="utf-8") as file:
            text = file.read()
            assert text.count(old) == 1, (header, old)
            file.seek(0)
            file.write(text.replace(old, new))
            file.truncate()
        return differences(found("include", versions), found(place, versions))


def check_the_check(versions):
    """It must see what breaks programs, and nothing else."""
    for header, old, new in [
            ("bytes.h", "size_t len; /* octets written so far */\n    size_t cap;", "size_t cap;\n    size_t len;"),
            ("listing.h", "uint16_t spare;", "uint16_t spare, more;"),
            ("dot.h", "void pf_dot_measure_end(struct pf_dot *);", "bool pf_dot_measure_end(struct pf_dot *);"),
            ("dot.h", "void pf_dot_measure_end(struct pf_dot *);", ""),
            ("dot.h", "void pf_dot_measure_end(struct pf_dot *);",
             "void pf_dot_measure_end(struct pf_dot *);\nvoid pf_dot_new(void);"),
            ("err.h", "PF_ERR_SAY = 120,", "PF_ERR_SAY = 121,"),
            ("pop3_server.h", "PF_CLOSE_EOF, ", "PF_CLOSE_EARLY, PF_CLOSE_EOF, ")]:
        assert breach(versions, header, old, new), (header, new)
    assert not breach(versions, "bytes.h", "size_t len; /* octets written so far */", "size_t len; /* so far */")
    name = sorted(versions)[0]
    fewer = {other: version for other, version in versions.items() if other != name}
    for wrong in (fewer, {**versions, name: "LIBPOSTFACH_9"}, {**versions, "pf_line_secret": "LIBPOSTFACH_0.1"}):
        assert differences(found("include", versions), found("include", wrong)), name


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    library = f"{os.environ.get('BUILD', 'build-check')}/src/proto/libpostfach.so.0"
    if sys.maxsize < 2**32:
        print("1..0 # SKIP the record is of machines with pointers of 64 bits")
        return
    versions = exported(library)
    if "--record" in sys.argv:
        with open(RECORD, "w", encoding="utf-8") as file:
            file.write("# What programs compiled against libpostfach.so.0 count on, where pointers have 64 bits; made by\n"
                       "# check/abi.t --record. What changes or goes breaks them: see doc/block/library.md.\n")
            file.write("".join(f"{line}\n" for line in found("include", versions)))
        return
    check_the_check(versions)
    lines = found("include", versions)
    changes = differences(recorded(), lines)
    changes += [line for line in lines if "is declared and not" in line or "is exported and not" in line]
    for line in changes:
        print("#", line)
    good = not changes and len(lines) > 300
    print(f"1..1\n{'ok' if good else 'not ok'} 1 - {len(versions)} functions, {len(lines)} facts that programs count on")
    sys.exit(not good)


main()
