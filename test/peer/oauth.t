#!/usr/bin/env python3
"""Logins with others' tokens: an issuer of our own on this machine, keys of openssl(1), curl and bare sockets."""
import base64
import contextlib
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, Office, run, wait_until  # noqa: E402

ISSUER = "https://login.example.org/realm"


def context(office):
    return ssl.create_default_context(cafile=office.certificates.ca)


class Tcp:
    """A session, line by line."""

    def __init__(self, port, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"+OK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.file.readline()

    def mechanisms(self):
        line, found = self.ask("CAPA"), []
        while line != b".\r\n":
            found += line.decode().split()[1:] if line.startswith(b"SASL ") else []
            line = self.file.readline()
        return found

    def auth(self, mechanism, respond, initial=None):
        """The last line. `respond` makes a response of each challenge; None cancels."""
        line = self.ask(" ".join(["AUTH", mechanism] + ([base64.b64encode(initial).decode()] if initial else [])))
        while line.startswith(b"+ "):
            response = respond(base64.b64decode(line[2:]))
            line = self.ask("*" if response is None else base64.b64encode(response).decode())
        return line

    def login(self, user, password):
        assert self.ask(f"USER {user}").startswith(b"+OK")
        return self.ask(f"PASS {password}")


def text64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def openssl(*words, octets=None):
    return subprocess.run(["openssl", *words], input=octets, check=True, capture_output=True).stdout


def flat(der):
    """ECDSA's two numbers out of their DER, as RFC 7518 section 3.4 has them."""
    out, at = b"", 2
    for _ in range(2):
        end = at + 2 + der[at + 1]
        out += der[at + 2:end].lstrip(b"\0").rjust(32, b"\0")
        at = end
    return out


class Key:
    def __init__(self, folder, kid, kind):
        self.kid, self.kind, self.path = kid, kind, os.path.join(folder, f"issuer-{kid}.pem")
        if kind == "RS256":
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path)
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
            self.jwk = {"kty": "RSA", "n": text64(bytes.fromhex(modulus)), "e": "AQAB", "kid": kid}
        else:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path)
            point = openssl("ec", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
            self.jwk = {"kty": "EC", "crv": "P-256", "x": text64(point[:32]), "y": text64(point[32:]), "kid": kid}

    def token(self, header=None, **more):
        claims = {"iss": ISSUER, "aud": ["pop"], "exp": int(time.time()) + 600, "email": "anna", "scope": "openid mail"}
        head = header or {"alg": self.kind, "kid": self.kid, "typ": "at+jwt"}
        text = ".".join(text64(json.dumps(part).encode()) for part in (head, {**claims, **more}))
        signature = openssl("dgst", "-sha256", "-sign", self.path, octets=text.encode())
        return f"{text}.{text64(signature if self.kind == 'RS256' else flat(signature))}"


class Issuer(http.server.ThreadingHTTPServer):
    """Key set and introspection; `active` says what of which token."""

    def __init__(self, port=0, tls=None):
        self.keys, self.active, self.asked, self.status = [], {}, [], 200
        super().__init__(("127.0.0.1", port), Page)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://localhost:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Page(http.server.BaseHTTPRequestHandler):
    def answer(self, value):
        octets = json.dumps(value).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def do_GET(self):
        self.answer({"keys": [key.jwk for key in self.server.keys]})

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.headers["Authorization"], form))
        self.answer({"active": False, **self.server.active.get(form["token"][0], {})})

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(tls=None, port=0, **settings):
    """An office whose block oauth points at an issuer, with TLS for that name. Settings with {url} in them."""
    office = Office()
    with office, Issuer(port, tls and server_side(office, tls)) as issuer:
        office.issuer = issuer
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        rows = {"issuer": ISSUER, "audience": "pop", "scope": "mail", "ca": office.certificates.ca, "timeout": "2s",
                "configuration": "https://login.example.org/.well-known/openid-configuration", **settings}
        words = "; ".join(f'{name.replace("_", "-")} "{value}"' for name, value in rows.items() if value)
        office.settings = "oauth { " + words.format(url=issuer.url, folder=office.folder) + " }"
        yield office


def server_side(office, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*office.certificates.make("issuer", name))
    return made


def message(mechanism, token, user="anna"):
    if mechanism == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1".encode()
    return f"n,a={user},\1host=localhost\1port=995\1auth=Bearer {token}\1\1".encode()


def login(office, token, mechanism="OAUTHBEARER", lines=1, user="anna", answer=b"\1"):
    """The last line, and the JSON that came before it or None."""
    said = []

    def respond(challenge):
        if lines == 2 and not said:
            said.append(b"")
            return message(mechanism, token, user)
        said.append(challenge)
        return answer

    with Tcp(office.pop3s, tls=context(office)) as wire:
        line = wire.auth(mechanism, respond, message(mechanism, token, user) if lines == 1 else None)
        if line.startswith(b"+OK"):
            assert wire.ask("STAT").startswith(b"+OK 1 ")
            assert wire.ask("QUIT").startswith(b"+OK")
    said = [text for text in said if text]
    return line, json.loads(said[0]) if said else None


def good(office, *words, **more):
    line, refusal = login(office, *words, **more)
    assert line.startswith(b"+OK") and refusal is None, (line, refusal, office.log()[-2000:])


def refused(office, *words, **more):
    line, refusal = login(office, *words, **more)
    assert line.startswith(b"-ERR [AUTH]"), (line, refusal)
    assert refusal and refusal["status"], refusal
    return refusal


def oa_009_tokens_of_both_kinds_log_in_by_both_mechanisms():
    with served(tls="localhost", keys="{url}/keys") as office:
        keys = [Key(office.folder, "r1", "RS256"), Key(office.folder, "e1", "ES256")]
        office.issuer.keys = keys
        office.start()
        for key in keys:
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                for lines in (1, 2):
                    good(office, key.token(), mechanism, lines)
        good(office, keys[0].token(groups=["g" * 60] * 100))  # some 8 KiB (OA-015)
        with Tcp(office.pop3s, tls=context(office)) as wire:
            assert {"OAUTHBEARER", "XOAUTH2"} <= set(wire.mechanisms())
        with Tcp(office.pop3) as wire:  # OA-001: not without TLS
            assert not {"OAUTHBEARER", "XOAUTH2"} & set(wire.mechanisms())


def oa_008_what_is_refused_is_told_and_any_answer_ends_it():
    with served(keys="{folder}/keys.json") as office:
        key, other = Key(office.folder, "r1", "RS256"), Key(office.folder, "r2", "RS256")
        with open(os.path.join(office.folder, "keys.json"), "w", encoding="ascii") as file:
            json.dump({"keys": [key.jwk]}, file)
        office.start()
        tokens = [other.token({"alg": "RS256", "kid": "r1"}), other.token({"alg": "RS256", "jwk": other.jwk}),
                  key.token({"alg": "none", "kid": "r1"}), key.token(exp=int(time.time()) - 1), key.token(aud="imap"),
                  key.token(nbf=int(time.time()) + 3600), key.token(iss="https://login.example.com"),
                  key.token(scope="openid"), key.token(email_verified=False), key.token() + ".", "opaque"]
        for token in tokens:
            refusal = refused(office, token)
            assert refusal["status"] == "invalid_token" and refusal["scope"] == "mail", refusal
            assert refusal["openid-configuration"].startswith("https://"), refusal
            for part in token.split("."):
                assert len(part) < 20 or part not in office.log()
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            for answer in (b"\1", b""):
                refused(office, tokens[0], mechanism, answer=answer)
            line, refusal = login(office, tokens[0], mechanism, answer=None)  # OA-007: "*" will do as well
            assert line.startswith(b"-ERR") and refusal["status"], (line, refusal)
        line, _ = login(office, key.token(), user="berta")  # anna's token does not open another maildrop
        assert line.startswith(b"-ERR [AUTH]"), line


def curl_logs_in_by_both():
    with served(keys="{url}/keys") as office:
        key = Key(office.folder, "r1", "RS256")
        office.issuer.keys = [key]
        office.start()
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            for more in ([], ["--sasl-ir"]):
                for token, status in ((key.token(), 0), (key.token(exp=1), 67)):
                    done = subprocess.run(
                        ["curl", "-sS", "--max-time", "60", "--cacert", office.certificates.ca, "-u", "anna:",
                         "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}", *more,
                         f"pop3s://localhost:{office.pop3s}/1"], capture_output=True, check=False)
                    assert done.returncode == status, (mechanism, more, done, office.log()[-1500:])
                    assert status or done.stdout.endswith(b"body\r\n")


def keys_are_rotated_while_clients_come():
    with served(keys="{url}/keys") as office:
        old, new = Key(office.folder, "r1", "RS256"), Key(office.folder, "r2", "RS256")
        office.issuer.keys = [old]
        office.start()
        good(office, old.token())
        office.issuer.keys = [new]
        good(office, new.token())
        refused(office, old.token())


def a_key_file_is_read_anew():
    with served(keys="{folder}/keys.json") as office:
        path, old, new = os.path.join(office.folder, "keys.json"), *(Key(office.folder, k, "ES256") for k in "ab")
        for key in (old, new):
            with open(path + ".new", "w", encoding="ascii") as file:
                json.dump({"keys": [key.jwk]}, file)
            os.replace(path + ".new", path)
            if key is old:
                office.start()
            wait_until("the new key", lambda: login(office, key.token())[0].startswith(b"+OK"))
        refused(office, old.token())


def an_end_point_is_asked_once_a_minute():
    with served(tls="localhost", introspect="{url}/ask", client_id="post:fach", client_secret_file="{folder}/s") as office:
        with open(os.path.join(office.folder, "s"), "w", encoding="ascii") as file:
            file.write("a secret%\n")
        yes = {"active": True, "iss": ISSUER, "aud": "pop", "scope": "mail", "username": "anna"}
        office.issuer.active = {"opaque-good": yes, "opaque-expired": {**yes, "exp": 5}}
        office.start()
        for _ in range(3):
            good(office, "opaque-good")
        assert len(office.issuer.asked) == 1, office.issuer.asked
        authorization, form = office.issuer.asked[0]
        assert base64.b64decode(authorization.split()[1]) == b"post%3Afach:a%20secret%25"
        assert form == {"token": ["opaque-good"], "token_type_hint": ["access_token"]}
        refused(office, "opaque-expired")
        refused(office, "opaque-unknown")
        office.issuer.status = 401
        line, refusal = login(office, "opaque-another")
        assert line.startswith(b"-ERR [SYS/TEMP]") and refusal is None, (line, refusal)
        assert "client-id or its secret is refused" in office.log() and "opaque" not in office.log()


def trouble_of_the_issuer_is_no_fault_of_the_user():
    with served(introspect="{url}/ask") as office:
        yes = {"active": True, "iss": ISSUER, "aud": "pop", "scope": "mail", "email": "anna"}
        port = office.issuer.server_address[1]
        office.start()
        office.issuer.shutdown()
        office.issuer.server_close()
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            line, refusal = login(office, "opaque-good", mechanism)
            assert line.startswith(b"-ERR [SYS/TEMP]") and refusal is None, (line, refusal)
        with Issuer(port) as again:
            again.active = {"opaque-good": yes}
            good(office, "opaque-good")


def an_issuer_that_cannot_prove_himself_is_not_believed():
    yes = {"active": True, "iss": ISSUER, "aud": "pop", "scope": "mail", "email": "anna"}
    for name, more in (("elsewhere.example.org", {}), ("localhost", {"ca": None})):
        for setting in ("keys", "introspect"):
            with served(tls=name, **{setting: "{url}/x", **more}) as office:
                key = Key(office.folder, "e1", "ES256")
                office.issuer.keys, office.issuer.active = [key], {"opaque": yes}
                office.start()
                line, _ = login(office, key.token() if setting == "keys" else "opaque")
                assert line.startswith(b"-ERR [SYS/TEMP]"), line
                assert not office.issuer.asked


def keys_out_of_reach_at_the_start_are_fetched_later():
    with served(keys="{url}/keys") as office:
        key = Key(office.folder, "r1", "RS256")
        office.issuer.status = 503
        office.start()
        line, refusal = login(office, key.token())
        assert line.startswith(b"-ERR [SYS/TEMP]") and refusal is None, (line, refusal)
        with Tcp(office.pop3s, tls=context(office)) as wire:  # passwords do not suffer from it
            assert wire.login("anna", "secret").startswith(b"+OK")
        office.issuer.keys, office.issuer.status = [key], 200
        wait_until("the keys", lambda: login(office, key.token())[0].startswith(b"+OK"))


run(oa_009_tokens_of_both_kinds_log_in_by_both_mechanisms, oa_008_what_is_refused_is_told_and_any_answer_ends_it,
    curl_logs_in_by_both, keys_are_rotated_while_clients_come, a_key_file_is_read_anew,
    an_end_point_is_asked_once_a_minute, trouble_of_the_issuer_is_no_fault_of_the_user,
    an_issuer_that_cannot_prove_himself_is_not_believed, keys_out_of_reach_at_the_start_are_fetched_later)
