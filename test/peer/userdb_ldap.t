#!/usr/bin/env python3
"""Users in a directory: Debian's slapd in a folder of its own, through a socket, loopback, ldaps and STARTTLS; it is
killed, falls silent and comes back meanwhile."""
import base64
import hashlib
import os
import poplib
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, Office, run, wait_until  # noqa: E402

SLAPD, SLAPADD = "/usr/sbin/slapd", "/usr/sbin/slapadd"
if not os.path.exists(SLAPD):
    print("1..0 # SKIP slapd (Debian) not installed")
    sys.exit(0)

CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
TLSVerifyClient never
database mdb
suffix dc=x
rootdn cn=root,dc=x
rootpw root
directory {folder}/data
maxsize 10485760
access to attrs=userPassword by dn.exact="cn=reader,dc=x" read by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=x" read by anonymous {anonymous} by * none
"""


def ssha(secret):
    return "{SSHA}" + base64.b64encode(hashlib.sha1(secret + b"salt").digest() + b"salt").decode()


def entry(name, *lines, where="dc=x"):
    cn = base64.b64encode(name.encode()).decode()
    return "\n".join([f"dn: uid={name},{where}", "objectClass: inetOrgPerson", "objectClass: posixAccount",
                      f"uid:: {cn}", "cn: x", "sn: x", "uidNumber: 1", "gidNumber: 1",
                      f"homeDirectory: /home/{name}", *lines]) + "\n\n"


USERS = ("dn: dc=x\nobjectClass: domain\ndc: x\n\n"
         "dn: ou=other,dc=x\nobjectClass: organizationalUnit\nou: other\n\n"
         f"dn: cn=reader,dc=x\nobjectClass: person\ncn: reader\nsn: x\nuserPassword: {ssha(b'a secret of ours')}\n\n"
         + entry("anna", f"userPassword: {ssha(b'secret')}", "mail: anna@example.org", "title: 10m")
         + entry("plain", "userPassword: secret") + entry("locked") + entry("starred", "userPassword: *")
         + entry("binary", "userPassword:: " + base64.b64encode(b"a\0\xff").decode())
         + entry("twin") + entry("twin", where="ou=other,dc=x")
         + entry("many", f"userPassword: {ssha(b'secret')}", "title: 1m", "title: 2m")
         + entry("odd", f"userPassword: {ssha(b'secret')}", "title: a lot")
         + entry("star*(x)", f"userPassword: {ssha(b'secret')}"))


class Slapd:
    def __init__(self, anonymous="read"):
        self.place = tempfile.TemporaryDirectory(prefix="postfach-ldap.")
        self.folder = self.place.name
        self.anonymous = anonymous
        os.mkdir(os.path.join(self.folder, "data"))
        self.ldapi = "ldapi://" + os.path.join(self.folder, "ldapi").replace("/", "%2F")
        self.secret = os.path.join(self.folder, "secret")
        self.ports = []
        with open(self.secret, "w", encoding="ascii") as file:
            file.write("a secret of ours\nnot this line\n")
        self.certify()
        self.tool(SLAPADD, "-f", self.conf, "-q", text=USERS)

    @staticmethod
    def tool(*words, text=None):
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, (words, done.stderr[-2000:])

    def certify(self):
        """A CA, and a certificate for 0.0.0.0: an address of this machine that is not one of the loopback."""
        here = self.folder
        self.ca, key = f"{here}/ca.pem", f"{here}/server.key"
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.tool("openssl", "req", "-x509", *ec, "-days", "30", "-subj", "/CN=CA", "-addext",
                  "keyUsage=critical,keyCertSign", "-keyout", f"{here}/ca.key", "-out", self.ca)
        self.tool("openssl", "req", "-x509", *ec, "-days", "30", "-subj", "/CN=stranger", "-keyout",
                  f"{here}/other.key", "-out", f"{here}/other.pem")
        with open(f"{here}/ext", "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:0.0.0.0\nextendedKeyUsage=serverAuth\n")
        self.tool("openssl", "req", "-new", *ec, "-subj", "/CN=directory", "-keyout", key, "-out", f"{here}/csr")
        self.tool("openssl", "x509", "-req", "-in", f"{here}/csr", "-CA", self.ca, "-CAkey", f"{here}/ca.key",
                  "-CAcreateserial", "-days", "30", "-extfile", f"{here}/ext", "-out", f"{here}/server.pem")
        self.conf = f"{here}/conf"
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONF.format(folder=here, ca=self.ca, certificate=f"{here}/server.pem", key=key,
                                   anonymous=self.anonymous))

    @staticmethod
    def free_ports():
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            return [one.getsockname()[1], two.getsockname()[1]]

    def start(self):
        for _ in range(5):  # a port that was free may be taken meanwhile
            self.ports = self.ports or self.free_ports()
            urls = f"{self.ldapi} ldap://127.0.0.1:{self.ports[0]} ldaps://127.0.0.1:{self.ports[1]}"
            self.process = subprocess.Popen([SLAPD, "-f", self.conf, "-h", urls, "-d", "0"], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until("slapd to listen", lambda: self.listens() or self.process.poll() is not None)
            if self.process.poll() is None:
                return self
            self.ports = []
        raise AssertionError("slapd does not start")

    def listens(self):
        try:
            for port in self.ports:
                socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.kill()
        self.place.cleanup()

    def block(self, more="", connect=None, timeout="20s"):
        return (f'userdb ldap {{ connect "{connect or self.ldapi}"; base "dc=x"; ca {self.ca}; timeout {timeout};'
                f' cache-time 0; {more} }}\n')

    def read(self):
        return f'method read; bind-dn "cn=reader,dc=x"; secret-file {self.secret};'


def office(*blocks):
    place = Office(settings="".join(blocks), listens=["{ tls none; plaintext-login yes }"])
    for user in ("anna", "plain", "star*(x)", "first"):
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(place.maildir(user), folder))
    return place


def says(place, what, name="anna", secret="secret"):
    """Checks what the server says to it; returns the seconds until then."""
    client = poplib.POP3("localhost", place.pop3, timeout=60)
    begin = time.monotonic()
    try:
        said = client._shortcmd("AUTH PLAIN " + base64.b64encode(f"\0{name}\0{secret}".encode()).decode())
        client.quit()
    except poplib.error_proto as error:
        said = error.args[0]
        client.close()
    assert said.decode().startswith(what), (said, name, secret, place.log()[-1500:])
    return time.monotonic() - begin


def answers(place, what, *words):
    try:
        says(place, what, *words)
        return True
    except AssertionError:
        return False


with Slapd() as SERVER:
    def passwords_by_bind_and_by_reading():
        for more in ("", SERVER.read()):
            with office(SERVER.block(more)) as place:
                place.put("anna", b"Subject: x\n\nbody\n")
                place.start()
                says(place, "+OK")
                says(place, "-ERR [AUTH]", "anna", "wrong")
                says(place, "-ERR [AUTH]", "nobody")
                says(place, "-ERR [AUTH]", "anna", "")
                says(place, "+OK", "plain")
                says(place, "-ERR [AUTH]", "locked")
                says(place, "-ERR [AUTH]", "locked", "")
                says(place, "-ERR [SYS/TEMP]", "twin")
                assert "more than one entry" in place.log()
                says(place, "-ERR [AUTH]" if not more else "-ERR [SYS/TEMP]", "binary", "a")
                says(place, "-ERR [AUTH]", "starred", "x")
                says(place, "+OK")

    def names_are_never_filters():
        tries = ("*", "an*", ")(uid=*", "anna)(objectClass=*", "*)(|(uid=*", "\\2a", "anna\\00", "(anna", "anna)",
                 "\u00e4", "anna,dc=x", "anna#", "anna\\", "\\", "anna*")
        with office(SERVER.block(SERVER.read())) as place:
            place.start()
            for name in (*tries, "anna\0", "\0"):
                says(place, "-ERR", name)
                assert not answers(place, "-ERR [SYS", name), name
            says(place, "+OK", "star*(x)")

    def the_directory_says_how_a_name_is_spelled():
        mail = 'filter "(mail=%u)"; attributes "uid=user, title=quota"'
        with office(SERVER.block()) as place:
            place.put("anna", b"Subject: x\n\nbody\n")
            place.start()
            for name in ("ANNA", "Anna"):
                client = poplib.POP3("localhost", place.pop3, timeout=60)
                client.user(name)
                client.pass_("secret")
                assert client.stat()[0] == 1
                client.quit()
        with office(SERVER.block(mail)) as place:
            place.start()
            says(place, "+OK", "Anna@EXAMPLE.org")
            says(place, "-ERR [AUTH]", "anna")

    def what_attributes_mean():
        with office(SERVER.block("attributes title=quota")) as place:
            place.start()
            says(place, "+OK")
            says(place, "-ERR [SYS/TEMP]", "many")
            assert "more than one value" in place.log()
            says(place, "-ERR [SYS/TEMP]", "odd")
            assert "a value that cannot be" in place.log()

    def tls_and_its_certificates():
        plain, tls = SERVER.ports
        good = (f"ldap://127.0.0.1:{plain}", f"ldaps://0.0.0.0:{tls}", f"ldap://0.0.0.0:{plain}")
        for connect in good:
            with office(SERVER.block(connect=connect)) as place:
                place.start()
                says(place, "+OK")
                says(place, "-ERR [AUTH]", "anna", "wrong")
        # A certificate that is not for this name; one that nobody we know signed; and no TLS at all.
        stranger = SERVER.block(connect=good[1]).replace(SERVER.ca, SERVER.folder + "/other.pem")
        for block in (SERVER.block(connect=f"ldaps://127.0.0.1:{tls}"), stranger,
                      stranger.replace(good[1], good[2])):
            os.environ["LDAPTLS_REQCERT"] = "never"
            with office(block) as place:
                place.start()
                says(place, "-ERR [SYS/TEMP]")
            del os.environ["LDAPTLS_REQCERT"]
        with office(stranger.replace(good[1], good[2]).replace("cache-time", "starttls no; cache-time")) as place:
            place.start()
            says(place, "+OK")

    def a_server_that_dies_is_no_wrong_password():
        with office(SERVER.block(timeout="2s")) as place:
            place.start()
            says(place, "+OK")
            SERVER.kill()
            SERVER.start()
            says(place, "+OK")  # connections that died are replaced without a word
            SERVER.kill()
            for _ in range(10):
                assert says(place, "-ERR [SYS/TEMP]") < 2
            says(place, "-ERR [SYS/TEMP]", "anna", "wrong")
            assert place.log().count("left alone until") >= 5
            SERVER.start()
            wait_until("slapd to be tried again", lambda: answers(place, "+OK"))
            says(place, "-ERR [AUTH]", "anna", "wrong")

    def answers_have_a_time():
        plain = SERVER.ports[0]
        with office(SERVER.block(timeout="500ms")) as place, \
                office(SERVER.block(timeout="500ms", connect=f"ldap://0.0.0.0:{plain}")) as other:
            place.start()
            other.start()
            says(place, "+OK")
            SERVER.process.send_signal(signal.SIGSTOP)
            assert 0.4 < says(place, "-ERR [SYS/TEMP]") < 5
            assert "no answer in time" in place.log()
            assert 0.4 < says(other, "-ERR [SYS/TEMP]") < 5
            SERVER.process.send_signal(signal.SIGCONT)
            wait_until("slapd to be tried again", lambda: answers(place, "+OK"))

    def the_next_url_when_one_fails():
        with Slapd() as second:
            nowhere = "ldapi://%2Fnowhere%2Fldapi"
            with office(SERVER.block(connect=f"{nowhere} {SERVER.ldapi} {second.ldapi}", timeout="3s")) as place:
                place.start()
                says(place, "+OK")
                SERVER.kill()
                says(place, "+OK")
                says(place, "-ERR [AUTH]", "anna", "wrong")
                SERVER.start()
                second.process.send_signal(signal.SIGSTOP)
                wait_until("the first to be used again", lambda: answers(place, "+OK"))

    def who_may_not_search_is_no_unknown_user():
        with Slapd("auth") as closed:
            with office(closed.block(closed.read().replace("method read", "method bind"))) as place:
                place.start()
                says(place, "+OK")
                says(place, "-ERR [AUTH]", "nobody")
            with open(closed.secret, "w", encoding="ascii") as file:
                file.write("hush-hush\n")
            with office(closed.block(closed.read())) as place:
                place.start()
                says(place, "-ERR [SYS/TEMP]")
                assert "bind as bind-dn" in place.log() and "hush-hush" not in place.log()
            with office(closed.block().replace('"dc=x"', '"dc=nowhere"')) as place:
                place.start()
                says(place, "-ERR [SYS/TEMP]")

    def in_its_turn_and_for_mail_that_comes_in():
        with office() as place:
            door, other = os.path.join(place.folder, "lmtp"), os.path.join(place.folder, "others")
            with open(other, "w", encoding="ascii") as file:
                file.write("anna:{PLAIN}third::::::\nplain:{PLAIN}third::::::\n")
            os.chmod(other, 0o600)
            place.add_user("first", "first")
            place.settings = (SERVER.block(timeout="2s") + f"userdb file {{ path {other} }}\n"
                              f"listen unix:{door} {{ protocol lmtp }}\n")
            place.start()
            says(place, "+OK", "first", "first")
            says(place, "-ERR [AUTH]", "anna", "third")
            with smtplib.LMTP(door) as client:
                client.ehlo()
                client.mail("s@x")
                assert client.rcpt("anna@x")[0] == 250
                assert client.rcpt("nobody@x")[0] == 550
                SERVER.kill()
                assert client.rcpt("plain@x")[0] == 451
            says(place, "+OK", "first", "first")
            says(place, "-ERR [SYS/TEMP]", "anna", "third")
            SERVER.start()

    run(passwords_by_bind_and_by_reading, names_are_never_filters, the_directory_says_how_a_name_is_spelled,
        what_attributes_mean, tls_and_its_certificates, a_server_that_dies_is_no_wrong_password, answers_have_a_time,
        the_next_url_when_one_fails, who_may_not_search_is_no_unknown_user, in_its_turn_and_for_mail_that_comes_in)
