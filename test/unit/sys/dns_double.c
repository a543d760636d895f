#include "unit/cm.h"

#include "dns_double.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct message {
    unsigned char at[4096];
    size_t len;
};

static void put16(struct message *m, unsigned value)
{
    m->at[m->len++] = (unsigned char)(value >> 8);
    m->at[m->len++] = (unsigned char)value;
}

static void put_name(struct message *m, const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");

        m->at[m->len++] = (unsigned char)len;
        memcpy(m->at + m->len, name, len);
        m->len += len;
        name += len + (name[len] == '.');
    }
    m->at[m->len++] = 0;
}

/* The question's name, and its type. */
static unsigned read_question(const struct message *m, char out_name[256])
{
    size_t at = 12, used = 0;

    while (at < m->len && m->at[at] && used + m->at[at] + 2 < 256) {
        memcpy(out_name + used, m->at + at + 1, m->at[at]);
        used += m->at[at];
        at += 1U + m->at[at];
        out_name[used++] = '.';
    }
    out_name[used ? used - 1 : 0] = 0;
    return (unsigned)m->at[at + 1] << 8 | m->at[at + 2];
}

static void put_record(struct message *m, const struct dns_record *r)
{
    size_t len_at;

    put_name(m, r->name);
    put16(m, r->type);
    put16(m, 1);
    put16(m, 0);
    put16(m, 60);
    len_at = m->len;
    put16(m, 0);
    for (int i = 0; r->type == DNS_SRV && i < 3; i++)
        put16(m, r->numbers[i]);
    for (int i = 0; r->type == DNS_TLSA && i < 3; i++)
        m->at[m->len++] = (unsigned char)r->numbers[i];
    if (r->target)
        put_name(m, r->target);
    if (r->len)
        memcpy(m->at + m->len, r->data, r->len);
    m->len += r->len;
    m->at[len_at] = (unsigned char)((m->len - len_at - 2) >> 8);
    m->at[len_at + 1] = (unsigned char)(m->len - len_at - 2);
    m->at[7]++;
}

static void answer(struct message *m, const struct dns_record *table)
{
    char name[256];
    unsigned type = read_question(m, name);
    bool secure = true, known = false;

    m->len = 12;
    m->at[2] = 0x81;
    m->at[3] = 0x80;
    memset(m->at + 6, 0, 6);
    put_name(m, name);
    put16(m, type);
    put16(m, 1);
    for (const struct dns_record *r = table; r->name;
         r++) { /* an alias stands before what it leads to */
        if (strcmp(r->name, name) != 0)
            continue;
        known = true;
        if (r->type == DNS_FAILS)
            m->at[3] |= 2;
        if (r->type != type && r->type != DNS_CNAME)
            continue;
        put_record(m, r);
        secure = secure && !r->insecure;
        if (r->type == DNS_CNAME)
            snprintf(name, sizeof name, "%s", r->target);
    }
    if (!known)
        m->at[3] |= 3;
    if (secure)
        m->at[3] |= 0x20;
}

static void serve(int fd, const struct dns_record *table)
{
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        struct message m;
        ssize_t len = recvfrom(fd, m.at, 512, 0, (struct sockaddr *)&peer, &size);

        if (len < 17)
            continue;
        m.len = (size_t)len;
        answer(&m, table);
        sendto(fd, m.at, m.len, 0, (struct sockaddr *)&peer, size);
    }
}

void dns_start(struct dns_double *d, const struct dns_record *table)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    d->resolver = (struct pf_srv_resolver){"127.0.0.1", ntohs(address.sin_port)};
    d->pid = fork();
    if (d->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        serve(fd, table);
    }
    assert_true(d->pid > 0);
    close(fd);
}

void dns_stop(struct dns_double *d)
{
    kill(d->pid, SIGKILL);
    assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
}

void dns_trust(void)
{
    assert_int_equal(setenv("RES_OPTIONS", "trust-ad attempts:1", 1),
                     0);
}
