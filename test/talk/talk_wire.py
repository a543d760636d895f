"""A connection of a client, in plain text or TLS, for live.py."""
import select
import socket
import ssl
import time

PATIENCE = 20  # seconds until a server counts as silent; a slow machine needs some


class Silent(Exception):
    pass


class Wire:
    def __init__(self, address, tls):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""      # received, not yet looked at
        self.ended = False
        self.tls = None
        if tls:
            self.start_tls()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._fill(end)
        self._flush()

    def _flush(self):
        octets = self.outgoing.read()
        if octets:
            self.socket.sendall(octets)

    def _fill(self, end):
        """More from the network, or the end of it."""
        if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            raise Silent("the server says nothing")
        try:
            octets = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            octets = b""
        if self.tls is None:
            self.data += octets
        elif octets:
            self.incoming.write(octets)
        else:
            self.incoming.write_eof()
        self.ended = self.ended or not octets

    def _decrypt(self):
        while self.tls is not None:
            try:
                octets = self.tls.read(65536)
            except ssl.SSLWantReadError:
                return
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                octets = b""
            if not octets:
                self.ended = True
                return
            self.data += octets

    def receive(self, end=None):
        """Waits for more data or the end."""
        before = len(self.data)
        self._decrypt()
        if len(self.data) == before and not self.ended:
            self._fill(end or time.monotonic() + PATIENCE)
            self._decrypt()

    def send(self, octets):
        """Sends, and takes what comes meanwhile, so that nobody blocks the other."""
        if self.tls is not None:
            self.tls.write(octets)
            octets = self.outgoing.read()
        self.socket.setblocking(False)
        end = time.monotonic() + PATIENCE
        try:
            while octets and not self.ended:
                reads, writes, _ = select.select([self.socket], [self.socket], [], end - time.monotonic())
                if reads:
                    self._fill(end)
                if writes:
                    octets = octets[self.socket.send(octets):]
        except (ConnectionResetError, BrokenPipeError):
            pass
        finally:
            self.socket.settimeout(PATIENCE)
            self._decrypt()

    def half_close(self):
        if self.tls is not None:
            self._decrypt()  # what came already would be lost in unwrap
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self._flush()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()
