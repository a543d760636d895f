"""Hard mail: messages that clients and servers have cut, changed or choked on. Bytes as stored."""
import random


def _lines(count, width, end=b"\n"):
    return b"".join(bytes([97 + i % 26]) * width + end for i in range(count))


HEAD = b"From: a@example.org\nTo: b@example.org\nSubject: %s\nMessage-ID: <%s@example.org>\n\n"


def _mail(name, body):
    return HEAD % (name, name) + body


def corpus():
    """name -> octets; deterministic."""
    dice = random.Random(1939)
    mails = {
        "plain": _mail(b"plain", b"body\n"),
        "dots": _mail(b"dots", b".\n..\n...\n.x\nx.\n.\n"),
        "lone-dot-last": _mail(b"lone-dot-last", b"text\n."),
        "first-octet-is-a-dot": b".Subject: x\n\nbody\n",
        "only-dots": b".\n.\n.\n",
        "no-final-newline": _mail(b"no-final-newline", b"the end"),
        "empty-body": _mail(b"empty-body", b""),
        "head-only": b"Subject: head only\n",
        "crlf": _mail(b"crlf", b"one\ntwo\n.\n").replace(b"\n", b"\r\n"),
        "mixed-ends": _mail(b"mixed-ends", b"lf\ncrlf\r\n.dot\r\n.\nlast\r\n"),
        "lone-cr": _mail(b"lone-cr", b"a\rb\r\rc\r\nd\n"),
        "cr-at-the-end": _mail(b"cr-at-the-end", b"x\r"),
        "8bit": _mail(b"8bit", "Grüße, Ærøskøbing, 日本語, \u0000".encode().replace(b"\0", b"") + bytes(range(128, 256)) + b"\n"),
        "long-line": _mail(b"long-line", b"x" * 100000 + b"\n"),
        "long-line-of-dots": _mail(b"long-line-of-dots", b"." * 100000 + b"\n.\n"),
        "empty-lines": _mail(b"empty-lines", b"\n" * 5000),
        "many-dot-lines": _mail(b"many-dot-lines", b".\n" * 20000),
    }
    # A dot, and a line end, on either side of every buffer edge that somebody may have.
    for edge in (512, 1024, 4096, 8192, 16384, 32768, 65536):
        for shift in (-2, -1, 0, 1):
            name = b"edge-%d%+d" % (edge, shift)
            head = HEAD % (name, name)
            fill = edge + shift - len(head) - head.count(b"\n")
            if fill > 1:
                body = b"y" * (fill - 1) + b"\n.\n..z\n" + _lines(20, 60)
                mails[name.decode()] = head + body
    for i in range(6):
        body = bytes(dice.choice(b"\r\n..abc ") for _ in range(20000 + i))
        mails[f"random-{i}"] = _mail(b"random-%d" % i, body)
    return mails


def big(octets=30 * 1000 * 1000):
    """A 30 MB message of ordinary lines."""
    line = b"".join(bytes([33 + (i * 7 + 13) % 90]) for i in range(76)) + b"\n"
    head = HEAD % (b"big", b"big")
    return head + line * ((octets - len(head)) // len(line)) + b".\nno end"
