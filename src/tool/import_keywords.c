#include "tool/import_private.h"

#define AT(field) offsetof(struct pf_import_account, field) + 1
static const struct pf_import_keyword words[] = {
    {"poll", PF_IMPORT_ENTRY, 0},
    {"skip", PF_IMPORT_ENTRY, 0},
    {"server", PF_IMPORT_ENTRY, 0},
    {"defaults", PF_IMPORT_ENTRY, 0},
    {"set", PF_IMPORT_SET, 0},
    {"no", PF_IMPORT_NO, 0},
    {"via", PF_IMPORT_ONE, AT(server)},
    {"proto", PF_IMPORT_PROTOCOL, 0},
    {"protocol", PF_IMPORT_PROTOCOL, 0},
    {"port", PF_IMPORT_ONE, AT(port)},
    {"service", PF_IMPORT_ONE, AT(port)},
    {"timeout", PF_IMPORT_ONE, AT(answer_time)},
    {"interval", PF_IMPORT_ONE, 0},
    {"auth", PF_IMPORT_ONE, 0},
    {"authenticate", PF_IMPORT_ONE, 0},
    {"envelope", PF_IMPORT_ONE, 0},
    {"qvirtual", PF_IMPORT_ONE, 0},
    {"aka", PF_IMPORT_MANY, 0},
    {"local", PF_IMPORT_MANY, 0},
    {"localdomains", PF_IMPORT_MANY, 0},
    {"plugin", PF_IMPORT_ONE, 0},
    {"plugout", PF_IMPORT_ONE, 0},
    {"principal", PF_IMPORT_ONE, 0},
    {"netsec", PF_IMPORT_ONE, 0},
    {"interface", PF_IMPORT_ONE, 0},
    {"monitor", PF_IMPORT_ONE, 0},
    {"esmtpname", PF_IMPORT_ONE, 0},
    {"esmtppassword", PF_IMPORT_ONE, 0},
    {"badheader", PF_IMPORT_ONE, 0},
    {"bad-header", PF_IMPORT_ONE, 0},
    {"retrieve-error", PF_IMPORT_ONE, 0},
    {"user", PF_IMPORT_USER, 0},
    {"username", PF_IMPORT_USER, 0},
    {"is", PF_IMPORT_NAMES, 0},
    {"to", PF_IMPORT_NAMES, 0},
    {"pass", PF_IMPORT_ONE, AT(password)},
    {"password", PF_IMPORT_ONE, AT(password)},
    {"passwordfile", PF_IMPORT_ONE, 0},
    {"passwordfd", PF_IMPORT_ONE, 0},
    {"folder", PF_IMPORT_MANY, 0},
    {"smtphost", PF_IMPORT_HOSTS, 0},
    {"smtp", PF_IMPORT_HOSTS, 0},
    {"fetchdomains", PF_IMPORT_MANY, 0},
    {"smtpaddress", PF_IMPORT_ONE, 0},
    {"smtpname", PF_IMPORT_ONE, AT(recipient)},
    {"antispam", PF_IMPORT_MANY, 0},
    {"mda", PF_IMPORT_ONE, AT(shell)},
    {"bsmtp", PF_IMPORT_ONE, 0},
    {"preconnect", PF_IMPORT_ONE, 0},
    {"postconnect", PF_IMPORT_ONE, 0},
    {"limit", PF_IMPORT_ONE, AT(size_limit)},
    {"warnings", PF_IMPORT_ONE, 0},
    {"fetchlimit", PF_IMPORT_ONE, AT(number_limit)},
    {"fetchsizelimit", PF_IMPORT_ONE, 0},
    {"fastuidl", PF_IMPORT_ONE, 0},
    {"expunge", PF_IMPORT_ONE, 0},
    {"batchlimit", PF_IMPORT_ONE, 0},
    {"properties", PF_IMPORT_ONE, 0},
    {"sslproto", PF_IMPORT_TLS, 0},
    {"sslcert", PF_IMPORT_ONE, AT(certificate)},
    {"sslkey", PF_IMPORT_ONE, AT(key)},
    {"sslcertfile", PF_IMPORT_ONE, AT(ca)},
    {"sslcertpath", PF_IMPORT_ONE, AT(ca)},
    {"sslcommonname", PF_IMPORT_ONE, AT(server_name)},
    {"sslfingerprint", PF_IMPORT_ONE, 0},
    {"ssl", PF_IMPORT_FLAG, 0},
    {"keep", PF_IMPORT_KEEP, 0},
    {"fetchall", PF_IMPORT_FLAG, 0},
    {"flush", PF_IMPORT_FLAG, 0},
    {"limitflush", PF_IMPORT_FLAG, 0},
    {"rewrite", PF_IMPORT_FLAG, 0},
    {"forcecr", PF_IMPORT_FLAG, 0},
    {"stripcr", PF_IMPORT_FLAG, 0},
    {"pass8bits", PF_IMPORT_FLAG, 0},
    {"dropstatus", PF_IMPORT_FLAG, 0},
    {"dropdelivered", PF_IMPORT_FLAG, 0},
    {"mimedecode", PF_IMPORT_FLAG, 0},
    {"idle", PF_IMPORT_FLAG, 0},
    {"dns", PF_IMPORT_FLAG, 0},
    {"uidl", PF_IMPORT_FLAG, 0},
    {"checkalias", PF_IMPORT_FLAG, 0},
    {"tracepolls", PF_IMPORT_FLAG, 0},
    {"sslcertck", PF_IMPORT_FLAG, 0},
    {"lmtp", PF_IMPORT_FLAG, 0},
    {"spambounce", PF_IMPORT_FLAG, 0},
    {"bouncemail", PF_IMPORT_FLAG, 0},
};

const struct pf_import_keyword *pf_import_keyword(const struct pf_import_token *t, bool *out_no)
{
    *out_no = false;
    for (int tries = 0; tries < 2 && !t->quoted && !t->end; tries++) {
        const char *text = t->text + (tries ? 2 : 0);

        if (tries && strncmp(t->text, "no", 2) != 0)
            break;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcmp(words[i].name, text) == 0 &&
                (!tries || words[i].what == PF_IMPORT_FLAG || words[i].what == PF_IMPORT_KEEP)) {
                *out_no = tries;
                return &words[i];
            }
    }
    return NULL;
}
