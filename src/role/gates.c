#include "role/gates.h"

#include <sched.h>

enum { GATES_MOST = 64 /* each has its part of all limits, and pairs with every store */ };

unsigned pf_gates(const struct pf_conf *conf)
{
    cpu_set_t set;
    unsigned count = 1;

    if (conf->gates)
        return conf->gates;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = (unsigned)CPU_COUNT(&set);
    return count < GATES_MOST ? count : GATES_MOST;
}
