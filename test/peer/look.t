#!/usr/bin/env python3
"""`postfach ls`, `show`, `save` and `rm` against our live server: what people and programs see, what is written, what
is deleted, and the statuses."""
import json
import os
import pty
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, Office, run, wire  # noqa: E402

PLAIN = b"From: a@example.org\nSubject: plain\nDate: Tue, 03 Nov 2026 17:42:11 +0100\n\nhello\n.dot\n"
ENCODED = ("From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.org>\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n =?UTF-8?Q?_aus_Jena?=\n"
           "Date: Wed, 04 Nov 2026 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
           "--x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nsch=F6n\n"
           "--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"../../a.pdf\"\n"
           "Content-Transfer-Encoding: base64\n\naGFsbG8=\n"
           "--x\nContent-Type: image/png\nContent-Disposition: attachment; filename=\"a.pdf\"\n"
           "Content-Transfer-Encoding: base64\n\nAAEC\n--x--\n").encode()
EVIL = (b"From: \x1b]0;owned\x07 <x@example.org>\nSubject: evil \x1b[2J\xc2\x9b31m \xe2\x80\xae/../x\n"
        b"Date: nonsense\n\n\x1b[2Jbody\x07\n")
MAILS = [PLAIN, ENCODED, EVIL]


def environment(office, **more):
    return {**os.environ, "HOME": office.folder, "TZ": "UTC", "LC_ALL": "C.UTF-8", "LANGUAGE": "", **more}


def tool(office, *words, status=0, **more):
    done = subprocess.run([POSTFACH, *words], capture_output=True, check=False, timeout=PATIENCE, cwd=office.folder,
                          stdin=subprocess.DEVNULL, env=environment(office, **more))
    assert done.returncode == status, (words, done)
    return done.stdout, done.stderr.decode()


def listing(office):
    return json.loads(tool(office, "ls", "--json", "work")[0])


def set_up(office, mails=MAILS):
    office.add_user("anna", "secret")
    for number, mail in enumerate(mails, 1):
        office.put("anna", mail, name=f"170000000{number}.M{number}P1.host")
    office.start()
    folder = os.path.join(office.folder, ".config", "postfach")
    os.makedirs(folder)
    with open(os.path.join(folder, "accounts.conf"), "w", encoding="utf-8") as file:
        file.write(f"account work {{\n server localhost\n port {office.pop3s}\n ca {office.certificates.ca}\n"
                   f" user anna\n password-command echo secret\n}}\n")
    return office


def ls_shows_heads():
    with Office() as office:
        set_up(office)
        out = tool(office, "ls", "work")[0].decode()
        lines = out.splitlines()
        assert len(lines) == 5 and lines[4].startswith("3 messages, "), out
        assert lines[1].split() == ["1", str(len(wire(PLAIN))), "2026-11-03", "16:42", "a@example.org", "plain",
                                    "1700000001.M1P1.host"], lines
        assert "Jürgen <j@example.org>" in lines[2] and "Grüße aus Jena" in lines[2], lines
        assert " - " in lines[3] and "evil" in lines[3], lines
        assert not set(out) & set("\x1b\x07\x9b\u202e"), out
        out = tool(office, "ls", "--limit=1", "work")[0].decode().splitlines()
        assert len(out) == 3 and out[1].split()[0] == "3", out
        out = tool(office, "ls", "work", LC_ALL="de_DE.UTF-8")[0].decode(errors="replace")
        assert "3 Nachrichten" in out and "Betreff" in out, out


def ls_speaks_json():
    with Office() as office:
        set_up(office)
        rows = listing(office)
        assert [row["number"] for row in rows] == [1, 2, 3]
        assert rows[0] == {"number": 1, "octets": len(wire(PLAIN)), "uid": "1700000001.M1P1.host",
                           "date": "2026-11-03T16:42:11Z", "from": "a@example.org", "subject": "plain"}, rows[0]
        assert rows[1]["subject"] == "Grüße aus Jena" and rows[1]["from"] == "Jürgen <j@example.org>", rows[1]
        assert rows[2]["date"] is None and "\x1b" in rows[2]["subject"], rows[2]
        assert [r["number"] for r in json.loads(tool(office, "ls", "--json", "--limit", "2", "work")[0])] == [2, 3]
        assert json.loads(tool(office, "ls", "--json", "work", LC_ALL="C")[0]) == rows


def a_url_with_its_options():
    with Office() as office:
        set_up(office)
        secret = os.path.join(office.folder, "secret")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write("secret\n")
        common = ["--password-file", secret, "--ca", office.certificates.ca]
        for url in (f"pops://anna@localhost:{office.pop3s}", f"pop://anna@localhost:{office.pop3}"):
            assert b"3 messages" in tool(office, "ls", *common, url)[0]
        _, err = tool(office, "ls", "--password-file", secret, f"pops://anna@localhost:{office.pop3s}", status=77)
        assert "certificate" in err, err
        with open(secret, "w", encoding="ascii") as file:
            file.write("wrong\n")
        _, err = tool(office, "ls", *common, f"pops://anna@localhost:{office.pop3s}", status=77)
        assert "refuses the login" in err, err


def show_decodes_and_raw_does_not():
    with Office() as office:
        set_up(office)
        for which in ("2", "1700000002.M2P1.host", "uid:1700000002.M2P1.host"):
            out = tool(office, "show", "work", which)[0].decode()
            assert "Subject: Grüße aus Jena\n" in out and "schön" in out and "application/pdf" in out, out
        out = tool(office, "show", "work", "3")[0].decode()
        assert "body" in out and not set(out) & set("\x1b\x07\x9b\u202e"), out
        assert tool(office, "show", "--raw", "work", "1")[0] == wire(PLAIN)
        assert tool(office, "show", "--raw", "work", "3")[0] == wire(EVIL)
        for which in ("7", "0", "nothing", "uid:1"):
            _, err = tool(office, "show", "work", which, status=65)
            assert "there is no message" in err, err
        tool(office, "show", "work", "1", "2", status=64)


def on_a_terminal(office, *words):
    """What a person would see."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([POSTFACH, *words], stdin=subprocess.DEVNULL, stdout=follower,
                               stderr=subprocess.STDOUT, env=environment(office), cwd=office.folder)
    os.close(follower)
    seen = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # nobody has it open any more
            break
        if not piece:
            break
        seen += piece
    os.close(leader)
    assert process.wait(PATIENCE) == 0, seen
    return seen


def a_terminal_is_never_spoken_to():
    with Office() as office:
        set_up(office)
        for words in (("ls", "work"), ("show", "work", "3"), ("show", "--raw", "work", "3"), ("rm", "work", "3")):
            seen = on_a_terminal(office, *words)
            assert b"evil" in seen and b"\x1b" not in seen and b"\x07" not in seen and b"\xc2\x9b" not in seen, seen
        assert b"^[[2Jbody" in on_a_terminal(office, "show", "--raw", "work", "3")


def save_writes_whole_files_and_over_none():
    with Office() as office:
        set_up(office)
        folder = os.path.join(office.folder, "to")
        os.mkdir(folder)
        out = tool(office, "save", "--to", folder, "work", "1", "3", "1700000002.M2P1.host")[0].decode()
        names = sorted(os.listdir(folder))
        assert sorted(os.path.basename(line) for line in out.splitlines()) == names, out
        assert len(names) == 3 and "plain.eml" in names and "Grüße aus Jena.eml" in names, names
        assert not any("\x1b" in name or name.startswith(".") for name in names), names
        with open(os.path.join(folder, "plain.eml"), "rb") as file:
            assert file.read() == PLAIN
        assert os.stat(os.path.join(folder, "plain.eml")).st_mode & 0o777 == 0o600
        os.symlink("nowhere", os.path.join(folder, "plain-2.eml"))
        tool(office, "save", "--to", folder, "work", "1")
        assert os.path.exists(os.path.join(folder, "plain-3.eml")) and not os.path.exists(os.path.join(folder, "nowhere"))
        tool(office, "save", "--to", folder + "/none", "work", "1", status=74)
        out, err = tool(office, "save", "work", "1", "9", status=65)
        assert not out and "no message 9" in err and not os.path.exists(os.path.join(office.folder, "plain.eml"))


def save_writes_attachments():
    with Office() as office:
        set_up(office)
        folder = os.path.join(office.folder, "to")
        os.mkdir(folder)
        tool(office, "save", "--attachments", "--to", folder, "work", "2")
        assert sorted(os.listdir(folder)) == ["a-2.pdf", "a.pdf"], os.listdir(folder)
        for name, octets in (("a.pdf", b"hallo"), ("a-2.pdf", b"\0\1\2")):
            with open(os.path.join(folder, name), "rb") as file:
                assert file.read() == octets
        _, err = tool(office, "save", "--attachments", "--to", folder, "work", "1")
        assert "has no attachments" in err, err


def rm_rehearses_and_then_deletes():
    with Office() as office:
        set_up(office)
        out = tool(office, "rm", "work", "2")[0].decode()
        assert "Grüße" in out and "Nothing was deleted" in out and "uid:1700000002.M2P1.host" in out, out
        assert len(office.files("anna")) == 3
        words = out.splitlines()[-1].split("postfach ")[1].split()
        out = tool(office, *words)[0].decode()
        assert "1 message deleted; the server confirmed it." in out, out
        assert [row["uid"] for row in listing(office)] == ["1700000001.M1P1.host", "1700000003.M3P1.host"]
        _, err = tool(office, "rm", "--yes", "work", "1", "uid:gone", status=65)
        assert "there is no message" in err and len(office.files("anna")) == 2, err
        tool(office, "rm", "--yes", "work", "1", "2")
        assert office.files("anna") == []


def rm_by_age_leaves_what_has_none():
    old = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - 40 * 86400))
    new = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - 20 * 86400))
    mails = [f"Subject: s{n}\nDate: {date}\n\nx\n".encode() for n, date in enumerate((old, new, "?", old), 1)]
    with Office() as office:
        set_up(office, mails)
        tool(office, "rm", "work", status=64)
        out = tool(office, "rm", "--older", "50d", "--yes", "work")[0].decode()
        assert "nothing to delete" in out, out
        out = tool(office, "rm", "--older", "30d", "work")[0].decode()
        assert " s1 " in out and " s4 " in out and " s2 " not in out and " s3 " not in out, out
        tool(office, "rm", "--older", "30", "--yes", "work", "1", "2", "3")
        assert [row["subject"] for row in listing(office)] == ["s2", "s3", "s4"]
        tool(office, "rm", "--older=30d", "--yes", "work")
        assert [row["subject"] for row in listing(office)] == ["s2", "s3"]
        for value in ("x", "", "-1", "40000"):
            tool(office, "rm", "--older=" + value, "work", status=64)


def what_is_not_known_is_told():
    with Office() as office:
        set_up(office)
        _, err = tool(office, "ls", "nobody", status=78)
        assert "there is no account `nobody`" in err, err
        for words in (("ls",), ("ls", "work", "1"), ("ls", "--raw", "work"), ("show", "work"), ("save", "--to"),
                      ("ls", "--limit", "0", "work"), ("ls", "--json=1", "work")):
            said = tool(office, *words, status=64)[1]
            assert f"postfach {words[0]} --help" in said and len(said.splitlines()) == 2, (words, said)
        said = tool(office, "rm", "work", "--older", "10000000d", status=64)[1]
        assert "--older takes days from 0 to 36500, as 30d, not 10000000d\n" in said, said
        said = tool(office, "ls", "--insecure", "--password-file", "/none", f"pops://anna@localhost:{office.pop3s}",
                    status=77)[1]
        assert said.count("the certificate is not checked") == 1, said
        for word in ("ls", "show", "save", "rm"):
            assert f"usage: postfach {word}".encode() in tool(office, word, "--help")[0]


def what_cannot_be_told_is_no_success():
    with Office() as office:
        set_up(office)
        for words, to, status, said in (("ls --json work", "/dev/full", 74, "ls: standard output: No space left"),
                                        ("show work 1", "/dev/full", 74, "show: standard output: No space left"),
                                        (f"probe --json localhost:{office.pop3s}", "/dev/full", 74, "probe: standard output"),
                                        ("ls work", "&-", 0, "")):
            done = subprocess.run(["sh", "-c", f'"$0" {words} >{to}', POSTFACH], capture_output=True, check=False,
                                  timeout=PATIENCE, stdin=subprocess.DEVNULL, env=environment(office), text=True)
            assert done.returncode == status and said in done.stderr and bool(said) == bool(done.stderr), (words, done)


def many_messages_in_a_moment():
    with Office() as office:
        set_up(office, [])
        for number in range(20000):
            office.put("anna", b"From: a@example.org\nSubject: s%d\nDate: Tue, 03 Nov 2026 17:42:11 +0100\n\nx\n" % number)
        listing(office)  # the server has its index then
        begin = time.monotonic()
        rows = listing(office)
        print(f"# {len(rows)} heads in {time.monotonic() - begin:.2f} s")
        assert len(rows) == 20000 and rows[19999]["subject"] == "s19999"


run(ls_shows_heads, ls_speaks_json, a_url_with_its_options, show_decodes_and_raw_does_not, a_terminal_is_never_spoken_to,
    save_writes_whole_files_and_over_none, save_writes_attachments, rm_rehearses_and_then_deletes,
    rm_by_age_leaves_what_has_none, what_is_not_known_is_told, what_cannot_be_told_is_no_success, many_messages_in_a_moment)
