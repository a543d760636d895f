/* mbox: each system call of a delivery, a session and a rewrite is a place to die or to fail. */
#include "store/crash/crash.h"

enum { FIRST = 1, SECOND = 2, THIRD = 4, FOURTH = 8, FIFTH = 16 };

static const struct crash_scenario scenarios[] = {
    {.name = "delivery", .kind = &crash_mbox, .run = crash_run_delivery,
     .steps = {"*write* box", "f*sync box", "told sealed"}},
    {.name = "delivery beside a state", .kind = &crash_mbox, .run = crash_run_delivery, .known = true,
     .steps = {"*write* box", "f*sync box", "told sealed"}},
    {.name = "delivery that makes the file", .kind = &crash_mbox, .run = crash_run_delivery, .empty = true,
     .steps = {"*write* box", "f*sync box", "fsync .", "told sealed"}},
    {.name = "open that stores UIDLs", .kind = &crash_mbox, .run = crash_run_session,
     .steps = {"fsync .box.postfach-state.tmp", "rename* .box.postfach-state.tmp .box.postfach-state",
               "fsync .", "told listed"}},
    {.name = "rewrite without two", .kind = &crash_mbox, .run = crash_run_session, .known = true,
     .remove = SECOND | FOURTH,
     .steps = {"told listed", "fsync .box.postfach-new", "rename* .box.postfach-new box", "fsync .",
               "told removed"}},
    {.name = "expiry", .kind = &crash_mbox, .run = crash_run_session, .known = true, .expire_days = 10,
     .old = FIRST | SECOND,
     .steps = {"fsync .box.postfach-new", "rename* .box.postfach-new box", "fsync .", "told listed"}},
    {.name = "session with QUIT", .kind = &crash_mbox, .run = crash_run_session, .read = true,
     .remove = FIRST | THIRD, .seen = FOURTH | FIFTH,
     .steps = {"told listed", "*read* box", "rename* .box.postfach-new box", "fsync .", "told removed"}},
};

int main(void)
{
    return crash_main(scenarios, sizeof scenarios / sizeof *scenarios);
}
