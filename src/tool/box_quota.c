#include "tool/box.h"

#include "store/maildir/quota.h"

#include <inttypes.h>
#include <time.h>

static void print_part(const char *what, uint64_t used, uint64_t limit)
{
    if (limit)
        printf("  %-9s %" PRIu64 " of %" PRIu64 " (%.1f %%)\n", what, used, limit,
               (double)used * 100 / (double)limit);
    else
        printf("  %-9s %" PRIu64 ", no limit\n", what, used);
}

/* What holds for a user, or for a path: what the file bears, else the settings. */
static enum pf_code find_limit(const struct pf_tool_box *b, struct pf_maildir_quota *limit, struct pf_err *err)
{
    const struct pf_user *user = &b->user;
    struct pf_conf_quota quota = pf_conf_quota(b->conf, user->name, user->quota_octets, user->quota_messages);
    enum pf_code code = pf_maildir_quota_limit(b->path, limit, err);

    if (code == PF_OK && (user->name[0] || (!limit->octets && !limit->messages)))
        *limit = (struct pf_maildir_quota){quota.octets, quota.messages};
    return code;
}

static enum pf_code look(const struct pf_tool_box *b, struct pf_maildir_quota *limit,
                         struct pf_maildir_usage *usage, struct pf_err *err)
{
    const struct pf_maildir_quota unknown = {0}; /* so that looking writes nothing */
    enum pf_code code = find_limit(b, limit, err);

    if (code == PF_OK && b->recount)
        return pf_maildir_quota_recount(b->path, limit, usage, err);
    return code ? code : pf_maildir_quota_read(b->path, &unknown, (int64_t)time(NULL), usage, err);
}

int pf_tool_box_quota(struct pf_tool_box *b)
{
    struct pf_maildir_quota limit;
    struct pf_maildir_usage usage;
    struct pf_err err;

    if (b->kind != PF_KIND_MAILDIR) {
        fprintf(stderr, "postfach box: %s: only a Maildir has a quota\n", b->place);
        return pf_verdict(PF_NO_BOX)->exit_status;
    }
    if (look(b, &limit, &usage, &err) != PF_OK)
        return pf_tool_box_complain(&err);
    printf("%s\n", b->path);
    print_part("octets", usage.octets, limit.octets);
    print_part("messages", usage.messages, limit.messages);
    return 0;
}

void pf_tool_box_quota_line(struct pf_tool_box *b)
{
    struct pf_maildir_quota limit;
    struct pf_maildir_usage usage;

    if (b->kind != PF_KIND_MAILDIR || look(b, &limit, &usage, NULL) != PF_OK ||
        (!limit.octets && !limit.messages))
        return;
    puts("quota, folders included:");
    print_part("octets", usage.octets, limit.octets);
    print_part("messages", usage.messages, limit.messages);
}
