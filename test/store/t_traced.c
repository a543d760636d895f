#include "store/conform.h"
#include "store/memory.h"
#include "store/traced.h"
#include "unit/cm.h"

static void say(void *self, const char *line)
{
    (void)self;
    assert_true(strlen(line) > 0);
}

static bool make(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    w->drive.store = inner ? pf_traced_new(inner, say, w) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "traced", .quota = true, .make = make};

    return conform(&rig);
}
