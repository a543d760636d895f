"""What the private instances of other people's POP3 servers have in common (private_pop3.py)."""
import contextlib
import os
import poplib
import shutil
import sys
import tempfile

from office import PATIENCE, TOP, Certificates

UNPACKED = os.path.join(TOP, "build-servers")


class Unfit(Exception):
    """The server cannot be started here; says why."""


def part(package, path):
    """A file of an unpacked package."""
    found = os.path.join(UNPACKED, package, path)
    if not os.path.exists(found):
        raise Unfit(f"{package} (Debian) is not unpacked in {UNPACKED}: check/install-packages test")
    return found


class Server:
    """What all have in common. `fits` says which mail the server can hold, `exact` which of that goes out octet for
    octet as it was put."""

    user, password = "anna", "geheim7"
    stls = True
    tls_port = None

    @staticmethod
    def fits(mail):
        return bool(mail)

    @staticmethod
    def exact(mail):
        return True

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postfach-peer.")
        os.chmod(self.folder, 0o755)
        self.certificates = Certificates(self.folder)
        self.certificates.make("server", "localhost")
        self.count = 0

    @property
    def pem(self):
        """Certificate and key in one text."""
        text = ""
        for end in ("key", "pem"):
            with open(os.path.join(self.folder, f"server.{end}"), encoding="ascii") as file:
                text += file.read()
        return text

    def staged(self, mail):
        self.count += 1
        path = os.path.join(self.folder, f"staged-{self.count}")
        with open(path, "wb") as file:
            file.write(mail)
        return path

    def put_all(self, mails):
        for mail in mails:
            self.put(mail)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
            if kind not in (None, Unfit):
                sys.stdout.write("".join(f"# {line}\n" for line in self.log().splitlines()[-30:]))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return ""


@contextlib.contextmanager
def pop3(server):
    """A session by Python's own client."""
    session = poplib.POP3("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        session.user(server.user)
        session.pass_(server.password)
        yield session
        session.quit()
    finally:
        session.close()
