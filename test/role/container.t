#!/usr/bin/env python3
"""The server in a container: an ordinary user, no privileges to be had, nothing writable but its own folder, and perhaps a
kernel or a runtime that knows no landlock or allows no seccomp. It serves, and the log says what it goes without."""
import ctypes
import os
import poplib
import smtplib
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from strict import ROLES, Strict, status  # noqa: E402
from office import run  # noqa: E402

NOBODY = 65534
ROOT = os.geteuid() == 0
# In a mount namespace of its own: the whole machine read-only but for the folder. Then an ordinary user with nothing.
READ_ONLY = """set -e
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,bind,ro /
exec "$@"
"""
# A runtime that answers some system calls as if they were not there, as old kernels and sandboxes of others do.
WITHOUT = """
import ctypes, os, sys
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
seccomp.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
at = seccomp.seccomp_init(ctypes.c_uint32(0x7FFF0000))
for name in sys.argv[1].split(","):
    call = seccomp.seccomp_syscall_resolve_name(name.encode())
    assert call >= 0, name
    assert seccomp.seccomp_rule_add(ctypes.c_void_p(at), ctypes.c_uint32(0x00050000 | 38), call, 0) == 0
if len(sys.argv[2]):  # prctl(PR_SET_SECCOMP): the other way to a filter
    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
    how = (Compare * 1)(Compare(0, 4, 22, 0))
    call = seccomp.seccomp_syscall_resolve_name(b"prctl")
    assert seccomp.seccomp_rule_add_array(ctypes.c_void_p(at), ctypes.c_uint32(0x00050000 | 1), call, 1, how) == 0
assert seccomp.seccomp_load(ctypes.c_void_p(at)) == 0
os.execv(sys.argv[3], sys.argv[3:])
"""


def can_mount():
    return ROOT and subprocess.run(["unshare", "-m", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"],
                                   capture_output=True, check=False).returncode == 0


def can_filter():
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return True


def contained(office, without="", no_filter=False):
    """The words in front of the server's."""
    words = []
    if can_mount():
        words += ["unshare", "-m", "sh", "-c", READ_ONLY, office.folder]
    else:
        print("# no read-only root here")
    words += ["setpriv", "--no-new-privs"]
    if ROOT:
        words += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    if without:
        words += [sys.executable, "-c", WITHOUT, without, "x" if no_filter else ""]
    return words


def serve(without="", no_filter=False):
    """A session of each kind; what each role lacks."""
    with Strict(users=False, listens=["{ tls starttls }", "{ tls implicit }"]) as office:
        office.settings += f"listen unix:{office.doors}/lmtp {{ protocol lmtp; tls none }}\n"
        office.add_user("anna", "secret")
        if ROOT:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", office.folder], check=True)
        office.wrapper = contained(office, without, no_filter)
        office.start()
        with smtplib.LMTP(os.path.join(office.doors, "lmtp")) as lmtp:
            assert lmtp.sendmail("a@x", ["anna@x"], b"Subject: x\r\n\r\nbody\r\n") == {}
        client = poplib.POP3_SSL("localhost", office.pop3s, timeout=60,
                                 context=ssl.create_default_context(cafile=office.certificates.ca))
        client.user("anna")
        assert client.pass_("secret").startswith(b"+OK 1 message"), office.log()
        assert client.retr(1)[1][-1] == b"body"
        client.dele(1)
        assert client.quit().startswith(b"+OK")
        for _, pid in office.children():
            seen = status(pid)
            assert seen["NoNewPrivs"] == "1" and int(seen["CapPrm"], 16) == 0, seen
            assert not ROOT or seen["Uid"].split() == [str(NOBODY)] * 4, seen
        jails = office.jails()
        assert set(jails) >= set(ROLES), office.log()
        for role, lacks in jails.items():
            print(f"# {role} goes without: {lacks}")
        assert "event=one_user" in office.log(), office.log()
        return jails


def an_ordinary_user_with_nothing():
    for lacks in serve().values():
        assert "seccomp" not in lacks.split(), lacks


def a_kernel_without_landlock():
    if not can_filter():
        print("# no libseccomp.so.2")
        return
    for lacks in serve("landlock_create_ruleset").values():
        assert "landlock" in lacks.split() and "seccomp" not in lacks.split(), lacks


def a_runtime_that_allows_neither():
    if not can_filter():
        print("# no libseccomp.so.2")
        return
    for lacks in serve("landlock_create_ruleset,seccomp", True).values():
        assert {"landlock", "seccomp"} <= set(lacks.split()), lacks


if __name__ == "__main__":
    run(an_ordinary_user_with_nothing, a_kernel_without_landlock, a_runtime_that_allows_neither)
