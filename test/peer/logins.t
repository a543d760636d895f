#!/usr/bin/env python3
"""Who is meant by a name: masters, folders, default domain, case; and what is remembered of a good login."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leaks import assert_no_secret  # noqa: E402
from office import Office, run, wait_until  # noqa: E402
from pop_wire import Tcp, context  # noqa: E402
from scram import Scram, scram  # noqa: E402

USER, MASTER = "Hafen-2-kran", "Leuchte-8-turm"


def ready(settings):
    office = Office(settings=settings + "\nlog { debug yes }")
    office.add_user("anna", USER)
    return office


def wire(office):
    return Tcp(office.pop3s, context(office))


def a_master_acts_for_another_and_the_log_tells():
    with ready("") as office:
        masters = os.path.join(office.folder, "masters")
        with open(masters, "w", encoding="ascii") as file:
            file.write(f"boss:{{PLAIN}}{MASTER}\n")
        os.chmod(masters, 0o600)
        office.settings += f"\nusers {{ master-file {masters} }}"
        office.start()
        with wire(office) as line:
            assert line.login("anna*boss", MASTER).startswith(b"+OK")
        with wire(office) as line:
            assert line.plain("boss", MASTER, "anna").startswith(b"+OK")
        with wire(office) as line:
            assert scram(line, "SCRAM-SHA-256", Scram("anna*boss", MASTER))
        office.wait_log("event=master_login user=anna master=boss ", 3)
        for user, password, acts_for in (("anna*boss", USER, ""), ("boss", USER, "anna"), ("boss", MASTER, ""),
                                         ("anna", USER, "boss"), ("anna*anna", USER, ""), ("nobody*boss", MASTER, "")):
            with wire(office) as line:
                assert line.plain(user, password, acts_for).startswith(b"-ERR [AUTH]"), (user, acts_for)
        assert office.log().count("event=master_login") == 3
        office.stop()
        assert_no_secret(office, [USER, MASTER], "master=boss")


def a_folder_is_logged_in_to():
    with ready("") as office:
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(office.maildir("anna"), ".lists", part))
        with open(os.path.join(office.maildir("anna"), ".lists", "new", "1700000000.M1P1.test"), "wb") as file:
            file.write(b"Subject: x\n\nbody\n")
        office.start()
        for name, count in (("anna", b"0"), ("anna+lists", b"1"), ("anna+INBOX", b"0")):
            with wire(office) as line:
                assert line.login(name, USER).startswith(b"+OK"), name
                assert line.ask("STAT").split()[1] == count, name
        for name in ("anna+../anna", "anna+nothing"):
            with wire(office) as line:
                assert line.login(name, USER).startswith(b"-ERR"), name


def domain_and_case_are_filled_in():
    with ready("users { default-domain example.org; lower-case-logins yes }") as office:
        with open(office.users, "a", encoding="ascii") as file:
            file.write(f"dora@example.org:{{PLAIN}}{USER}::::::maildrop={office.maildir('anna')}\n")
        office.start()
        for name in ("dora", "DORA", "dora@example.org", "Dora@Example.ORG", "Anna"):
            with wire(office) as line:
                assert line.login(name, USER).startswith(b"+OK"), name
        with wire(office) as line:
            assert line.login("dora@example.com", USER).startswith(b"-ERR [AUTH]")


def processor_time(office):
    """Of all its processes."""
    spent = 0
    for pid in [office.process.pid, *(pid for _, pid in office.children())]:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            spent += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))  # utime, stime
    return spent


def costly_hash(password):
    return subprocess.run(["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, "$6$rounds=400000$saltsaltsalt$"],
                          capture_output=True, check=True).stdout.decode()


def a_second_login_costs_no_hash():
    """Until the password is another: then at once the new one is good, and soon the old one is not."""
    with Office() as office:
        office.add_user("anna", "")

        def write(password):
            with open(office.users + ".new", "w", encoding="ascii") as file:
                file.write(f"anna:{{SHA512-CRYPT}}{costly_hash(password)}\n")
            os.chmod(office.users + ".new", 0o600)
            os.replace(office.users + ".new", office.users)

        def login(password):
            with wire(office) as line:
                return line.login("anna", password).startswith(b"+OK")

        write(USER)
        office.start()
        costs = []
        for _ in range(2):
            before = processor_time(office)
            assert login(USER)
            costs.append(processor_time(office) - before)
        assert costs[0] > 5 and costs[1] * 3 < costs[0], costs  # hundredths of a second
        write(MASTER)
        assert login(MASTER)
        wait_until("the end of the old password", lambda: not login(USER))


def scram_asks_for_the_masters_own_password():
    with ready("") as office:
        office.add_user("boss", USER)
        masters = os.path.join(office.folder, "masters")
        with open(masters, "w", encoding="ascii") as file:
            file.write(f"boss:{{PLAIN}}{MASTER}\n")
        os.chmod(masters, 0o600)
        office.settings += f"\nusers {{ master-file {masters} }}"
        office.start()
        for password, good in ((USER, False), (MASTER, True)):
            with wire(office) as line:
                assert scram(line, "SCRAM-SHA-256", Scram("boss", password, acts_for="anna")) == good, password


if __name__ == "__main__":
    run(a_master_acts_for_another_and_the_log_tells, scram_asks_for_the_masters_own_password, a_folder_is_logged_in_to,
        domain_and_case_are_filled_in, a_second_login_costs_no_hash)
