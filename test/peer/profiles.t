#!/usr/bin/env python3
"""Listeners with a profile: old TLS beside strict, mechanisms, limits and certificates of their own, IPv4 and IPv6."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, POSTFACHD, Office, run, wait_until  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402

STRICT, OLD, PLAIN = range(3)
LOGIN = b"USER anna\r\nPASS secret\r\nQUIT\r\n"


def office_with(*listens, settings="", **words):
    office = Office(settings=settings, listens=list(listens), **words)
    office.add_user("anna", "secret")
    office.put("anna", b"Subject: x\n\nbody\n")
    return office


def with_old(settings=""):
    return office_with("{ tls implicit }", "{ tls implicit; tls-minimum 1.0 }",
                       "{ tls starttls; tls-minimum 1.1; idle 20m }", settings=settings)


def s_client(office, door, *words, text=LOGIN):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{office.ports[door]}", "-CAfile",
                           office.certificates.ca, "-ign_eof", *words], input=text, capture_output=True, check=False,
                          timeout=PATIENCE)
    return (done.stdout + done.stderr).decode(errors="replace")


def tls_018_old_versions_only_where_a_listener_says_so():
    with with_old("users { login-record @/record }") as office:
        office.settings = office.settings.replace("@", office.folder)
        office.start()
        for version in ("-tls1", "-tls1_1"):
            got = s_client(office, STRICT, version, "-cipher", "ALL:@SECLEVEL=0")
            assert "POP3" not in got and "alert" in got, got
            got = s_client(office, OLD, version, "-cipher", "ALL:@SECLEVEL=0")
            assert "+OK 1 " in got, got
        office.wait_log("event=tls_failed", 2)
        assert "alert" in s_client(office, PLAIN, "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-starttls", "pop3")
        assert "+OK 1 " in s_client(office, PLAIN, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-starttls", "pop3")
        for version in ("-tls1_2", "-tls1_3"):
            for door in (STRICT, OLD):
                got = s_client(office, door, version)
                assert "+OK 1 " in got and ("ECDHE" in got or "TLS_AES" in got), got
        office.wait_log("event=session user=anna", 7)
        sessions = [line for line in office.log().splitlines() if "event=session user=anna" in line]
        assert sorted(re.search(r"tls=(\S+)( \S*old_tls=yes)?", line).group() for line in sessions) == sorted(
            ["tls=TLSv1 old_tls=yes", "tls=TLSv1.1 old_tls=yes", "tls=TLSv1.1 old_tls=yes"] +
            ["tls=TLSv1.2", "tls=TLSv1.3"] * 2), sessions
        told = subprocess.run([POSTFACH, "users", "insecure", "-c", office.conf], capture_output=True, text=True,
                              check=False, timeout=PATIENCE)
        assert "old-tls" in told.stdout and "anna" in told.stdout, told


def tls_032_a_session_is_resumed_under_its_policy_only():
    with with_old() as office:
        office.start()
        session = os.path.join(office.folder, "session")
        for version in ("-tls1_2", "-tls1_3"):
            for made, same in ((STRICT, False), (OLD, True)):
                assert "New, TLSv1" in s_client(office, made, version, "-sess_out", session)
                assert "Reused, TLSv1" in s_client(office, made, version, "-sess_in", session)
                other = OLD if made == STRICT else STRICT
                got = s_client(office, other, version, "-sess_in", session)
                assert "New, TLSv1" in got and "+OK 1 " in got, (version, made, got)
        assert "New, " in s_client(office, OLD, "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-sess_out", session)
        office.reload()
        assert "Reused, " in s_client(office, OLD, "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-sess_in", session)
        got = s_client(office, STRICT, "-sess_in", session)
        assert "+OK 1 " not in got or "New, TLSv1.3" in got, got


def tls_031_a_certificate_of_its_own():
    office = office_with("{ tls implicit }", "{ tls implicit; hostname scan.example; certificate @.pem; key @.key }")
    office.certificates.make("scan", "scan.example")
    pair = os.path.join(office.folder, "scan")
    office.listens[1] = office.listens[1].replace("@", pair)
    with office:
        office.start()
        assert "CN = localhost" in s_client(office, 0) and "+OK POP3 localhost ready" in s_client(office, 0)
        got = s_client(office, 1, "-noservername")
        assert "CN = scan.example" in got and "+OK POP3 scan.example ready" in got, got
        assert "CN = localhost" in s_client(office, 1, "-servername", "localhost")
        assert "CN = localhost" in s_client(office, 0, "-servername", "scan.example")
        assert office.log().count("event=certificate") == 2, office.log()
        office.certificates.make("scan", "new.example")
        office.reload()
        assert "CN = new.example" in s_client(office, 1, "-noservername")
        os.unlink(pair + ".key")
        office.reload()
        assert "event=reload_failed" in office.log() and "scan.key" in office.log()
        assert "CN = new.example" in s_client(office, 1, "-noservername")


def cap_016_mechanisms_and_apop_are_those_of_the_listener():
    with office_with("{ tls implicit }", "{ tls implicit; mechanisms PLAIN; apop no; hostname scan.example }",
                     settings="users { mechanisms \"PLAIN LOGIN SCRAM-SHA-256\"; apop yes }") as office:
        office.start()
        tls = context(office)
        with Tcp(office.ports[0], tls) as client:
            assert b"<" in client.greeting and client.greeting.rstrip().endswith(b"@localhost>")
            assert sorted(client.mechanisms()) == ["LOGIN", "PLAIN", "SCRAM-SHA-256"], client.mechanisms()
        with Tcp(office.ports[1], tls) as client:
            assert b"<" not in client.greeting
            assert client.mechanisms() == ["PLAIN"], client.mechanisms()
            assert client.ask("AUTH LOGIN").startswith(b"-ERR")
            assert client.ask("APOP anna " + "0" * 32).startswith(b"-ERR")
            assert client.plain("anna", "secret").startswith(b"+OK")


def real_clients_take_what_each_listener_offers():
    with office_with("{ tls implicit }", "{ tls implicit; mechanisms SCRAM-SHA-256 }",
                     settings="users { mechanisms \"PLAIN LOGIN SCRAM-SHA-256\" }") as office:
        office.start()
        for door, works in ((0, {"PLAIN": True, "LOGIN": True}), (1, {"PLAIN": False, "LOGIN": False, "+APOP": False})):
            for name, good in works.items():
                options = name if name[0] == "+" else "AUTH=" + name
                done = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", office.certificates.ca, "-u",
                                       "anna:secret", "--login-options", options,
                                       f"pop3s://localhost:{office.ports[door]}/1"], capture_output=True, check=False)
                assert (done.returncode == 0) == good, (door, name, done)
        rc = os.path.join(office.folder, "mpoprc")
        if not shutil.which("mpop"):
            return
        for door in (0, 1):
            with open(rc, "w", encoding="ascii") as file:
                file.write(f"account a\nhost localhost\nport {office.ports[door]}\nuser anna\npasswordeval echo secret\n"
                           f"tls on\ntls_starttls off\ntls_trust_file {office.certificates.ca}\nkeep on\n"
                           f"uidls_file {office.folder}/uidls{door}\ndelivery mbox {office.folder}/mbox{door}\n"
                           "account default : a\n")
            os.chmod(rc, 0o600)
            done = subprocess.run(["mpop", "-C", rc, "--quiet", "a"], capture_output=True, check=False, timeout=120)
            assert done.returncode == 0, (door, done, office.log()[-1500:])
        office.wait_log("event=session user=anna", 4)
        assert re.findall(r"event=session user=anna .*? mech=(\S+)", office.log())[2:] in (
            ["PLAIN", "USER"], ["PLAIN", "SCRAM-SHA-256"], ["SCRAM-SHA-256"] * 2), office.log()


def limits_are_those_of_the_listener():
    with office_with("{ tls none; plaintext-login yes; connections 2 }", "{ tls none; plaintext-login yes }",
                     "{ tls none; plaintext-login yes; connections-per-address 5; login-tries 1 }",
                     settings="limits { connections 50; connections-per-address 3; login-tries 3 }",
                     gates=1) as office:
        office.start()
        here = [Tcp(office.ports[0]) for _ in range(2)]
        assert Tcp(office.ports[0]).greeting.startswith(b"-ERR [SYS/TEMP]")
        office.wait_log("event=refused address=127.0.0.1 why=connections")
        with Tcp(office.ports[1]) as other:  # the third from this address
            assert other.greeting.startswith(b"+OK")
            assert Tcp(office.ports[1]).greeting.startswith(b"-ERR")  # the fourth
            apart = [Tcp(office.ports[2]) for _ in range(5)]
            assert all(client.greeting.startswith(b"+OK") for client in apart)
            assert Tcp(office.ports[2]).greeting.startswith(b"-ERR")
            assert other.login("anna", "wrong").startswith(b"-ERR")
            assert other.login("anna", "wrong").startswith(b"-ERR")
            assert apart[0].login("anna", "wrong").startswith(b"-ERR") and apart[0].read_line() == b""
            for client in apart[1:]:
                client.close()
        here[0].close()
        wait_until("a free place", lambda: Tcp(office.ports[0]).greeting.startswith(b"+OK"))
        here[1].close()


def a_reload_changes_newcomers_only_and_counts_go_on():
    with office_with("{ tls none; plaintext-login yes; connections 2 }", "{ tls implicit }", gates=1) as office:
        office.start()
        old = Tcp(office.ports[0])
        office.listens[0] = "{ tls none; plaintext-login yes; connections 1; hostname new.example; mechanisms SCRAM-SHA-256 }"
        office.write_conf()
        office.reload()
        assert old.mechanisms() != ["SCRAM-SHA-256"], old.mechanisms()
        if office.shape == "single":  # who came before counts; elsewhere he is in another process
            assert Tcp(office.ports[0]).greeting.startswith(b"-ERR")
        assert old.login("anna", "secret").startswith(b"+OK")
        old.ask("QUIT")
        old.close()
        def came():
            client = Tcp(office.ports[0])
            return client if client.greeting.startswith(b"+OK") else client.close()
        new = wait_until("a free place", came)
        assert new.greeting.startswith(b"+OK POP3 new.example ready"), new.greeting
        assert new.mechanisms() == ["SCRAM-SHA-256"], new.mechanisms()
        new.close()


def mistakes_are_told_with_their_lines():
    with office_with("{ tls implicit; mechanisms LOGIN }", "{ tls implicit; certificate /nowhere.pem }") as office:
        office.write_conf()
        done = subprocess.run([POSTFACHD, "check", "-f", office.conf], capture_output=True, text=True, check=False,
                              timeout=PATIENCE)
        text = done.stdout + done.stderr
        assert done.returncode != 0 and ":3:" in text and "`LOGIN` is not offered by `users`" in text, done
        assert ":4:" in text and "stands here without its `key`" in text, done
        office.listens = ["{ tls implicit; certificate /nowhere.pem; key /nowhere.key; tls-minimum 1.1 }"]
        office.write_conf()
        done = subprocess.run([POSTFACHD, "check", "-f", office.conf], capture_output=True, text=True, check=False,
                              timeout=PATIENCE)
        assert done.returncode != 0 and "/nowhere.pem" in done.stdout + done.stderr, done
        shown = subprocess.run([POSTFACHD, "show", "-f", office.conf], capture_output=True, text=True, check=False,
                               timeout=PATIENCE)
        assert "    tls-minimum 1.1\n" in shown.stdout, shown
        office.listens = ["{ tls implicit }"]
        office.start()


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def one_socket_for_both_families():
    with office_with("{ tls none; plaintext-login yes }",
                     settings="limits { connections-per-address 2 }", gates=1) as office:
        with socket.create_server(("", 0)) as free:
            port = free.getsockname()[1]
        office.settings += f"\nlisten any:{port} {{ tls none; plaintext-login yes }}\n"
        office.start()
        here = [Tcp(port), Tcp(office.ports[0])]
        assert all(client.greeting.startswith(b"+OK") for client in here)
        assert Tcp(port).greeting.startswith(b"-ERR")  # 127.0.0.1 is one address, however it came
        assert here[0].login("anna", "wrong").startswith(b"-ERR")
        office.wait_log("event=login_failed user=anna address=127.0.0.1 ")
        if has_ipv6():
            with socket.create_connection(("::1", port), PATIENCE) as six:
                assert six.recv(100).startswith(b"+OK")
                six.sendall(b"USER anna\r\nPASS secret\r\nQUIT\r\n")
                while six.recv(1000):
                    pass
            office.wait_log("address=::1 ")
        for client in here:
            client.close()
        wait_until("the end of both", lambda: office.log().count("address=127.0.0.1 port") >= 2)
        assert "::ffff" not in office.log()
        with open(os.path.join(office.folder, "ports"), encoding="ascii") as file:
            assert f"pop3 any {port}\n" in file.read()


warnings.simplefilter("ignore", ssl.SSLError)
run(tls_018_old_versions_only_where_a_listener_says_so, tls_032_a_session_is_resumed_under_its_policy_only,
    tls_031_a_certificate_of_its_own, cap_016_mechanisms_and_apop_are_those_of_the_listener,
    real_clients_take_what_each_listener_offers, limits_are_those_of_the_listener,
    a_reload_changes_newcomers_only_and_counts_go_on, mistakes_are_told_with_their_lines, one_socket_for_both_families)
