#!/usr/bin/env python3
"""Logins of every kind, through processes in strict jails: the tests of test/peer for each source of users and each
mechanism that brings a library along, once more with plain programs and as several processes. What a jail refuses a
library can only be seen so: sanitized programs have laxer ones."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plain  # noqa: E402
from strict import Strict  # noqa: E402,F401  finds office
from office import run  # noqa: E402

KINDS = ("gssapi", "oauth", "userdb_pam", "userdb_ldap", "userdb_saslauthd", "userdb_dovecot", "userdb_sql", "external")
FOLDER = plain.build("src/tool/postfach")


def test_of(kind):
    def test():
        path = os.path.join(plain.TOP, "test/peer", kind + ".t")
        done = subprocess.run([sys.executable, path], env=dict(os.environ, SHAPE="split", BUILD=FOLDER), check=False,
                              capture_output=True, text=True)
        good = done.stdout.count("\nok ")
        print(f"# {kind}: {good} tests")
        assert done.returncode == 0 and good > 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert "not ok" not in done.stdout

    test.__name__ = kind
    return test


if __name__ == "__main__":
    run(*map(test_of, KINDS))
