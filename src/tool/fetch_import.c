#include "tool/fetch.h"

#include "tool/import.h"
#include "tool/speech.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The whole of it, or -1 with errno; EFBIG over the limit. */
static ssize_t read_all(const char *file, unsigned char *room)
{
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;

    while (got > 0 && len <= PF_IMPORT_MAX) {
        got = read(fd, room + len, PF_IMPORT_MAX + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (fd > STDIN_FILENO)
        close(fd);
    if (got >= 0 && len > PF_IMPORT_MAX)
        errno = EFBIG;
    return got < 0 || len > PF_IMPORT_MAX ? -1 : (ssize_t)len;
}

static void tell_use(const char *file)
{
    fprintf(stderr,
            pf_say("\nRead these accounts and what is said in their comments, then:\n"
                   "    mkdir -p ~/.config/postfach && umask 077 &&\n"
                   "        postfach fetch import %s > ~/.config/postfach/accounts.conf\n"
                   "    postfach fetch --dry-run        what would be fetched\n"
                   "    postfach fetch adopt ACCOUNT    what is on the server was fetched before\n"
                   "    postfach fetch\n",
                   "\nDiese Konten und ihre Kommentare lesen, dann:\n"
                   "    mkdir -p ~/.config/postfach && umask 077 &&\n"
                   "        postfach fetch import %s > ~/.config/postfach/accounts.conf\n"
                   "    postfach fetch --dry-run        was geholt würde\n"
                   "    postfach fetch adopt KONTO      was auf dem Server ist, wurde schon geholt\n"
                   "    postfach fetch\n"),
            file);
}

int pf_fetch_import(const struct pf_fetch_options *o)
{
    const char *file = o->words[0];
    unsigned char *room = malloc(PF_IMPORT_MAX + 1);
    ssize_t len = room ? read_all(file, room) : -1;
    struct pf_bytes text = pf_bytes_from(room, len > 0 ? (size_t)len : 0);
    enum pf_code code;
    struct pf_err err;

    if (len < 0)
        code = pf_fail(&err, PF_CONFIG, errno, "import", "%s", file);
    else
        code = pf_import(text, stdout, &err);
    if (code == PF_OK && fflush(stdout) != 0)
        code = pf_fail(&err, PF_IO, errno, "import", "standard output");
    if (room)
        explicit_bzero(room, text.len); /* passwords are in such files */
    free(room);
    if (code != PF_OK)
        return pf_client_complain("fetch import", len < 0 ? NULL : file, &err);
    tell_use(file);
    return 0;
}
