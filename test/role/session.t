#!/usr/bin/env python3
"""Whole sessions of a server whose processes stand in strict jails: nothing that they need is refused."""
import os
import poplib
import re
import shutil
import smtplib
import socket
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from strict import AUTH, ROLES, STORE, Strict, own, status, wait_until  # noqa: E402
from office import run  # noqa: E402

TEXT = b"From: a@x\r\nTo: anna@x\r\nSubject: hello\r\n\r\n.one\r\ntwo\r\n"
LISTENS = ["{ tls starttls }", "{ tls implicit }"]


def tls(office):
    return ssl.create_default_context(cafile=office.certificates.ca)


def deliver(office, text=TEXT, *users):
    with smtplib.LMTP(os.path.join(office.doors, "lmtp")) as lmtp:
        return lmtp.sendmail("a@x", [f"{user}@x" for user in users or ("anna",)], text)


def with_lmtp(office):
    office.settings += f"listen unix:{office.doors}/lmtp {{ protocol lmtp; tls none }}\n"
    return office


def a_whole_session():
    with with_lmtp(Strict(listens=LISTENS)) as office:
        office.add_user("anna", "secret")
        office.start()
        assert deliver(office) == {} and deliver(office) == {}
        client = poplib.POP3("localhost", office.pop3, timeout=60)
        client.stls(tls(office))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK 2 messages"), office.log()
        lines = client.retr(1)[1]
        assert lines[-2:] == [b".one", b"two"] and client.uidl(1) != client.uidl(2)
        client.dele(1)
        assert client.quit().startswith(b"+OK")
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK 1 message"), office.log()
        assert client.top(1, 1)[1][-1] == b".one"
        client.dele(1)
        client.quit()
        assert not os.listdir(os.path.join(office.maildir("anna"), "new"))
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
        client.user("anna")
        try:
            client.pass_("wrong")
            raise AssertionError("a wrong password")
        except poplib.error_proto as error:
            assert b"[AUTH]" in error.args[0]
        client.close()
        for word in ("event=trouble", "status=", "signal="):
            assert word not in office.log(), office.log()


def an_mbox():
    with with_lmtp(Strict(listens=LISTENS, store="mail { path mbox:%s/mail/%%n; create yes }")) as office:
        office.add_user("anna", "secret")
        os.rename(office.maildir("anna"), office.maildir("anna") + ".away")
        office.start()
        assert deliver(office) == {} and deliver(office) == {}
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK 2 messages"), office.log()
        assert client.retr(2)[1][-1] == b"two"
        client.dele(1)
        client.quit()
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK 1 message"), office.log()
        client.quit()


def a_maildrop_outside_says_what_to_do():
    for roots in (False, True):
        with Strict(listens=LISTENS) as office:
            office.add_user("anna", "secret", f"maildrop={office.folder}/elsewhere/anna")
            os.makedirs(f"{office.folder}/elsewhere")
            os.chmod(f"{office.folder}/elsewhere", 0o777)
            for folder in ("new", "cur", "tmp"):
                os.makedirs(f"{office.folder}/elsewhere/anna/{folder}")
            if office.own_users:
                own(f"{office.folder}/elsewhere", STORE)
            if roots:
                office.store = office.store[:-1] + f"; roots \"{office.folder}/elsewhere\" }}"
            office.start()
            client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
            client.user("anna")
            try:
                assert client.pass_("secret").startswith(b"+OK") and roots
                client.quit()
            except poplib.error_proto as error:
                assert not roots and error.args[0].startswith(b"-ERR"), error
                assert "mail { roots }" in office.log(), office.log()
                client.close()


def a_password_file_is_replaced():
    """By rename, as editors and tools do: what a jail opened is the folder."""
    with Strict(listens=LISTENS) as office:
        office.add_user("anna", "secret")
        office.start()

        def logs_in(password):
            client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
            client.user("anna")
            try:
                good = client.pass_(password).startswith(b"+OK")
                client.quit()
                return good
            except poplib.error_proto:
                client.close()
                return False

        assert logs_in("secret"), office.log()
        with open(office.users + ".new", "w", encoding="ascii") as file:
            file.write("anna:{PLAIN}another\n")
        os.chmod(office.users + ".new", 0o600)
        if office.own_users:
            shutil.chown(office.users + ".new", AUTH)
        os.rename(office.users + ".new", office.users)
        wait_until("the new password", lambda: logs_in("another"))
        assert not logs_in("secret")
        assert "event=trouble" not in office.log(), office.log()


def sessions_resume_at_another_gate():
    """The keys of tickets come from one seed: whichever of the gates a client meets next knows its session."""
    with Strict(listens=LISTENS, gates=3) as office:
        office.start()
        context, session = tls(office), None
        for _ in range(24):
            with socket.create_connection(("localhost", office.pop3s)) as plain_line, \
                    context.wrap_socket(plain_line, server_hostname="localhost", session=session) as line:
                assert line.recv(100).startswith(b"+OK")
                assert session is None or line.session_reused, office.log()
                session = line.session
                line.send(b"QUIT\r\n")
                while line.recv(100):
                    pass
        served = [line for line in office.log().splitlines() if "event=session" in line]
        assert len(served) == 24, office.log()


def a_folder_out_of_reach_is_told():
    """One domain's trouble is not the others'."""
    with Strict(listens=LISTENS) as office:
        os.makedirs(f"{office.folder}/locked/mail", 0o700)
        os.chmod(f"{office.folder}/locked", 0o700)
        office.settings += f"domain x.example {{ path {office.folder}/locked/mail/%n }}\n"
        office.settings += "domain y.example { path /no-such-folder/mail/%n }\n"
        office.add_user("anna", "secret")
        office.start()
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60, context=tls(office))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK"), office.log()
        client.quit()
        absent = re.search(r"event=jail role=store .* absent=(.*)", office.log())
        assert absent and "/no-such-folder/mail" in absent[1], office.log()
        assert not office.own_users or "/locked/mail" in absent[1], office.log()


def what_the_kernel_says():
    with Strict(listens=LISTENS) as office:
        office.add_user("anna", "secret")
        office.start()
        assert set(office.jails()) >= set(ROLES), office.log()
        for role, lacks in office.jails().items():
            print(f"# {role} lacks {lacks}")
            assert not {"seccomp", "strictness", "capabilities", "bounding-set"} & set(lacks.split()), lacks
        for role, pid in office.children():
            seen = status(pid)
            assert seen["Seccomp"] == "2" and seen["NoNewPrivs"] == "1", (role, seen)
            assert int(seen["CapEff"], 16) == 0 == int(seen["CapPrm"], 16), (role, seen)
            if office.own_users:
                assert "0" not in seen["Uid"].split() + seen["Gid"].split(), (role, seen)
        if office.own_users:
            uids = {role: status(pid)["Uid"].split()[0] for role, pid in office.children() if role in ROLES}
            assert len(set(uids.values())) == 3, uids


if __name__ == "__main__":
    run(a_whole_session, an_mbox, a_maildrop_outside_says_what_to_do, a_password_file_is_replaced,
        sessions_resume_at_another_gate, a_folder_out_of_reach_is_told, what_the_kernel_says)
