#include "tool/top_link.h"

#include "tool/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FIRST_ROOM = 64 * 1024,      /* figures and a few hundred sessions */
    ROOM_MAX = 80 * 1024 * 1024, /* more than the server tells (session/ctl_text.h) */
    READS = 64                   /* at a time; then the keys are looked at */
};

bool pf_top_link_ask(struct pf_top_link *link, const char *path, const char *request, const char **out_why)
{
    size_t len = strlen(request);

    link->fd = pf_control_dial(path, true, out_why);
    if (link->fd < 0)
        return false;
    if (send(link->fd, request, len, MSG_NOSIGNAL) == (ssize_t)len && shutdown(link->fd, SHUT_WR) == 0)
        return true;
    *out_why = "the server does not listen";
    pf_top_link_drop(link);
    return false;
}

static bool grow(struct pf_top_link *link)
{
    size_t room = link->room ? link->room * 2 : FIRST_ROOM;
    char *text;

    if (link->room - link->len > 1)
        return true;
    text = room <= ROOM_MAX ? realloc(link->text, room) : NULL;
    if (!text)
        return false;
    link->text = text;
    link->room = room;
    return true;
}

/* The whole text goes to the caller. */
static void hand_over(struct pf_top_link *link, char **out_text, size_t *out_len)
{
    *out_text = link->text;
    *out_len = link->len;
    if (link->text)
        link->text[link->len] = 0;
    link->text = NULL;
    pf_top_link_drop(link);
}

bool pf_top_link_read(struct pf_top_link *link, char **out_text, size_t *out_len)
{
    *out_text = NULL;
    for (unsigned i = 0; i < READS; i++) {
        ssize_t n = -1;

        if (grow(link))
            n = recv(link->fd, link->text + link->len, link->room - link->len - 1, 0);
        else
            errno = ENOMEM;
        if (n > 0) {
            link->len += (size_t)n;
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n == 0)
            hand_over(link, out_text, out_len);
        else
            pf_top_link_drop(link);
        return true;
    }
    return false;
}

void pf_top_link_drop(struct pf_top_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    free(link->text);
    *link = (struct pf_top_link){.fd = -1};
}
