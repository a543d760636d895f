"""Reads talks and boxes (README.md) for live.py. A second reader beside talk_read.c, on purpose: a
talk that only one of them understands is badly written."""
import base64
import os
import re

WILD = object()
CLOSES = "quit eof idle login-time stall bad tries body tls smuggle tls-on-plain shutdown refused memory".split()


class Bad(Exception):
    pass


class Uid:
    def __init__(self, number):
        self.number = number


def tokens(text, wild=False):
    """A list of octets, WILD and Uid."""
    out, rest = _unfold(text, wild, False)
    if rest:
        raise Bad("a brace is too much")
    return out


def _unfold(text, wild, inside):
    plain = {"r": 13, "n": 10, "t": 9, "0": 0, "s": 32, "\\": 92, "*": 42, "}": 125}
    out, at = [], 0
    while at < len(text):
        c = text[at]
        at += 1
        if inside and c == "}":
            return out, text[at:]
        if c != "\\":
            out += [WILD] if c == "*" and wild else list(c.encode())
            continue
        rest = text[at:]
        if rest.startswith("{"):
            count, colon, rest = rest[1:].partition(":")
            if not colon or not count.isdigit():
                raise Bad("\\{ wants number, colon, text")
            one, rest = _unfold(rest, wild, True)
            out += one * int(count)
        elif rest.startswith("b64{"):
            one, rest = _unfold(rest[4:], wild, True)
            out += list(base64.b64encode(bytes(one)))
        elif match := re.match(r"uid\{(\d+)\}", rest):
            out.append(Uid(int(match[1])))
            rest = rest[match.end():]
        elif match := re.match(r"x([0-9a-fA-F]{2})", rest):
            out.append(int(match[1], 16))
            rest = rest[3:]
        elif rest and rest[0] in plain:
            out.append(plain[rest[0]])
            rest = rest[1:]
        else:
            raise Bad("unknown escape")
        text, at = rest, 0
    if inside:
        raise Bad("a brace is not closed")
    return out, ""


class Message:
    def __init__(self, stored):
        self.stored = stored
        text = re.sub(rb"(?<!\r)\n", b"\r\n", stored)
        if text and not text.endswith(b"\n"):
            text += b"\r\n"
        self.octets = len(text)
        self.wire = re.sub(rb"(?m)^\.", b"..", text)

    def top(self, lines):
        parts = re.findall(rb"[^\n]*\n", self.wire)
        head = next((i + 1 for i, line in enumerate(parts) if line == b"\r\n"), len(parts))
        return b"".join(parts[:head + lines])


def box(path):
    messages, current = [], None
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if line.startswith("message"):
                messages.append([])
                current = messages[-1]
            elif line.startswith(": "):
                current += tokens(line[2:])
            elif line and line[0] != "#" and not line.startswith("empty"):
                raise Bad(f"{path}: {line}")
    return [Message(bytes(m)) for m in messages]


class Step:
    def __init__(self, kind, line, **more):
        self.kind, self.line = kind, line
        self.__dict__.update(more)

    @property
    def expects(self):
        return self.kind in ("line", "any", "has", "lacks", "message", "top", "begin")


class Talk:
    """What a file says. `only_engine` is a reason why this cannot be played live, or None."""

    def __init__(self, path, boxes):
        self.path, self.boxes = path, boxes
        self.box, self.users, self.sets, self.steps = [], [], {}, []
        self.tls, self.only_engine = False, None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file.read().split("\n"), 1):
                if line and line[0] != "#":
                    try:
                        self._line(number, line)
                    except Bad as bad:
                        raise Bad(f"{path}:{number}: {bad}") from bad
        if not self.users:
            self.users = [(b"anna", b"secret")]

    def _add(self, kind, number, **more):
        self.steps.append(Step(kind, number, **more))

    def _line(self, number, line):
        if line != line.rstrip():
            raise Bad("a line ends with white space")
        word, _, rest = line.partition(" ")
        spoken = {"C:": "send", "C~": "send", "S:": "line", "S?": "has", "S!": "lacks"}
        if word in spoken:
            self._speech(number, word, spoken[word], rest)
        elif word in ("split", "together", "starttls", "half-close", "eof", "connect"):
            self._add(word, number)
        elif word in ("wait", "stall", "resume", "shutdown", "lengthen", "refuse"):
            self.only_engine = word
        elif word == "closed":
            if rest and rest not in CLOSES:
                raise Bad("unknown reason")
            self._add("closed", number)
        elif word == "deliver":
            self._add(word, number, n=int(rest))
        elif word in ("left", "kept"):
            self._add(word, number, numbers=[int(n) for n in rest.split()])
        elif word == "login":
            self._login(number)
        elif word in ("truncate", "vanish"):
            n, _, at = rest.partition(" at ")
            self._add(word, number, n=int(n), at=int(at or 0))
        elif word == "fail":
            self._fail(number, rest)
        else:
            self._head(word, rest)

    def _speech(self, number, word, kind, rest):
        if kind == "send":
            self._add("send", number, text=bytes(tokens(rest)) + (b"\r\n" if word == "C:" else b""))
        elif rest == "...":
            self._add("any", number)
        elif rest.startswith("@"):
            name, *numbers = rest[1:].split()
            if name not in ("message", "top", "begin"):
                raise Bad("unknown pattern")
            self._add(name, number, n=int(numbers[0]), lines=int((numbers + ["0"])[1]))
        else:
            self._add(kind, number, tokens=tokens(rest, True))

    def _login(self, number):
        name, secret = (self.users or [(b"anna", b"secret")])[0]
        for text in (b"USER " + name, b"PASS " + secret):
            self._add("send", number, text=text + b"\r\n")
            self._add("line", number, tokens=tokens("+OK*", True))

    def _fail(self, number, rest):
        if rest == "open in-use":
            self._add("hold", number)
        else:
            self.only_engine = "fail " + rest

    def _head(self, word, rest):
        if word == "box" and rest.startswith("sizes "):
            self.only_engine = "box sizes"
        elif word == "box":
            self.box = box(os.path.join(self.boxes, rest + ".box"))
        elif word == "user":
            name, _, secret = rest.partition(" ")
            self.users.append((bytes(tokens(name)), bytes(tokens(secret))))
        elif word == "set":
            name, _, value = rest.partition(" ")
            self.sets[name] = value
        elif word == "tls":
            self.tls = True
        elif word == "only":
            self.only_engine = "only engine" if rest == "engine" else self.only_engine
        else:
            raise Bad(f"unknown directive {word}")
