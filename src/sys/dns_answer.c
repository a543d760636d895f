#include "sys/dns_srv.h"

#include "base/text.h"

enum { TYPE_CNAME = 5, TYPE_SRV = 33, CLASS_IN = 1, HEAD = 12, JUMPS_MAX = 64, CHAIN_MAX = 8 };

struct message {
    struct pf_bytes all;
    size_t at;
};

static bool take16(struct message *m, unsigned *out)
{
    if (m->all.len - m->at < 2)
        return false;
    *out = (unsigned)m->all.at[m->at] << 8 | m->all.at[m->at + 1];
    m->at += 2;
    return true;
}

/* One label onto the name; octets that no host name has spoil it rather than be guessed about. */
static bool put_label(struct pf_bytes label, struct pf_span *name)
{
    if (name->len && !pf_span_put(name, PF_LIT(".")))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = pf_lower(label.at[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_')
            return false;
        if (!pf_span_put(name, pf_bytes_from(&c, 1)))
            return false;
    }
    return true;
}

/* A name (RFC 1035 section 4.1.4); a pointer leads backwards only, so that none leads in a circle. The root is "". */
static bool take_name(struct message *m, char out_name[PF_SRV_NAME])
{
    struct pf_span name = {(unsigned char *)out_name, 0, PF_SRV_NAME - 1};
    size_t at = m->at, least = m->at;
    bool jumped = false;

    for (int jumps = 0; at < m->all.len;) {
        size_t len = m->all.at[at];

        if (len == 0) {
            m->at = jumped ? m->at : at + 1;
            out_name[name.len] = 0;
            return true;
        }
        if (len >= 0xc0) {
            if (at + 1 >= m->all.len || ++jumps > JUMPS_MAX)
                return false;
            m->at = jumped ? m->at : at + 2;
            jumped = true;
            at = (len & 0x3f) << 8 | m->all.at[at + 1];
            if (at >= least)
                return false;
            least = at;
            continue;
        }
        if (len > 63 || m->all.len - at - 1 < len || !put_label(pf_bytes_from(m->all.at + at + 1, len), &name))
            return false;
        at += 1 + len;
    }
    return false;
}

static bool is_inside(const char *host, const char *domain)
{
    size_t h = strlen(host), d = strlen(domain);

    return h >= d && pf_equal_nocase(pf_bytes_of(host + h - d), pf_bytes_of(domain)) &&
           (h == d || host[h - d - 1] == '.');
}

static bool take_srv(struct message *m, const char *domain, bool vouched, struct pf_srv_list *out)
{
    struct pf_srv srv = {.vouched = vouched};

    if (!take16(m, &srv.priority) || !take16(m, &srv.weight) || !take16(m, &srv.port) || !take_name(m, srv.host))
        return false;
    if (!srv.host[0]) {
        out->refused = true; /* RFC 2782: "." */
        return true;
    }
    srv.inside = is_inside(srv.host, domain);
    if (srv.port && out->count < PF_SRV_MOST)
        out->at[out->count++] = srv;
    return true;
}

struct record {
    char owner[PF_SRV_NAME];
    unsigned type, class;
    size_t end;
};

static bool take_head(struct message *m, struct record *r)
{
    unsigned life[2], len;

    if (!take_name(m, r->owner) || !take16(m, &r->type) || !take16(m, &r->class) || !take16(m, &life[0]) ||
        !take16(m, &life[1]) || !take16(m, &len) || m->all.len - m->at < len)
        return false;
    r->end = m->at + len;
    return true;
}

static bool take_records(struct message *m, unsigned count, const char *name, const char *domain,
                         struct pf_srv_list *out)
{
    bool vouched = m->all.at[3] & 0x20; /* AD, RFC 4035 section 3.2.3 */
    char wanted[PF_SRV_NAME], target[PF_SRV_NAME];
    struct record r;
    int chain = 0;

    if (strlen(name) >= sizeof wanted)
        return false;
    memcpy(wanted, name, strlen(name) + 1);
    for (unsigned i = 0; i < count; i++) {
        bool ours;

        if (!take_head(m, &r))
            return false;
        ours = r.class == CLASS_IN && pf_equal_nocase(pf_bytes_of(r.owner), pf_bytes_of(wanted));
        if (ours && r.type == TYPE_CNAME && ++chain <= CHAIN_MAX) {
            if (!take_name(m, target) || m->at != r.end)
                return false;
            memcpy(wanted, target, sizeof wanted);
        } else if (ours && r.type == TYPE_SRV && (!take_srv(m, domain, vouched, out) || m->at != r.end)) {
            return false;
        }
        m->at = r.end;
    }
    return true;
}

enum pf_code pf_srv_answer(struct pf_bytes answer, const char *name, const char *domain, struct pf_srv_list *out,
                           struct pf_err *err)
{
    struct message m = {answer, HEAD};
    unsigned counts[2], kind[2];
    char asked[PF_SRV_NAME];
    struct pf_srv_list found = *out;

    if (answer.len < HEAD || !(answer.at[2] & 0x80))
        return pf_fail(err, PF_TEMP, 0, "dns", "%s: this is no answer of DNS", name);
    counts[0] = (unsigned)answer.at[4] << 8 | answer.at[5];
    counts[1] = (unsigned)answer.at[6] << 8 | answer.at[7];
    for (unsigned i = 0; i < counts[0]; i++)
        if (!take_name(&m, asked) || !take16(&m, &kind[0]) || !take16(&m, &kind[1]))
            return pf_fail(err, PF_TEMP, 0, "dns", "%s: the answer of DNS is damaged", name);
    if (!take_records(&m, counts[1], name, domain, &found))
        return pf_fail(err, PF_TEMP, 0, "dns", "%s: the answer of DNS is damaged", name);
    *out = found;
    return PF_OK;
}

static void swap(struct pf_srv *a, struct pf_srv *b)
{
    struct pf_srv kept = *a;

    *a = *b;
    *b = kept;
}

/* Which of those with the lowest priority is next (RFC 2782, "Weight"): those of weight 0 stand first in the sum. */
static size_t choose(const struct pf_srv *at, size_t count, uint32_t (*draw)(void *, uint32_t), void *self)
{
    unsigned lowest = at[0].priority;
    uint32_t sum = 0, running = 0, drawn;
    size_t last = 0;

    for (size_t i = 1; i < count; i++)
        lowest = at[i].priority < lowest ? at[i].priority : lowest;
    for (size_t i = 0; i < count; i++)
        sum += at[i].priority == lowest ? at[i].weight : 0;
    drawn = draw(self, sum + 1);
    for (int heavy = 0; heavy < 2; heavy++)
        for (size_t i = 0; i < count; i++) {
            if (at[i].priority != lowest || (at[i].weight > 0) != heavy)
                continue;
            running += at[i].weight;
            last = i;
            if (running >= drawn)
                return i;
        }
    return last;
}

void pf_srv_order(struct pf_srv_list *list, size_t begin, uint32_t (*draw)(void *, uint32_t), void *self)
{
    for (; begin + 1 < list->count; begin++)
        swap(&list->at[begin], &list->at[begin + choose(list->at + begin, list->count - begin, draw, self)]);
}
