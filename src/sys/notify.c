#include "sys/notify.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

void pf_notify(enum pf_notify what)
{
    struct timespec now;

    switch (what) {
    case PF_NOTIFY_READY:
        sd_notify(0, "READY=1\nSTATUS=serving");
        break;
    case PF_NOTIFY_RELOADING: /* with the time, as Type=notify-reload wants it */
        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading settings",
                   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        break;
    case PF_NOTIFY_STOPPING:
        sd_notify(0, "STOPPING=1\nSTATUS=waiting for sessions to end");
        break;
    }
}

void pf_notify_main_pid(long pid)
{
    sd_notifyf(0, "MAINPID=%ld", pid);
}

struct pf_watchdog {
    struct pf_loop *loop;
    struct pf_timer *timer;
    pf_time every;
};

static void alive(struct pf_timer *timer, void *self)
{
    struct pf_watchdog *dog = self;

    sd_notify(0, "WATCHDOG=1");
    pf_timer_set(timer, pf_loop_now(dog->loop) + dog->every);
}

struct pf_watchdog *pf_watchdog_new(struct pf_loop *loop)
{
    struct pf_watchdog *dog;
    uint64_t usec = 0;

    if (sd_watchdog_enabled(0, &usec) <= 0)
        return NULL;
    dog = calloc(1, sizeof *dog);
    if (!dog)
        return NULL;
    *dog = (struct pf_watchdog){.loop = loop, .every = (pf_time)(usec / 2000)}; /* twice as often as it must be */
    dog->timer = pf_timer_new(loop, alive, dog);
    if (!dog->timer) {
        free(dog);
        return NULL;
    }
    pf_timer_set(dog->timer, pf_loop_now(loop));
    return dog;
}

void pf_watchdog_free(struct pf_watchdog *dog)
{
    if (!dog)
        return;
    pf_timer_free(dog->timer);
    free(dog);
}
