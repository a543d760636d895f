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
    plan->steps = reallocarray(plan->steps, plan->step_count + 1, sizeof *plan->steps);
    bench_need(plan->steps != NULL, "memory");
    plan->steps[plan->step_count++] = step;
}

static void login(struct load_plan *plan)
{
    add(plan, LOAD_GREETING);
    add(plan, LOAD_USER);
    add(plan, LOAD_PASS);
}

void load_plan_poll(struct load_plan *plan, bool lists)
{
    login(plan);
    add(plan, LOAD_STAT);
    if (lists) {
        add(plan, LOAD_LIST);
        add(plan, LOAD_UIDL);
    }
    add(plan, LOAD_QUIT);
    plan->first_retr = plan->step_count; /* nowhere */
}

void load_plan_idle(struct load_plan *plan, bool with_login)
{
    if (with_login)
        login(plan);
    else
        add(plan, LOAD_GREETING);
    plan->first_retr = plan->step_count;
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

/* An encoder of its own, octet by octet: the server's is what is measured, not what is trusted. */
static void encode(const unsigned char *file, size_t len, struct load_message *m)
{
    unsigned char before = '\n';

    m->wire = bench_memory(3 * len + 8); /* ".\n" is the worst: four octets of two */
    m->len = 0;
    for (size_t i = 0; i < len; i++) {
        if (file[i] == '.' && before == '\n')
            m->wire[m->len++] = '.';
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
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_messages(struct load_plan *plan, const char *path)
{
    struct dirent **names;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = scandir(path, &names, visible, alphasort);

    bench_need(folder >= 0 && count > 0, path);
    plan->messages = bench_memory((size_t)count * sizeof *plan->messages);
    for (int i = 0; i < count; i++) {
        size_t len;
        unsigned char *file = read_all(folder, names[i]->d_name, &len);

        encode(file, len, &plan->messages[i]);
        plan->octets += plan->messages[i].len;
        free(file);
        free(names[i]);
    }
    free(names);
    close(folder);
    plan->count = (uint64_t)count;
}

void load_plan_retr(struct load_plan *plan, const char *folder)
{
    read_messages(plan, folder);
    login(plan);
    plan->first_retr = plan->step_count;
    for (uint64_t i = 0; i < plan->count; i++)
        add(plan, LOAD_RETR);
    add(plan, LOAD_QUIT);
}

void load_plan_done(struct load_plan *plan)
{
    for (uint64_t i = 0; plan->messages && i < plan->count; i++)
        free(plan->messages[i].wire);
    free(plan->messages);
    free(plan->steps);
    SSL_CTX_free(plan->context);
}
