#!/usr/bin/env python3
"""Maildirs shared with Dovecot, where its doveadm is installed (no daemon is needed): quotas agree to the octet,
whoever wrote last, and what its zlib plugin compressed is served as it was saved."""
import os
import poplib
import pwd
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from corpus import corpus  # noqa: E402
from office import POSTFACH, Office, run, wire  # noqa: E402
from owner import hand_over  # noqa: E402

poplib._MAXLINE = 10 ** 9  # poplib refuses lines over 2048; the corpus has them on purpose
# Dovecot touches no mail as root.
OWNER = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

CONF = """
base_dir = {folder}/dovecot
log_path = /dev/stderr
ssl = no
mail_location = maildir:{maildir}
mail_home = {folder}
mail_plugins = quota zlib
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
plugin {{
  quota = maildir:User quota
  quota_rule = *:bytes=1000000:messages=100
  quota_rule2 = Trash:ignore
  {save}
}}
namespace inbox {{
  inbox = yes
  separator = .
}}
"""


class Dovecot:
    def __init__(self, office, save=""):
        self.maildir = office.maildir("anna")
        self.conf = os.path.join(office.folder, "dovecot.conf")
        path = office.folder
        for part in [""] + os.path.relpath(self.maildir, office.folder).split(os.sep):
            path = os.path.join(path, part)
            os.chmod(path, 0o755)
        self.own()
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONF.format(folder=office.folder, maildir=self.maildir, uid=OWNER.pw_uid, gid=OWNER.pw_gid,
                                   save=save))

    def own(self):
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", f"{OWNER.pw_uid}:{OWNER.pw_gid}", self.maildir], check=True)

    def __call__(self, *words, text=None):
        env = dict(os.environ, USER=OWNER.pw_name, HOME="/")
        done = subprocess.run(["doveadm", "-c", self.conf, *words], input=text, capture_output=True, check=False,
                              timeout=60, env=env, cwd="/")
        assert done.returncode == 0, (words, done)
        return done.stdout.decode()

    def size(self):
        with open(os.path.join(self.maildir, "maildirsize"), encoding="ascii") as file:
            return file.read()

    def quota(self):
        """Octets and messages as its last recalculation wrote them."""
        lines = self.size().splitlines()
        assert lines[0] == "1000000S,100C", lines
        return tuple(sum(int(line.split()[k]) for line in lines[1:]) for k in (0, 1))

    def messages(self):
        """What `doveadm quota get` says; its octets come in KiB."""
        rows = [line.split("\t") for line in self("-f", "tab", "quota", "get").splitlines()]
        value = rows[0].index("Value" if "Value" in rows[0] else "value")
        kind = rows[0].index("Type" if "Type" in rows[0] else "type")
        return {row[kind]: int(row[value]) for row in rows[1:]}


def ours(maildir):
    out = subprocess.run([POSTFACH, "box", "quota", maildir], capture_output=True, check=True).stdout.decode().split()
    return int(out[out.index("octets") + 1].rstrip(",")), int(out[out.index("messages") + 1].rstrip(","))


def agree(dovecot):
    """Our reading of its file, our count without a file, its own numbers."""
    written = dovecot.quota()
    assert ours(dovecot.maildir) == written, (ours(dovecot.maildir), written)
    said = dovecot.messages()
    assert said["MESSAGE"] == written[1] and said["STORAGE"] == -(-written[0] // 1024), (said, written)
    os.rename(os.path.join(dovecot.maildir, "maildirsize"), os.path.join(dovecot.maildir, "aside"))
    counted = ours(dovecot.maildir)
    os.rename(os.path.join(dovecot.maildir, "aside"), os.path.join(dovecot.maildir, "maildirsize"))
    assert counted == written, (counted, written)
    return written


def login(office):
    client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
    client.user("anna")
    client.pass_("secret")
    return client


def mp_009_quotas_agree_whoever_counts():
    with Office() as office:
        office.add_user("anna", "secret")
        dovecot = Dovecot(office)
        for folder in ("Work", "Work.old", "Trash"):
            dovecot("mailbox", "create", folder)
            dovecot("save", "-m", folder, text=b"Subject: %s\n\nbody\n" % folder.encode() * 9)
        office.put("anna", b"Subject: x\n\nno size in my name\n")
        office.put("anna", b"Subject: x\n\nread\n", folder="cur", name="1700000009.M1P1.host,S=5000:2,S")
        dovecot.own()
        dovecot("quota", "recalc")
        octets, messages = agree(dovecot)
        assert messages == 4 and octets > 5000


def mp_016_mp_018_dovecot_sums_the_lines_that_we_append():
    with Office() as office:
        office.add_user("anna", "secret")
        dovecot = Dovecot(office)
        for number in range(5):
            office.put("anna", b"Subject: x\n\n" + b"x" * number + b"\n")
        dovecot.own()
        dovecot("quota", "recalc")
        before = agree(dovecot)
        assert before == (5 * 13 + 10, 5)
        hand_over(office)  # who is root in a jail may not touch the mail of others
        office.start()
        client = login(office)
        client.dele(2)
        client.dele(5)
        client.quit()
        assert dovecot.size().splitlines()[2:] == [f"{-(13 + 1 + 13 + 4):12} -2"], dovecot.size()
        assert agree(dovecot) == (before[0] - 31, 3)
        dovecot("save", "-m", "INBOX", text=b"Subject: y\n\nfrom Dovecot\n")  # it appends behind our line
        assert len(dovecot.size().splitlines()) == 4, dovecot.size()
        agree(dovecot)
        sums = dovecot.quota()
        dovecot("quota", "recalc")
        assert dovecot.quota() == sums


def mp_016_dovecot_counts_what_our_deliveries_noted():
    store = "mail { path %s/mail/%%n; quota-octets 1000000; quota-messages 100 }"
    with Office(store=store) as office:
        office.add_user("anna", "secret")
        dovecot = Dovecot(office)
        for number in range(4):
            office.write_conf()
            subprocess.run([POSTFACH, "deliver", "-c", office.conf, "-d", "anna"], input=b"Subject: x\n\n" + b"x\n" * number,
                           check=True, timeout=60)
        dovecot.own()
        noted = dovecot.quota()
        assert noted[1] == 4
        dovecot("quota", "recalc")
        assert dovecot.quota() == noted
        agree(dovecot)


def what_its_zlib_plugin_saved_is_served():
    mails = [mail for mail in corpus().values() if b"\r" not in mail and b"\0" not in mail and mail.endswith(b"\n")]
    for save in ("zlib_save = gz", "zlib_save = zstd"):
        with Office() as office:
            office.add_user("anna", "secret")
            dovecot = Dovecot(office, save)
            for mail in mails:
                dovecot("save", "-m", "INBOX", text=mail)
            squeezed = 0
            for name in office.files("anna"):
                with open(os.path.join(dovecot.maildir, "new", name), "rb") as file:
                    squeezed += file.read(4) in (b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08\x00")
            assert squeezed == len(mails), squeezed
            hand_over(office)  # who is root in a jail may not touch the mail of others
            office.start()
            client = login(office)
            got = []
            for line in client.list()[1]:
                number, octets = line.split()
                body = b"".join(line + b"\r\n" for line in client.retr(int(number))[1])
                assert int(octets) == len(body)
                got.append(body)
            client.quit()
            assert sorted(got) == sorted(map(wire, mails))


if not shutil.which("doveadm"):
    print("1..0 # SKIP doveadm (Debian: dovecot-core) is not installed")
    sys.exit(0)
run(mp_009_quotas_agree_whoever_counts, mp_016_mp_018_dovecot_sums_the_lines_that_we_append,
    mp_016_dovecot_counts_what_our_deliveries_noted, what_its_zlib_plugin_saved_is_served)
