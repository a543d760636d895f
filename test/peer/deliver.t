#!/usr/bin/env python3
"""`postfach deliver`: what a mail server that starts it sees, and what lies in the Maildir afterwards."""
import os
import poplib
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import POSTFACH, Office, run, wire  # noqa: E402

poplib._MAXLINE = 10 ** 9
TEXT = b"From: s@x\nSubject: hello\n\nbody\n"


def deliver(office, mail, *options, wrapper=(), conf=None):
    if conf is None:
        office.write_conf()
        conf = office.conf
    return subprocess.run([*wrapper, POSTFACH, "deliver", "-c", conf, *options], input=mail,
                          capture_output=True, timeout=120)


def mails(office, user):
    found = []
    for name in sorted(os.listdir(os.path.join(office.maildir(user), "new"))):
        with open(os.path.join(office.maildir(user), "new", name), "rb") as file:
            found.append(file.read())
    assert os.listdir(os.path.join(office.maildir(user), "tmp")) == [], "litter in tmp"
    return found


def s_011_head_and_text():
    with Office() as office:
        office.add_user("anna", "secret")
        done = deliver(office, b"Return-Path: <old>\r\n" + TEXT.replace(b"\n", b"\r\n"), "-d", "anna", "-f", "s@x",
                       "-a", "anna+list@example.org")
        assert (done.returncode, done.stderr) == (0, b""), done
        assert mails(office, "anna") == [b"Return-Path: <s@x>\nDelivered-To: anna+list@example.org\n" + TEXT]


def s_012_no_sender_and_an_mbox_line():
    with Office() as office:
        office.add_user("anna", "secret")
        assert deliver(office, b"From s@x Sun Nov 22 06:00:00 2026\n" + TEXT, "-d", "Anna", "-f", "<>").returncode == 0
        assert mails(office, "anna") == [b"Return-Path: <>\nDelivered-To: Anna\n" + TEXT]


def octets_are_what_pop3_gives():
    with Office() as office:
        office.add_user("anna", "secret")
        expected = set()
        for name, mail in corpus().items():
            if not mail or b"\r" in mail:  # CRLF becomes LF, which the unit tests look at
                continue
            assert deliver(office, mail, "-d", "anna").returncode == 0, name
            expected.add(b"Return-Path: <>\r\nDelivered-To: anna\r\n" + wire(mail))
        office.start()
        client = poplib.POP3("localhost", office.pop3, timeout=60)
        client.user("anna")
        client.pass_("secret")
        count = client.stat()[0]
        got = {b"".join(line + b"\r\n" for line in client.retr(n + 1)[1]) for n in range(count)}
        assert got == expected, f"{len(got - expected)} differ"
        client.quit()


def failures_tell_the_mail_server_what_to_do():
    with Office(settings="delivery { message-size 64k }") as office:
        office.add_user("anna", "secret")
        done = deliver(office, TEXT, "-d", "nobody@x")
        assert done.returncode == 67 and b"no such user here (5.1.1)" in done.stderr, done
        assert deliver(office, TEXT, "-x").returncode == 64
        assert deliver(office, TEXT, "-d", "anna", "superfluous").returncode == 64
        done = deliver(office, b"", "-d", "anna")
        assert done.returncode == 64 and b"no message" in done.stderr, done
        done = deliver(office, TEXT + b"x" * 65536, "-d", "anna")
        assert done.returncode == 65 and b"larger than 65536" in done.stderr, done
        done = deliver(office, TEXT, "-d", "anna", conf="/nonexistent.conf")
        assert done.returncode == 75, done
        os.rename(office.users, office.users + ".away")
        done = deliver(office, TEXT, "-d", "anna")
        assert done.returncode == 75 and office.folder.encode() not in done.stderr, done
        done = deliver(office, TEXT, "-d", "anna", "-v")
        assert done.returncode == 75 and office.users.encode() in done.stderr, done
        os.rename(office.users + ".away", office.users)
        assert mails(office, "anna") == []
        shutil.rmtree(office.maildir("anna"))  # as when a disk is not mounted
        done = deliver(office, TEXT, "-d", "anna")
        assert done.returncode == 75 and re.fullmatch(rb"postfach deliver: [a-z ,]+ \(4\.\d\.\d\)\n", done.stderr), done
        done = deliver(office, TEXT, "-d", "anna", "-v")
        assert done.returncode == 75 and office.maildir("anna").encode() in done.stderr, done


def the_reason_goes_to_syslog_and_not_to_the_sender():
    with Office() as office:
        office.add_user("anna", "secret")
        office.write_conf()
        dev = os.path.join(office.folder, "dev")
        os.mkdir(dev)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(os.path.join(dev, "log"))
            log.settimeout(60)
            namespace = ["unshare", "-m", "sh", "-c", f'mount --bind {dev} /dev && exec "$@"', "-"]
            if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
                print("# this user may not make a mount namespace: syslog was not looked at")
                return
            shutil.rmtree(office.maildir("anna"))
            done = deliver(office, TEXT, "-d", "anna", "-f", "s@x", wrapper=namespace)
            assert done.returncode == 75 and office.folder.encode() not in done.stderr, done
            line = log.recv(4096)
            assert line.startswith(b"<21>") and b"postfach" in line, line  # mail, notice
            for word in (b"event=delivery_failed", b"recipient=anna", b"sender=s@x", office.maildir("anna").encode()):
                assert word in line, line
            broken = os.path.join(office.folder, "broken")
            with open(broken, "w", encoding="ascii") as file:
                file.write("hostnam x\n")
            done = deliver(office, TEXT, "-d", "anna", wrapper=namespace, conf=broken)
            assert done.returncode == 75 and b"broken" not in done.stderr and done.stderr.count(b"\n") == 1, done
            line = log.recv(4096)
            assert b"event=trouble" in line and b"broken:1:1" in line, line
            done = deliver(office, TEXT, "-d", "anna", "-v", wrapper=namespace, conf=broken)
            assert done.returncode == 75 and b"broken:1:1" in done.stderr, done


def loops_are_seen():
    with Office() as office:
        office.add_user("anna", "secret")
        loop = b"Received: by mta\nDelivered-To: Anna@x\n" + TEXT
        done = deliver(office, loop, "-d", "anna@x")
        assert done.returncode == 65 and b"5.4.6" in done.stderr, done
        # on top: the mail server that calls us wrote it (Postfix: flags=D)
        assert deliver(office, b"Delivered-To: anna@x\n" + TEXT, "-d", "anna@x").returncode == 0
        assert deliver(office, b"Received: x\n" * 101 + TEXT, "-d", "anna").returncode == 65
        assert deliver(office, b"Received: x\n" * 100 + TEXT, "-d", "anna").returncode == 0
        assert len(mails(office, "anna")) == 2


def aliases_deliver_to_each_once():
    with Office() as office:
        office.add_user("anna", "secret")
        office.add_user("bob", "secret")
        aliases = os.path.join(office.folder, "aliases")
        with open(aliases, "w", encoding="ascii") as file:
            file.write("team@example.org: anna, bob, anna@example.org\n")
        office.settings = f"users {{ aliases {aliases} }}"
        assert deliver(office, TEXT, "-d", "Team@example.org").returncode == 0
        assert len(mails(office, "anna")) == len(mails(office, "bob")) == 1
        with open(aliases, "w", encoding="ascii") as file:
            file.write("a: b\nb: a\n")
        done = deliver(office, TEXT, "-d", "anna")
        assert done.returncode == 75 and b"line 1" not in done.stderr, done
        done = deliver(office, TEXT, "-d", "anna", "-v")
        assert done.returncode == 75 and b"line 1" in done.stderr, done


def a_full_disk_is_temporary():
    with Office(settings="delivery { message-size 1g }") as office:
        office.add_user("anna", "secret")
        # What a process may write at most stands for a disk that has no more room.
        done = deliver(office, TEXT + b"x\n" * 600000, "-d", "anna",
                       wrapper=["bash", "-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "-"])
        assert done.returncode == 75, done
        assert mails(office, "anna") == []


def l_011_durable_before_the_end():
    """The file is synced before it has its name, the folder after; then the program ends."""
    if not shutil.which("strace"):
        print("# strace is not installed: the order of system calls was not looked at")
        return
    with Office() as office:
        office.add_user("anna", "secret")
        trace = os.path.join(office.folder, "trace")
        calls = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,exit_group"
        done = deliver(office, TEXT, "-d", "anna",
                       wrapper=["env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-y", "-o", trace, "-e", f"trace={calls}"])
        assert done.returncode == 0, done
        with open(trace, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        at = [n for n, line in enumerate(lines) if re.search(r"(link|rename)\w*\(", line) and "new" in line and line.endswith("= 0")]
        assert len(at) == 1, lines[-40:]
        before, after = lines[:at[0]], lines[at[0] + 1:]
        assert any(re.search(r"f(data)?sync\(\d+<[^>]*/tmp/", line) for line in before), before[-20:]
        assert any(re.search(r"fsync\(\d+<[^>]*/new>", line) for line in after), after


def all_of_stdin_is_read_before_anything_is_sealed():
    with Office() as office:
        office.add_user("anna", "secret")
        office.write_conf()
        process = subprocess.Popen([POSTFACH, "deliver", "-c", office.conf, "-d", "anna"], stdin=subprocess.PIPE)
        process.stdin.write(TEXT * 10000)
        process.stdin.flush()
        assert os.listdir(os.path.join(office.maildir("anna"), "new")) == []
        process.kill()
        process.stdin.close()
        process.wait(60)
        assert os.listdir(os.path.join(office.maildir("anna"), "new")) == []


run(s_011_head_and_text, s_012_no_sender_and_an_mbox_line, octets_are_what_pop3_gives,
    failures_tell_the_mail_server_what_to_do, the_reason_goes_to_syslog_and_not_to_the_sender, loops_are_seen,
    aliases_deliver_to_each_once,
    a_full_disk_is_temporary, l_011_durable_before_the_end, all_of_stdin_is_read_before_anything_is_sealed)
