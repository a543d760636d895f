/* Fetches a maildrop over a blocking socket, in plain text, and leaves it as it is: message N becomes N.eml in the
 * current folder. An example of libpostfach(3); a mail program wants TLS.       echo PASSWORD | fetch HOST PORT USER */
#include <netdb.h>
#include <poll.h>
#include <postfach/pop3_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pf_time now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &a) == 0)
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        exit(1);
    freeaddrinfo(a);
    return fd;
}

static FILE *file;   /* the message that comes in */
static bool trouble; /* something is not as it should be */

static void heard(struct pf_pop3_client *e, const struct pf_heard *h)
{
    char part[32], whole[32];
    struct pf_pop3_command retr = {.verb = PF_VERB_RETR, .number = h->number, .expect = h->octets};

    snprintf(part, sizeof part, "%llu.part", (unsigned long long)h->number);
    snprintf(whole, sizeof whole, "%llu.eml", (unsigned long long)h->number);
    if (h->kind == PF_HEARD_ITEM && h->verb == PF_VERB_LIST && h->parsed) {
        trouble |= pf_pop3_client_say(e, &retr, now()) != PF_OK; /* as many as the queue holds */
    } else if (h->kind == PF_HEARD_BEGIN && h->verb == PF_VERB_RETR) {
        file = fopen(part, "wb");
    } else if (h->kind == PF_HEARD_PIECE && file) {
        fwrite(h->bytes.at, 1, h->bytes.len, file);
    } else if (h->kind == PF_HEARD_END && h->verb == PF_VERB_RETR && h->end == PF_END_WHOLE) {
        trouble |= !file || ferror(file) || fclose(file) || rename(part, whole); /* only now it is a message */
    } else if (h->kind == PF_HEARD_END && h->end != PF_END_WHOLE) {
        trouble = true;
        fprintf(stderr, "%s: %.*s\n", pf_verdict(h->code)->say, (int)h->text.len, (const char *)h->text.at);
    }
    if (h->kind == PF_HEARD_END && h->verb == PF_VERB_LIST)
        pf_pop3_client_say(e, &(struct pf_pop3_command){.verb = PF_VERB_QUIT}, now());
}

int main(int argc, char **argv)
{
    static unsigned char buffer[65536];
    struct pf_pop3_client_settings set;
    struct pf_heard h = {0};
    char secret[200] = "";
    pf_pop3_client_settings_init(&set);
    set.plain_login = PF_PLAIN_ANY;
    set.queue = 1000;
    struct pf_pop3_client *e = pf_pop3_client_new(&set, false, now());
    int fd = argc == 4 ? dial(argv[1], argv[2]) : -1;
    if (!e || fd < 0 || !fgets(secret, sizeof secret, stdin))
        return 1;
    secret[strcspn(secret, "\n")] = 0;
    struct pf_pop3_command login[] = {{.verb = PF_VERB_CAPA}, {.verb = PF_VERB_USER, .name = pf_bytes_of(argv[3])},
        {.verb = PF_VERB_PASS, .secret = pf_bytes_of(secret)}, {.verb = PF_VERB_LIST}};
    for (unsigned i = 0; i < 4; i++)
        trouble |= pf_pop3_client_say(e, &login[i], now()) != PF_OK;
    while (h.kind != PF_HEARD_LOST) {
        struct pf_bytes out = pf_pop3_client_out(e), in = {0};
        ssize_t n = out.len ? send(fd, out.at, out.len, MSG_NOSIGNAL) : 0;

        pf_pop3_client_sent(e, n > 0 ? (size_t)n : 0, now());
        if (n >= 0 && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1000) > 0) { /* or look at the clock */
            n = recv(fd, buffer, sizeof buffer, 0);
            in = pf_bytes_from(buffer, n > 0 ? (size_t)n : 0);
            n = n > 0 ? n : -1;
        }
        if (n < 0)
            pf_pop3_client_eof(e, now());
        do {
            in = pf_bytes_skip(in, pf_pop3_client_feed(e, in, now()));
            while (pf_pop3_client_event(e, &h))
                heard(e, &h);
        } while (in.len && h.kind != PF_HEARD_LOST);
    }
    pf_pop3_client_free(e);
    close(fd);
    return trouble || h.lost != PF_LOST_QUIT;
}
