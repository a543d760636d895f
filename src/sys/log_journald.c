/* The journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of fields, each `NAME=value` and LF, or,
 * where the value has an LF, `NAME`, LF, its length in 8 octets, little end first, the value, and LF. What is too
 * long for a datagram travels as a sealed memfd.
 *
 * libsystemd speaks it too, but opens its socket with the first entry, which is too late behind a sandbox, and waits
 * while the journal is busy: a log must not hold up mail. Values are sent from where they lie; none is cut. */
#include "sys/log_private.h"
#include "sys/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 48,              /* more than any event has, and those of every entry */
    NAME_MAX_OCTETS = 64,         /* of a field in the journal */
    HEAD = NAME_MAX_OCTETS + 9,   /* with what stands between it and the value */
    NUMBER = 24,
    PARTS = 3                     /* of a field: name, value, LF */
};

static const char journal_socket[] = "/run/systemd/journal/socket";

struct journald {
    struct pf_log log;
    int fd;
    struct sockaddr_un to;
};

/* One entry while it is made: each field's texts that are not the event's own, and what is to be sent. */
struct entry {
    struct field {
        char head[HEAD], number[NUMBER];
    } fields[FIELDS_MAX];
    struct iovec parts[FIELDS_MAX * PARTS];
    size_t count;
};

/* POSTFACH_RAW_NAME for "raw-name": capitals, digits and underscores; 0 when it is too long. */
static size_t put_name(char head[HEAD], const char *prefix, const char *key)
{
    int len = snprintf(head, NAME_MAX_OCTETS + 1, "%s%s", prefix, key);

    if (len < 1 || len > NAME_MAX_OCTETS)
        return 0;
    for (char *c = head; *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
            *c = '_';
    }
    return (size_t)len;
}

static struct iovec part(const void *at, size_t len)
{
    return (struct iovec){(void *)(uintptr_t)at, len};
}

static void put(struct entry *entry, const char *prefix, const char *key, struct pf_bytes value)
{
    struct field *field = &entry->fields[entry->count];
    struct iovec *parts = &entry->parts[entry->count * PARTS];
    size_t len = entry->count < FIELDS_MAX ? put_name(field->head, prefix, key) : 0;

    if (!len)
        return;
    if (value.len && memchr(value.at, '\n', value.len)) {
        field->head[len++] = '\n';
        for (size_t i = 0; i < 8; i++)
            field->head[len++] = (char)((uint64_t)value.len >> (8 * i));
    } else {
        field->head[len++] = '=';
    }
    parts[0] = part(field->head, len);
    parts[1] = part(value.at, value.len);
    parts[2] = part("\n", 1);
    entry->count++;
}

static void put_number(struct entry *entry, const char *prefix, const char *key, uint64_t number)
{
    char *text;
    int len;

    if (entry->count == FIELDS_MAX)
        return;
    text = entry->fields[entry->count].number;
    len = snprintf(text, NUMBER, "%llu", (unsigned long long)number);
    put(entry, prefix, key, pf_bytes_from(text, (size_t)len));
}

static void put_field(struct entry *entry, const struct pf_field *field)
{
    static const char prefix[] = "POSTFACH_";

    switch (field->type) {
    case PF_FIELD_TEXT:
        if (field->text)
            put(entry, prefix, field->key, pf_bytes_of(field->text));
        return;
    case PF_FIELD_NUMBER:
        put_number(entry, prefix, field->key, field->number);
        return;
    case PF_FIELD_BYTES:
        put(entry, prefix, field->key, field->bytes);
        return;
    }
}

/* All parts in a memfd that nobody can change any more, as the journal wants it; -1 when there is none. */
static int enclose(const struct entry *entry)
{
    int fd = memfd_create("postfach-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = fd >= 0;

    for (size_t i = 0; good && i < entry->count * PARTS; i++) {
        const struct iovec *p = &entry->parts[i];
        size_t done = 0;

        while (good && done < p->iov_len) {
            ssize_t n = write(fd, (const char *)p->iov_base + done, p->iov_len - done);

            good = n > 0;
            done += good ? (size_t)n : 0;
        }
    }
    if (good && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void send_enclosed(struct journald *journal, const struct entry *entry)
{
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_name = &journal->to, .msg_namelen = sizeof journal->to};
    int fd = enclose(entry);

    if (fd < 0)
        return;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.align = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
    sendmsg(journal->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* An entry that the journal does not take now is lost. */
static void send_entry(struct journald *journal, struct entry *entry)
{
    struct msghdr message = {.msg_name = &journal->to, .msg_namelen = sizeof journal->to, .msg_iov = entry->parts};
    ssize_t n;

    message.msg_iovlen = entry->count * PARTS;
    do
        n = sendmsg(journal->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
        send_enclosed(journal, entry);
}

static void write_journald(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                           const struct pf_field *fields, size_t count)
{
    struct entry entry;

    entry.count = 0;
    put(&entry, "", "MESSAGE", pf_bytes_of(line));
    put_number(&entry, "", "PRIORITY", (uint64_t)pf_log_priority(level));
    put(&entry, "", "SYSLOG_IDENTIFIER", pf_bytes_of(pf_log_own_name));
    put_number(&entry, "", "SYSLOG_FACILITY", LOG_FAC(LOG_MAIL)); /* where it goes on to syslog */
    put_number(&entry, "", "SYSLOG_PID", (uint64_t)getpid());
    put(&entry, "POSTFACH_", "EVENT", pf_bytes_of(pf_event_name(event)));
    for (size_t i = 0; i < count; i++)
        put_field(&entry, &fields[i]);
    send_entry((struct journald *)log, &entry);
}

void pf_log_journald_done(struct pf_log *log)
{
    if (log->write == write_journald)
        close(((struct journald *)log)->fd);
}

struct pf_log *pf_log_journald_at(const char *path, enum pf_level from, struct pf_err *err)
{
    struct journald *journal;
    size_t len = strlen(path);

    if (access(path, W_OK) != 0 || len >= sizeof journal->to.sun_path) {
        pf_fail(err, PF_CONFIG, errno, "log", "no journal at %s: log to stderr or syslog", path);
        return NULL;
    }
    journal = calloc(1, sizeof *journal);
    if (!journal) {
        pf_fail(err, PF_NO_MEMORY, 0, "log", "no memory for a log");
        return NULL;
    }
    *journal = (struct journald){.log = {from, write_journald}, .to = {.sun_family = AF_UNIX}};
    memcpy(journal->to.sun_path, path, len + 1);
    journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal->fd >= 0)
        return &journal->log;
    pf_fail(err, pf_code_of_errno(errno), errno, "log", "no socket for the journal");
    free(journal);
    return NULL;
}

struct pf_log *pf_log_journald(enum pf_level from, struct pf_err *err)
{
    return pf_log_journald_at(journal_socket, from, err);
}
