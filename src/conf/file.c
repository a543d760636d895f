#include "conf/file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(int sys, const char **out_why)
{
    const char *words = strerrordesc_np(sys);

    *out_why = words ? words : "unknown error";
    return sys;
}

static int read_all(int fd, struct pf_conf_source *source, struct pf_conf_memory **memory,
                    const char **out_why)
{
    size_t len = 0;
    /* The size that stat tells is only a guess: an editor may be writing. */
    unsigned char *room = malloc(PF_CONF_FILE_MAX + 1);
    ssize_t got = 1;
    char *text;

    if (!room)
        return ENOMEM;
    while (got > 0 && len <= PF_CONF_FILE_MAX) {
        got = read(fd, room + len, PF_CONF_FILE_MAX + 1 - len);
        if (got > 0)
            len += (size_t)got;
    }
    if (got < 0 || len > PF_CONF_FILE_MAX) {
        int sys = got < 0 ? errno : EFBIG;

        free(room);
        return fail(sys, out_why);
    }
    text = pf_conf_memory_text(memory, pf_bytes_from(room, len));
    pf_wipe(room, len);
    free(room);
    source->text = pf_bytes_from(text, len);
    return text ? 0 : ENOMEM;
}

int pf_conf_file_read(const char *path, struct pf_conf_source *source, struct pf_conf_memory **memory,
                      const char **out_why)
{
    /* Non-blocking, so that a FIFO cannot hold the start up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    int sys;

    if (fd < 0)
        return fail(errno, out_why);
    if (fstat(fd, &status) < 0) {
        sys = fail(errno, out_why);
    } else if (S_ISDIR(status.st_mode)) {
        sys = fail(EISDIR, out_why);
    } else if (!S_ISREG(status.st_mode)) {
        sys = EINVAL;
        *out_why = "Not a regular file";
    } else {
        source->device = status.st_dev;
        source->inode = status.st_ino;
        sys = read_all(fd, source, memory, out_why);
    }
    close(fd);
    return sys;
}
