#include "role/sheet.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SHEET_MAX = 16 * 1024 * 1024, /* ten thousands of domains, and soon read */
    SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL
};

static enum pf_code cannot(const char *what, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, "sheet", "cannot %s the settings in memory: %s", what,
                   strerror(sys));
}

int pf_sheet_write(const struct pf_conf *conf, struct pf_err *err)
{
    int fd = memfd_create("postfach-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *to = copy < 0 ? NULL : fdopen(copy, "w");
    bool good = false;

    if (to) {
        pf_conf_show(conf, to, true);
        good = !ferror(to);
        good = fclose(to) == 0 && good;
    } else if (copy >= 0) {
        close(copy);
    }
    if (good && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    cannot("write", err);
    if (fd >= 0)
        close(fd);
    return -1;
}

static void mistaken(void *self, const struct pf_conf_mistake *mistake)
{
    struct pf_err *err = self;

    pf_fail(err, PF_CONFIG, 0, "sheet", "settings, line %u: %s", mistake->line, mistake->text);
}

static bool read_all(int fd, char *at, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t got = pread(fd, at + have, len - have, (off_t)have);

        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

struct pf_conf *pf_sheet_read(int fd, struct pf_err *err)
{
    struct pf_conf *conf = NULL;
    struct pf_err last = {0};
    struct stat st;
    char *text = NULL;

    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) != 0 || st.st_size > SHEET_MAX) {
        pf_fail(err, PF_CONFIG, 0, "sheet", "the settings did not come in sealed memory");
        return NULL;
    }
    text = malloc((size_t)st.st_size + 1);
    if (!text || !read_all(fd, text, (size_t)st.st_size)) {
        cannot("read", err);
    } else {
        conf = pf_conf_parse("settings", pf_bytes_from(text, (size_t)st.st_size), mistaken, &last);
        if (!conf && err)
            *err = last;
    }
    if (text)
        pf_wipe(text, (size_t)st.st_size);
    free(text);
    return conf;
}
