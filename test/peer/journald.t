#!/usr/bin/env python3
"""log { to journald }: a journald of our own, in a mount namespace of our own, has each event with all its fields."""
import json
import os
import poplib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Office, run, wait_until  # noqa: E402

JOURNALD = "/lib/systemd/systemd-journald"
SOCKET = "/run/systemd/journal/socket"


class Journal:
    """systemd's journald, which finds its places below a /run that nobody else sees."""

    def __enter__(self):
        os.makedirs("/run/systemd/journal", exist_ok=True)
        self.process = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until("the journal's socket", lambda: os.path.exists(SOCKET))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)

    @staticmethod
    def entries(*matches):
        done = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "-q", "--no-pager", *matches],
                              capture_output=True, text=True, timeout=60, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_for(self, *matches, count=1):
        return wait_until(f"{matches} in the journal",
                          lambda: (found := self.entries(*matches)) if len(self.entries(*matches)) >= count else None)


def fields_of(line):
    """What stands in a line of the log: key=value, in quotes where that is needed."""
    return {key: re.sub(r'\\(["\\])', r"\1", quoted) if quoted or value == '""' else value
            for key, value, quoted in re.findall(r'([a-z_]+)=("((?:[^"\\]|\\.)*)"|\S*)', line)}


def every_field_of_every_event_is_a_field_of_the_journal():
    with Journal() as journal, Office(settings="log { to journald }") as office:
        office.add_user("anna", "secret")
        office.put("anna", b"Subject: x\n\nbody\n")
        office.start()
        client = poplib.POP3_SSL("127.0.0.1", office.pop3s, timeout=60)
        client.user("anna")
        client.pass_("secret")
        client.retr(1)
        client.quit()
        try:
            poplib.POP3("127.0.0.1", office.pop3, timeout=60).apop("nobody", "x")
        except poplib.error_proto:
            pass
        session = journal.wait_for("POSTFACH_EVENT=session", "POSTFACH_USER=anna")[0]
        assert session["POSTFACH_FETCHED"] == "1" and session["POSTFACH_TLS"] == "TLSv1.3", session
        assert session["POSTFACH_END"] == "quit" and session["POSTFACH_ID"], "the last fields, too"
        assert session["PRIORITY"] == "6" and session["SYSLOG_FACILITY"] == "2"
        assert session["_TRANSPORT"] == "journal" and session["SYSLOG_IDENTIFIER"] == "postfachd"
        events = journal.entries("SYSLOG_IDENTIFIER=postfachd")
        names = {event["POSTFACH_EVENT"] for event in events}
        assert {"start", "listen", "certificate", "session"} <= names, names
        for event in events:
            told = fields_of(event["MESSAGE"])
            assert len(told) > 1 or event["POSTFACH_EVENT"] in ("reload",), event
            for key, value in told.items():
                assert event["POSTFACH_" + key.upper()] == value, (key, event)
        office.stop()
        journal.wait_for("POSTFACH_EVENT=stop")


def a_name_with_a_line_in_it_is_one_field():
    with Journal() as journal, Office(settings="log { to journald }") as office:
        office.start()
        client = poplib.POP3("127.0.0.1", office.pop3, timeout=60)
        try:
            client.user('evil"name\\')
            client.pass_("x")
            raise AssertionError("logged in")
        except poplib.error_proto:
            pass
        failed = journal.wait_for("POSTFACH_EVENT=login_failed")[0]
        assert failed["POSTFACH_USER"] == 'evil"name\\', failed
        assert failed["PRIORITY"] == "5" and failed["POSTFACH_ADDRESS"] == "127.0.0.1"
        client.close()


def a_journal_that_was_started_again_goes_on():
    with Office(settings="log { to journald }") as office:
        with Journal() as journal:
            office.start()
            journal.wait_for("POSTFACH_EVENT=start", f"POSTFACH_PID={office.process.pid}")
        office.process.send_signal(signal.SIGHUP)  # nobody hears of it, and nothing waits for that
        poplib.POP3("127.0.0.1", office.pop3, timeout=60).quit()
        with Journal() as journal:
            poplib.POP3("127.0.0.1", office.pop3, timeout=60).quit()
            journal.wait_for("POSTFACH_EVENT=session", f"POSTFACH_PORT={office.pop3}")
            office.stop()


def main():
    if os.geteuid() != 0 or not os.path.exists(JOURNALD) or not shutil.which("journalctl") or not os.path.exists(
            "/etc/machine-id"):
        print("1..0 # SKIP a journald of our own takes root, systemd's package, and /etc/machine-id")
        return
    if sys.argv[1:] != ["inside"]:
        own = ["unshare", "--mount", "--propagation", "private"]
        if subprocess.run([*own, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False).returncode:
            print("1..0 # SKIP mount namespaces are not allowed here")
            return
        os.execvp("unshare", [*own, sys.executable, os.path.abspath(__file__), "inside"])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    run(every_field_of_every_event_is_a_field_of_the_journal, a_name_with_a_line_in_it_is_one_field,
        a_journal_that_was_started_again_goes_on)


main()
