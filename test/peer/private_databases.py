"""Debian's PostgreSQL and MariaDB in instances of their own, in a folder that goes away: they listen to unix sockets
only, and read nothing of /etc. Neither wants to be root, so where a test is root they belong to somebody else."""
import atexit
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from office import PATIENCE, wait_until
from owner import OWNER, ROOT

LIBRARY = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [""])[-1]
WHO = {"user": OWNER.pw_uid, "group": OWNER.pw_gid, "extra_groups": []} if ROOT else {}


def ready_or_skip():
    """Ends the test with a summary line where a server is missing."""
    packages = {f"{LIBRARY}/initdb": "postgresql", f"{LIBRARY}/psql": "postgresql-client",
                "/usr/sbin/mariadbd": "mariadb-server-core", "/usr/bin/mariadb-install-db": "mariadb-server-core",
                "/usr/bin/mariadb": "mariadb-client-core"}
    missing = sorted({package for path, package in packages.items() if not os.path.exists(path)})
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)} (Debian) not installed")
        sys.exit(0)


def stands_still(pid):
    """Each of its threads: until the last of them has seen the signal, the server may answer."""
    try:
        for path in glob.glob(f"/proc/{pid}/task/*/stat"):
            with open(path, encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[0] not in "TtZ":
                    return False
    except (FileNotFoundError, ProcessLookupError):
        pass  # it is gone: that is still enough
    return True


class Server:
    """What both have in common: a folder, a process in a group of its own, a log."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postfach-db.")
        self.data = os.path.join(self.folder, "data")
        self.secret = os.path.join(self.folder, "secret")
        self.process = None
        if ROOT:
            os.chown(self.folder, OWNER.pw_uid, OWNER.pw_gid)
        os.chmod(self.folder, 0o755)
        atexit.register(self.end)
        self.set_secret("a secret of the database")
        self.make()

    def certify(self, place):
        """A key and certificate for localhost, of which the server may read the key."""
        for end in ("pem", "key"):
            path = os.path.join(self.folder, f"server.{end}")
            shutil.copyfile(os.path.join(place.folder, f"server.{end}"), path)
            if ROOT:
                os.chown(path, OWNER.pw_uid, OWNER.pw_gid)

    def set_secret(self, secret):
        with open(self.secret, "w", encoding="ascii") as file:
            file.write(secret + "\nnot this line\n")

    def run(self, *words, text=None):
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=PATIENCE,
                              cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": self.folder},
                              **WHO)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, cwd=self.folder,
                                            env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **WHO)
        wait_until("the start of a database", lambda: self.answers() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def answers(self):
        with contextlib.suppress(AssertionError):
            self.sql("SELECT 1")
            return True
        return False

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def kill(self):
        """As if it crashed."""
        self.process.send_signal(self.crash)
        self.process.wait(PATIENCE)
        self.process = None

    @contextlib.contextmanager
    def silent(self):
        """It takes connections, and says nothing."""
        members = subprocess.run(["pgrep", "-g", str(self.process.pid)], capture_output=True, check=False, text=True)
        # PostgreSQL's children make groups of their own.
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, check=False, text=True)
        pids = {int(pid) for pid in (members.stdout + children.stdout).split()}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        wait_until("the server to stand still", lambda: all(map(stands_still, pids)))
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def end(self):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, True)


class Postgresql(Server):
    kind = "postgresql"
    crash = signal.SIGQUIT  # at once and without a clean end; its children go with it

    def make(self):
        self.run(f"{LIBRARY}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                 "--no-sync", "--no-instructions")
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="ascii") as file:
            file.write("local all postgres trust\nlocal all all scram-sha-256\n")
        self.connect = f"host={self.folder} user=pf dbname=postgres"

    def command(self):
        return [f"{LIBRARY}/postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off",
                "-c", "shared_buffers=16MB", "-c", "max_connections=20"]

    def sql(self, text):
        return self.run(f"{LIBRARY}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U",
                        "postgres", "-d", "postgres", text=text)

    def fill(self, users):
        self.sql("CREATE ROLE pf LOGIN PASSWORD 'a secret of the database';"
                 "CREATE TABLE users (name text, domain text, hash varchar(200), home text, tls boolean);"
                 "GRANT SELECT ON users TO pf;" + users)

    def rotate(self, secret):
        self.sql(f"ALTER ROLE pf PASSWORD '{secret}'")
        self.disconnect()

    def disconnect(self):
        self.sql("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = 'pf'")

    def connections(self):
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'pf'"))

    slow = "pg_sleep(CASE WHEN {} THEN 60 ELSE 0 END) IS NOT NULL"


class Mariadb(Server):
    kind = "mariadb"
    crash = signal.SIGKILL

    tls = ()  # what makes the server speak it

    def make(self):
        self.socket = os.path.join(self.folder, "socket")
        self.run("/usr/bin/mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
                 "--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=8M")
        self.connect = f"mariadb://pf@/mail?socket={self.socket}"

    def command(self):
        return ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                "--skip-networking", f"--pid-file={self.folder}/pid", "--innodb-buffer-pool-size=8M",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=8M", "--performance-schema=off",
                *self.tls]

    def sql(self, text):
        return self.run("/usr/bin/mariadb", "--no-defaults", "-N", "-B", f"--socket={self.socket}", "-u", "root",
                        text=text)

    def fill(self, users):
        self.sql("CREATE DATABASE mail CHARACTER SET utf8mb4;"
                 "CREATE USER pf@localhost IDENTIFIED BY 'a secret of the database';"
                 "CREATE TABLE mail.users (name varchar(100), domain varchar(100), hash varchar(200), home text,"
                 " tls boolean);"
                 "GRANT SELECT ON mail.users TO pf@localhost; USE mail;" + users)

    def rotate(self, secret):
        self.sql(f"ALTER USER pf@localhost IDENTIFIED BY '{secret}'")
        self.disconnect()

    def disconnect(self):
        self.sql("KILL HARD USER pf@localhost")
        wait_until("connections to go", lambda: self.connections() == 0)

    def connections(self):
        return int(self.sql("SELECT count(*) FROM information_schema.processlist WHERE user = 'pf'"))

    slow = "sleep(CASE WHEN {} THEN 60 ELSE 0 END) IS NOT NULL"
