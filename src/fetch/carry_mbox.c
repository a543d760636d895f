/* An mbox gets messages through the store of mboxes, which no crash leaves half of one behind. Quoting
 * is that of mboxrd, the only one that can be undone. */
#include "fetch/carry_private.h"

#include "store/mbox/mbox.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "carry_mbox";

enum { CHUNK = 65536, LOCK_WAIT = 30 /* seconds: mail programs hold an mbox for moments */ };

struct mbox {
    struct pf_twin *twin;
    const char *path, *user;
    unsigned char chunk[CHUNK];
};

static bool holder_is_ours(const char *path)
{
    const char *slash = strrchr(path, '/');
    char holder[4096];
    int len =
        slash ? snprintf(holder, sizeof holder, "%.*s", slash == path ? 1 : (int)(slash - path), path)
              : 0;

    return len > 0 && (size_t)len < sizeof holder && access(holder, W_OK) == 0;
}

static enum pf_code mbox_open(const struct pf_account *a, void **out_state, struct pf_err *err)
{
    bool ours = holder_is_ours(a->mbox);
    const struct pf_mbox_settings settings = {
        .mboxrd = true,
        .dotlock = ours, /* /var/mail is for its group; fcntl locks are for everybody */
        .lock_wait = LOCK_WAIT,
        .state_folder = ours ? NULL : a->state,
        .create = true,
    };
    struct mbox *m = calloc(1, sizeof *m);

    if (!m)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for an mbox");
    m->path = a->mbox;
    m->user = a->name;
    m->twin = pf_mbox_new(&settings, err);
    if (!m->twin) {
        free(m);
        return err->code;
    }
    *out_state = m;
    return PF_OK;
}

/* No trouble of an mbox is one message's own. */
static enum pf_code for_all(enum pf_code code, struct pf_err *err)
{
    if (code == PF_TEMP)
        code = PF_IN_USE;
    else if (code == PF_PERM)
        code = PF_CONFIG;
    err->code = code;
    return code;
}

static struct pf_box_where place_of(const struct mbox *m)
{
    return (struct pf_box_where){.user = m->user, .path = m->path, .now = time(NULL), .expire_days = -1};
}

static enum pf_code copy(struct mbox *m, int file, struct pf_twin_parcel *parcel, struct pf_err *err)
{
    const struct pf_twin_kind *kind = m->twin->kind;
    enum pf_code code = PF_OK;
    ssize_t n;

    do {
        n = read(file, m->chunk, sizeof m->chunk);
        if (n > 0)
            code = kind->parcel_write(parcel, pf_bytes_from(m->chunk, (size_t)n), err);
        else if (n < 0 && errno != EINTR)
            code = pf_fail(err, PF_IO, errno, where, "a message in the spool cannot be read: %s",
                           strerror(errno));
    } while (!code && n);
    return code;
}

static enum pf_code mbox_deliver(void *state, int file, const struct pf_ledger_note *note,
                                 struct pf_err *err)
{
    struct mbox *m = state;
    const struct pf_box_where place = place_of(m);
    struct pf_parcel_seal seal = {0};
    struct pf_twin_parcel *parcel;
    enum pf_code code = m->twin->kind->parcel_begin(m->twin, &place, &parcel, err);

    (void)note;
    if (code)
        return for_all(code, err);
    code = copy(m, file, parcel, err);
    if (code)
        m->twin->kind->parcel_drop(parcel);
    else
        code = m->twin->kind->parcel_seal(parcel, &seal, err);
    return code ? for_all(code, err) : PF_OK;
}

static bool hex_of(EVP_MD_CTX *digest, char hex[2 * EVP_MAX_MD_SIZE + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(digest, sum, &len) != 1)
        return false;
    for (unsigned i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return true;
}

/* The digest of one message, which ends with a line's end. */
static enum pf_code digest_of(struct mbox *m, struct pf_twin_box *box, uint32_t index,
                              EVP_MD_CTX *digest, struct pf_err *err)
{
    struct pf_box_read op = {.index = index, .at = m->chunk, .cap = sizeof m->chunk};
    unsigned char last = '\n';
    enum pf_code code = PF_OK;

    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    while (!code && !op.last) {
        op.got = 0;
        code = m->twin->kind->box_read(box, &op, true, err);
        if (!code && op.got) {
            EVP_DigestUpdate(digest, m->chunk, op.got);
            last = m->chunk[op.got - 1];
            op.offset += op.got;
        }
    }
    if (!code && last != '\n')
        EVP_DigestUpdate(digest, "\n", 1);
    return code;
}

/* The newest are the last: that is where it is. */
static enum pf_code search(struct mbox *m, const struct pf_twin_opened *opened, const char *wanted,
                           struct pf_err *err)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    enum pf_code code = digest ? PF_OK : pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a digest");
    bool found = false;

    for (uint32_t i = opened->listing.count; i && !code && !found; i--) {
        code = digest_of(m, opened->box, i - 1, digest, err);
        found = !code && hex_of(digest, hex) && strcmp(hex, wanted) == 0;
    }
    EVP_MD_CTX_free(digest);
    if (code || found)
        return code;
    return pf_fail(err, PF_GONE, 0, where, "it is not in %s", m->path);
}

static enum pf_code mbox_settle(void *state, const struct pf_ledger_note *note, struct pf_err *err)
{
    struct mbox *m = state;
    const struct pf_box_where place = place_of(m);
    struct pf_twin_opened opened = {0};
    struct pf_bytes prefix = PF_LIT(PF_CARRY_DIGEST), hex = pf_bytes_skip(note->name, prefix.len);
    char wanted[PF_LEDGER_NAME_MAX + 1];
    struct stat st;
    enum pf_code code;

    if (!pf_bytes_equal(pf_bytes_head(note->name, prefix.len), prefix))
        return pf_fail(err, PF_AGAIN, 0, where, "nobody can say");
    if (stat(m->path, &st) != 0 && errno == ENOENT)
        return pf_fail(err, PF_GONE, 0, where, "there is no %s", m->path);
    memcpy(wanted, hex.at, hex.len);
    wanted[hex.len] = 0;
    code = m->twin->kind->box_open(m->twin, &place, true, &opened, err);
    if (code)
        return for_all(code, err);
    code = search(m, &opened, wanted, err);
    m->twin->kind->box_close(opened.box);
    return code == PF_OK || code == PF_GONE ? code : for_all(code, err);
}

static void mbox_close(void *state)
{
    struct mbox *m = state;

    m->twin->kind->free(m->twin);
    free(m);
}

const struct pf_carry_kind pf_carry_mbox = {"mbox", mbox_open, mbox_deliver, mbox_settle, mbox_close};
