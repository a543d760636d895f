/* GSSAPI: our client side against our server side, in one process, with the ticket and the keytab that
 * the environment and the arguments name (test/peer/initiate.t makes a realm for it).
 *
 *     initiate_gssapi KEYTAB HOSTNAME [SERVER-THE-CLIENT-MEANS [ACTS-FOR]] */
#include "initiate_bench.h"

static void show(const char *what, struct pf_bytes text)
{
    printf("%s=%.*s ", what, (int)text.len, text.len ? (const char *)text.at : "");
}

int main(int argc, char **argv)
{
    struct pf_err err = {0};
    struct meeting m;
    bool good;

    if (argc < 3 || pf_exchange_keytab(argv[1], argv[2], &err) != PF_OK) {
        printf("no keytab: %s\n", err.log);
        return 2;
    }
    meeting_setup(&m, "GSSAPI", "", "");
    m.server.settings.hostname = argv[2];
    m.server.settings.keytab = argv[1];
    m.settings.hostname = argc > 3 ? argv[3] : argv[2];
    m.settings.acts_for = argc > 4 ? pf_bytes_of(argv[4]) : (struct pf_bytes){0};
    good = meet(&m, true);
    show("name", m.server.told.name);
    show("acts_for", m.server.told.acts_for);
    printf("server=%d client=%d why=%s\n", m.server.step, m.step, m.err.log);
    meeting_end(&m);
    return !good;
}
