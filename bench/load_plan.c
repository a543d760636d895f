#include "load.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static void add(struct load_plan *plan, enum load_step step)
{
    plan->head[plan->head_count++] = step;
}

void load_plan_login(struct load_plan *plan, bool login)
{
    plan->head_count = 0;
    add(plan, LOAD_GREETING);
    if (plan->stls)
        add(plan, LOAD_STLS);
    if (!login)
        return;
    add(plan, LOAD_USER);
    add(plan, LOAD_PASS);
}

void load_plan_poll(struct load_plan *plan, bool lists)
{
    load_plan_login(plan, true);
    add(plan, LOAD_STAT);
    if (lists) {
        add(plan, LOAD_LIST);
        add(plan, LOAD_UIDL);
    }
    plan->quit = true;
}

void load_plan_hold(struct load_plan *plan, bool login, bool slow)
{
    load_plan_login(plan, login);
    plan->slow = slow;
    if (!slow)
        return;
    add(plan, LOAD_STAT);
    plan->fetch = true;
    plan->limit = 1;
    plan->window = 1;
}

static unsigned char *read_all(int folder, const char *name, size_t *out_len)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    unsigned char *at;

    bench_need(fd >= 0 && fstat(fd, &st) == 0, name);
    *out_len = (size_t)st.st_size;
    at = bench_memory(*out_len + 1);
    bench_need(read(fd, at, *out_len) == (ssize_t)*out_len, name);
    close(fd);
    return at;
}

static size_t put(unsigned char *to, size_t at, const char *text)
{
    size_t len = strlen(text);

    memcpy(to + at, text, len);
    return at + len;
}

/* An encoder of its own, octet by octet: the server's is what is measured, not what is trusted. Returns
 * how many dots it stuffed. */
static size_t encode(const unsigned char *file, size_t len, struct load_message *m)
{
    unsigned char before = '\n';
    size_t dots = 0;

    m->wire = bench_memory(3 * len + 8); /* ".\n" is the worst: four octets of two */
    m->len = 0;
    for (size_t i = 0; i < len; i++) {
        if (file[i] == '.' && before == '\n') {
            m->wire[m->len++] = '.';
            dots++;
        }
        if (file[i] == '\n' && before != '\r')
            m->wire[m->len++] = '\r';
        m->wire[m->len++] = file[i];
        before = file[i];
    }
    if (before != '\n')
        m->len = put(m->wire, m->len, "\r\n");
    m->len = put(m->wire, m->len, ".\r\n");
    m->wire = realloc(m->wire, m->len);
    bench_need(m->wire != NULL, "memory");
    return dots;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_messages(struct load_plan *plan, const char *path)
{
    struct dirent **names;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = scandir(path, &names, visible, alphasort);

    bench_need(folder >= 0 && count > 0, path);
    plan->messages = bench_memory((size_t)count * sizeof *plan->messages);
    plan->octets = 0;
    for (int i = 0; i < count; i++) {
        size_t len, dots;
        unsigned char *file = read_all(folder, names[i]->d_name, &len);

        dots = encode(file, len, &plan->messages[i]);
        plan->octets += plan->messages[i].len - dots - strlen(".\r\n");
        free(file);
        free(names[i]);
    }
    free(names);
    close(folder);
    plan->count = (uint64_t)count;
    plan->expected = true;
}

void load_plan_fetch(struct load_plan *plan, const char *folder)
{
    if (folder)
        read_messages(plan, folder);
    load_plan_login(plan, true);
    add(plan, LOAD_STAT);
    plan->fetch = plan->quit = true;
}

/* RETR and DELE in turns, as clients do that delete; LOAD_END behind the last step. */
enum load_step load_plan_step(const struct load_guest *guest, size_t index, uint64_t *out_message)
{
    const struct load_plan *plan = guest->plan;
    uint64_t many = guest->count < plan->limit ? guest->count : plan->limit, each = plan->erase ? 2 : 1;

    if (index < plan->head_count)
        return plan->head[index];
    index -= plan->head_count;
    if (!plan->fetch)
        many = 0;
    if (index < many * each) {
        *out_message = index / each;
        return index % each ? LOAD_DELE : LOAD_RETR;
    }
    return plan->quit && index == many * each ? LOAD_QUIT : LOAD_END;
}

void load_plan_done(struct load_plan *plan)
{
    for (uint64_t i = 0; plan->messages && i < plan->count; i++)
        free(plan->messages[i].wire);
    free(plan->messages);
    SSL_CTX_free(plan->context);
}
