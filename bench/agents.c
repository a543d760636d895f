/* Agents: hands messages to Postfix's local(8) and virtual(8), as its queue manager does.
 *
 *     agents QUEUE AGENT CLIENTS MESSAGES MAILDROPS FIRST OCTETS USER
 *
 * The files of the queue are made before the clock starts, so that what is measured is a delivery alone: without
 * taking the message in over SMTP, without syncing it into the queue, without what the manager itself does. Messages
 * are those of load_deliver.c, in Postfix's records. A message is delivered when the agent has answered so; each of
 * CLIENTS is one request under way, on a connection of its own as the manager has it. QUEUE has a master(8) running
 * over it (deliver_servers.py). USER is a pattern, % the number of a maildrop. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"

enum {
    CLIENTS_MAX = 256,
    LINE = 1024,
    FILE_MAX = 1 << 18,
    TIMES = 88, /* five times and a number, as Postfix 3 hands them on */
    SILENCE_MS = 60000
};

struct plan {
    const char *agent, *user;
    unsigned long clients, count, maildrops, first, octets;
    uid_t uid;
    gid_t gid;
};

/* What the manager knows about a file. */
struct queued {
    unsigned long recipient, data, size;
};

struct request {
    int fd;
    unsigned long index;
    double began;
    bool asked;
    char got[LINE];
    size_t len;
};

static struct plan plan;
static struct queued *queue;
static double *latencies;
static unsigned long begun, ended;
static struct request requests[CLIENTS_MAX];
static int poller;

static size_t record(char *room, size_t at, char type, const char *text, size_t len)
{
    size_t rest = len;

    room[at++] = type;
    do {
        room[at++] = (char)((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest);
    memcpy(room + at, text, len);
    return at + len;
}

static size_t word(char *room, size_t at, char type, const char *text)
{
    return record(room, at, type, text, strlen(text));
}

static void name_user(unsigned long number, char room[LINE])
{
    const char *mark = strchr(plan.user, '%');
    int before = mark ? (int)(mark - plan.user) : (int)strlen(plan.user);

    if (mark)
        snprintf(room, LINE, "%.*s%lu%s", before, plan.user, number % plan.maildrops, mark + 1);
    else
        snprintf(room, LINE, "%s", plan.user);
}

static void name_file(unsigned long number, char room[64])
{
    snprintf(room, 64, "active/B%011lX", number);
}

/* The lines of a message, LF and without their ends, a record for each. */
static size_t put_text(char *room, size_t at, unsigned long number, unsigned long *out_size)
{
    char line[LINE];
    unsigned long size = 0;

    at = word(room, at, 'N', "From: Anna <anna@example.org>");
    at = word(room, at, 'N', "To: Bert <bert@example.org>");
    snprintf(line, sizeof line, "Message-ID: <%lu.bench@example.org>", number);
    at = word(room, at, 'N', line);
    at = word(room, at, 'N', "Subject: number");
    at = word(room, at, 'N', "");
    snprintf(line, sizeof line, "Number %lu", number);
    at = word(room, at, 'N', line);
    size = 120 + strlen(line);
    for (unsigned long i = 0; size < plan.octets && at < FILE_MAX - LINE; i++, size += 76) {
        for (unsigned j = 0; j < 75; j++)
            line[j] = (char)('a' + (number + i + j) % 26);
        at = record(room, at, 'N', line, 75);
    }
    *out_size = size;
    return at;
}

static void make(unsigned long number, struct queued *out)
{
    static char room[FILE_MAX];
    char name[64], user[LINE], head[128];
    size_t at;
    int fd;

    name_user(number, user);
    snprintf(head, sizeof head, "%15lu %15lu %15lu %15lu %15lu %15lu", 0UL, 0UL, 1UL, 0UL, 0UL, 0UL);
    at = word(room, 0, 'C', head);
    at = word(room, at, 'T', "1795373263 649073");
    at = word(room, at, 'S', "anna@example.org");
    out->recipient = at;
    at = word(room, at, 'R', user);
    at = word(room, at, 'M', "");
    out->data = at;
    at = put_text(room, at, number, &out->size);
    at = word(room, at, 'X', "");
    at = word(room, at, 'E', "");
    name_file(number, name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    bench_need(fd >= 0 && write(fd, room, at) == (ssize_t)at, name);
    bench_need(fchown(fd, plan.uid, plan.gid) == 0 && fchmod(fd, 0700) == 0, name);
    close(fd);
}

static size_t pair(char *room, size_t at, const char *name, const char *value)
{
    int put = snprintf(room + at, LINE * 4 - at, "%s%c%s", name, 0, value);

    return at + (size_t)put + 1;
}

static size_t pair_number(char *room, size_t at, const char *name, unsigned long value)
{
    char text[32];

    snprintf(text, sizeof text, "%lu", value);
    return pair(room, at, name, text);
}

static size_t pair_times(char *room, size_t at)
{
    unsigned char times[TIMES] = {0}, text[TIMES * 2];
    struct timeval now;

    gettimeofday(&now, NULL);
    memcpy(times, &now, sizeof now);
    memcpy(times + sizeof now, &now, sizeof now);
    EVP_EncodeBlock(text, times, TIMES);
    return pair(room, at, "time", (const char *)text);
}

static size_t pair_client(char *room, size_t at)
{
    static const char *const names[] = {"log_client_name", "log_client_address", "log_client_port", "log_protocol_name",
                                        "log_helo_name", "sasl_method", "sasl_username", "sasl_sender", "log_ident"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        at = pair(room, at, names[i], "");
    return pair(room, at, "rewrite_context", "local");
}

/* What the queue manager of Postfix 3.7 asks for one recipient. */
static void ask(struct request *r)
{
    const struct queued *q = &queue[r->index];
    char room[LINE * 4], name[64], user[LINE];
    size_t at = 0;

    name_file(plan.first + r->index, name);
    name_user(plan.first + r->index, user);
    at = pair(room, at, "flags", "3");
    at = pair(room, at, "queue_name", "active");
    at = pair(room, at, "queue_id", strchr(name, '/') + 1);
    at = pair_number(room, at, "offset", q->data);
    at = pair_number(room, at, "size", q->size);
    at = pair(room, at, "nexthop", "mta.example");
    at = pair(room, at, "encoding", "8bit");
    at = pair(room, at, "smtputf8", "0");
    at = pair(room, at, "sender", "anna@example.org");
    at = pair(room, at, "envelope_id", "");
    at = pair(room, at, "ret_flags", "0");
    at = pair_times(room, at);
    at = pair_client(room, at);
    at = pair(room, at, "recipient_count", "1");
    room[at++] = 0;
    at = pair(room, at, "original_recipient", user);
    at = pair(room, at, "recipient", user);
    at = pair_number(room, at, "offset", q->recipient);
    at = pair(room, at, "dsn_orig_rcpt", "");
    at = pair(room, at, "notify_flags", "0");
    room[at++] = 0;
    bench_need(send(r->fd, room, at, MSG_NOSIGNAL) == (ssize_t)at, "send");
    r->asked = true;
    r->len = 0;
}

static void begin(struct request *r)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = r};

    r->index = begun++;
    r->began = bench_seconds();
    r->asked = false;
    r->len = 0;
    snprintf(to.sun_path, sizeof to.sun_path, "private/%s", plan.agent);
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(r->fd >= 0 && connect(r->fd, (const struct sockaddr *)&to, sizeof to) == 0, to.sun_path);
    bench_need(epoll_ctl(poller, EPOLL_CTL_ADD, r->fd, &event) == 0, "epoll");
}

/* An empty name ends a list of attributes. */
static bool whole(const struct request *r)
{
    return r->len >= 2 && r->got[r->len - 1] == 0 && r->got[r->len - 2] == 0;
}

/* The answer's last words are the agent's status: 0, or the message stays in the queue. */
static bool is_delivered(const struct request *r)
{
    static const char good[] = "status\0000\0";

    return r->len >= sizeof good && memcmp(r->got + r->len - sizeof good, good, sizeof good) == 0;
}

/* True when the request has ended. */
static bool ready(struct request *r)
{
    ssize_t got = recv(r->fd, r->got + r->len, LINE - r->len, 0);

    bench_need(got > 0, "the agent hung up");
    r->len += (size_t)got;
    bench_need(r->len < LINE, "an answer is too long");
    if (!whole(r))
        return false;
    if (!r->asked) {
        ask(r);
        return false;
    }
    errno = 0;
    bench_need(is_delivered(r), "a message was not delivered");
    latencies[ended++] = bench_seconds() - r->began;
    close(r->fd);
    return true;
}

static double deliver(void)
{
    struct epoll_event events[CLIENTS_MAX];
    double began = bench_seconds();

    for (unsigned long i = 0; i < plan.clients && begun < plan.count; i++)
        begin(&requests[i]);
    while (ended < plan.count) {
        int n = epoll_wait(poller, events, CLIENTS_MAX, SILENCE_MS);

        errno = n == 0 ? ETIMEDOUT : errno;
        bench_need(n > 0, "the agents are silent");
        for (int i = 0; i < n; i++)
            if (ready(events[i].data.ptr) && begun < plan.count)
                begin(events[i].data.ptr);
    }
    return bench_seconds() - began;
}

static void read_words(char **words)
{
    const struct passwd *owner = getpwnam("postfix");
    unsigned long *const numbers[] = {&plan.clients, &plan.count, &plan.maildrops, &plan.first, &plan.octets};

    bench_need(owner && chdir(words[1]) == 0, words[1]);
    plan.uid = owner->pw_uid;
    plan.gid = owner->pw_gid;
    plan.agent = words[2];
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        *numbers[i] = strtoul(words[3 + i], NULL, 10);
    plan.user = words[8];
    errno = EINVAL;
    bench_need(plan.clients && plan.clients <= CLIENTS_MAX && plan.count && plan.maildrops &&
                   plan.octets < FILE_MAX / 2,
               "numbers");
}

int main(int count, char **words)
{
    double seconds, p50;
    char name[64];

    bench_need(count == 9, "agents QUEUE AGENT CLIENTS MESSAGES MAILDROPS FIRST OCTETS USER");
    read_words(words);
    queue = bench_memory(plan.count * sizeof *queue);
    latencies = bench_memory(plan.count * sizeof *latencies);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned long i = 0; i < plan.count; i++)
        make(plan.first + i, &queue[i]);
    seconds = deliver();
    p50 = bench_median(latencies, plan.count);
    printf("messages=%lu seconds=%.6f p50_us=%.1f p99_us=%.1f children=0\n", plan.count, seconds, p50 * 1e6,
           latencies[plan.count * 99 / 100] * 1e6);
    for (unsigned long i = 0; i < plan.count; i++) {
        name_file(plan.first + i, name);
        unlink(name);
    }
    free(queue);
    free(latencies);
    close(poller);
    return 0;
}
