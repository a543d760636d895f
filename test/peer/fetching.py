"""`postfach fetch` for tests: an account of its own in a folder that goes away, and what it has brought."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import time

from office import BUILD, PATIENCE, run

POSTFACH = os.path.join(BUILD, "src/tool/postfach")


class Account:
    """One account. `tls` is what the settings say of it; `settings` are further lines."""

    def __init__(self, port, ca, user, password, tls="implicit", keep="none", settings=""):
        self.folder = tempfile.mkdtemp(prefix="postfach-fetch.")
        self.maildir = os.path.join(self.folder, "mail")
        self.conf = os.path.join(self.folder, "accounts.conf")
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write(password + "\n")
        os.chmod(secret, 0o600)
        self.ledger = os.path.join(self.folder, "ledger")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"account test {{\n  server localhost\n  port {port}\n  tls {tls}\n  ca {ca}\n  user {user}\n"
                       f"  password-file {secret}\n  maildir {self.maildir}\n  state {self.ledger}\n  keep {keep}\n"
                       f"  ask no\n  netrc no\n{settings}\n}}\n")
        self.took = 0

    def run(self, *words, patience=PATIENCE, german=False):
        """The command with these words, `fetch` if there are none; its end within that time."""
        env = dict(os.environ, HOME=self.folder, XDG_STATE_HOME=self.folder,
                   LC_ALL="de_DE.UTF-8" if german else "C.UTF-8")
        words = list(words or ("fetch",))
        begun = time.monotonic()
        done = subprocess.run([POSTFACH, words[0], "-c", self.conf, *words[1:]], capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=patience, env=env)
        self.took = time.monotonic() - begun
        for text in (b"AddressSanitizer", b"runtime error", b"LeakSanitizer"):
            assert text not in done.stderr, done.stderr.decode(errors="replace")[-4000:]
        assert done.returncode >= 0, done
        return done

    def files(self):
        found = []
        for name in ("new", "cur"):
            folder = os.path.join(self.maildir, name)
            if os.path.isdir(folder):
                found += [os.path.join(folder, file) for file in sorted(os.listdir(folder))]
        return found

    def mails(self):
        """What was delivered, in any order."""
        texts = []
        for path in self.files():
            with open(path, "rb") as file:
                texts.append(file.read())
        return texts

    def waste(self):
        """What was begun and is nobody's."""
        folder = os.path.join(self.maildir, "tmp")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def events(done):
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def run_together(*tests):
    """As `run`, four at a time: most of the time of these is spent waiting for somebody who says nothing."""
    def ahead(test):
        begun = pool.submit(test)

        def wait():
            begun.result()
        wait.__name__ = test.__name__
        return wait

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        run(*[ahead(test) for test in tests])
