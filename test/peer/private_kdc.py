"""A Kerberos realm for tests: a KDC on a port of loopback that was free, its database and its tickets in a folder."""
import os
import socket
import subprocess

from office import PATIENCE, wait_until


def free_port():
    """A port that is free for UDP and TCP now; `start` tries another when it is not any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


CLIENTS_CONF = """[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
clockskew = {skew}
qualify_shortname = ""
[realms]
{realm} = {{
 kdc = 127.0.0.1:{port}
}}
[domain_realm]
localhost = {realm}
"""

KDC_CONF = """[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
 database_name = {folder}/principal
 key_stash_file = {folder}/stash
 acl_file = {folder}/acl
 max_life = 1d
}}
[logging]
kdc = FILE:{folder}/kdc.log
"""


class Realm:
    def __init__(self, folder, name="POST.TEST", skew=300):
        self.name, self.folder, self.skew = name, os.path.join(folder, name), skew
        os.mkdir(self.folder)
        self.process = None
        self.env = dict(os.environ, LC_ALL="C.UTF-8", KRB5_CONFIG=self.folder + "/krb5.conf",
                        KRB5_KDC_PROFILE=self.folder + "/kdc.conf", KRB5RCACHEDIR=self.folder, HOME=self.folder)

    def _configure(self):
        for name, text in (("krb5.conf", CLIENTS_CONF), ("kdc.conf", KDC_CONF)):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
                file.write(text.format(realm=self.name, skew=self.skew, port=self.port, folder=self.folder))

    def _run(self, *words):
        subprocess.run(words, env=self.env, check=True, capture_output=True, timeout=PATIENCE)

    def admin(self, query):
        self._run("kadmin.local", "-r", self.name, "-q", query)

    def start(self):
        for _ in range(5):
            self.port = free_port()
            self._configure()
            if not os.path.exists(self.folder + "/stash"):
                self._run("kdb5_util", "create", "-s", "-r", self.name, "-P", "master-of-the-realm")
            self.process = subprocess.Popen(["krb5kdc", "-n", "-r", self.name], env=self.env,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until("the start of the KDC", lambda: self.process.poll() is not None or self._answers())
            if self.process.poll() is None:
                return self
        raise AssertionError("the KDC does not start")

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def add(self, principal):
        """A principal and the file with its keys."""
        keytab = os.path.join(self.folder, principal.replace("/", "-") + ".keytab")
        self.admin(f"addprinc -randkey {principal}")
        self.admin(f"ktadd -k {keytab} {principal}")
        return keytab

    def tickets(self, principal, *words):
        """The environment of a client with a ticket for that principal."""
        cache = os.path.join(self.folder, f"tickets-{principal.replace('/', '-')}")
        env = dict(self.env, KRB5CCNAME="FILE:" + cache)
        keytab = os.path.join(self.folder, principal.replace("/", "-") + ".keytab")
        subprocess.run(["kinit", "-k", "-t", keytab, *words, principal], env=env, check=True, capture_output=True,
                       timeout=PATIENCE)
        return env

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
