#!/usr/bin/env python3
"""`postfach fetch` is killed at every kind of moment: each message comes once, whole, and none is lost.

CRASH_POINTS=N kills at N points or more (`make crash-fetch`); else it is a short form."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash_torso  # noqa: E402
from crash_fetch import Case, Command, Maildir, Mbox, SlowCommand, crash, may_trace, opened, ordered  # noqa: E402
from office import run  # noqa: E402

POINTS = int(os.environ.get("CRASH_POINTS", "60"))
# Of all points; they add up to one. The carrier of an mbox has most calls.
MAILDIR, CARRIED, MBOX_AND_CARRIER = 0.22, 0.12, 0.2
deaths = []


def dies(case, share):
    deaths.append(crash(office, case, max(2, round(POINTS * share))))


def a_maildir_has_each_message_once_when_the_server_is_emptied():
    dies(Case(Maildir, "none"), MAILDIR)


def a_maildir_has_each_message_once_when_the_server_keeps_it():
    dies(Case(Maildir, "all"), MAILDIR)


def an_mbox_has_each_message_once():
    dies(Case(Mbox, "none"), CARRIED)


def an_mbox_has_each_message_once_when_the_carrier_dies_too():
    dies(Case(Mbox, "none", carrier=True), MBOX_AND_CARRIER)


def a_command_gets_each_message_once_while_the_carrier_lives():
    dies(Case(SlowCommand, "none"), CARRIED)


def a_command_gets_a_message_at_most_once_more_when_the_carrier_dies_too():
    dies(Case(Command, "none", carrier=True, twice=1), CARRIED)


def what_may_be_a_torso_is_not_deleted_by_whoever_comes_after():
    for case in crash_torso.CASES:
        deaths.append(crash_torso.at_each_record(*case))


def all_is_on_disk_when_it_is_promised():
    for case in (Case(Maildir, "none"), Case(Mbox, "none", carrier=True), Case(Command, "none", carrier=True)):
        ordered(office, case)


def there_were_enough_deaths_and_the_server_is_well():
    """A program that had ended before its death counts for nothing."""
    office.stop()
    assert sum(deaths) >= POINTS, deaths


if __name__ == "__main__":
    if not may_trace():
        print("1..0 # SKIP nobody may trace here")
        sys.exit(0)
    office = opened()
    run(all_is_on_disk_when_it_is_promised, what_may_be_a_torso_is_not_deleted_by_whoever_comes_after,
        a_maildir_has_each_message_once_when_the_server_is_emptied,
        a_maildir_has_each_message_once_when_the_server_keeps_it, an_mbox_has_each_message_once,
        an_mbox_has_each_message_once_when_the_carrier_dies_too,
        a_command_gets_each_message_once_while_the_carrier_lives,
        a_command_gets_a_message_at_most_once_more_when_the_carrier_dies_too,
        there_were_enough_deaths_and_the_server_is_well)
