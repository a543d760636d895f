/* Mistakes as one text, to compare with what is expected: "line:column: text (hint)" each. */
#ifndef POSTFACH_TEST_CONF_TOLD_H
#define POSTFACH_TEST_CONF_TOLD_H

#include "unit/cm.h"

#include "conf/conf.h"

struct told {
    char text[32768];
    size_t len, count;
    bool files; /* with the file's name before each */
};

static inline void told_report(void *self, const struct pf_conf_mistake *m)
{
    struct told *told = self;
    int len;

    len = snprintf(told->text + told->len, sizeof told->text - told->len, "%s%s%u:%u: %s%s%s%s\n",
                   told->files ? m->file : "", told->files ? ":" : "", m->line, m->column, m->text,
                   m->hint[0] ? " (" : "", m->hint, m->hint[0] ? ")" : "");
    assert_in_range(len, 1, sizeof told->text - told->len - 1);
    told->len += (size_t)len;
    told->count++;
}

/* The settings must be good. */
static inline struct pf_conf *told_good(const char *text)
{
    struct told told = {0};
    struct pf_conf *conf = pf_conf_parse("test.conf", pf_bytes_of(text), told_report, &told);

    assert_string_equal(told.text, "");
    assert_non_null(conf);
    return conf;
}

/* The settings must have exactly these mistakes. */
static inline void told_bad_bytes(struct pf_bytes text, const char *expected)
{
    struct told told = {0};

    assert_null(pf_conf_parse("test.conf", text, told_report, &told));
    assert_string_equal(told.text, expected);
}

static inline void told_bad(const char *text, const char *expected)
{
    told_bad_bytes(pf_bytes_of(text), expected);
}

/* Shown text, in a static buffer. */
static inline const char *told_shown(const struct pf_conf *conf, bool all)
{
    static char text[65536];
    FILE *to = fmemopen(text, sizeof text, "w");

    assert_non_null(to);
    pf_conf_show(conf, to, all);
    assert_int_equal(fclose(to), 0);
    return text;
}

#endif
