/* JSON for programs: one object on a line, as people's scripts read it (`jq`, `json.loads` for each
 * line).
 *
 * Names are literals of ours; text may be a stranger's: what is no UTF-8 becomes U+FFFD, control
 * characters are escaped. */
#ifndef POSTFACH_TOOL_CLIENT_JSON_H
#define POSTFACH_TOOL_CLIENT_JSON_H

#include <postfach/bytes.h>
#include <stdio.h>

struct pf_client_json {
    FILE *to;
    bool more; /* a member was written */
};

void pf_client_json_begin(struct pf_client_json *, FILE *to);
void pf_client_json_bytes(struct pf_client_json *, const char *name, struct pf_bytes);
void pf_client_json_text(struct pf_client_json *, const char *name, const char *text); /* NULL: null */
void pf_client_json_number(struct pf_client_json *, const char *name, uint64_t number);
void pf_client_json_bool(struct pf_client_json *, const char *name, bool value);
/* Seconds since 1970 as 2026-11-22T16:00:00Z; 0: null. */
void pf_client_json_time(struct pf_client_json *, const char *name, int64_t seconds);
/* Milliseconds since 1970 as 2026-11-22T16:00:00.000Z. */
void pf_client_json_ms(struct pf_client_json *, const char *name, int64_t ms);
/* `name: [`; its members are objects, each begun with pf_client_json_next and ended by _close. */
void pf_client_json_list(struct pf_client_json *, const char *name);
void pf_client_json_next(struct pf_client_json *);
void pf_client_json_close(struct pf_client_json *);
void pf_client_json_list_end(struct pf_client_json *);
void pf_client_json_end(struct pf_client_json *); /* and a newline */

#endif
