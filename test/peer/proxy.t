#!/usr/bin/env python3
"""A proxy in front: the PROXY protocol by hand and by Debian's haproxy, and whom the server believes."""
import os
import re
import shutil
import smtplib
import socket
import ssl
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, POSTFACH, Office, run, wait_until  # noqa: E402
from pop_wire import Wire, context  # noqa: E402

HAPROXY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, OTHER = "192.0.2.7", "192.0.2.8"
TRUST = "proxy yes; proxy-from \"127.0.0.1 10.0.0.0/8\""
PLAIN, IMPLICIT, BELIEVING, LMTP = range(4)


def field(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def line(client=CLIENT, port=40001):
    return f"PROXY TCP4 {client} 198.51.100.1 {port} 110\r\n".encode()


def block(body=None, command=0x21, family=0x11, client=CLIENT, fields=b""):
    if body is None:
        body = socket.inet_aton(client) + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 40001, 995)
    body += fields
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body)) + body


def tls_field(done=1, version=b"TLSv1.3"):
    return field(0x20, bytes([done]) + bytes(4) + field(0x21, version) + field(0x22, b"anna") + field(0x23, b"AES-X"))


LOCAL = block(b"", command=0x20, family=0)


class Proxied(Wire):
    """A client behind a proxy that this is, too."""

    def __init__(self, office, door, header, tls=None, source="127.0.0.1", pieces=False):
        super().__init__()
        if isinstance(door, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(door)
        else:
            self.socket = socket.create_connection(("127.0.0.1", office.ports[door]), PATIENCE, source_address=(source, 0))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(PATIENCE)
        for at in range(0, len(header), 1 if pieces else len(header) or 1):
            self.socket.sendall(header[at:at + 1] if pieces else header)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def greet(self):
        self.greeting = self.read_line()
        assert self.greeting.startswith(b"+OK"), self.greeting
        return self

    def stls(self, tls):
        assert self.ask("STLS").startswith(b"+OK")
        self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, octets):
        self.socket.sendall(octets)

    def read_line(self):
        return self.file.readline()

    def nothing_came(self):
        """It was closed, and not a word was said."""
        try:
            return self.file.read() == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()


def office_with(settings="", **words):
    office = Office(settings=settings, listens=[
        f"{{ tls starttls; plaintext-login yes; {TRUST} }}", f"{{ tls implicit; {TRUST} }}",
        f"{{ tls starttls; {TRUST}; proxy-tls yes }}", f"{{ protocol lmtp; {TRUST} }}"], **words)
    office.unix = os.path.join(office.folder, "pop3")
    office.settings = settings.replace("@", office.folder)
    office.settings += f"\nlisten unix:{office.unix} {{ proxy yes; plaintext-login yes }}\n"
    office.add_user("anna", "secret")
    return office


def use(client, password="secret"):
    """The answer to a login of anna."""
    answer = client.login("anna", password)
    client.ask("QUIT")
    client.close()
    return answer


def sessions(office):
    return [entry for entry in office.log().splitlines() if "event=session" in entry]


def session(office, number):
    office.wait_log("event=session", number)
    return sessions(office)[number - 1]


def told_addresses_are_the_clients():
    six = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    ends6 = six + six + struct.pack(">HH", 1, 2)
    mapped = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.9")
    headers = [(line(), CLIENT, 110), (block(), CLIENT, 995), (block(family=0x12), CLIENT, 995),
               (b"PROXY TCP6 2001:db8::7 2001:db8::1 5 995\r\n", "2001:db8::7", 995),
               (block(ends6, family=0x21), "2001:db8::7", 2),
               (block(mapped + ends6[16:], family=0x21), "192.0.2.9", 2),
               (block(fields=field(4, bytes(4000))), CLIENT, 995)]
    with office_with() as office:
        office.start()
        for number, (header, address, port) in enumerate(headers, 1):
            client = Proxied(office, PLAIN, header, pieces=number % 2).greet()
            assert use(client).startswith(b"+OK")
            assert f" address={address} port={port} tls=none" in session(office, number)


def a_proxy_that_tells_nothing_is_itself():
    unspecified = block(bytes(20), family=0x00)
    with office_with("limits { connections-per-address 1 }") as office:
        office.start()
        headers = [LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ::1 ::1 1 2\r\n", unspecified,
                   block(bytes(216), family=0x31)]
        clients = [Proxied(office, PLAIN, header).greet() for header in headers]  # all at once: the proxy has no limit
        for client in clients:
            assert client.login("anna", "secret").startswith(b"+OK")
            assert client.ask("QUIT").startswith(b"+OK")
            client.close()
        for number in range(len(headers)):
            assert " address=127.0.0.1 " in session(office, number + 1)


def what_is_told_at_a_unix_socket_is_believed():
    with office_with() as office:
        office.start()
        assert use(Proxied(office, office.unix, line()).greet()).startswith(b"+OK")
        assert f" address={CLIENT} port=110 " in session(office, 1)


def tls_comes_behind_the_header():
    with office_with() as office:
        office.start()
        tls = context(office)
        for number, header in enumerate([line(), block(), block(fields=tls_field())], 1):
            client = Proxied(office, IMPLICIT, header, tls=tls, pieces=number == 1).greet()
            assert use(client).startswith(b"+OK")
            assert re.search(rf" address={CLIENT} .* tls=TLSv1.3 cipher=TLS_", session(office, number))
        client = Proxied(office, PLAIN, block()).greet()
        client.stls(tls)
        assert use(client).startswith(b"+OK")
        assert f" address={CLIENT} " in session(office, 4) and " tls=TLSv1.3 " in session(office, 4)
        # The first octets of TLS in the same packet as the header.
        raw = socket.create_connection(("127.0.0.1", office.ports[IMPLICIT]), PATIENCE)
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        shake = tls.wrap_bio(inward, outward, server_hostname="localhost")
        waiting = line()
        while True:
            try:
                shake.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(waiting + outward.read())
                waiting = b""
                inward.write(raw.recv(65536))
        raw.sendall(outward.read())
        raw.close()


def who_is_not_named_is_refused():
    with office_with() as office:
        office.start()
        for door in (PLAIN, IMPLICIT, LMTP):
            for header in (line(), block(), LOCAL, b""):
                client = Proxied(office, door, header, source="127.0.0.9")
                assert client.nothing_came()
                client.close()
        office.wait_log("event=refused address=127.0.0.9 why=proxy", 12)
        assert CLIENT not in office.log() and not sessions(office)


def what_is_no_header_ends_the_connection():
    bad = [b"USER anna\r\n", b"\x16\x03\x01\x02\x00", b"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
           b"PROXY TCP4" + b" " * 200,
           SIGNATURE + b"\x31\x11\0\x0c", SIGNATURE + b"\x21\x11\0\x0b" + bytes(11), SIGNATURE + b"\x21\x11\xff\xff",
           block(fields=field(3, bytes(4))), block(fields=b"\1\0\5abc"), block(fields=field(0x20, b"\1\0\0"))]
    with office_with() as office:
        office.start()
        for header in bad:
            for door in (PLAIN, IMPLICIT, LMTP):
                client = Proxied(office, door, header)
                assert client.nothing_came(), header
                client.close()
        office.wait_log('what="PROXY header" address=127.0.0.1', 3 * len(bad))
        for cut in (0, 1, 12, 20):  # a proxy's look whether somebody is here
            socket_ = socket.create_connection(("127.0.0.1", office.ports[PLAIN]), PATIENCE)
            socket_.sendall(block()[:cut])
            socket_.close()
        assert use(Proxied(office, PLAIN, line()).greet()).startswith(b"+OK")
        office.wait_log("event=session")
        assert len(sessions(office)) == 1 and office.log().count("PROXY header") == 3 * len(bad)


def a_slow_header_is_not_waited_for():
    with office_with("times { first-command 100ms }") as office:
        office.start()
        for door in (PLAIN, IMPLICIT, LMTP):
            for header in (b"", line()[:30], block()[:-1]):
                client = Proxied(office, door, header)
                assert client.nothing_came()
                client.close()
        office.wait_log('err="it did not come in time"', 9)


def the_told_address_is_counted():
    with office_with("limits { connections-per-address 2 }", gates=1) as office:
        office.start()
        for _ in range(3):  # or what was counted in was not counted out
            clients = [Proxied(office, PLAIN, line(name)).greet() for name in (CLIENT, CLIENT, OTHER, OTHER)]
            third = Proxied(office, PLAIN, block())
            assert b"too many connections from your address" in third.read_line()
            third.close()
            for client in clients:
                client.ask("QUIT")
                client.close()
            wait_until("room", lambda: sessions(office) and len(sessions(office)) % 4 == 0)
        office.wait_log(f"event=refused address={CLIENT} why=connections-per-address", 3)
        assert len(sessions(office)) == 12


def the_told_address_is_throttled_and_scopes_tokens():
    with office_with("users { failures-per-address 3; tokens @/tokens }") as office:
        words = ["user", "token", "add", "--file", os.path.join(office.folder, "tokens"), "--from", OTHER, "anna"]
        token = subprocess.run([POSTFACH, *words], capture_output=True, text=True, check=True).stdout.strip()
        office.start()
        assert use(Proxied(office, PLAIN, line(OTHER)).greet(), token).startswith(b"+OK")
        assert use(Proxied(office, PLAIN, line("203.0.113.1")).greet(), token).startswith(b"-ERR")
        for _ in range(4):
            assert use(Proxied(office, PLAIN, line()).greet(), "wrong").startswith(b"-ERR")
        assert use(Proxied(office, PLAIN, line()).greet()).startswith(b"-ERR")
        assert use(Proxied(office, PLAIN, line("203.0.113.2")).greet()).startswith(b"+OK")
        assert f"event=login_failed user=anna address={CLIENT} " in office.log()


def tls_of_the_proxy_counts_where_it_may():
    with office_with() as office:
        office.start()
        client = Proxied(office, BELIEVING, block(fields=field(1, b"pop3") + tls_field())).greet()
        assert "STLS" not in client.capabilities() and "USER" in client.capabilities()
        assert use(client).startswith(b"+OK")
        assert ' tls="TLSv1.3 (proxy)" cipher=AES-X ' in session(office, 1) and " cn=" not in session(office, 1)
        for header in (block(), line(), block(fields=tls_field(done=0))):
            client = Proxied(office, BELIEVING, header).greet()
            assert "STLS" in client.capabilities() and "USER" not in client.capabilities()
            assert client.ask("USER anna").startswith(b"-ERR")
            client.close()
        client = Proxied(office, PLAIN, block(fields=tls_field())).greet()  # it has no `proxy-tls yes`
        assert "STLS" in client.capabilities()
        assert use(client).startswith(b"+OK")
        assert " tls=none " in session(office, 5)
        assert use(Proxied(office, BELIEVING, block(fields=tls_field(done=7))).greet()).startswith(b"+OK")
        assert " cipher=AES-X cn=anna " in session(office, 6)  # of a certificate that the proxy has verified


def mail_that_comes_in_names_the_client():
    with office_with() as office:
        office.start()
        for number, header in enumerate((line(), block(), LOCAL), 1):
            wire = Proxied(office, LMTP, header)
            lmtp = smtplib.LMTP()
            lmtp.sock, lmtp.file = wire.socket, wire.file
            assert lmtp.getreply()[0] == 220
            lmtp.sendmail("s@x", ["anna@localhost"], b"Subject: x\r\n\r\nbody\r\n")
            lmtp.quit()
            office.wait_log("event=delivery ", number)
        folder = os.path.join(office.maildir("anna"), "new")
        heads = []
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="ascii") as file:
                heads.append(re.search(r"\(\[([^]]*)\]\)", file.read()).group(1))
        assert sorted(heads) == ["127.0.0.1", CLIENT, CLIENT]
        assert len(re.findall(rf"event=delivery address={CLIENT} ", office.log())) == 2


class Haproxy:
    """Debian's, in front of two doors, in each of the ways in which it tells the address; its own ports follow."""

    WAYS = {"v1": (PLAIN, "", "send-proxy"), "v2": (PLAIN, "", "send-proxy-v2"),
            "checked": (PLAIN, "", "send-proxy-v2 check check-send-proxy inter 50ms "
                                   "proxy-v2-options crc32c,unique-id,authority"),
            "through": (IMPLICIT, "", "send-proxy-v2"),
            "tls": (BELIEVING, "ssl crt @/both.pem", "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,crc32c")}

    def __init__(self, office):
        self.sockets = {way: socket.create_server(("127.0.0.1", 0)) for way in self.WAYS}
        self.ports = {way: taken.getsockname()[1] for way, taken in self.sockets.items()}
        with open(f"{office.folder}/both.pem", "w", encoding="ascii") as both:
            for part in ("server.pem", "server.key"):
                with open(f"{office.folder}/{part}", encoding="ascii") as file:
                    both.write(file.read())
        text = ["defaults", " mode tcp", " timeout connect 60s", " timeout client 60s", " timeout server 60s"]
        for way, (door, bind, server) in self.WAYS.items():
            text += [f"listen {way}", f" bind fd@{self.sockets[way].fileno()} {bind.replace('@', office.folder)}",
                     f" server s 127.0.0.1:{office.ports[door]} {server}"]
        conf = os.path.join(office.folder, "haproxy.cfg")
        with open(conf, "w", encoding="ascii") as file:
            file.write("\n".join(text) + "\n")
        with open(os.path.join(office.folder, "haproxy.log"), "wb") as log:
            self.process = subprocess.Popen([HAPROXY, "-db", "-f", conf], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            pass_fds=[taken.fileno() for taken in self.sockets.values()])

    def client(self, way, tls=None):
        made = Proxied.__new__(Proxied)
        Wire.__init__(made)
        made.socket = socket.create_connection(("127.0.0.1", self.ports[way]), PATIENCE, source_address=("127.0.0.77", 0))
        if tls:
            made.socket = tls.wrap_socket(made.socket, server_hostname="localhost")
        made.file = made.socket.makefile("rb")
        return made.greet()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        for taken in self.sockets.values():
            taken.close()


def haproxy_hands_clients_on():
    with office_with() as office:
        office.start()
        tls = context(office)
        with Haproxy(office) as haproxy:
            for number, way in enumerate(("v1", "v2", "checked", "through", "tls"), 1):
                client = haproxy.client(way, tls if way in ("through", "tls") else None)
                assert use(client).startswith(b"+OK"), way
                office.wait_log(" user=anna ", number)
        said = {re.search(r" tls=(\"[^\"]*\"|\S+)", entry).group(1) for entry in sessions(office) if " user=anna " in entry}
        told = [entry for entry in sessions(office) if " user=anna address=127.0.0.77 " in entry]
        assert len(told) == 5 and said == {"none", "TLSv1.3", '"TLSv1.3 (proxy)"'}, office.log()
        assert "event=trouble" not in office.log() and "event=refused" not in office.log()


TESTS = [told_addresses_are_the_clients, a_proxy_that_tells_nothing_is_itself, what_is_told_at_a_unix_socket_is_believed,
         tls_comes_behind_the_header, who_is_not_named_is_refused, what_is_no_header_ends_the_connection,
         a_slow_header_is_not_waited_for, the_told_address_is_counted, the_told_address_is_throttled_and_scopes_tokens,
         tls_of_the_proxy_counts_where_it_may, mail_that_comes_in_names_the_client]
if HAPROXY:
    TESTS.append(haproxy_hands_clients_on)
run(*TESTS)
