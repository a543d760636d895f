#!/usr/bin/env python3
"""Mail proxies that say XCLIENT: by hand, and Debian's Dovecot as a proxy for POP3 and LMTP."""
import os
import re
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_dovecot  # noqa: E402
from office import PATIENCE, POSTFACH, Office, run, wait_until  # noqa: E402
from owner import OWNER, ROOT  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402

CLIENT, OTHER = "192.0.2.7", "192.0.2.8"
TRUST = "xclient-from \"127.0.0.1 10.0.0.0/8\""
OPEN, IMPLICIT, BELIEVING, FOREIGN, LMTP = range(5)


def office_with(settings="", **words):
    office = Office(settings=settings, listens=[
        f"{{ tls starttls; plaintext-login yes; {TRUST} }}", f"{{ tls implicit; {TRUST} }}",
        f"{{ tls starttls; {TRUST}; proxy-tls yes }}", "{ tls starttls; plaintext-login yes; xclient-from 10.0.0.0/8 }",
        f"{{ protocol lmtp; {TRUST} }}"], **words)
    office.settings = settings.replace("@", office.folder)
    office.add_user("anna", "secret")
    office.put("anna", b"Subject: x\n\nbody\n")
    return office


def handed(office, door, words=f"ADDR={CLIENT} PORT=40001 TTL=4", tls=None):
    client = Tcp(office.ports[door], tls)
    assert client.greeting.startswith(b"+OK [XCLIENT] POP3 "), client.greeting
    answer = client.ask("XCLIENT " + words)
    assert answer == b"+OK updated\r\n", answer
    return client


def xc_001_only_those_that_are_named_are_asked():
    with office_with() as office:
        office.start()
        with Tcp(office.ports[FOREIGN]) as client:
            assert client.greeting.startswith(b"+OK POP3 "), client.greeting
            assert "XCLIENT" not in client.capabilities()
            assert client.ask(f"XCLIENT ADDR={CLIENT}").startswith(b"-ERR")
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")
        office.wait_log("event=session user=anna address=127.0.0.1 ")
        with Tcp(office.ports[OPEN]) as client:
            assert "XCLIENT" in client.capabilities()
            assert client.ask("XCLIENT ADDR=nowhere").startswith(b"-ERR ADDR")
            assert client.ask(f"XCLIENT ADDR={CLIENT} TTL=0").startswith(b"-ERR TTL")
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")
        office.wait_log("event=session user=anna address=127.0.0.1 ", 2)
        assert CLIENT not in office.log()


def xc_002_the_client_is_known_by_its_address():
    with office_with("log { debug no }") as office:
        office.start()
        with handed(office, OPEN, f"ADDR={CLIENT} PORT=40001 DESTADDR=198.51.100.1 DESTPORT=110 SESSION=a+b/c TTL=4 "
                                  "CLIENT-TRANSPORT=TLS DESTNAME=pop.example FORWARD=YT1i") as client:
            assert client.login("anna", "wrong").startswith(b"-ERR")
            assert client.login("anna", "secret").startswith(b"+OK")
            assert client.ask("QUIT").startswith(b"+OK")
        office.wait_log(f"event=login_failed user=anna address={CLIENT} ")
        office.wait_log(f"event=session user=anna address={CLIENT} port=110 tls=none proxy_session=a+b/c ")
        with handed(office, OPEN, "ADDR=2001:db8::7") as client:
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")
        office.wait_log(f"event=session user=anna address=2001:db8::7 port={office.ports[OPEN]} ")


def xc_006_a_login_that_was_tried_came_from_somebody():
    with office_with() as office:
        office.start()
        with Tcp(office.ports[OPEN]) as client:
            assert client.login("anna", "wrong").startswith(b"-ERR")
            assert client.ask(f"XCLIENT ADDR={CLIENT}").startswith(b"-ERR")
            client.ask("QUIT")
        with handed(office, OPEN) as client:
            assert client.ask(f"XCLIENT ADDR={OTHER}").startswith(b"-ERR")
            client.ask("QUIT")
        office.wait_log(f"event=session address={CLIENT} ")
        assert OTHER not in office.log()


def tls_016_what_the_proxy_says_of_tls_counts_where_it_may():
    with office_with() as office:
        office.start()
        tls = context(office)
        with handed(office, BELIEVING, f"ADDR={CLIENT} CLIENT-TRANSPORT=TLS") as client:
            assert "STLS" not in client.capabilities() and "USER" in client.capabilities()
            assert client.ask("STLS").startswith(b"-ERR")
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")
        office.wait_log(f"address={CLIENT} port={office.ports[BELIEVING]} tls=\"TLS (proxy)\"")
        for words in ("", " CLIENT-TRANSPORT=insecure"):
            with handed(office, BELIEVING, f"ADDR={CLIENT}{words}") as client:
                assert "USER" not in client.capabilities()
                assert client.ask("USER anna").startswith(b"-ERR")
        with handed(office, IMPLICIT, f"ADDR={CLIENT} CLIENT-TRANSPORT=insecure", tls) as client:
            assert "USER" not in client.capabilities() and client.ask("USER anna").startswith(b"-ERR")
            client.ask("QUIT")
        office.wait_log(f"address={CLIENT} port={office.ports[IMPLICIT]} tls=\"none (proxy)\"")
        with handed(office, IMPLICIT, f"ADDR={CLIENT}", tls) as client:
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")
        office.wait_log(f"event=session user=anna address={CLIENT} port={office.ports[IMPLICIT]} tls=TLSv1.3")


def the_clients_address_is_what_is_counted():
    with office_with("limits { connections-per-address 2 }", gates=1) as office:  # each gate counts for itself
        office.start()
        here = [handed(office, OPEN) for _ in range(2)]
        with Tcp(office.ports[OPEN]) as third:
            assert third.greeting.startswith(b"+OK")
            assert third.ask(f"XCLIENT ADDR={CLIENT}").startswith(b"-ERR [SYS/TEMP] too many connections")
            assert third.read_line() == b""
        office.wait_log(f"event=refused address={CLIENT} why=connections-per-address")
        handed(office, OPEN, f"ADDR={OTHER}").close()
        here[0].close()

        def again():
            with Tcp(office.ports[OPEN]) as client:
                return client.ask(f"XCLIENT ADDR={CLIENT}").startswith(b"+OK")
        wait_until("a free place", again)
        here[1].close()


def failures_are_the_clients_not_the_proxys():
    with office_with("users { failures-per-address 3; tokens @/tokens }") as office:
        made = subprocess.run([POSTFACH, "user", "token", "add", "--file", os.path.join(office.folder, "tokens"), "--from",
                               OTHER, "anna"], capture_output=True, check=True, text=True, timeout=PATIENCE)
        token = made.stdout.split()[-1]
        office.start()
        for address, good in ((OTHER, True), ("192.0.2.9", False)):
            with handed(office, OPEN, f"ADDR={address}") as client:
                assert client.login("anna", token).startswith(b"+OK") == good, (address, made, office.log())
                client.ask("QUIT")
        for _ in range(4):
            with handed(office, OPEN) as client:
                client.login("anna", "wrong")
        with handed(office, OPEN) as client:
            assert client.login("anna", "secret").startswith(b"-ERR [SYS/TEMP]")
        with handed(office, OPEN, f"ADDR={OTHER}") as client:
            assert client.login("anna", "secret").startswith(b"+OK")
            client.ask("QUIT")


def lmtp_tells_who_brought_the_mail():
    with office_with() as office:
        office.start()
        with smtplib.LMTP("127.0.0.1", office.ports[LMTP], timeout=PATIENCE) as client:
            client.ehlo_or_helo_if_needed()
            assert client.has_extn("xclient"), client.esmtp_features
            code, text = client.docmd("XCLIENT", "ADDR=IPV6:2001:db8::7 PORT=[UNAVAILABLE] HELO=mail+2Eexample TTL=3")
            assert code == 220, (code, text)
            assert client.docmd("MAIL", "FROM:<a@b.example>")[0] == 503
            client.lhlo = client.ehlo("proxy.example")
            assert not client.sendmail("a@b.example", ["anna@here.example"], b"Subject: by xclient\r\n\r\nbody\r\n")
        names = wait_until("the delivery", lambda: [n for n in office.files("anna") if "test" not in n])
        with open(os.path.join(office.maildir("anna"), "new", names[0]), "rb") as file:
            mail = file.read()
        assert b"from mail.example ([2001:db8::7])" in mail, mail
        office.wait_log("event=delivery address=2001:db8::7 ")


# Dovecot in front

PROXY = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
protocols = pop3 lmtp
hostname = dovecot.example
lmtp_proxy = yes
lmtp_save_to_detail_mailbox = no
first_valid_uid = 1
auth_mechanisms = plain
passdb {{
  driver = static
  args = nopassword=y proxy=y host=127.0.0.1 {pass_on}
}}
protocol lmtp {{
  passdb {{
    driver = static
    args = nopassword=y proxy=y host=127.0.0.1 port={lmtp}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  {here}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_in}
  }}
}}
service anvil {{
  {here}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
  {here}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class Proxy(private_dovecot.Dovecot):
    """Dovecot without mail of its own: it logs in at the office for those who come to it."""

    def __init__(self, office, pass_on):
        super().__init__(office)
        self.pop3_port, self.lmtp_port = free_port(), free_port()
        text = PROXY.format(folder=self.folder, pass_on=pass_on, pop3=self.pop3_port, lmtp_in=self.lmtp_port,
                            lmtp=office.ports[LMTP], here="" if ROOT else "chroot =")
        if not ROOT:
            group = os.popen("id -gn").read().strip()
            text += private_dovecot.OWN.format(name=OWNER.pw_name, group=group)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)

    def talk(self, source):
        client = Tcp.__new__(Tcp)
        client.sent = []
        client.socket = socket.create_connection(("127.0.0.1", self.pop3_port), PATIENCE, source_address=(source, 0))
        client.file = client.socket.makefile("rb")
        assert client.read_line().startswith(b"+OK")
        return client


def dovecot_hands_sessions_on():
    with office_with() as office:
        office.start()
        for door, words in ((OPEN, f"port={office.ports[OPEN]}"), (BELIEVING, f"port={office.ports[BELIEVING]} starttls=any-cert"),
                            (IMPLICIT, f"port={office.ports[IMPLICIT]} ssl=any-cert")):
            with Proxy(office, words) as proxy:
                with proxy.talk("127.0.0.7") as client:
                    answer = client.login("anna", "secret")
                    assert answer.startswith(b"+OK"), (door, answer, office.log()[-800:], proxy.log()[-1500:])
                    assert client.ask("STAT").startswith(b"+OK 1 ")
                    assert client.ask("QUIT").startswith(b"+OK")
                office.wait_log(f"event=session user=anna address=127.0.0.7 port={office.ports[door]} ")
                line = [line for line in office.log().splitlines() if "user=anna address=127.0.0.7" in line][-1]
                assert re.search(r" proxy_session=\S+ ", line), line
                assert ("tls=none" in line) == (door == OPEN), line
                with proxy.talk("127.0.0.8") as client:
                    assert client.login("anna", "wrong").startswith(b"-ERR")
                office.wait_log("event=login_failed user=anna address=127.0.0.8 ")
            private = os.path.join(office.folder, "dovecot")
            os.rename(private, f"{private}.{door}")


def dovecot_hands_mail_on():
    with office_with() as office:
        office.start()
        with Proxy(office, f"port={office.ports[OPEN]}") as proxy:
            with smtplib.LMTP("127.0.0.1", proxy.lmtp_port, local_hostname="mail.example", timeout=PATIENCE,
                              source_address=("127.0.0.7", 0)) as client:
                assert not client.sendmail("a@b.example", ["anna@here.example"], b"Subject: by dovecot\r\n\r\nbody\r\n")
        office.wait_log("event=delivery address=127.0.0.7 ")
        names = [name for name in office.files("anna") if "test" not in name]
        with open(os.path.join(office.maildir("anna"), "new", names[0]), "rb") as file:
            mail = file.read()
        assert b"127.0.0.7" in mail and b"Subject: by dovecot" in mail, mail


def have_dovecot():
    return all(os.path.exists(path) for path in ("/usr/sbin/dovecot", f"{private_dovecot.LIBRARY}/pop3-login",
                                                 f"{private_dovecot.LIBRARY}/lmtp"))


run(xc_001_only_those_that_are_named_are_asked, xc_002_the_client_is_known_by_its_address,
    xc_006_a_login_that_was_tried_came_from_somebody, tls_016_what_the_proxy_says_of_tls_counts_where_it_may,
    the_clients_address_is_what_is_counted, failures_are_the_clients_not_the_proxys, lmtp_tells_who_brought_the_mail,
    *((dovecot_hands_sessions_on, dovecot_hands_mail_on) if have_dovecot() else ()))
