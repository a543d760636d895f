#include "sys/dns_private.h"

#include "base/text.h"

static bool is_inside(const char *host, const char *domain)
{
    size_t h = strlen(host), d = strlen(domain);

    return h >= d && pf_equal_nocase(pf_bytes_of(host + h - d), pf_bytes_of(domain)) &&
           (h == d || host[h - d - 1] == '.');
}

struct servers {
    const char *domain;
    struct pf_srv_list list;
    struct pf_dns_wish wish;
};

static bool take_srv(void *self, struct pf_dns_message *m, size_t end)
{
    struct servers *into = self;
    struct pf_srv_list *list = &into->list;
    struct pf_srv srv = {.vouched = into->wish.vouched};

    (void)end;
    if (!pf_dns_take16(m, &srv.priority) || !pf_dns_take16(m, &srv.weight) ||
        !pf_dns_take16(m, &srv.port) || !pf_dns_take_name(m, srv.host))
        return false;
    if (!srv.host[0]) {
        list->refused = true; /* RFC 2782: "." */
        return true;
    }
    srv.inside = is_inside(srv.host, into->domain);
    if (srv.port && list->count < PF_SRV_MOST)
        list->at[list->count++] = srv;
    return true;
}

enum pf_code pf_srv_answer(struct pf_bytes answer, const char *name, const char *domain,
                           struct pf_srv_list *out, struct pf_err *err)
{
    struct servers into = {.domain = domain, .list = *out};
    enum pf_code code;

    into.wish = (struct pf_dns_wish){.name = name, .type = PF_DNS_SRV, .take = take_srv, .self = &into};
    code = pf_dns_read(answer, &into.wish, err);
    if (code == PF_OK)
        *out = into.list;
    return code;
}

static void swap(struct pf_srv *a, struct pf_srv *b)
{
    struct pf_srv kept = *a;

    *a = *b;
    *b = kept;
}

/* Which of those with the lowest priority is next (RFC 2782, "Weight"): those of weight 0 stand first in
 * the sum. */
static size_t choose(const struct pf_srv *at, size_t count, uint32_t (*draw)(void *, uint32_t),
                     void *self)
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
        swap(&list->at[begin],
             &list->at[begin + choose(list->at + begin, list->count - begin, draw, self)]);
}
