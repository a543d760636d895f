"""SCRAM's client (RFC 5802, RFC 7677) with a choice of what it says about channel binding."""
import base64
import hashlib
import hmac
import secrets


class Scram:
    """`flag` is the GS2 header's first part: n, y, or p=NAME with `data`."""

    def __init__(self, name, password, flag="n", data=b"", digest="sha256", acts_for=""):
        self.digest, self.password, self.data = digest, password.encode(), data
        authzid = f"a={acts_for}" if acts_for else ""
        self.header = f"{flag},{authzid},".encode()
        self.nonce = secrets.token_hex(12)
        self.bare = f"n={name},r={self.nonce}"
        self.signature = None
        self.verified = False

    def first(self):
        return self.header + self.bare.encode()

    def _mac(self, key, text):
        return hmac.new(key, text, self.digest).digest()

    def _final(self, challenge):
        words = dict(word.split("=", 1) for word in challenge.split(","))
        assert words["r"].startswith(self.nonce) and len(words["r"]) > len(self.nonce)
        salted = hashlib.pbkdf2_hmac(self.digest, self.password, base64.b64decode(words["s"]), int(words["i"]))
        key = self._mac(salted, b"Client Key")
        end = f"c={base64.b64encode(self.header + self.data).decode()},r={words['r']}"
        message = f"{self.bare},{challenge},{end}".encode()
        proof = bytes(a ^ b for a, b in zip(key, self._mac(hashlib.new(self.digest, key).digest(), message)))
        self.signature = self._mac(self._mac(salted, b"Server Key"), message)
        return f"{end},p={base64.b64encode(proof).decode()}".encode()

    def respond(self, challenge):
        if challenge.startswith(b"r="):
            return self._final(challenge.decode())
        self.verified = challenge == b"v=" + base64.b64encode(self.signature)
        return b"" if self.verified else None


def scram(wire, mechanism, client):
    """True when both sides are sure of each other; False when the server refused."""
    line = wire.auth(mechanism, client.respond, client.first())
    assert line.startswith((b"+OK", b"-ERR")), line
    assert line.startswith(b"+OK") == client.verified, (line, client.verified)
    return client.verified
