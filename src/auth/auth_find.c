#include "auth/auth_find.h"

#include "auth/auth_file.h"

#include <stdio.h>

static int64_t cache_time(const struct pf_auth_tables *tables, const struct pf_auth_seat *seat)
{
    const struct pf_conf *conf = pf_auth_tables_settings(tables)->conf;

    if (!conf)
        return 0;
    return seat->userdb && seat->userdb->kind != PF_CONF_USERDB_FILE ? seat->userdb->cache_time : conf->cache_time;
}

/* One source about one name; `judge` when it is to say yes or no to the secret. PF_NO_USER also when a source
 * that knows no users says no: another one may say yes. */
static enum pf_code ask(const struct pf_auth_seat *seat, struct pf_bytes name, const struct pf_auth_quest *quest,
                        bool judge, struct pf_auth_found *out, struct pf_err *err)
{
    const struct pf_auth_proof proof = {name, quest->secret, quest->peer, quest->tls};
    enum pf_code code;
    bool knows = seat->self && pf_auth_source_knows(seat->row, seat->self);

    if (!seat->self || (!knows && !judge))
        return PF_NO_USER;
    code = seat->row->find(seat->self, name, &out->entry, err);
    if (code != PF_OK || !out->entry.verify || !judge || out->entry.nologin)
        return code;
    code = seat->row->verify(seat->self, &proof, &out->entry, err);
    out->proved = code == PF_OK;
    return code == PF_AUTH && !knows ? PF_NO_USER : code;
}

/* A master lets in by his own password, whoever the user is. */
static bool find_master(const struct pf_auth_tables *tables, const struct pf_names_reading *reading,
                        struct pf_auth_found *out)
{
    const struct pf_auth_file *masters = pf_auth_tables_masters(tables);

    return masters && pf_auth_file_find(masters, pf_bytes_of(reading->master), &out->master) == PF_OK;
}

static void take(const struct pf_auth_tables *tables, const struct pf_auth_seat *seat,
                 const struct pf_names_reading *reading, struct pf_auth_found *out)
{
    bool master = reading->master[0];

    memcpy(out->entry.user.folder, reading->folder, sizeof reading->folder);
    memcpy(out->entry.user.master, reading->master, sizeof reading->master);
    memcpy(out->entry.user.recipient, reading->recipient, sizeof reading->recipient);
    out->stored = master ? out->master.stored : out->entry.stored;
    out->nologin = master ? out->master.nologin : out->entry.nologin;
    out->cache_time = cache_time(tables, seat);
}

static enum pf_code find_reading(const struct pf_auth_tables *tables, const struct pf_names_reading *reading,
                                 const struct pf_auth_quest *quest, struct pf_auth_found *out,
                                 struct pf_err *err)
{
    bool judge = quest->secret.at && !reading->master[0];
    enum pf_code code = PF_NO_USER;

    if (reading->master[0] && !find_master(tables, reading, out))
        return PF_NO_USER;
    for (size_t i = 0; i < PF_AUTH_SOURCES && code == PF_NO_USER; i++) {
        const struct pf_auth_seat seat = pf_auth_tables_seat(tables, i);

        out->proved = false;
        code = ask(&seat, pf_bytes_of(reading->user), quest, judge, out, err);
        if (code == PF_OK)
            take(tables, &seat, reading, out);
    }
    return code;
}

enum pf_code pf_auth_find(const struct pf_auth_tables *tables, const struct pf_auth_quest *quest,
                          struct pf_auth_found *out, struct pf_err *err)
{
    struct pf_names_reading readings[PF_NAMES_READINGS];
    bool acts = quest->acts_for.len != 0;
    size_t count = pf_names_read(pf_auth_tables_settings(tables)->conf, acts ? quest->acts_for : quest->name, readings);
    enum pf_code code = PF_NO_USER;

    for (size_t i = 0; i < count && code == PF_NO_USER; i++) {
        if (acts && readings[i].master[0]) /* one master is enough */
            continue;
        if (acts)
            snprintf(readings[i].master, sizeof readings[i].master, "%.*s", (int)quest->name.len,
                     (const char *)quest->name.at);
        code = find_reading(tables, &readings[i], quest, out, err);
    }
    return code;
}
