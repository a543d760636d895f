#!/usr/bin/env python3
"""`postfach` at the prompt: user and box against real files and a live server, statuses and texts;
and the demo from beginning to end."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import BUILD, POSTFACH, TOP, Office, run, wire  # noqa: E402


def tool(*words, text=None, status=0):
    done = subprocess.run([POSTFACH, *words], input=text, capture_output=True, check=False, timeout=120)
    assert done.returncode == status, (words, done)
    return done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")


def box_ls_shows_what_pop3_shows():
    with Office() as office:
        office.add_user("anna", "secret")
        mail = ("From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.org>\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n"
                "Date: Tue, 03 Nov 2026 17:42:11 +0100\n\nbody\n").encode()
        office.put("anna", mail, name="1700000001.M1P1.host")
        office.put("anna", b"Subject: evil \x1b]0;owned\x07\xc2\x9b31m\n\n\x1b[2Jbody\n", name="1700000002.M2P1.host")
        out, _ = tool("box", "ls", office.maildir("anna"))
        first, second = out.splitlines()[1:3]
        assert f" {len(wire(mail))} 2026-11-03 16:42 Jürgen" in first and "Grüße" in first, first
        assert first.endswith(" 1700000001.M1P1.host"), first
        assert "\x1b" not in out and "\x07" not in out and "\x9b" not in out and "evil" in second
        assert "2 messages" in out
        above, name = os.path.split(office.maildir("anna"))
        for where, word in ((above, f"./{name}"), (above, f"maildir:{name}"), (office.maildir("anna"), "."),
                            (os.path.dirname(above), f"{os.path.basename(above)}/{name}")):
            done = subprocess.run([POSTFACH, "box", "ls", word], capture_output=True, check=False, cwd=where, text=True)
            assert done.returncode == 0 and done.stdout == out, (word, done)


def box_show_decodes_and_raw_does_not():
    with Office() as office:
        office.add_user("anna", "secret")
        mail = (b"From: a@example.org\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\nMIME-Version: 1.0\n"
                b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=iso-8859-1\n"
                b"Content-Transfer-Encoding: quoted-printable\n\nsch=F6n\n--x\nContent-Type: application/pdf; name=\"a.pdf\"\n"
                b"Content-Disposition: attachment; filename=\"a.pdf\"\n\nx\n--x--\n")
        office.put("anna", mail, name="1700000001.M1P1.host")
        for which in ("1", "1700000001.M1P1.host"):
            out, _ = tool("box", "show", office.maildir("anna"), which)
            assert "Subject: Grüße\n" in out and "schön" in out and "[application/pdf, a.pdf]" in out, out
        raw = subprocess.run([POSTFACH, "box", "show", "--raw", office.maildir("anna"), "1"], capture_output=True, check=True)
        assert raw.stdout == mail
        _, err = tool("box", "show", office.maildir("anna"), "7", status=65)
        assert "box ls" in err


def box_check_finds_what_pop3_refuses():
    with Office() as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: good\n\nbody\n")
        out, _ = tool("box", "check", office.maildir("anna"))
        assert "messages 1," in out and "faults 0, notes 0" in out, out
        office.put("anna", b"Subject: long\n\n" + b"x" * 3000 + b"\n\0\n")
        path = office.put("anna", b"Subject: cut\n\nbody\n", sizes=True)
        os.truncate(path, 5)
        out, _ = tool("box", "check", office.maildir("anna"), status=65)
        assert "faults 1, notes 2" in out and "message 3, new/" in out and "poplib" in out and "Outlook" in out, out
        old = os.path.join(office.maildir("anna"), "tmp", "1.M1P1.host")
        with open(old, "w", encoding="ascii") as file:
            file.write("half a deliv")
        os.utime(old, (1000000000, 1000000000))
        out, _ = tool("box", "check", "--fix", office.maildir("anna"), status=65)
        assert "tmp: 1 leftovers" in out and not os.path.exists(old)


def box_check_mends_an_mbox():
    with Office(store="mail { path mbox:%s/mail/%%n; create yes }") as office:
        office.add_user("anna", "secret", "maildrop=mbox:" + os.path.join(office.folder, "mail/box"))
        office.write_conf()
        box = os.path.join(office.folder, "mail/box")
        for text in (b"Subject: one\n\nbody\n", b"Subject: two\n\nbody\n"):
            done = subprocess.run([POSTFACH, "deliver", "-c", office.conf, "-d", "anna"], input=text, check=False, timeout=120)
            assert done.returncode == 0, done
        command = ("box", "check", "--fix", "-c", office.conf, "anna")
        out, _ = tool(*command)
        assert "messages 2" in out and "faults 0, notes 0" in out and "beside: 0 leftovers" in out, out
        litter, part = (os.path.join(office.folder, "mail", name) for name in (".postfach-1.part", ".postfach-2.part"))
        for path in (litter, part):
            open(path, "wb").close()
        os.utime(litter, (1600000000, 1600000000))  # old; the other may be in use
        journal = os.path.join(office.folder, "mail/.box.postfach-journal.old")
        with open(journal, "wb") as file:
            file.write(b"a journal\n")
        out, _ = tool(*command)
        assert "beside: 1 leftovers" in out and "1 old journals" in out and ".box.postfach-journal.old" in out, out
        assert "faults 0, notes 1" in out and "killed;" not in out, out
        assert not os.path.exists(litter) and os.path.exists(part) and os.path.exists(journal)
        os.unlink(journal)
        # As after a crash in the middle of the last octets: the intent stands (o for d), the message is cut.
        before = os.path.getsize(box)
        assert subprocess.run([POSTFACH, "deliver", "-c", office.conf, "-d", "anna"], input=b"Subject: x\n\nthree\n",
                              check=False, timeout=120).returncode == 0
        with open(os.path.join(office.folder, "mail/.box.postfach-append"), "r+b") as file:
            text = file.read()
            at = text.rindex(b" d\n")
            file.seek(at + 1)
            file.write(b"o")
        os.truncate(box, os.path.getsize(box) - 4)
        out, _ = tool(*command)
        assert "a delivery was killed" in out and "messages 2" in out and "faults 0" in out, out
        assert os.path.getsize(box) == before


def no_word_loads_what_another_one_needs():
    """A mail server that starts `postfach deliver` does not load what only `box show` needs, and who fetches mail no
    database."""
    for program, unwanted in (("", ("crypto", "ssl", "uv", "pq", "curl", "ncurses", "gmime")),
                              ("-deliver", ("gmime", "glib", "ncurses"))):
        libraries = subprocess.run(["ldd", POSTFACH + program], capture_output=True, text=True, check=True).stdout
        assert "libc.so" in libraries, libraries
        assert not any(f"lib{word}" in libraries for word in unwanted), libraries
    with Office() as office:
        office.add_user("anna", "secret")
        alone = os.path.join(office.folder, "postfach")
        link = os.path.join(office.folder, "link")
        shutil.copy(POSTFACH, alone)
        os.symlink(POSTFACH, link)
        done = subprocess.run([link, "box", "ls", office.maildir("anna")], capture_output=True, check=False, timeout=120)
        assert done.returncode == 0 and b"0 messages" in done.stdout, done
        shutil.copy("/bin/echo", os.path.join(office.folder, "postfach-box"))
        done = subprocess.run([alone, "box", "ls", "x"], capture_output=True, check=False, timeout=120)
        assert (done.returncode, done.stdout) == (0, b"ls x\n"), done
        os.unlink(os.path.join(office.folder, "postfach-box"))
        done = subprocess.run([alone, "box", "ls", "/nonexistent"], capture_output=True, check=False, timeout=120)
        assert done.returncode in (78, 67) and done.stderr, done  # 67: this machine has one in libexec


def box_quota_says_what_maildirsize_says():
    with Office() as office:
        office.add_user("anna", "secret")
        maildir = office.maildir("anna")
        office.put("anna", b"Subject: x\n\nbody\n")
        out, _ = tool("box", "quota", maildir)
        assert "octets    17, no limit" in out and "messages  1, no limit" in out, out
        assert not os.path.exists(os.path.join(maildir, "maildirsize"))
        out, _ = tool("box", "ls", maildir)
        assert "quota" not in out, out
        with open(os.path.join(maildir, "maildirsize"), "w", encoding="ascii") as file:
            file.write("1000S,8C\n         250 2\n        -150 -1\n")
        out, _ = tool("box", "quota", maildir)
        assert "octets    100 of 1000 (10.0 %)" in out and "messages  1 of 8 (12.5 %)" in out, out
        out, _ = tool("box", "ls", maildir)
        assert "100 of 1000" in out.split("1 message, 20 octets")[1], out
        _, err = tool("box", "quota", "/nonexistent/maildrop", status=67)
        assert "/nonexistent/maildrop" in err


def mistakes_are_told():
    for words in ((), ("nonsense",), ("box",), ("box", "ls"), ("box", "eat", "/x"), ("probe",), ("user",)):
        out, err = tool(*words, status=64)
        assert ("usage" in err or "--help" in err) and not out, words
    for words in (("--help",), ("box", "--help"), ("probe", "--help"), ("user", "--help"), ("--version",)):
        out, err = tool(*words)
        assert out and not err, words
    _, err = tool("box", "ls", "/nonexistent/maildrop", status=67)
    assert "/nonexistent/maildrop" in err


def box_says_that_a_session_holds_the_maildrop():
    import poplib
    with Office() as office:
        office.add_user("anna", "secret")
        office.start()
        client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
        client.user("anna")
        client.pass_("secret")
        _, err = tool("box", "ls", office.maildir("anna"), status=75)
        assert "session" in err
        client.quit()
        tool("box", "ls", office.maildir("anna"))


def a_user_made_by_the_tool_logs_in():
    import poplib
    with Office() as office:
        os.unlink(office.users)
        tool("user", "add", "--file", office.users, "--password-stdin", "anna", text="se cret\n".encode())
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(office.maildir("anna"), folder))
        office.start()
        client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
        client.user("anna")
        client.pass_("se cret")
        client.quit()


def the_demo_runs_once():
    env = dict(os.environ, BUILD=os.path.relpath(BUILD, TOP), ONCE="1")
    done = subprocess.run([os.path.join(TOP, "demo/run")], capture_output=True, text=True, check=False, timeout=300, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for text in ("verdict: nothing bad", "schöne Grüße aus Göttingen", "identical to what was delivered",
                 "1 message, 502 octets", "The demo ran to its end."):
        assert text in done.stdout, text


run(box_ls_shows_what_pop3_shows, box_show_decodes_and_raw_does_not, box_check_finds_what_pop3_refuses,
    box_check_mends_an_mbox, no_word_loads_what_another_one_needs, box_quota_says_what_maildirsize_says, mistakes_are_told,
    box_says_that_a_session_holds_the_maildrop, a_user_made_by_the_tool_logs_in,
    the_demo_runs_once)
