/* Any text as settings of fetchmail and of mpop: what is written of good ones are accounts that read back without a
 * mistake. */
#include "conf/accounts.h"
#include "tool/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(void *self, const struct pf_conf_mistake *m)
{
    (void)self;
    pf_conf_print_mistake(stderr, m);
}

static void check(enum pf_code (*import)(struct pf_bytes, FILE *, struct pf_err *), struct pf_bytes text)
{
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);
    struct pf_accounts *accounts;
    enum pf_code code;

    if (!to)
        abort();
    code = import(text, to, NULL);
    if (fclose(to) != 0)
        abort();
    accounts = code ? NULL : pf_accounts_parse("fuzz", pf_bytes_from(out, len), "/home/joe", hear, NULL);
    if (code == PF_OK && !accounts)
        abort();
    pf_accounts_free(accounts);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(pf_import_fetchmail, pf_bytes_from(data, size));
    check(pf_import_mpop, pf_bytes_from(data, size));
    return 0;
}
