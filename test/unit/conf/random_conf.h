/* Random valid settings, as text of the file: the same seed gives the same text. */
#ifndef POSTFACH_TEST_CONF_RANDOM_H
#define POSTFACH_TEST_CONF_RANDOM_H

#include "conf/number.h"
#include "conf/settings.h"

#include <postfach/bytes.h>
#include <stdio.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *d, uint64_t sides)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (d->state >> 11) % sides;
}

/* A quoted path of any octets but NUL. */
static inline void random_path(struct dice *d, FILE *to)
{
    fputs("\"/", to);
    for (uint64_t n = dice_roll(d, 12); n > 0; n--) {
        unsigned octet = 1 + (unsigned)dice_roll(d, 255);

        if (dice_roll(d, 4) == 0)
            fputs("\xe2\x82\xac\xc2\xa7", to);
        else if (octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\' && octet != '%')
            fputc((int)octet, to);
        else
            fprintf(to, "\\x%02x", octet == '%' ? 1 : octet);
    }
}

static inline void random_word(struct dice *d, const char *words, FILE *to)
{
    const char *all = words;
    struct pf_bytes word;
    uint64_t count = 0;

    while (pf_conf_next_word(&all).len)
        count++;
    for (uint64_t n = dice_roll(d, count) + 1; n > 0; n--)
        word = pf_conf_next_word(&words);
    fwrite(word.at, 1, word.len, to);
}

static inline void random_number(struct dice *d, const struct pf_conf_row *row, FILE *to)
{
    char text[PF_CONF_NUMBER_TEXT];
    int64_t range = row->max - row->min, value = row->min;

    /* Pairs of an upper limit and what it limits must fit each other: they take one value. */
    if (row->initial[0] == '=' || strcmp(row->name, "failure-delay-max") == 0)
        value = row->max;
    else if (strcmp(row->name, "expire") == 0)
        value = -1;
    else if (range > 0)
        value += (int64_t)dice_roll(d, (uint64_t)range + 1) / (dice_roll(d, 2) ? 1 : 1000);
    pf_conf_number_text(row, value, text);
    fputs(text, to);
}

static inline void random_value(struct dice *d, const struct pf_conf_row *row, FILE *to)
{
    static const char *const names[] = {"a", "mail.example.org", "x-1.y"};

    if (row->type == PF_CONF_HOST || row->type == PF_CONF_NAME)
        fputs(names[dice_roll(d, 3)], to);
    else if (strcmp(row->name, "roots") == 0)
        fputs("\"/srv/a /b\"", to);
    else if (row->type == PF_CONF_TEXT)
        fputs(dice_roll(d, 2) ? "HIGH:!aNULL" : "\"a b;{}#\\\"\\\\\"", to);
    else if (row->type == PF_CONF_PATH)
        random_path(d, to), fputc('"', to);
    else if (row->type == PF_CONF_TEMPLATE)
        random_path(d, to), fputs(dice_roll(d, 2) ? "%u\"" : "%%%d/%n\"", to);
    else if (row->type == PF_CONF_BOOL)
        fputs(dice_roll(d, 2) ? "yes" : "no", to);
    else if (strcmp(row->name, "protocol") == 0) /* control and metrics want addresses of their own: test_doors.c */
        random_word(d, "pop3|lmtp|smtp", to);
    else if (row->type == PF_CONF_ENUM || row->type == PF_CONF_CHOICE)
        random_word(d, pf_conf_row_words(row), to);
    else
        random_number(d, row, to);
}

/* Valid ones: what a kind has no use for must not stand in it. */
static inline void random_userdb(struct dice *d, FILE *to)
{
    static const char *const userdbs[] = {
        "userdb file { path /u; timeout 1s }", "userdb pam { service x; cache-time 0 }",
        "userdb sqlite { path \"/a b\"; query \"select :user\" }",
        "userdb ldap { connect ldap://h; base dc=x; method read; starttls no; connections 7 }",
        "userdb saslauthd { path /s; realm r }"};

    fprintf(to, "\n%s\n", userdbs[dice_roll(d, sizeof userdbs / sizeof userdbs[0])]);
}

/* What must fit to what is said for all, or goes with some listeners only. */
static inline bool is_profile(const struct pf_conf_row *row)
{
    return pf_conf_row_source(row) || strcmp(row->name, "certificate") == 0 || strcmp(row->name, "key") == 0 ||
           strcmp(row->name, "xclient-from") == 0;
}

static inline void random_profile(struct dice *d, FILE *to)
{
    static const char *const profiles[] = {
        "tls implicit; tls-minimum 1.0; connections 1; connections-per-address 77; idle 20m; login 3s",
        "tls starttls; certificate \"/a b\"; key /k; hostname x.y; apop no; xclient-from ::1; proxy-tls yes",
        "tls starttls; tls-minimum 1.3; tls-ciphers \"A;B\"; login-tries 3; bad-commands 4; first-command 9s",
        "protocol lmtp; tls starttls; tls-minimum 1.1; hostname x.y"};

    fprintf(to, "\nlisten 10.0.0.3:7 { %s }\n", profiles[dice_roll(d, sizeof profiles / sizeof profiles[0])]);
}

static inline void random_rows(struct dice *d, enum pf_conf_block block, FILE *to)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];
        bool always = block == PF_CONF_BLOCK_pair || row->type == PF_CONF_TEMPLATE ||
                      strcmp(row->name, "certificate") == 0 || strcmp(row->name, "key") == 0 ||
                      strcmp(row->name, "failure-delay-max") == 0 ||
                      strcmp(row->name, "login-delay-max") == 0;

        if (row->block == PF_CONF_BLOCK_listen && is_profile(row))
            continue;
        if (row->block != block || strncmp(row->name, "proxy", 5) == 0 || (!always && dice_roll(d, 3) == 0))
            continue;
        fprintf(to, "%s ", row->name);
        random_value(d, row, to);
        fputs(dice_roll(d, 2) ? "\n" : " ;", to);
    }
}

static inline void random_conf(struct dice *d, FILE *to)
{
    uint64_t listens = dice_roll(d, 4), pairs = dice_roll(d, 3);

    random_rows(d, PF_CONF_BLOCK_top, to);
    for (uint64_t i = 0; i < listens; i++) {
        fprintf(to, "\nlisten %s:%u {", i % 2 ? "[fe80:0::1]" : "10.0.0.1", (unsigned)(i * 995));
        random_rows(d, PF_CONF_BLOCK_listen, to);
        if (dice_roll(d, 2)) /* one wants the others */
            fprintf(to, "proxy yes; proxy-from \"10.0.0.0/8 ::1\"; proxy-tls %s\n", dice_roll(d, 2) ? "yes" : "no");
        fputs("}\n", to);
    }
    if (dice_roll(d, 2))
        random_profile(d, to);
    for (unsigned block = PF_CONF_BLOCK_tls; block < PF_CONF_BLOCKS; block++) {
        if (block == PF_CONF_BLOCK_userdb && dice_roll(d, 2))
            random_userdb(d, to);
        if (block == PF_CONF_BLOCK_pair || block == PF_CONF_BLOCK_userdb)
            continue;
        if (block == PF_CONF_BLOCK_domain)
            fprintf(to, "\ndomain x%u.org", (unsigned)dice_roll(d, 9));
        else
            fprintf(to, "\n%s", pf_conf_blocks[block].name);
        fputs(" {", to);
        random_rows(d, (enum pf_conf_block)block, to);
        for (uint64_t i = 0; block == PF_CONF_BLOCK_tls && i < pairs; i++) {
            fputs("pair {", to);
            random_rows(d, PF_CONF_BLOCK_pair, to);
            fputs("}\n", to);
        }
        fputs("}", to);
    }
}

#endif
