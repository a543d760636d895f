#include "base/ticket.h"

#include "base/kind.h"
#include "base/number.h"

#include <assert.h>

static const unsigned char mark[4] = {'P', 'F', 'T', 2}; /* and the version */

static const char *const fault_texts[PF_TICKET_FAULTS] = {
    [PF_TICKET_GOOD] = "good",
    [PF_TICKET_CUT] = "of a wrong length",
    [PF_TICKET_FORGED] = "not sealed with our key",
    [PF_TICKET_MALFORMED] = "sealed, but malformed",
    [PF_TICKET_EXPIRED] = "expired",
    [PF_TICKET_LONG_LIVED] = "good for longer than tickets may be",
    [PF_TICKET_OTHER_GATE] = "made for another gate",
    [PF_TICKET_OTHER_STORE] = "made for another store",
    [PF_TICKET_REPLAYED] = "shown before",
    [PF_TICKET_CROWDED] = "one too many: too many others were shown in a short time",
};

const char *pf_ticket_fault_text(enum pf_ticket_fault fault)
{
    return (size_t)fault < PF_TICKET_FAULTS ? fault_texts[fault] : "of unknown fault";
}

static bool plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    return true;
}

static bool lawful(const struct pf_ticket *t)
{
    return t->user[0] && plain(t->user) && t->path[0] == '/' && plain(t->path) && plain(t->view) &&
           t->kind < PF_KINDS && t->rights && !(t->rights & ~(unsigned)PF_TICKET_RIGHTS) &&
           t->expire_days >= -1 && t->gate && t->store && t->session && t->serial && t->expires > 0;
}

bool pf_ticket_write(struct pf_span *span, const struct pf_ticket *t)
{
    size_t user = strnlen(t->user, sizeof t->user), path = strnlen(t->path, sizeof t->path);
    size_t view = strnlen(t->view, sizeof t->view), length = PF_TICKET_HEAD + user + path + view;
    size_t begin = span->len;

    if (user == sizeof t->user || path == sizeof t->path || view == sizeof t->view || !lawful(t) ||
        pf_span_room(span) < length)
        return false;
    pf_span_put(span, pf_bytes_from(mark, sizeof mark));
    pf_number_put(span, length, 2);
    pf_number_put(span, t->kind, 1);
    pf_number_put(span, t->rights, 1);
    pf_number_put(span, (uint32_t)t->expire_days, 4);
    pf_number_put(span, t->quota_octets, 8);
    pf_number_put(span, t->quota_messages, 8);
    pf_number_put(span, t->gate, 4);
    pf_number_put(span, t->store, 4);
    pf_number_put(span, t->session, 8);
    pf_number_put(span, (uint64_t)t->expires, 8);
    pf_number_put(span, t->series, 8);
    pf_number_put(span, t->serial, 8);
    pf_number_put(span, user, 2);
    pf_number_put(span, path, 2);
    pf_number_put(span, view, 2);
    /* What follows the head is said by PF_TICKET_HEAD; the two must agree. */
    assert(span->len == begin + PF_TICKET_HEAD);
    pf_span_put(span, pf_bytes_from(t->user, user));
    pf_span_put(span, pf_bytes_from(t->path, path));
    pf_span_put(span, pf_bytes_from(t->view, view));
    return true;
}

static bool get_text(struct pf_bytes *from, size_t len, char *out)
{
    if (len && memchr(from->at, 0, len))
        return false;
    if (len)
        memcpy(out, from->at, len);
    out[len] = 0;
    *from = pf_bytes_skip(*from, len);
    return true;
}

static bool get_texts(struct pf_bytes from, struct pf_ticket *t)
{
    size_t user = (size_t)pf_number_take(&from, 2), path = (size_t)pf_number_take(&from, 2);
    size_t view = (size_t)pf_number_take(&from, 2);

    return user <= PF_TICKET_USER_MAX && path <= PF_TICKET_PATH_MAX && view <= PF_TICKET_VIEW_MAX &&
           from.len == user + path + view && get_text(&from, user, t->user) &&
           get_text(&from, path, t->path) && get_text(&from, view, t->view);
}

bool pf_ticket_read(struct pf_bytes b, struct pf_ticket *out)
{
    struct pf_ticket t = {0};
    struct pf_bytes from = pf_bytes_skip(b, sizeof mark);

    if (b.len < PF_TICKET_HEAD || b.len > PF_TICKET_FORM_MAX || memcmp(b.at, mark, sizeof mark) != 0 ||
        pf_number_take(&from, 2) != b.len)
        return false;
    t.kind = (uint8_t)pf_number_take(&from, 1);
    t.rights = (uint8_t)pf_number_take(&from, 1);
    t.expire_days = (int32_t)(uint32_t)pf_number_take(&from, 4);
    t.quota_octets = pf_number_take(&from, 8);
    t.quota_messages = pf_number_take(&from, 8);
    t.gate = (uint32_t)pf_number_take(&from, 4);
    t.store = (uint32_t)pf_number_take(&from, 4);
    t.session = pf_number_take(&from, 8);
    t.expires = (pf_time)pf_number_take(&from, 8);
    t.series = pf_number_take(&from, 8);
    t.serial = pf_number_take(&from, 8);
    if (!get_texts(from, &t) || !lawful(&t))
        return false;
    *out = t;
    return true;
}

/* His place, or a free one that becomes his; NULL when there is none. */
static struct pf_ticket_maker *maker_of(struct pf_ticket_window *window, uint64_t series, pf_time now)
{
    struct pf_ticket_maker *room = NULL;

    for (size_t i = 0; i < PF_TICKET_MAKERS; i++) {
        struct pf_ticket_maker *m = &window->makers[i];

        if (m->top && m->series == series)
            return m;
        if (!m->top || m->until <= now)
            room = m;
    }
    if (!room)
        return NULL;
    memset(room->bits, 0, window->span / 8);
    room->series = series;
    room->top = 0;
    return room;
}

/* Serials between the highest and this one have not been shown: their bits are those of some long gone. */
static void advance(struct pf_ticket_maker *m, uint64_t serial, size_t span)
{
    if (serial - m->top >= span)
        memset(m->bits, 0, span / 8);
    else
        for (uint64_t n = m->top + 1; n <= serial; n++)
            m->bits[n % span / 64] &= ~(UINT64_C(1) << n % 64);
    m->top = serial;
}

static enum pf_ticket_fault use_up(const struct pf_ticket *t, pf_time now, struct pf_ticket_window *window)
{
    struct pf_ticket_maker *m = maker_of(window, t->series, now);
    uint64_t bit = UINT64_C(1) << t->serial % 64;
    uint64_t *word;

    if (!m || (t->serial <= m->top && m->top - t->serial >= window->span))
        return PF_TICKET_CROWDED;
    if (t->serial > m->top) {
        if (!m->top)
            m->until = 0;
        advance(m, t->serial, window->span);
    }
    word = &m->bits[t->serial % window->span / 64];
    if (*word & bit)
        return PF_TICKET_REPLAYED;
    *word |= bit;
    if (t->expires > m->until)
        m->until = t->expires;
    return PF_TICKET_GOOD;
}

/* Expiry is exclusive on both sides of the window (`until <= now` is room, `expires <= now` is
 * refused): there is no moment at which a maker is forgotten and a ticket of his still good. */
enum pf_ticket_fault pf_ticket_judge(const struct pf_ticket *t, const struct pf_ticket_shown *shown,
                                     struct pf_ticket_window *window)
{
    assert(window->span >= 64 && window->span % 64 == 0);
    if (t->gate != shown->gate)
        return PF_TICKET_OTHER_GATE;
    if (t->store != shown->store)
        return PF_TICKET_OTHER_STORE;
    if (t->expires <= shown->now)
        return PF_TICKET_EXPIRED;
    if (t->expires - shown->now > PF_TICKET_LIFE_MAX)
        return PF_TICKET_LONG_LIVED;
    return use_up(t, shown->now, window);
}
