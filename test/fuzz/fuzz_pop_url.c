/* Any text as a URL of a maildrop: what is taken can be connected to, holds no control character, and reads back the
 * same from how it is printed; what is refused says a column that is in the text or right behind it. */
#include "proto/pop_url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_error(const struct pf_err *err, size_t size)
{
    size_t column = 0;

    must(err->code == PF_SYNTAX && strncmp(err->log, "column ", 7) == 0);
    for (const char *c = err->log + 7; *c >= '0' && *c <= '9'; c++)
        column = column * 10 + (size_t)(*c - '0');
    must(column >= 1 && column <= size + 1);
}

static bool same(const struct pf_pop_url *a, const struct pf_pop_url *b)
{
    return a->kind == b->kind && a->port == b->port && strcmp(a->user, b->user) == 0 &&
           strcmp(a->auth, b->auth) == 0 && strcmp(a->host, b->host) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_pop_url url, again;
    struct pf_err err = {0};
    unsigned char room[PF_POP_URL_MAX];
    struct pf_span out = {room, 0, sizeof room};

    if (pf_pop_url_parse(pf_bytes_from(data, size), &url, &err)) {
        check_error(&err, size);
        return 0;
    }
    must(pf_pop_url_is_host(pf_bytes_of(url.host)) || pf_pop_url_is_six(pf_bytes_of(url.host)));
    must(url.port <= 65535 && !url.user[0] == !url.auth[0]);
    for (const char *c = url.user; *c; c++)
        must((unsigned char)*c >= 0x20 && *c != 0x7f);
    must(pf_pop_url_print(&url, &out));
    must(pf_pop_url_parse(pf_span_bytes(&out), &again, &err) == PF_OK && same(&url, &again));
    return 0;
}
