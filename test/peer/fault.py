"""Reads faults (test/talk/fault/README.md): talks in which the server does wrong, for double.py."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.normpath(os.path.join(HERE, "..", "talk", "fault"))
BOXES = os.path.join(FOLDER, "..", "boxes")
sys.path.insert(0, os.path.join(HERE, "..", "talk"))
from talk_format import WILD, Bad, Message, box, tokens  # noqa: E402

DEEDS = ("later", "closed", "reset", "hang", "starttls")  # without an argument
TLS = ("none", "starttls", "implicit")
CERTIFICATES = ("good", "expired", "other-name", "self-signed")
SETS = {"capa": str, "uids": ("fresh", "none", "fixed"), "renumber": ("yes",), "pipelining": ("first", "reset"),
        "certificate": CERTIFICATES, "sessions": int}


def duration(text):
    found = re.fullmatch(r"(\d+)(ms|s)", text)
    if not found:
        raise Bad("a time is 10ms or 2s")
    return int(found[1]) / (1000 if found[2] == "ms" else 1)


def pattern(text, anywhere=False):
    """A compiled pattern, without regard to case."""
    made = b"".join(b".*" if token is WILD else re.escape(bytes([token])) for token in tokens(text, True))
    return re.compile(b".*" + made + b".*" if anywhere else made, re.IGNORECASE | re.DOTALL)


class Rule:
    """What the server does instead of answering a line like this, or when a client connects."""

    def __init__(self, seen):
        self.seen, self.deeds = seen, []


class Fault:
    def __init__(self, text, name):
        self.name, self.mails, self.tls = name, [], False
        self.client, self.keep, self.always = "none", "none", False
        self.sets, self.rules = {"sessions": 10 ** 9, "uids": "fixed", "certificate": "good"}, []
        # what is to come of it
        self.status, self.says, self.fetched, self.kept = None, [], None, None
        self.changed, self.stays = [], []
        for number, line in enumerate(text.split("\n"), 1):
            if line and line[0] != "#":
                try:
                    self._line(line)
                except (Bad, ValueError) as bad:
                    raise Bad(f"{name}:{number}: {bad}") from bad

    def _line(self, line):
        if line != line.rstrip():
            raise Bad("a line ends with white space")
        word, _, rest = line.partition(" ")
        if word == "connect":
            self.rules.append(Rule(None))
        elif word == "C:":
            self.rules.append(Rule(rest if rest.startswith("@") else pattern(rest)))
        elif word in ("S:", "S~", "wait", "drip", *DEEDS):
            self._deed(word, rest)
        elif word in ("status", "fetched", "kept", "changed", "stays"):
            setattr(self, word, [] if rest == "none" else [int(n) for n in rest.split()])
        elif word == "says":
            self.says.append(pattern(rest, True))
        else:
            self._head(word, rest)

    def _deed(self, word, rest):
        if not self.rules:
            raise Bad("nothing was said yet")
        add = self.rules[-1].deeds.append
        if word == "S:" and rest.startswith("@"):
            name, *numbers = rest[1:].split()
            if name not in ("message", "begin", "top", "answer"):
                raise Bad("unknown pattern")
            add((name, *map(int, numbers)))
        elif word in ("S:", "S~"):
            add(("say", bytes(tokens(rest)) + (b"\r\n" if word == "S:" else b"")))
        elif word in ("wait", "drip"):
            add((word, duration(rest)))
        else:
            add((word,))

    def _head(self, word, rest):
        if word == "box":
            self.mails = [message.stored for message in box(os.path.join(BOXES, rest + ".box"))]
        elif word == "tls" and rest == "on":
            self.tls = True
        elif word == "client" and rest in TLS:
            self.client = rest
        elif word == "keep" and rest in ("all", "none"):
            self.keep = rest
        elif word == "always":
            self.always = True
        elif word == "set":
            name, _, value = rest.partition(" ")
            kind = SETS.get(name)
            if kind is None or (isinstance(kind, tuple) and value not in kind):
                raise Bad("unknown setting")
            self.sets[name] = int(value) if kind is int else value
        else:
            raise Bad(f"unknown directive {word}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return Fault(file.read(), os.path.relpath(path, FOLDER))


def all_faults():
    return [read(os.path.join(FOLDER, name)) for name in sorted(os.listdir(FOLDER)) if name.endswith(".fault")]


__all__ = ["Bad", "Fault", "Message", "Rule", "all_faults", "read"]
