#include "store/mbox/from.h"

#include "base/text.h"

#include <time.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

enum { SENDER_MAX = 320 };

static struct pf_bytes word(struct pf_bytes *rest)
{
    struct pf_bytes w;

    while (rest->len && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        *rest = pf_bytes_skip(*rest, 1);
    w = pf_bytes_head(*rest, pf_find(*rest, ' '));
    w = pf_bytes_head(w, pf_find(w, '\t'));
    *rest = pf_bytes_skip(*rest, w.len);
    return w;
}

/* The index of a three letter name, or -1. */
static int name_of(struct pf_bytes w, const char *names)
{
    for (int i = 0; w.len == 3 && names[3 * i]; i++)
        if (memcmp(w.at, names + 3 * i, 3) == 0)
            return i;
    return -1;
}

static bool number(struct pf_bytes w, size_t least, size_t most, int max, int *out_number)
{
    uint64_t n;

    if (w.len < least || w.len > most || !pf_parse_u64(w, &n) || n > (uint64_t)max)
        return false;
    *out_number = (int)n;
    return true;
}

static bool clock_of(struct pf_bytes w, struct tm *t)
{
    size_t hours = pf_find(w, ':');
    struct pf_bytes rest = pf_bytes_skip(w, hours + 1);
    size_t minutes = pf_find(rest, ':');

    if (hours == w.len || !number(pf_bytes_head(w, hours), 1, 2, 23, &t->tm_hour) ||
        !number(pf_bytes_head(rest, minutes), 2, 2, 59, &t->tm_min))
        return false;
    if (minutes == rest.len)
        return true;
    return number(pf_bytes_skip(rest, minutes + 1), 2, 2, 60, &t->tm_sec);
}

static bool year_of(struct pf_bytes w, struct tm *t)
{
    int year;

    if (!number(w, 4, 4, 9999, &year) || year < 1900)
        return false;
    t->tm_year = year - 1900;
    return true;
}

/* "+0200", "PST", "GMT+1": numeric ones count. */
static bool zone_of(struct pf_bytes w, int *out_minutes)
{
    int hours, minutes;

    if (w.len == 5 && (w.at[0] == '+' || w.at[0] == '-')) {
        if (!number(pf_bytes_head(pf_bytes_skip(w, 1), 2), 2, 2, 99, &hours) ||
            !number(pf_bytes_skip(w, 3), 2, 2, 59, &minutes))
            return false;
        *out_minutes = (hours * 60 + minutes) * (w.at[0] == '-' ? -1 : 1);
        return true;
    }
    if (w.len < 1 || w.len > 7 || !(pf_lower(w.at[0]) >= 'a' && pf_lower(w.at[0]) <= 'z'))
        return false;
    for (size_t i = 1; i < w.len; i++) {
        unsigned char c = pf_lower(w.at[i]);

        if (!(c >= 'a' && c <= 'z') && !pf_is_digit(c) && c != '+' && c != '-')
            return false;
    }
    return true;
}

static bool is_remote(struct pf_bytes first, struct pf_bytes rest)
{
    return pf_bytes_equal(first, PF_LIT("remote")) && pf_bytes_equal(word(&rest), PF_LIT("from")) &&
           word(&rest).len > 0 && word(&rest).len == 0;
}

/* At most two words of zone, and "remote from host". */
static bool tail_of(struct pf_bytes rest, int *out_minutes)
{
    for (int zones = 0;; zones++) {
        struct pf_bytes w = word(&rest);

        if (!w.len || is_remote(w, rest))
            return true;
        if (zones == 2 || !zone_of(w, out_minutes))
            return false;
    }
}

static bool date_of(struct pf_bytes rest, int64_t *out_arrival)
{
    struct tm t = {0};
    int minutes = 0, zones = 0;
    struct pf_bytes w;

    if (name_of(word(&rest), days) < 0)
        return false;
    t.tm_mon = name_of(word(&rest), months);
    if (t.tm_mon < 0 || !number(word(&rest), 1, 2, 31, &t.tm_mday) || t.tm_mday < 1 ||
        !clock_of(word(&rest), &t))
        return false;
    for (w = word(&rest); !year_of(w, &t); w = word(&rest))
        if (zones++ == 2 || !zone_of(w, &minutes))
            return false;
    if (!tail_of(rest, &minutes))
        return false;
    *out_arrival = (int64_t)timegm(&t) - minutes * 60;
    return true;
}

bool pf_mbox_from(struct pf_bytes line, int64_t *out_arrival)
{
    struct pf_bytes rest;

    if (line.len < 5 || line.len > PF_MBOX_FROM_MAX || memcmp(line.at, "From ", 5) != 0)
        return false;
    if (line.at[line.len - 1] == '\n')
        line.len--;
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    rest = pf_bytes_skip(line, 5);
    /* A sender may hold spaces; the date is what fits to the end of the line. */
    for (struct pf_bytes sender = word(&rest); sender.len; sender = word(&rest))
        if (date_of(rest, out_arrival))
            return true;
    return false;
}

static bool plain(struct pf_bytes sender)
{
    if (!sender.len || sender.len > SENDER_MAX)
        return false;
    for (size_t i = 0; i < sender.len; i++)
        if (sender.at[i] <= ' ' || sender.at[i] > '~')
            return false;
    return true;
}

bool pf_mbox_from_put(struct pf_span *out, struct pf_bytes sender, int64_t when)
{
    time_t seconds = when < 0 ? 0 : when;
    struct tm t;

    if (!plain(sender))
        sender = PF_LIT("MAILER-DAEMON");
    if (!gmtime_r(&seconds, &t) || t.tm_year > 9999 - 1900)
        t = (struct tm){.tm_year = 70, .tm_mday = 1, .tm_wday = 4};
    return pf_span_format(out, "From %.*s %.3s %.3s %2d %02d:%02d:%02d %d\n", (int)sender.len,
                          (const char *)sender.at, days + (ptrdiff_t)3 * t.tm_wday,
                          months + (ptrdiff_t)3 * t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                          t.tm_year + 1900);
}
