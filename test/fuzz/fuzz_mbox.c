/* Mboxes: whatever the file holds, its octets are accounted for, and neither a second look, a delivery nor a removal
 * changes what others have there. First octet: whether it is mboxrd; second: which messages are removed; third: how
 * many octets of the end are a message that comes in. */
#include "fuzz/mbox_place.h"

#include "store/mbox/box.h"
#include "store/mbox/from.h"

#include "base/text.h"

#include <postfach/dot.h>

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAILS_MAX = 64, TEXT_MAX = 1 << 16 };

struct text {
    size_t len;
    unsigned char at[TEXT_MAX];
};

/* What a listing said, for the next one to be compared with. */
struct listed {
    uint32_t count;
    uint64_t octets[MAILS_MAX];
    struct text uidls[MAILS_MAX];
    struct text wire[MAILS_MAX];
};

static char path[80];
static struct text file;
static struct listed then, now;

static void enter(void)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    if (folder[0]) {
        forget();
        return;
    }
    snprintf(folder, sizeof folder, "%s/pf-fuzz-mbox-XXXXXX", tmp);
    must(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/box", folder);
    must(atexit(leave) == 0);
}

static void put(struct pf_bytes b)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd >= 0 && write(fd, b.at, b.len) == (ssize_t)b.len && close(fd) == 0);
}

static void get(struct text *t)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, t->at, TEXT_MAX);

    must(got >= 0 && got < TEXT_MAX && close(fd) == 0);
    t->len = (size_t)got;
}

static bool is_gap(struct pf_bytes b)
{
    return pf_bytes_equal(b, PF_LIT("\n")) || pf_bytes_equal(b, PF_LIT("\r\n"));
}

/* Messages, From_ lines and the empty lines between them are the file. */
static void accounts_for(const struct pf_twin_box *box)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i <= box->mails.count; i++) {
        const struct pf_mbox_mail *m = &box->mails.at[i];
        uint64_t next = i < box->mails.count ? m->from_at : file.len;
        struct pf_bytes gap = pf_bytes_from(file.at + at, next - at);
        int64_t ignored;

        must(at <= next);
        for (size_t k = 0; !i && k < gap.len; k++)
            must(gap.at[k] == '\n' || gap.at[k] == '\r');
        must(!i || is_gap(gap) || (!gap.len && i == box->mails.count));
        if (i == box->mails.count)
            return;
        must(m->text_at > m->from_at && m->text_at + m->len <= file.len);
        must(pf_mbox_from(pf_bytes_from(file.at + next, m->text_at - next), &ignored));
        at = m->text_at + m->len;
    }
}

static void encode(struct pf_bytes b, struct text *out, uint64_t octets)
{
    struct pf_span span = {out->at, 0, TEXT_MAX};
    struct pf_dot dot;

    pf_dot_init(&dot);
    must(pf_dot_encode(&dot, b, &span) == b.len && pf_dot_finish(&dot, &span));
    must(octets == UINT64_MAX || dot.octets == octets);
    out->len = span.len;
}

static void read_one(struct pf_twin_box *box, uint32_t index, uint64_t octets, struct text *out)
{
    static struct text raw;
    struct pf_box_read op = {.index = index};

    do {
        op.at = raw.at + op.offset;
        op.cap = 1 + (size_t)(op.offset * 7 % 61);
        must(op.offset + op.cap < TEXT_MAX);
        must(pf_mbox_box_read(box, &op, true, NULL) == PF_OK && (op.got || op.last));
        op.offset += op.got;
    } while (!op.last);
    encode(pf_bytes_from(raw.at, op.offset), out, octets);
}

static void list(struct pf_twin_opened *o, struct listed *l)
{
    uint64_t octets = 0;

    l->count = o->listing.count;
    for (uint32_t i = 0; i < l->count; i++) {
        struct pf_bytes uidl = pf_listing_uidl(&o->listing, i);

        must(pf_mbox_uidl_legal(uidl));
        l->octets[i] = o->listing.rows[i].octets;
        octets += l->octets[i];
        memcpy(l->uidls[i].at, uidl.at, uidl.len);
        l->uidls[i].len = uidl.len;
        for (uint32_t k = 0; k < i; k++)
            must(!pf_bytes_equal(uidl, pf_listing_uidl(&o->listing, k)));
        read_one(o->box, i, l->octets[i], &l->wire[i]);
    }
    must(octets == o->listing.octets);
}

static bool equal(const struct text *a, const struct text *b)
{
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static void same_mail(uint32_t old, uint32_t fresh)
{
    must(then.octets[old] == now.octets[fresh] && equal(&then.uidls[old], &now.uidls[fresh]) &&
         equal(&then.wire[old], &now.wire[fresh]));
}

static enum pf_code box_open(struct pf_twin *twin, struct pf_twin_opened *o)
{
    const struct pf_box_where where = {.user = "ada", .path = path, .now = 1700000000, .expire_days = -1};

    *o = (struct pf_twin_opened){0};
    return pf_mbox_box_open(twin, &where, true, o, NULL);
}

/* By the state, and by another pass over all. */
static void looks_the_same_again(struct pf_twin *twin)
{
    struct pf_twin_opened o;

    for (int i = 0; i < 2; i++) {
        must(box_open(twin, &o) == PF_OK);
        must(!o.box->mails.count || o.box->counts.scans == (i && o.listing.count ? 1u : 0u));
        list(&o, &now);
        must(then.count == now.count);
        for (uint32_t k = 0; k < now.count; k++)
            same_mail(k, k);
        o.box->doubts = now.count > 0;
        pf_mbox_box_close(o.box);
    }
}

/* What the store makes of a text: mboxo quotes for good. */
static void expected_of(struct pf_bytes b, bool mboxrd, struct text *out)
{
    static struct text quoted;

    quoted.len = 0;
    while (b.len) {
        size_t len = pf_find(b, '\n') + 1;
        struct pf_bytes line = pf_bytes_head(b, len);

        if (!mboxrd && line.len >= 5 && memcmp(line.at, "From ", 5) == 0)
            quoted.at[quoted.len++] = '>';
        memcpy(quoted.at + quoted.len, line.at, line.len);
        quoted.len += line.len;
        b = pf_bytes_skip(b, len);
    }
    encode(pf_bytes_from(quoted.at, quoted.len), out, UINT64_MAX);
}

static void deliver(struct pf_twin *twin, struct pf_bytes b, struct pf_parcel_seal *seal)
{
    const struct pf_box_where where = {.user = "ada", .path = path, .now = 1700000000, .expire_days = -1};
    struct pf_twin_parcel *p;

    must(pf_mbox_parcel_begin(twin, &where, &p, NULL) == PF_OK);
    must(pf_mbox_parcel_write(p, b, NULL) == PF_OK);
    must(pf_mbox_parcel_seal(p, seal, NULL) == PF_OK);
}

static void a_delivery_adds_one(struct pf_twin *twin, struct pf_bytes body, bool mboxrd)
{
    static struct text mail, expected, before;
    struct pf_parcel_seal seal = {0};
    struct pf_twin_opened o;

    mail.len = 12;
    memcpy(mail.at, "Subject: x\n\n", mail.len);
    memcpy(mail.at + mail.len, body.at, body.len);
    mail.len += body.len;
    before = file;
    deliver(twin, pf_bytes_from(mail.at, mail.len), &seal);
    get(&file);
    must(file.len > before.len && memcmp(file.at, before.at, before.len) == 0);
    must(box_open(twin, &o) == PF_OK);
    accounts_for(o.box);
    list(&o, &now);
    pf_mbox_box_close(o.box);
    must(now.count == then.count + 1);
    for (uint32_t i = 0; i < then.count; i++)
        same_mail(i, i);
    expected_of(pf_bytes_from(mail.at, mail.len), mboxrd, &expected);
    must(equal(&now.wire[then.count], &expected) && now.octets[then.count] == seal.octets);
    must(strncmp((const char *)now.uidls[then.count].at, seal.uidl, now.uidls[then.count].len) == 0);
}

/* The file as it has to be without the marked messages. */
static void without(const struct pf_twin_box *box, uint64_t mask, struct text *out)
{
    uint32_t shown = 0;

    out->len = box->mails.count ? box->mails.at[0].from_at : file.len;
    memcpy(out->at, file.at, out->len);
    for (uint32_t i = 0; i < box->mails.count; i++) {
        const struct pf_mbox_mail *m = &box->mails.at[i];
        uint64_t end = i + 1 < box->mails.count ? m[1].from_at : file.len;

        if (shown < box->count && box->shown[shown] == i && mask >> shown++ % 64 & 1)
            continue;
        memcpy(out->at + out->len, file.at + m->from_at, end - m->from_at);
        out->len += end - m->from_at;
    }
}

static void a_removal_leaves_the_others(struct pf_twin *twin, uint64_t mask)
{
    static struct text left;
    struct pf_twin_opened o;
    struct pf_marks marks = {&mask, 0};
    struct pf_box_expunge op = {.remove = &marks};
    uint32_t kept = 0;

    must(box_open(twin, &o) == PF_OK);
    list(&o, &then);
    marks.count = then.count;
    without(o.box, mask, &left);
    must(pf_mbox_box_expunge(o.box, &op, NULL) == PF_OK && !op.failed);
    get(&file);
    must(equal(&file, &left));
    for (uint32_t i = 0; i < then.count; i++)
        if (!(mask >> i & 1))
            read_one(o.box, i, then.octets[i], &now.wire[i]);
    pf_mbox_box_close(o.box);
    must(box_open(twin, &o) == PF_OK);
    list(&o, &now);
    for (uint32_t i = 0; i < then.count; i++)
        if (!(mask >> i & 1))
            same_mail(i, kept++);
    must(kept == now.count);
    pf_mbox_box_close(o.box);
}

static void run(struct pf_twin *twin, const uint8_t *data, size_t size)
{
    size_t body = data[2] < size - 3 ? data[2] : size - 3;
    uint64_t mask = data[1] * UINT64_C(0x0101010101010101);
    struct pf_twin_opened o;
    enum pf_code code;

    put(pf_bytes_from(data + 3, size - 3 - body));
    get(&file);
    code = box_open(twin, &o);
    must(code == PF_OK || code == PF_DAMAGED);
    if (code)
        return;
    accounts_for(o.box);
    if (o.box->mails.count < MAILS_MAX - 1) {
        list(&o, &then);
        pf_mbox_box_close(o.box);
        looks_the_same_again(twin);
        a_delivery_adds_one(twin, pf_bytes_from(data + size - body, body), data[0] & 1);
        a_removal_leaves_the_others(twin, mask);
    } else {
        pf_mbox_box_close(o.box);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_mbox_settings settings = {.dotlock = true};
    struct pf_twin *twin;

    if (size < 3 || size > TEXT_MAX / 4)
        return 0;
    enter();
    settings.mboxrd = data[0] & 1;
    twin = pf_mbox_new(&settings, NULL);
    must(twin != NULL);
    ((struct pf_mbox *)twin)->clock_ahead = INT64_C(10000000000);
    run(twin, data, size);
    twin->kind->free(twin);
    return 0;
}
