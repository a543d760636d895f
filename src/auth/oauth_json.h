/* What a stranger sends as JSON, before anything is believed of it: one object (RFC 8259) whose members
 * have one name each, since two readers of the same text must not see two things (RFC 7519 section 4),
 * bounded in size and depth; and base64url (RFC 7515 section 2) in its one spelling: no padding, no
 * foreign octet, no bits that stand for nothing. cjose takes all of that, and stops the process at some
 * (base64 of "A==="). */
#ifndef POSTFACH_AUTH_OAUTH_JSON_H
#define POSTFACH_AUTH_OAUTH_JSON_H

#include <jansson.h>
#include <postfach/bytes.h>

enum {
    PF_OAUTH_JSON_MAX = 1024 * 1024, /* a key set with certificates is tens of KiB */
    PF_OAUTH_DEPTH_MAX = 16          /* jansson recurses; claims and key sets nest three deep */
};

/* An object, or NULL. json_decref it. */
json_t *pf_oauth_json(struct pf_bytes text);
/* A member that is a string: a view into the object, which is NUL-terminated, too. False when there is
 * none. */
bool pf_oauth_json_text(const json_t *object, const char *name, struct pf_bytes *out);

/* Octets that `len` of base64url stand for at most. */
static inline size_t pf_oauth_base64url_room(size_t len)
{
    return len / 4 * 3 + 3;
}
/* Appends; false when it is none, or does not fit. Empty is nothing. */
bool pf_oauth_base64url(struct pf_bytes in, struct pf_span *out);

#endif
