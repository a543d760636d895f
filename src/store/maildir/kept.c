#include "store/maildir/kept.h"

#include "store/maildir/mix.h"

#include <linux/magic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PLACES = PF_MAILDIR_KEPT_SETS * PF_MAILDIR_KEPT_WAYS };

#ifndef ZFS_SUPER_MAGIC
#define ZFS_SUPER_MAGIC 0x2FC12FC1 /* not in the kernel's headers */
#endif

/* Those whose inodes in memory are the truth. Others (NFS, CIFS, FUSE …) may have to ask somebody who is away. */
static bool is_near(int root)
{
    static const unsigned long local[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC,    TMPFS_MAGIC,
                                          ZFS_SUPER_MAGIC,  F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    struct statfs fs;

    if (fstatfs(root, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if ((unsigned long)fs.f_type == local[i])
            return true;
    return false;
}

static size_t octets_of(const struct pf_maildir_kept *k)
{
    return sizeof *k + strlen(k->path) + k->image.count * (sizeof *k->image.rows + sizeof *k->image.files) +
           k->image.blob_len + k->ready.octets;
}

void pf_maildir_kept_free(struct pf_maildir_keeper *keeper, struct pf_maildir_kept *k)
{
    if (!k)
        return;
    if (k->ready.at && k->ready.kept.memory >= 0) {
        close(k->ready.kept.memory);
        atomic_fetch_sub(&keeper->descriptors, 1);
    }
    pf_slot_listing_done(&k->ready);
    pf_maildir_image_done(&k->image);
    free(k);
}

static struct pf_maildir_kept *out_of(struct pf_maildir_keeper *keeper, uint32_t place)
{
    struct pf_maildir_kept *k = atomic_exchange(&keeper->places[place], NULL);

    if (k)
        atomic_fetch_sub(&keeper->octets, octets_of(k));
    return k;
}

static bool into(struct pf_maildir_keeper *keeper, uint32_t place, struct pf_maildir_kept *k)
{
    struct pf_maildir_kept *none = NULL;

    atomic_fetch_add(&keeper->octets, octets_of(k)); /* before anybody can take it out */
    if (atomic_compare_exchange_strong(&keeper->places[place], &none, k))
        return true;
    atomic_fetch_sub(&keeper->octets, octets_of(k));
    return false;
}

static uint32_t set_of(uint32_t hash)
{
    return hash % PF_MAILDIR_KEPT_SETS * PF_MAILDIR_KEPT_WAYS;
}

/* Into its set, at the cost of one of it where it is full. */
static void settle(struct pf_maildir_keeper *keeper, struct pf_maildir_kept *k)
{
    uint32_t set = set_of(k->hash), victim;

    for (uint32_t way = 0; way < PF_MAILDIR_KEPT_WAYS; way++)
        if (into(keeper, set + way, k))
            return;
    victim = set + atomic_fetch_add(&keeper->hand, 1) % PF_MAILDIR_KEPT_WAYS;
    pf_maildir_kept_free(keeper, out_of(keeper, victim));
    if (!into(keeper, victim, k))
        pf_maildir_kept_free(keeper, k);
}

struct pf_maildir_kept *pf_maildir_kept_take(struct pf_maildir_keeper *keeper, uint64_t seed, const char *path)
{
    uint32_t hash = keeper->most ? pf_maildir_hash(seed, pf_bytes_of(path)) : 0, set = set_of(hash);

    for (uint32_t way = 0; keeper->most && way < PF_MAILDIR_KEPT_WAYS; way++) {
        struct pf_maildir_kept *k = out_of(keeper, set + way);

        if (k && k->hash == hash && strcmp(k->path, path) == 0)
            return k;
        if (k && !into(keeper, set + way, k)) /* somebody was quicker */
            settle(keeper, k);
    }
    return NULL;
}

void pf_maildir_kept_put(struct pf_maildir_keeper *keeper, struct pf_maildir_kept *k)
{
    if (octets_of(k) > keeper->most / 2) { /* one must not push out all others */
        pf_maildir_kept_free(keeper, k);
        return;
    }
    settle(keeper, k);
    for (uint32_t tries = 0; tries < PLACES && atomic_load(&keeper->octets) > keeper->most; tries++)
        pf_maildir_kept_free(keeper, out_of(keeper, atomic_fetch_add(&keeper->hand, 1) % PLACES));
}

struct pf_maildir_kept *pf_maildir_kept_new(uint64_t seed, const char *path, int root)
{
    size_t octets = strlen(path) + 1;
    struct pf_maildir_kept *k = calloc(1, sizeof *k + octets);

    if (!k)
        return NULL;
    memcpy(k->path, path, octets);
    k->hash = pf_maildir_hash(seed, pf_bytes_of(path));
    k->near = is_near(root);
    return k;
}

static bool may_have_descriptor(struct pf_maildir_keeper *keeper)
{
    if (atomic_fetch_add(&keeper->descriptors, 1) < PF_MAILDIR_KEPT_DESCRIPTORS)
        return true;
    atomic_fetch_sub(&keeper->descriptors, 1);
    return false;
}

void pf_maildir_kept_prepare(struct pf_maildir_keeper *keeper, struct pf_maildir_kept *k, bool shared)
{
    const struct pf_listing listing = {.rows = k->image.rows, .uidls = (const unsigned char *)k->image.blob,
                                       .count = k->image.count, .octets = k->image.octets};
    int fd;

    if (k->ready.at || k->image.count < PF_MAILDIR_KEPT_LEAST || !may_have_descriptor(keeper))
        return;
    if (pf_slot_listing_make(&listing, true, &fd, NULL) == PF_OK) {
        if (pf_slot_listing_map(fd, PF_SLOT_LISTING_MAX, &k->ready, NULL) == PF_OK && shared) {
            k->ready.kept.memory = fd;
            return;
        }
        close(fd);
    }
    atomic_fetch_sub(&keeper->descriptors, 1);
}

void pf_maildir_kept_empty(struct pf_maildir_keeper *keeper)
{
    for (uint32_t place = 0; place < PLACES; place++)
        pf_maildir_kept_free(keeper, out_of(keeper, place));
}
