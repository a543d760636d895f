#include "tool/settings.h"

#include <errno.h>
#include <unistd.h>

static const char default_conf[] = "/etc/postfach/postfach.conf";

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

struct pf_conf *pf_tool_settings(const char *file)
{
    if (!file && access(default_conf, F_OK) != 0 && errno == ENOENT)
        return pf_conf_parse("defaults", PF_LIT(""), print_mistake, NULL);
    return pf_conf_read(file ? file : default_conf, print_mistake, NULL);
}
