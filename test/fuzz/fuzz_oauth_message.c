/* Messages of OAuth: what is read can be written, and is then read as the same; what is written is read
 * as it was meant. The first octet chooses the dialect; the rest is a message, and also four parts with
 * 0xff between them. */
#include "proto/oauth.h"

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool equal(const struct pf_oauth_message *a, const struct pf_oauth_message *b)
{
    return pf_bytes_equal(a->user, b->user) && pf_bytes_equal(a->token, b->token) &&
           pf_bytes_equal(a->host, b->host) && pf_bytes_equal(a->port, b->port);
}

/* `said` can be written; what comes of it is the same again, to the octet. */
static void both_ways(enum pf_oauth_dialect dialect, const struct pf_oauth_message *said,
                      struct pf_span *out)
{
    static unsigned char room[1 << 17];
    struct pf_span again = {room, 0, sizeof room};
    struct pf_oauth_message heard;

    must(pf_oauth_read(dialect, pf_span_bytes(out), &heard, NULL) == PF_OK);
    must(equal(said, &heard));
    must(pf_oauth_write(dialect, &heard, &again));
    must(pf_bytes_equal(pf_span_bytes(out), pf_span_bytes(&again)));
}

static struct pf_bytes part(struct pf_bytes *rest)
{
    const unsigned char *end = rest->len ? memchr(rest->at, 0xff, rest->len) : NULL;
    struct pf_bytes head = pf_bytes_head(*rest, end ? (size_t)(end - rest->at) : rest->len);

    *rest = pf_bytes_skip(*rest, head.len + 1);
    return head;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char room[1 << 17];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_bytes rest = pf_bytes_from(data + 1, size ? size - 1 : 0);
    struct pf_oauth_message message;
    enum pf_oauth_dialect dialect;
    struct pf_err err = {0};

    if (size == 0 || size > 32768)
        return 0;
    dialect = data[0] & 1 ? PF_XOAUTH2 : PF_OAUTHBEARER;
    if (pf_oauth_read(dialect, rest, &message, &err) == PF_OK) {
        must(message.token.len && message.user.len <= 255);
        must(!memchr(message.token.at, ' ', message.token.len) &&
             !memchr(message.token.at, 1, message.token.len));
        must(pf_oauth_write(dialect, &message, &out));
        both_ways(dialect, &message, &out);
    } else {
        must(err.code == PF_SYNTAX && err.log[0]);
    }
    out.len = 0;
    message = (struct pf_oauth_message){.user = part(&rest), .token = part(&rest)};
    if (dialect == PF_OAUTHBEARER) {
        message.host = part(&rest);
        message.port = part(&rest);
    }
    if (pf_oauth_write(dialect, &message, &out))
        both_ways(dialect, &message, &out);
    else
        must(out.len == 0);
    return 0;
}
