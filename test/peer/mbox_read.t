#!/usr/bin/env python3
"""mboxes that other programs wrote and rewrote, read by our store octet for octet: Python's mailbox, formail, procmail,
maildrop, dovecot-lda, s-nail, mutt; those that are installed. The reader is a small program around the store."""
import mailbox
import os
import pty
import pwd
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import BUILD, PATIENCE, run, wire  # noqa: E402

READER = os.path.join(BUILD, "test/unit/mbox/mbox_reader")
LDA = "/usr/lib/dovecot/dovecot-lda"
# Dovecot touches no mail as root.
OWNER = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
FROM_LINES = b"Subject: from\n\nFrom me\n\nFrom you Mon Jan  1 00:00:00 2001\n>From her\n\n\n\nend\n"


class Spool:
    """A folder with an mbox in it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pf-mbox-read-")
        self.box = os.path.join(self.folder, "box")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def write(self, name, octets):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(octets)
        os.chmod(path, 0o600)
        return path

    def read(self, *words):
        """[(UIDL, octets)] as our store has them; sizes are checked here."""
        done = subprocess.run([READER, self.box, *words], capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, b""), done
        rest, found = done.stdout, []
        while rest:
            line, _, rest = rest.partition(b"\n")
            uidl, octets, length = line.split()
            text, rest = rest[:int(length)], rest[int(length):]
            assert len(text) == int(length) and len(wire(text)) == int(octets), line
            found.append((uidl, text))
        assert len({uidl for uidl, _ in found}) == len(found)
        return found

    def texts(self, *words):
        return [text for _, text in self.read(*words)]


def mails(ends=(b"\n",)):
    """The hard messages, and one whose lines begin with From; line ends of the last line as wanted."""
    every = [*corpus().values(), FROM_LINES]
    return [mail for mail in every if mail.endswith(ends)]


def mboxo(mail):
    """As programs that quote write it."""
    return b"\n".join(b">" + line if line.startswith(b"From ") else line for line in mail.split(b"\n"))


def ended(mail):
    """formail and procmail take an empty line at a message's end for the one that every message ends with."""
    return mail[:-1] if mail.endswith(b"\n\n") else mail


def run_with(words, mail, **more):
    done = subprocess.run(words, input=mail, capture_output=True, check=False, timeout=60, **more)
    assert done.returncode == 0, done
    return done.stdout


def pythons_mailbox():
    with Spool() as spool:
        box = mailbox.mbox(spool.box)
        box.lock()
        for mail in mails():
            box.add(mail)
        box.flush()
        box.unlock()
        box.close()
        assert spool.texts() == [mboxo(mail) for mail in mails()]
        before = spool.read()
        box = mailbox.mbox(spool.box)  # it rewrites: some go, one more comes
        gone = set(random.Random(4155).sample(range(len(before)), 10))
        for key in gone:
            box.remove(key)
        box.add(b"Subject: new\n\nnew\n")
        box.flush()
        box.close()
        after = spool.read()
        assert after[:-1] == [pair for index, pair in enumerate(before) if index not in gone]
        assert after[-1][1] == b"Subject: new\n\nnew\n" and after[-1][0] not in dict(before)


def pythons_view_is_ours():
    """Where it splits as we do: it takes any line that begins with From, so such text is left out."""
    with Spool() as spool:
        box = mailbox.mbox(spool.box)
        for mail in mails():
            box.add(mail)
        box.close()
        box = mailbox.mbox(spool.box)
        assert spool.texts() == [box.get_bytes(key) for key in box.keys()]
        box.close()


def formails_box():
    with Spool() as spool:
        some = [mail for mail in mails() if b"\r" not in mail and mail.startswith((b"From:", b"Subject:"))]
        with open(spool.box, "wb") as file:
            for mail in some:
                file.write(run_with(["formail", "-f", "-I", "X-None:"], b"From a@x Mon Jan  1 00:00:00 2001\n" + mail))
        assert spool.texts() == [ended(mboxo(mail)) for mail in some]


def procmails_spool():
    with Spool() as spool:
        rc = spool.write("rc", f"DEFAULT={spool.box}\nMAILDIR={spool.folder}\nORGMAIL={spool.box}\n".encode())
        some = [mail for mail in mails() if mail.startswith((b"From:", b"Subject:"))][:24] + [FROM_LINES]
        for number, mail in enumerate(some):
            run_with(["procmail", "-f", "s@x", "-m", rc], mail)
            assert len(spool.read()) == number + 1  # each time only the new one is looked at
        assert spool.texts() == [ended(mboxo(mail)) for mail in some]


def maildrops_spool():
    with Spool() as spool:
        rule = spool.write("rule", f'to "{spool.box}"\n'.encode())
        some = [mail for mail in mails() if b"\r" not in mail and mail.startswith((b"From:", b"Subject:"))][:24]
        for mail in [*some, FROM_LINES]:
            run_with(["maildrop", "-f", "s@x", rule], mail)
        assert spool.texts("mboxrd") == [*some, FROM_LINES]  # it quotes as mboxrd does


def dovecots_lda():
    with Spool() as spool:
        os.chown(spool.folder, OWNER.pw_uid, OWNER.pw_gid)
        conf = spool.write("conf", f"""
base_dir = {spool.folder}/dovecot
log_path = {spool.folder}/log
ssl = no
mail_location = mbox:{spool.folder}/mail:INBOX={spool.box}
mail_home = {spool.folder}
mbox_write_locks = dotlock fcntl
first_valid_uid = 1
postmaster_address = postmaster@example.org
""".encode())
        os.chmod(conf, 0o644)
        some = [mail for mail in mails() if b"\r" not in mail and mail.startswith((b"From:", b"Subject:"))][:6]
        more = {"user": OWNER.pw_uid, "group": OWNER.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        for mail in [*some, FROM_LINES]:
            run_with([LDA, "-c", conf, "-f", "s@example.org"], mail, cwd="/", **more,
                     env={"HOME": spool.folder, "USER": OWNER.pw_name, "PATH": os.environ["PATH"]})
        got = spool.texts()
        # It leaves notes of its own in the head (X-UID, Status, Content-Length), which are octets like others.
        notes = (b"X-UID:", b"Status:", b"X-Keywords:", b"Content-Length:", b"X-IMAP", b"X-Status:")
        plain = [b"\n".join(line for line in text.split(b"\n") if not line.startswith(notes)) for text in got]
        assert len(got) == len(some) + 1
        for text, mail in zip(plain, [*some, FROM_LINES]):
            assert text.rstrip(b"\n") in (mboxo(mail).rstrip(b"\n"), mail.rstrip(b"\n")), (text[:300], mail[:300])


def readers_rewrite(act):
    with Spool() as spool:
        box = mailbox.mbox(spool.box)
        for letter in (b"a", b"b", b"c"):
            box.add(b"From: x@y\nSubject: %s\n\nFrom %s\n\nbody\n" % (letter, letter))
        box.close()
        before = spool.read()
        act(spool)
        after = spool.read()
        assert [uidl for uidl, _ in after] == [uidl for uidl, _ in before[1:]], "UIDLs stay, and the first is gone"
        assert any(b"Status: " in text for _, text in after), after
        with open(spool.box, "rb") as file:
            whole = file.read()
        at = 0
        for _, text in after:  # in this order, and nothing but From_ lines and empty lines between
            start = whole.index(text, at)
            between = whole[at:start].strip(b"\n").split(b"\n")
            assert len(between) == 1 and between[0].startswith(b"From "), between
            at = start + len(text)
        assert whole[at:].strip(b"\n") == b""


def s_nail_rewrites():
    def act(spool):
        run_with(["s-nail", "-n", "-#", "-f", spool.box], b"type 2\ndelete 1\nquit\n",
                 env=dict(os.environ, HOME=spool.folder))

    readers_rewrite(act)


def mutt_rewrites():
    def act(spool):
        rc = spool.write("rc", b"set quit=yes move=no delete=yes mark_old=no confirmappend=no wait_key=no folder=/\n"
                               b'push "<first-entry><delete-message><last-entry><flag-message><quit>"\n')
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe("mutt", ["mutt", "-n", "-F", rc, "-f", spool.box],
                       dict(os.environ, TERM="vt100", HOME=spool.folder))
        shown = b""
        try:
            while select.select([fd], [], [], PATIENCE)[0]:
                shown += os.read(fd, 4096)
            os.kill(pid, signal.SIGKILL)
        except OSError:  # it ended
            pass
        assert os.waitpid(pid, 0)[1] == 0, shown
        os.close(fd)

    readers_rewrite(act)


TESTS = [pythons_mailbox, pythons_view_is_ours]
for program, test in (("formail", formails_box), ("procmail", procmails_spool), ("maildrop", maildrops_spool),
                      (LDA, dovecots_lda), ("s-nail", s_nail_rewrites), ("mutt", mutt_rewrites)):
    if shutil.which(program):
        TESTS.append(test)
run(*TESTS)
