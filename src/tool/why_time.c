#include "tool/why_parts.h"

#include "base/text.h"

#include <time.h>

bool pf_why_time_read(const char *text, int64_t now, int64_t *out_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}};
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    struct pf_bytes number = pf_bytes_of(text);
    uint64_t count;
    int64_t back;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (number.len && text[number.len - 1] == units[i].unit &&
            pf_parse_u64(pf_bytes_head(number, number.len - 1), &count) && count < INT32_MAX &&
            !__builtin_mul_overflow((int64_t)count, units[i].ms, &back))
            return *out_ms = back < now ? now - back : 0, true;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);
        time_t seconds;

        if (!end || *end)
            continue;
        seconds = mktime(&tm);
        return seconds >= 0 ? (*out_ms = (int64_t)seconds * 1000, true) : false;
    }
    return false;
}

const char *pf_why_time(int64_t ms, char room[PF_WHY_TIME])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(room, PF_WHY_TIME, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
        snprintf(room, PF_WHY_TIME, "%lld ms", (long long)ms);
    return room;
}
