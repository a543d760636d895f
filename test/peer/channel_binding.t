#!/usr/bin/env python3
"""SCRAM with channel binding (RFC 5802, RFC 5929, RFC 9266) by gsasl(1) and by a client of our own: both bindings,
somebody in the middle, a list that was shortened on the way, and a value that serves one exchange only."""
import os
import socket
import ssl
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leaks import assert_no_secret  # noqa: E402
from office import PATIENCE, Office, run  # noqa: E402
from pop_wire import SClient, Tcp, context  # noqa: E402
from sasl_clients import gsasl_on  # noqa: E402
from scram import Scram, scram  # noqa: E402

PASSWORD = "Segel-4-boot"
PLUS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
TLS_1_2 = ssl.TLSVersion.TLSv1_2


def ready():
    office = Office(settings="log { debug yes }")
    office.add_user("anna", PASSWORD)
    return office


def digest_of(mechanism):
    return "sha256" if "256" in mechanism else "sha1"


def exporter_client(wire, mechanism=PLUS[0], password=PASSWORD):
    assert len(wire.exporter) == 32
    return Scram("anna", password, "p=tls-exporter", wire.exporter, digest_of(mechanism))


def unique_client(wire, mechanism=PLUS[0], password=PASSWORD):
    assert len(wire.unique) >= 12
    return Scram("anna", password, "p=tls-unique", wire.unique, digest_of(mechanism))


def finish(office, secrets=(PASSWORD,)):
    office.stop()
    assert_no_secret(office, secrets, "user=anna")


def scr_027_exporter_and_unique_let_in():
    with ready() as office:
        office.start()
        for mechanism in PLUS:
            with SClient(office, "-tls1_3") as wire:
                assert mechanism in wire.mechanisms()
                assert scram(wire, mechanism, exporter_client(wire, mechanism)), mechanism
            with Tcp(office.pop3s, context(office, TLS_1_2)) as wire:
                assert scram(wire, mechanism, unique_client(wire, mechanism)), mechanism
                assert wire.ask("STAT") == b"+OK 0 0\r\n"
            with Tcp(office.pop3, context(office, TLS_1_2), stls=True) as wire:
                assert scram(wire, mechanism, unique_client(wire, mechanism)), mechanism
        finish(office)


def gsasl_binds_by_both():
    with ready() as office:
        office.start()
        for mechanism in PLUS:
            with SClient(office, "-tls1_3") as wire:
                assert gsasl_on(wire, mechanism, "-a", "anna", "-p", PASSWORD)
            with Tcp(office.pop3s, context(office, TLS_1_2)) as wire:
                assert gsasl_on(wire, mechanism, "-a", "anna", "-p", PASSWORD)
            with SClient(office, "-tls1_3") as wire:
                wire.exporter = bytes(32)
                assert not gsasl_on(wire, mechanism, "-a", "anna", "-p", PASSWORD)
        finish(office)


def scr_031_unique_is_not_for_tls_1_3():
    with ready() as office:
        office.start()
        with SClient(office, "-tls1_3") as wire:
            assert not scram(wire, PLUS[0], Scram("anna", PASSWORD, "p=tls-unique", bytes(32)))
        with SClient(office, "-tls1_3") as wire:
            assert not scram(wire, PLUS[0], Scram("anna", PASSWORD, "p=tls-server-end-point", bytes(32)))
        finish(office)


class Middle:
    """Somebody with a certificate that the client trusts, too: TLS on both sides, every octet handed on."""

    def __init__(self, office, change=lambda octets: octets):
        self.office, self.change = office, change
        office.certificates.make("middle", "localhost")
        pair = os.path.join(office.folder, "middle")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pair + ".pem", pair + ".key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        inner, _ = self.listener.accept()
        inner.settimeout(PATIENCE)
        with self.tls.wrap_socket(inner, server_side=True) as client, Tcp(
                self.office.pop3s, context(self.office, client.version() == "TLSv1.2" and TLS_1_2)) as server:
            client.sendall(server.greeting)
            back = threading.Thread(target=self._pump, args=(server.socket, client, self.change), daemon=True)
            back.start()
            self._pump(client, server.socket, lambda octets: octets)
            back.join(PATIENCE)

    @staticmethod
    def _pump(source, sink, change):
        try:
            while octets := source.recv(65536):
                sink.sendall(change(octets))
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # one of the two hung up
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(PATIENCE)
        self.listener.close()


def somebody_in_the_middle_is_noticed():
    """Without binding he is not: then the test would say nothing."""
    with ready() as office:
        office.start()
        with Middle(office) as middle, Tcp(middle.port, context(office, TLS_1_2)) as wire:
            assert scram(wire, "SCRAM-SHA-256", Scram("anna", PASSWORD))
            wire.ask("QUIT")
        with Middle(office) as middle, Tcp(middle.port, context(office, TLS_1_2)) as wire:
            assert not scram(wire, PLUS[0], unique_client(wire))
            wire.ask("QUIT")
        with Middle(office) as middle, SClient(office, "-tls1_3", port=middle.port) as wire:
            assert not scram(wire, PLUS[0], exporter_client(wire))
            wire.ask("QUIT")
        with Middle(office) as middle, SClient(office, "-tls1_3", port=middle.port) as wire:
            assert not gsasl_on(wire, PLUS[0], "-a", "anna", "-p", PASSWORD)
            wire.ask("QUIT")
        finish(office)


def scr_007_a_list_without_plus_is_noticed():
    """He takes -PLUS away; a client that could bind says so ("y"), and is refused."""
    with ready() as office:
        office.start()
        with Middle(office, lambda octets: octets.replace(b"-PLUS", b"-NONE")) as middle, SClient(
                office, "-tls1_3", port=middle.port) as wire:
            assert not any("-PLUS" in name for name in wire.mechanisms())
            assert not scram(wire, "SCRAM-SHA-256", Scram("anna", PASSWORD, "y"))
            wire.ask("QUIT")
        with Tcp(office.pop3) as wire:  # without TLS nothing was offered, and "y" is the truth
            assert scram(wire, "SCRAM-SHA-256", Scram("anna", PASSWORD, "y"))
        office.wait_log("server-does-support-channel-binding")
        finish(office)


def scr_008_the_flag_fits_the_name():
    with ready() as office:
        office.start()
        for mechanism, flag in ((PLUS[0], "n"), (PLUS[0], "y"), ("SCRAM-SHA-256", "p=tls-unique")):
            with Tcp(office.pop3s, context(office, TLS_1_2)) as wire:
                assert not scram(wire, mechanism, Scram("anna", PASSWORD, flag)), (mechanism, flag)
        finish(office)


def scr_030_the_exporter_serves_one_exchange():
    """Whether it went wrong, or was cancelled half-way; the connection may go on without it."""
    with ready() as office:
        office.start()
        for cancel in (False, True):
            with SClient(office, "-tls1_3") as wire:
                assert PLUS[0] in wire.mechanisms()
                client = exporter_client(wire, password="Falsch-1-wort")
                line = wire.auth(PLUS[0], (lambda _: None) if cancel else client.respond, client.first())
                assert line.startswith(b"-ERR"), line
                left = wire.mechanisms()
                assert not any("-PLUS" in name for name in left), left
                line = wire.auth(PLUS[0], exporter_client(wire).respond, exporter_client(wire).first())
                assert line.startswith(b"-ERR"), line
                assert scram(wire, "SCRAM-SHA-256", Scram("anna", PASSWORD))
        finish(office, [PASSWORD, "Falsch-1-wort"])


run(scr_027_exporter_and_unique_let_in, gsasl_binds_by_both, scr_031_unique_is_not_for_tls_1_3,
    somebody_in_the_middle_is_noticed, scr_007_a_list_without_plus_is_noticed, scr_008_the_flag_fits_the_name,
    scr_030_the_exporter_serves_one_exchange)
