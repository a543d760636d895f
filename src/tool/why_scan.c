#include "tool/why_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CHUNK = 4 << 20, /* one read: large enough that its call costs nothing */
    DAY_MS = 86400000
};

static const struct pf_bytes lost_mark = {(const unsigned char *)" lost process=", 14};

static void keep(struct pf_why *w, struct pf_bytes line)
{
    unsigned char *memory;
    struct pf_span room;

    if (w->count == w->room) {
        size_t more = w->room ? 2 * w->room : 64;
        struct pf_why_kept *kept = more <= PF_WHY_KEPT_MOST * 2 ? realloc(w->kept, more * sizeof *kept) : NULL;

        w->full = w->full || !kept;
        if (!kept)
            return;
        w->kept = kept;
        w->room = more;
    }
    memory = w->count < PF_WHY_KEPT_MOST ? malloc(2 * line.len) : NULL;
    w->full = w->full || !memory;
    if (!memory)
        return;
    memcpy(memory, line.at, line.len);
    room = (struct pf_span){memory + line.len, 0, line.len};
    if (pf_journal_read(pf_bytes_from(memory, line.len), &room, &w->kept[w->count].r) == PF_JOURNAL_GOOD)
        w->kept[w->count++].memory = memory;
    else
        free(memory);
}

static void look_at(struct pf_why *w, const struct pf_why_want *want, struct pf_bytes line)
{
    unsigned char room_at[PF_JOURNAL_LINE_MAX];
    struct pf_span room = {room_at, 0, sizeof room_at};
    struct pf_journal_record r;

    if (line.len >= PF_JOURNAL_LINE_MAX || pf_journal_read(line, &room, &r) != PF_JOURNAL_GOOD || r.at < w->since ||
        r.at > w->until)
        return;
    if (r.event == PF_JOURNAL_lost)
        w->lost += r.number[PF_JOURNAL_COUNT];
    else if (want->wanted(want->self, &r))
        keep(w, line);
}

/* Lines that have the needle in them; `lines` ends with a line's end. */
static void search(struct pf_why *w, const struct pf_why_want *want, struct pf_bytes lines, struct pf_bytes needle)
{
    const unsigned char *hit;

    while ((hit = memmem(lines.at, lines.len, needle.at, needle.len))) {
        const unsigned char *before = memrchr(lines.at, '\n', (size_t)(hit - lines.at));
        const unsigned char *begin = before ? before + 1 : lines.at;
        const unsigned char *end = memchr(hit, '\n', lines.len - (size_t)(hit - lines.at));

        look_at(w, want, pf_bytes_from(begin, (size_t)(end - begin)));
        lines = pf_bytes_skip(lines, (size_t)(end + 1 - lines.at));
    }
}

/* What is left of the buffer behind its last whole line; a line that fills it is none of ours, and goes. */
static size_t take_lines(struct pf_why *w, const struct pf_why_want *want, unsigned char *buffer, size_t len)
{
    const unsigned char *end = memrchr(buffer, '\n', len);
    size_t whole = end ? (size_t)(end + 1 - buffer) : 0;

    if (whole) {
        search(w, want, pf_bytes_from(buffer, whole), want->needle);
        search(w, want, pf_bytes_from(buffer, whole), lost_mark);
    }
    if (!whole && len == CHUNK)
        return 0;
    memmove(buffer, buffer + whole, len - whole);
    return len - whole;
}

static void read_file(struct pf_why *w, const struct pf_why_want *want, int fd, unsigned char *buffer)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, buffer + len, CHUNK - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            w->sys = errno;
            return;
        }
        w->octets += (uint64_t)n;
        len = take_lines(w, want, buffer, len + (size_t)n);
    }
}

static void read_day(struct pf_why *w, const struct pf_why_want *want, int64_t day, unsigned char *buffer)
{
    char name[PF_JOURNAL_NAME], path[PATH_MAX];
    int fd;

    if (!pf_journal_day_name(name, day) || (size_t)snprintf(path, sizeof path, "%s/%s", w->folder, name) >= sizeof path)
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        w->sys = errno;
        return;
    }
    w->files++;
    read_file(w, want, fd, buffer);
    close(fd);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The days of the files there that may hold records of the time asked for; a record may be written a little later
 * than it says. */
static int64_t *find_days(struct pf_why *w, size_t *out_count)
{
    DIR *folder = opendir(w->folder);
    const struct dirent *entry;
    int64_t *days = NULL, day;
    size_t room = 0;

    *out_count = 0;
    if (!folder)
        w->sys = errno;
    while (folder && (entry = readdir(folder))) {
        if (!pf_journal_day_of(entry->d_name, &day))
            continue;
        if (!w->first_day || day < w->first_day)
            w->first_day = day;
        if (day < w->since / DAY_MS || day - 1 > w->until / DAY_MS)
            continue;
        if (*out_count == room) {
            int64_t *more = realloc(days, (room = 2 * room + 32) * sizeof *days);

            if (!more) {
                w->full = true;
                break;
            }
            days = more;
        }
        days[(*out_count)++] = day;
    }
    if (folder)
        closedir(folder);
    if (*out_count)
        qsort(days, *out_count, sizeof *days, by_number);
    return days;
}

void pf_why_scan(struct pf_why *w, const struct pf_why_want *want)
{
    size_t count;
    int64_t *days = find_days(w, &count);
    unsigned char *buffer = malloc(CHUNK);

    w->files = 0;
    w->lost = 0;
    w->full = w->full || !buffer;
    for (size_t i = 0; buffer && i < count; i++)
        read_day(w, want, days[i], buffer);
    free(buffer);
    free(days);
}

/* By time; records of one moment in the order of a mail's life. */
static int in_order(const void *a, const void *b)
{
    const struct pf_journal_record *x = &((const struct pf_why_kept *)a)->r, *y = &((const struct pf_why_kept *)b)->r;

    if (x->at != y->at)
        return x->at > y->at ? 1 : -1;
    return (x->event > y->event) - (x->event < y->event);
}

void pf_why_sort(struct pf_why *w)
{
    if (w->count)
        qsort(w->kept, w->count, sizeof *w->kept, in_order);
}

void pf_why_forget(struct pf_why *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->kept[i].memory);
    free(w->kept);
    w->kept = NULL;
    w->count = w->room = 0;
}
