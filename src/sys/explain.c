#include "sys/explain.h"

#include <stdio.h>
#include <string.h>

const char *pf_explain(const struct pf_err *err, char *out_text, size_t cap)
{
    const char *words = err->sys ? strerror(err->sys) : NULL;

    if (!words || strstr(err->log, words))
        snprintf(out_text, cap, "%s", err->log);
    else
        snprintf(out_text, cap, "%s%s%s", err->log, err->log[0] ? ": " : "", words);
    return out_text;
}
