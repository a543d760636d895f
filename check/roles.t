#!/usr/bin/env python3
"""Roles: each program of the separated shape links what its work needs, and nothing else.

What is not in a program cannot be used by who takes it over. Looked at are the libraries that it names (ELF NEEDED) and
the functions of ours that are in it, by the rooms they come from."""
import os
import re
import subprocess
import sys

SYSTEM = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libm.so.6", "libpthread.so.0", "libgcc_s.so.1",
          "libasan.so.8", "libasan.so.6", "libubsan.so.1", "libuv.so.1", "libcrypto.so.3",
          "libseccomp.so.2"}
TLS = {"libssl.so.3"}
PASSWORDS = {"libgsasl.so.18", "libsodium.so.23", "libcrypt.so.1", "libsqlite3.so.0", "libpq.so.5", "libmariadb.so.3",
             "libldap-2.5.so.0", "liblber-2.5.so.0", "libldap.so.2", "liblber.so.2", "libcjose.so.0", "libjansson.so.4",
             "libcurl.so.4"}
SQUEEZED = {"libz.so.1", "libzstd.so.1"}

# Functions that show that a room is there: one that cannot be left out where the room is used.
MARKS = {
    "engine": r"pf_pop3_server_feed|pf_lmtp_server_feed",
    "sessions": r"pf_hall_new|pf_dock_new",
    "clients": r"pf_conn_new",
    "certificates": r"pf_tls_new(_\w+)?",
    "maildir": r"pf_maildir_\w+|pf_kinds_new",
    "mbox": r"pf_mbox_\w+",
    "tickets honoured": r"pf_store_serve_new",
    "tickets made": r"pf_auth_serve_new",
    "seal": r"pf_seal_(new|put|open)",
    "passwords": r"pf_password_\w+|pf_exchange_begin|pf_auth_new",
    "databases": r"pf_auth_sql\w*|pf_auth_ldap\w*",
    "users' files": r"pf_auth_file_\w+|pf_recipients_\w+",
    "settings' grammar": r"pf_conf_parse",
    "sandbox": r"pf_sandbox_enter",
    "administrator": r"pf_ctl_new",
    "starts programs": r"posix_spawn\w*|execv\w*|fork|vfork",
}

# program: what it may name, what must be there (or the check sees nothing), what must not.
ROLES = {
    "postfach-gate": (SYSTEM | TLS, ["engine", "sessions", "clients", "certificates", "sandbox"],
                      ["maildir", "mbox", "tickets honoured", "tickets made", "seal", "passwords", "databases",
                       "users' files", "administrator", "starts programs"]),
    "postfach-auth": (SYSTEM | PASSWORDS, ["tickets made", "seal", "passwords", "databases", "users' files", "sandbox"],
                      ["engine", "sessions", "clients", "certificates", "maildir", "mbox", "tickets honoured",
                       "administrator"]),
    "postfach-store": (SYSTEM | SQUEEZED, ["tickets honoured", "seal", "maildir", "mbox", "sandbox"],
                       ["engine", "sessions", "clients", "certificates", "tickets made", "passwords", "databases",
                        "users' files", "administrator", "starts programs"]),
    "postfach-desk": (SYSTEM | TLS, ["administrator", "clients", "sandbox"],
                      ["engine", "sessions", "maildir", "mbox", "tickets honoured", "tickets made", "seal",
                       "passwords", "databases", "users' files", "starts programs"]),
    "postfach-journal": (SYSTEM, ["settings' grammar", "sandbox"],
                         ["engine", "sessions", "clients", "certificates", "maildir", "mbox", "tickets honoured",
                          "tickets made", "seal", "passwords", "databases", "users' files", "administrator",
                          "starts programs"]),
}


def needed(program):
    text = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\)\s+.*\[(.+?)\]", text))


def functions(program):
    """Ours that are in it, and those that it takes from libraries."""
    text = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return {match[2].split("@")[0] for match in re.finditer(r"^[0-9a-f ]* ([A-Za-z]) (\S+)$", text, re.M)}


def faults(name, libraries, symbols):
    may, must, must_not = ROLES[name]
    for library in sorted(libraries - may):
        yield f"{name} is linked with {library}"
    for mark in must:
        if not any(re.fullmatch(MARKS[mark], symbol) for symbol in symbols):
            yield f"{name}: {mark} not found; the check does not see what it should"
    for mark in must_not:
        for symbol in sorted(symbols):
            if re.fullmatch(MARKS[mark], symbol):
                yield f"{name} has {mark}: {symbol}"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    build = os.environ.get("BUILD", "build-check")
    found, libraries, symbols = [], {}, {}
    for name in ROLES:
        libraries[name] = needed(f"{build}/src/role/{name}")
        symbols[name] = functions(f"{build}/src/role/{name}")
        found += faults(name, libraries[name], symbols[name])
    # It must be able to fail: a made-up breach of each kind, and programs in each other's place.
    gate = "postfach-gate"
    assert list(faults(gate, libraries[gate] | {"libgsasl.so.18"}, symbols[gate])) != []
    assert list(faults(gate, libraries[gate], symbols[gate] | {"pf_maildir_open"})) != []
    assert list(faults(gate, libraries[gate], set())) != []
    assert list(faults("postfach-store", libraries["postfach-auth"], symbols["postfach-auth"])) != []
    for fault in found:
        print("#", fault)
    print(f"1..1\n{'not ok' if found else 'ok'} 1 - {len(ROLES)} roles have what they need and nothing else")
    sys.exit(bool(found))


main()
