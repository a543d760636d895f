/* Limit: a POP3 server that does nothing but answer, the floor under all servers on a machine.
 *
 *     limit [-c CERTIFICATE -k KEY] PREFIX:COUNT:OCTETS[:FOLDER] …
 *
 * Whoever's name begins with PREFIX has COUNT messages of together OCTETS octets. Any password is right,
 * nothing is locked, removed, logged or limited; LIST and UIDL are texts that were made before. FOLDER
 * has the messages as they go over the wire, with stuffed dots and the last one, in the order of their
 * names: small ones are copied from memory, large ones go out by sendfile(2), in TLS by OpenSSL from a
 * mapping. One process, one thread, epoll. Prints its two ports, and ends when its input does. What a
 * real server spends above this is what logins, locks, files, safety and its own ways cost. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { BOXES = 64, AT_ONCE = 64, IN = 2048, OUT = 32768, SMALL = 8192, RECORD = 16384 };

struct message {
    const unsigned char *at;
    size_t len;
    int fd;
};

struct box {
    char prefix[64];
    unsigned long count, octets;
    char *list, *uidl;
    size_t list_len, uidl_len;
    struct message *messages;
};

struct guest {
    int fd;
    SSL *ssl;
    bool shaken, ends, blocked, gone, starts, started; /* STLS */
    const struct box *box;
    char in[IN];
    size_t in_len;
    char *out; /* only while there is something */
    size_t out_at, out_len;
    const unsigned char *lent; /* goes out behind `out` */
    size_t lent_len;
    int file; /* or -1: what is lent is this one, too */
    off_t file_at;
};

static struct box boxes[BOXES];
static size_t box_count;
static SSL_CTX *context;
static char shared[OUT]; /* the output of the guest whose turn it is */
static int poller;

static void make_texts(struct box *box)
{
    size_t cap = box->count * 48 + 32;

    box->list = bench_memory(cap);
    box->uidl = bench_memory(cap);
    box->list_len = (size_t)snprintf(box->list, cap, "+OK\r\n");
    box->uidl_len = (size_t)snprintf(box->uidl, cap, "+OK\r\n");
    for (unsigned long i = 1; i <= box->count; i++) {
        unsigned long each = box->octets / box->count + (i == 1 ? box->octets % box->count : 0);

        box->list_len += (size_t)snprintf(box->list + box->list_len, 48, "%lu %lu\r\n", i, each);
        box->uidl_len +=
            (size_t)snprintf(box->uidl + box->uidl_len, 48, "%lu 17000000.M%luP1.bench\r\n", i, i);
    }
    box->list_len += (size_t)snprintf(box->list + box->list_len, 8, ".\r\n");
    box->uidl_len += (size_t)snprintf(box->uidl + box->uidl_len, 8, ".\r\n");
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void map_messages(struct box *box, const char *path)
{
    struct dirent **names;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = scandir(path, &names, visible, alphasort);

    bench_need(folder >= 0 && count >= 0 && (unsigned long)count == box->count, path);
    box->messages = bench_memory((box->count + 1) * sizeof *box->messages);
    for (int i = 0; i < count; i++) {
        struct message *m = &box->messages[i];
        struct stat st;

        m->fd = openat(folder, names[i]->d_name, O_RDONLY | O_CLOEXEC);
        bench_need(m->fd >= 0 && fstat(m->fd, &st) == 0, names[i]->d_name);
        m->len = (size_t)st.st_size;
        m->at = mmap(NULL, m->len, PROT_READ, MAP_SHARED, m->fd, 0);
        bench_need(m->at != MAP_FAILED, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    close(folder);
}

static void add_box(char *words)
{
    struct box *box = &boxes[box_count++];
    char *rest = NULL, *prefix = strtok_r(words, ":", &rest), *count = strtok_r(NULL, ":", &rest),
         *octets = strtok_r(NULL, ":", &rest);

    bench_need(box_count < BOXES && prefix && count && octets, "a box is PREFIX:COUNT:OCTETS[:FOLDER]");
    snprintf(box->prefix, sizeof box->prefix, "%s", prefix);
    box->count = strtoul(count, NULL, 10);
    box->octets = strtoul(octets, NULL, 10);
    make_texts(box);
    if (rest && *rest)
        map_messages(box, rest);
}

static const struct box *box_of(const char *name)
{
    for (size_t i = 0; i < box_count; i++)
        if (strncmp(name, boxes[i].prefix, strlen(boxes[i].prefix)) == 0)
            return &boxes[i];
    return NULL;
}

static void say(struct guest *g, const void *at, size_t len)
{
    memcpy(g->out + g->out_len, at, len);
    g->out_len += len;
}

static void lend(struct guest *g, const void *at, size_t len)
{
    if (len <= OUT - g->out_len && len <= SMALL) {
        say(g, at, len);
        return;
    }
    g->lent = at;
    g->lent_len = len;
}

static void answer_retr(struct guest *g, const char *line)
{
    unsigned long number = strtoul(line + 4, NULL, 10);
    const struct message *m;

    if (!g->box || !g->box->messages || number < 1 || number > g->box->count) {
        say(g, "-ERR\r\n", 6);
        return;
    }
    m = &g->box->messages[number - 1];
    say(g, "+OK\r\n", 5);
    lend(g, m->at, m->len);
    if (g->lent && !g->ssl) {
        g->file = m->fd;
        g->file_at = 0;
    }
}

static void answer(struct guest *g, char *line)
{
    char text[64];

    if (strncmp(line, "USER ", 5) == 0)
        g->box = box_of(line + 5);
    if (strncmp(line, "STAT", 4) == 0 && g->box)
        say(g, text,
            (size_t)snprintf(text, sizeof text, "+OK %lu %lu\r\n", g->box->count, g->box->octets));
    else if (strncmp(line, "LIST", 4) == 0 && g->box)
        lend(g, g->box->list, g->box->list_len);
    else if (strncmp(line, "UIDL", 4) == 0 && g->box)
        lend(g, g->box->uidl, g->box->uidl_len);
    else if (strncmp(line, "RETR", 4) == 0)
        answer_retr(g, line);
    else if (strncmp(line, "STLS", 4) == 0 && (!context || g->ssl))
        say(g, "-ERR\r\n", 6);
    else
        say(g, "+OK\r\n", 5);
    g->ends = strncmp(line, "QUIT", 4) == 0;
    g->starts = strncmp(line, "STLS", 4) == 0 && context && !g->ssl;
}

/* Answers what has come until something large is to be sent, or the room ends. */
static void answer_all(struct guest *g)
{
    size_t at = 0;
    char *end;

    while (!g->lent && !g->ends && !g->starts && OUT - g->out_len > SMALL + 64 &&
           (end = memchr(g->in + at, '\n', g->in_len - at)) != NULL) {
        *end = 0;
        answer(g, g->in + at);
        at = (size_t)(end - g->in) + 1;
    }
    memmove(g->in, g->in + at, g->in_len - at);
    g->in_len -= at;
}

static ssize_t put(struct guest *g, const void *at, size_t len, int flags)
{
    size_t sent;
    ssize_t n;

    if (!g->ssl) {
        n = send(g->fd, at, len, MSG_NOSIGNAL | flags);
        g->gone = n < 0 && errno != EAGAIN;
        return n;
    }
    if (SSL_write_ex(g->ssl, at, len < RECORD ? len : RECORD, &sent) == 1)
        return (ssize_t)sent;
    g->gone = SSL_get_error(g->ssl, 0) != SSL_ERROR_WANT_WRITE;
    return -1;
}

static ssize_t put_file(struct guest *g)
{
    ssize_t n = sendfile(g->fd, g->file, &g->file_at, g->lent_len);

    g->gone = n < 0 && errno != EAGAIN;
    return n;
}

/* False: the socket takes no more now, or never. */
static bool flush(struct guest *g)
{
    ssize_t n;

    while (g->out_at < g->out_len) {
        n = put(g, g->out + g->out_at, g->out_len - g->out_at, g->lent ? MSG_MORE : 0);
        if (n <= 0)
            return false;
        g->out_at += (size_t)n;
    }
    g->out_at = g->out_len = 0;
    while (g->lent_len) {
        n = g->file >= 0 ? put_file(g) : put(g, g->lent, g->lent_len, 0);
        if (n <= 0)
            return false;
        g->lent += n;
        g->lent_len -= (size_t)n;
    }
    g->lent = NULL;
    g->file = -1;
    return true;
}

static void leave(struct guest *g)
{
    if (g->shaken) /* else clients take the session for broken, and do not resume it */
        SSL_shutdown(g->ssl);
    SSL_free(g->ssl);
    close(g->fd);
    if (g->out != shared)
        free(g->out);
    free(g);
}

/* What is not sent yet is kept in memory of the guest's own. */
static void keep_rest(struct guest *g)
{
    if (g->out == shared && g->out_len > g->out_at) {
        g->out = bench_memory(OUT);
        memcpy(g->out, shared, g->out_len);
    } else if (g->out == shared) {
        g->out = NULL;
    }
}

static void start_tls(struct guest *g)
{
    g->ssl = SSL_new(context);
    bench_need(g->ssl && SSL_set_fd(g->ssl, g->fd) == 1, "TLS");
    SSL_set_accept_state(g->ssl);
    g->starts = false;
}

static bool shake(struct guest *g)
{
    if (g->shaken || !g->ssl)
        return true;
    g->shaken = SSL_accept(g->ssl) == 1;
    if (g->shaken && !g->started)
        say(g, "+OK\r\n", 5);
    return g->shaken;
}

/* Reads; false at the end. */
static bool hear(struct guest *g, bool *out_news)
{
    size_t got = 0;
    ssize_t n;

    *out_news = false;
    if (g->in_len == IN)
        return false;
    if (g->ssl) {
        *out_news = SSL_read_ex(g->ssl, g->in + g->in_len, IN - g->in_len, &got) == 1;
        g->in_len += got;
        return *out_news || SSL_get_error(g->ssl, 0) == SSL_ERROR_WANT_READ;
    }
    n = recv(g->fd, g->in + g->in_len, IN - g->in_len, 0);
    *out_news = n > 0;
    g->in_len += n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void wait_for(struct guest *g, bool room)
{
    struct epoll_event event = {.events = room ? EPOLLOUT : EPOLLIN, .data.ptr = g};

    if (g->blocked != room)
        epoll_ctl(poller, EPOLL_CTL_MOD, g->fd, &event);
    g->blocked = room;
}

/* Returns false when the guest has gone. */
static bool serve(struct guest *g)
{
    bool news = true, there = true, flows = true;

    if (!g->out)
        g->out = shared;
    if (!shake(g)) {
        keep_rest(g);
        return SSL_get_error(g->ssl, -1) == SSL_ERROR_WANT_READ;
    }
    flows = flush(g);
    while (flows && news && there && !g->ends) {
        there = hear(g, &news);
        do {
            answer_all(g);
            flows = flush(g);
        } while (flows && !g->ends && !g->starts && memchr(g->in, '\n', g->in_len));
        news = news && g->ssl; /* the kernel tells of more, OpenSSL does not */
        if (flows && g->starts) {
            g->started = true;
            g->in_len = 0; /* what came in plain text behind it is nobody's word */
            start_tls(g);
        }
    }
    keep_rest(g);
    wait_for(g, !flows);
    return there && !g->gone && !(g->ends && flows);
}

static void welcome(int listener, bool tls)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    struct guest *g;
    struct epoll_event event = {.events = EPOLLIN};

    if (fd < 0)
        return;
    g = calloc(1, sizeof *g);
    bench_need(g != NULL, "memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    g->fd = fd;
    g->file = -1;
    event.data.ptr = g;
    bench_need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    if (tls) {
        start_tls(g);
    } else {
        send(fd, "+OK\r\n", 5, MSG_NOSIGNAL);
    }
}

static int listen_at(const char *name)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct epoll_event event = {.events = EPOLLIN};

    bench_need(fd >= 0 && bind(fd, (struct sockaddr *)&here, len) == 0 && listen(fd, 4096) == 0 &&
                   getsockname(fd, (struct sockaddr *)&here, &len) == 0,
               "listen");
    printf("%s %u\n", name, ntohs(here.sin_port));
    event.data.ptr = NULL; /* of both */
    bench_need(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    return fd;
}

static void make_context(const char *certificate, const char *key)
{
    context = SSL_CTX_new(TLS_server_method());
    bench_need(context && SSL_CTX_use_certificate_chain_file(context, certificate) == 1 &&
                   SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
               certificate);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"limit", 5);
}

static void serve_all(int plain, int full)
{
    struct epoll_event events[AT_ONCE], input = {.events = EPOLLIN, .data.ptr = &input};

    bench_need(epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input) == 0, "standard input");
    for (;;) {
        int n = epoll_wait(poller, events, AT_ONCE, -1);

        for (int i = 0; i < n; i++) {
            struct guest *g = events[i].data.ptr;

            if (events[i].data.ptr == &input)
                return;
            if (g && !serve(g))
                leave(g);
            if (g)
                continue;
            welcome(plain, false);
            if (full >= 0)
                welcome(full, true);
        }
    }
}

int main(int count, char **words)
{
    const char *certificate = NULL, *key = NULL;
    int option, plain, full = -1;

    signal(SIGPIPE, SIG_IGN);
    while ((option = getopt(count, words, "c:k:")) != -1) {
        bench_need(option != '?', "limit [-c CERTIFICATE -k KEY] PREFIX:COUNT:OCTETS[:FOLDER]...");
        *(option == 'c' ? &certificate : &key) = optarg;
    }
    for (int i = optind; i < count; i++)
        add_box(words[i]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    plain = listen_at("plain");
    if (certificate && key) {
        make_context(certificate, key);
        full = listen_at("full");
    }
    fflush(stdout);
    serve_all(plain, full);
    return 0;
}
