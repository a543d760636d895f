/* maildirsize: what is accepted sums up as it is written down again, however it was padded, and a change
 * that is appended changes the sum by just that. */
#include "store/maildir/quota_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static bool same(const struct pf_maildir_size_file *a, const struct pf_maildir_size_file *b)
{
    return a->usage.octets == b->usage.octets && a->usage.messages == b->usage.messages;
}

static void again(const struct pf_maildir_size_file *file)
{
    unsigned char text[PF_MAILDIR_SIZE_HEAD + PF_MAILDIR_SIZE_LINE];
    struct pf_span s = {text, 0, sizeof text};
    struct pf_maildir_size_file back;

    must(pf_maildir_size_put_limit(&s, &file->limit));
    must(s.len <= PF_MAILDIR_SIZE_HEAD);
    must(pf_maildir_size_put(&s, (int64_t)file->usage.octets, (int64_t)file->usage.messages));
    must(pf_maildir_size_parse(pf_span_bytes(&s), &back));
    must(same(file, &back) && back.lines == 1);
    must(back.limit.octets == file->limit.octets && back.limit.messages == file->limit.messages);
}

/* All that is there removed again leaves nothing; one octet more is refused. */
static void removed(const struct pf_maildir_size_file *file, const uint8_t *data, size_t size)
{
    unsigned char *text = malloc(size + 2 * PF_MAILDIR_SIZE_LINE);
    struct pf_span s = {text, size, size + 2 * PF_MAILDIR_SIZE_LINE};
    struct pf_maildir_size_file back;

    must(text != NULL);
    memcpy(text, data, size);
    must(pf_maildir_size_put(&s, -(int64_t)file->usage.octets, -(int64_t)file->usage.messages));
    must(pf_maildir_size_parse(pf_span_bytes(&s), &back));
    must(!back.usage.octets && !back.usage.messages && back.lines == file->lines + 1);
    must(!pf_maildir_size_parse(pf_bytes_head(pf_span_bytes(&s), s.len - 1), &back));
    must(pf_maildir_size_put(&s, -1, 0));
    must(!pf_maildir_size_parse(pf_span_bytes(&s), &back));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_maildir_size_file file;

    if (!pf_maildir_size_parse(pf_bytes_from(data, size), &file))
        return 0;
    must(file.usage.octets <= INT64_MAX && file.usage.messages <= INT64_MAX);
    must(file.lines >= 1);
    again(&file);
    removed(&file, data, size);
    return 0;
}
