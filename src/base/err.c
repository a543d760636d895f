#include <postfach/err.h>

#include "base/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct pf_verdict verdicts[PF_CODES] = {
#define PF_VERDICT(name, pop3, lmtp, exit, retry, say) {#name, pop3, lmtp, exit, retry, say},
#include <postfach/verdict.def>
#undef PF_VERDICT
};

const struct pf_verdict *pf_verdict(enum pf_code code)
{
    if ((unsigned)code >= PF_CODES)
        code = PF_PERM;
    return &verdicts[code];
}

enum pf_code pf_fail(struct pf_err *err, enum pf_code code, int sys, const char *where,
                     const char *log_format, ...)
{
    va_list arguments;

    if (!err)
        return code;
    *err = (struct pf_err){.code = code, .sys = sys, .where = where};
    va_start(arguments, log_format);
    vsnprintf(err->log, sizeof err->log, pf_words(log_format), arguments);
    va_end(arguments);
    for (char *c = err->log; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return code;
}

const char *pf_err_say(const struct pf_err *err)
{
    return err->say[0] ? err->say : pf_verdict(err->code)->say;
}

enum pf_code pf_code_of_errno(int sys)
{
    static const struct {
        int sys;
        enum pf_code code;
    } table[] = {
        {ENOSPC, PF_NO_SPACE}, {EDQUOT, PF_NO_SPACE}, {ENOMEM, PF_NO_MEMORY}, {EMFILE, PF_BUSY},
        {ENFILE, PF_BUSY},     {EACCES, PF_PERM},     {EPERM, PF_PERM},       {EROFS, PF_PERM},
        {ELOOP, PF_PERM},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].sys == sys)
            return table[i].code;
    return PF_IO;
}
