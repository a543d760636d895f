#!/usr/bin/env python3
"""Plays talks (README.md) against a POP3 server, over TCP and TLS, and tells the outcome in TAP.

    live.py --server build/src/role/postfachd [file.talk ...]
        writes settings, starts the server on ports of its own, stops it, leaves nothing behind

    live.py --host H [--plain PORT] [--open PORT] [--tls PORT] [--bare PORT]
            --maildir '/srv/mail/%u' --add-user PROGRAM [file.talk ...]
        a server that runs already. plain: STLS, no passwords without TLS; open: STLS, passwords allowed;
        tls: TLS at once; bare: no TLS at all. PROGRAM is called with a name, and the password as its
        standard input, and makes that user known before it ends. Talks with settings are skipped.
        Environment: TALK_HOST, TALK_PLAIN, TALK_OPEN, TALK_TLS, TALK_BARE, TALK_MAILDIR, TALK_ADD_USER.
"""
import argparse
import glob
import os
import re
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import talk_format  # noqa: E402
import talk_server  # noqa: E402
from talk_wire import PATIENCE, Silent, Wire  # noqa: E402

OCTETS_MOST = 3000  # longer inputs are not sent octet by octet: a packet each


class Wrong(Exception):
    pass


class Player:
    """One talk, once. way: whole, pipelined or octets."""

    def __init__(self, server, talk, way):
        self.server, self.talk, self.way = server, talk, way
        self.wire, self.holder, self.holds = None, None, 0
        if way == "pipelined" and any(step.kind == "hold" for step in talk.steps):
            self.way = "whole"  # the holder leaves only when the refusal was seen
        self.uids, self.line, self.together, self.dropped = {}, 0, False, False

    def play(self):
        steps, at = self.talk.steps, 0
        self.server.maildirs.build(self.talk)
        try:
            while at < len(steps) and steps[at].kind == "hold":
                self._hold()
                at += 1
            self._connect(steps[at] if at < len(steps) else None)
            while at < len(steps):
                step = steps[at]
                self.line = step.line
                if step.kind == "send" or step.expects:
                    at = self._converse(at)
                else:
                    self._directive(step, steps[at + 1] if at + 1 < len(steps) else None)
                    at += 1
            self._nothing_more()
        finally:
            for wire in (self.wire, self.holder):
                if wire:
                    wire.close()

    # connections

    def _connect(self, following):
        if self.dropped:
            self._wait_for_lock()
        self.wire = Wire(self.server.address(self.talk), self.talk.tls)
        if not (following and following.expects):
            self._expect_line(talk_format.tokens("+OK POP3*", True))

    def _login(self):
        """Another client of the first user; None while the maildrop is in use."""
        name, secret = self.talk.users[0]
        wire = Wire(self.server.address(self.talk), self.talk.tls)
        for text in (None, b"USER " + name, b"PASS " + secret):
            if text:
                wire.send(text + b"\r\n")
            while b"\n" not in wire.data:
                wire.receive()
                if wire.ended and b"\n" not in wire.data:
                    raise Wrong("a second login finds the connection closed")
            answer, _, wire.data = wire.data.partition(b"\n")
            if not answer.startswith(b"+OK"):
                wire.close()
                return None
        return wire

    def _hold(self):
        self.holds += 1
        self.holder = self.holder or self._login()
        if not self.holder:
            raise Wrong("the maildrop cannot be held")

    def _release(self):
        self.holds -= 1
        if self.holds == 0:
            self._quit(self.holder)
            self.holder = None

    def _quit(self, wire):
        wire.send(b"QUIT\r\n")
        while not wire.ended:
            wire.receive()
        wire.close()

    def _wait_for_lock(self):
        """A server needs a moment to see that a client is gone."""
        self.dropped = False
        end = time.monotonic() + PATIENCE
        while not (wire := self._login()):
            if time.monotonic() > end:
                raise Wrong("a dropped connection keeps its lock")
            time.sleep(0.02)
        self._quit(wire)

    # conversation

    def _converse(self, at):
        steps, input_, wanted = self.talk.steps, b"", []
        while True:
            start = at
            while at < len(steps) and steps[at].kind == "send":
                input_ += steps[at].text
                at += 1
            if self.way == "pipelined" and wanted and not (at < len(steps) and steps[at].expects):
                input_ = input_[:len(input_) - sum(len(s.text) for s in steps[start:at])]
                at = start
                break
            while at < len(steps) and steps[at].expects:
                wanted.append(steps[at])
                at += 1
            if self.way != "pipelined" or at == len(steps) or steps[at].kind != "send":
                break
        self._send(input_)
        self._expect(wanted)
        return at

    def _send(self, octets):
        if self.way == "octets" and len(octets) <= OCTETS_MOST and not self.together:
            for i in range(len(octets)):
                self.wire.send(octets[i:i + 1])
        elif octets:
            self.wire.send(octets)
        self.together = False

    def _expect(self, steps):
        at = 0
        while at < len(steps):
            step = steps[at]
            self.line = step.line
            if step.kind == "line":
                self._expect_line(step.tokens)
            elif step.kind == "any":
                conditions = []
                while at + 1 < len(steps) and steps[at + 1].kind in ("has", "lacks"):
                    at += 1
                    conditions.append(steps[at])
                self._expect_lines(conditions, steps[at + 1] if at + 1 < len(steps) else None)
            else:
                self._expect_octets(step)
            at += 1

    def _next_line(self):
        while b"\r\n" not in self.wire.data:
            if self.wire.ended:
                raise Wrong(f"the connection ends with {self.wire.data[:200]!r}")
            self.wire.receive()
        line, _, self.wire.data = self.wire.data.partition(b"\r\n")
        return line

    def _matches(self, tokens, line):
        pattern, numbers = b"", []
        for token in tokens:
            if token is talk_format.WILD:
                pattern += b"[^\n]*"
            elif isinstance(token, talk_format.Uid):
                numbers.append(token.number)
                known = self.uids.get(token.number)
                pattern += b"(" + (re.escape(known) if known else rb"[\x21-\x7e]{1,70}") + b")"
            else:
                pattern += re.escape(bytes([token]))
        match = re.fullmatch(pattern, line, re.S)
        for i, number in enumerate(numbers if match else []):
            if any(uid == match[i + 1] and n != number for n, uid in self.uids.items()):
                return False
            self.uids[number] = match[i + 1]
        return bool(match)

    def _expect_line(self, tokens):
        line = self._next_line()
        if not self._matches(tokens, line):
            raise Wrong(f"another line was expected, but got: {line[:200]!r}")
        if self.holder and line.startswith(b"-ERR [IN-USE]"):
            self._release()

    def _expect_lines(self, conditions, until):
        lines = []
        while not (until is None and self.wire.ended and not self.wire.data):
            if until is None and not self.wire.data:
                self.wire.receive()
                continue
            line = self._next_line()
            if until is not None and self._matches(until.tokens, line):
                self.wire.data = line + b"\r\n" + self.wire.data
                break
            lines.append(line)
        for step in conditions:
            there = any(self._matches(step.tokens, line) for line in lines)
            if there != (step.kind == "has"):
                raise Wrong(f"line {step.line}: {lines!r}")

    def _expect_octets(self, step):
        message = self.talk.box[step.n - 1]
        want = message.top(step.lines) if step.kind == "top" else message.wire
        if step.kind == "begin":
            while not self.wire.ended:
                self.wire.receive()
            data, self.wire.data = self.wire.data, b""
            if not want.startswith(data) or data == want:
                raise Wrong(f"not a true beginning of the message: {data[-100:]!r}")
            return
        while len(self.wire.data) < len(want) and not self.wire.ended:
            self.wire.receive()
        if not self.wire.data.startswith(want):
            raise Wrong(f"the message goes on otherwise: {self.wire.data[:200]!r}")
        self.wire.data = self.wire.data[len(want):]

    def _nothing_more(self):
        if self.wire and self.wire.data:
            raise Wrong(f"nothing more was expected, but got: {self.wire.data[:200]!r}")

    # directives

    def _directive(self, step, following):
        user = self.talk.users[0][0]
        if step.kind == "split":
            time.sleep(0.02)  # so that it is a packet of its own; nothing depends on it
        elif step.kind == "together":
            self.together = True
        elif step.kind == "starttls":
            self._nothing_more()
            self.wire.start_tls()
        elif step.kind == "half-close":
            self.wire.half_close()
        elif step.kind == "eof":
            self.wire.close()
            self.wire, self.dropped = None, True
        elif step.kind == "connect":
            if self.wire:
                self.wire.close()
            self._connect(following)
        elif step.kind == "closed":
            self._closed()
        elif step.kind == "truncate":
            os.truncate(self.server.maildirs.find(user, step.n), step.at)
        elif step.kind == "vanish":
            os.unlink(self.server.maildirs.find(user, step.n))
        elif step.kind == "deliver":
            self.server.maildirs.deliver(user, self.talk.box[step.n - 1])
        elif step.kind in ("left", "kept"):
            self._check_left(step, self.server.maildirs.left(user))
        else:
            raise Wrong(f"{step.kind} has no meaning here")

    def _closed(self):
        while self.wire and not self.wire.ended:
            self.wire.receive()
        self._nothing_more()

    @staticmethod
    def _check_left(step, left):
        good = left == step.numbers if step.kind == "kept" else len(left) == step.numbers[0]
        if not good:
            raise Wrong(f"left are {left}")


def test(server, talk, ways):
    """None, or what is wrong."""
    for way in ways:
        player = Player(server, talk, way)
        try:
            player.play()
        except (Wrong, Silent, OSError) as wrong:
            return f"{talk.path}:{player.line}: ({way}) {wrong}"
    return None


def run(server, paths, ways):
    good = True
    talks = [talk_format.Talk(path, os.path.join(HERE, "boxes")) for path in paths]
    print(f"1..{len(talks)}")
    # Those that want the same settings one after the other: each change starts the server anew.
    talks.sort(key=lambda t: (repr(talk_server.settings_of(t)), repr(t.users), t.path))
    for number, talk in enumerate(talks, 1):
        name = os.path.relpath(talk.path, HERE)
        skip = talk.only_engine or server.prepare(talk)
        if skip:
            print(f"ok {number} - {name} # SKIP {skip}", flush=True)
            continue
        wrong = test(server, talk, ways)
        print(f"{'not ' if wrong else ''}ok {number} - {name}", flush=True)
        if wrong:
            print("# " + wrong.replace("\n", " "), flush=True)
        good = good and not wrong
    return good


def given(options):
    ports = {name: int(getattr(options, name)) for name in talk_server.PORTS if getattr(options, name)}
    if not (options.maildir and options.add_user and ports):
        sys.exit("live.py: --server, or --maildir, --add-user and a port (see --help)")
    return talk_server.Given(options.host, ports, options.maildir, options.add_user)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server")
    parser.add_argument("--ways", default="whole,pipelined,octets")
    for name in ("host", "maildir", "add-user") + talk_server.PORTS:
        default = os.environ.get("TALK_" + name.upper().replace("-", "_"))
        parser.add_argument("--" + name, default=default or ("127.0.0.1" if name == "host" else None))
    parser.add_argument("talks", nargs="*")
    options = parser.parse_args()
    paths = options.talks or sorted(glob.glob(os.path.join(HERE, "*", "*.talk")))
    server = talk_server.Own(os.path.abspath(options.server)) if options.server else given(options)
    try:
        good = run(server, [os.path.abspath(p) for p in paths], options.ways.split(","))
    finally:
        server.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
