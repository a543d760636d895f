#include "auth/record_file.h"

#include "auth/auth_source.h"
#include "auth/edit.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_OCTETS = 1024, /* a user of 255 octets, and five kinds of at most 80 */
    TIME_OCTETS = 21
};

const char *const pf_record_names[PF_RECORD_KINDS] = {
    [PF_RECORD_LAST] = "last", [PF_RECORD_PLAINTEXT] = "plaintext", [PF_RECORD_OLD_TLS] = "old-tls",
    [PF_RECORD_APOP] = "apop", [PF_RECORD_CRAM_MD5] = "cram-md5",
};

bool pf_record_put(FILE *to, const struct pf_record_row *row)
{
    bool ok = fputs(row->user, to) >= 0;

    for (size_t i = 0; ok && i < PF_RECORD_KINDS; i++) {
        char date[TIME_OCTETS] = "";
        time_t at = (time_t)row->at[i];
        struct tm tm;

        if (!at || !gmtime_r(&at, &tm) || strftime(date, sizeof date, "%FT%TZ", &tm) != TIME_OCTETS - 1)
            continue;
        ok = fprintf(to, "\t%s=%s,%s", pf_record_names[i], date, row->from[i]) > 0;
    }
    return ok && putc('\n', to) != EOF;
}

static bool fill(int fd, mode_t mode, bool (*rows)(FILE *, const void *), const void *self)
{
    FILE *to = fdopen(fd, "w");
    int why;
    bool ok;

    if (!to) {
        close(fd);
        return false;
    }
    ok = fchmod(fd, mode) == 0 && rows(to, self) && fflush(to) == 0 && fsync(fd) == 0;
    why = errno;
    ok = fclose(to) == 0 && ok;
    if (!ok && why)
        errno = why;
    return ok;
}

enum pf_code pf_record_write(const char *file, bool (*rows)(FILE *to, const void *self), const void *self,
                             struct pf_err *err)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", file), fd, sys = ENAMETOOLONG;
    struct stat st;
    bool made = false;

    fd = len > 0 && (size_t)len < sizeof temporary ? mkostemp(temporary, O_CLOEXEC) : -1;
    if (fd >= 0) {
        made = true;
        if (fill(fd, stat(file, &st) == 0 ? st.st_mode & 0777 : 0600, rows, self) && rename(temporary, file) == 0 &&
            pf_edit_sync_folder(file))
            return PF_OK;
    }
    if ((size_t)len < sizeof temporary)
        sys = errno;
    if (made)
        unlink(temporary); /* nothing is there when it was only the folder's sync that failed */
    return pf_fail(err, pf_code_of_errno(sys), sys, "record", "%s: the record cannot be written: %s", file,
                   strerror(sys));
}

/* "YYYY-MM-DDTHH:MM:SSZ" */
static bool take_time(const char *text, int64_t *out)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (!end || end != text + TIME_OCTETS - 1 || *end)
        return false;
    *out = timegm(&tm);
    return *out > 0;
}

/* Any octets may have got into a file; what is shown and written again is printable ASCII. */
static bool take_address(const char *text, char out[48])
{
    pf_text_safe(out, 48, pf_bytes_of(text));
    return text[0] && strcmp(out, text) == 0;
}

static bool take_kind(char *field, struct pf_record_row *row)
{
    char *value = strchr(field, '='), *address = value ? strchr(value, ',') : NULL;

    if (!address)
        return false;
    *value++ = 0;
    *address++ = 0;
    for (size_t i = 0; i < PF_RECORD_KINDS; i++)
        if (strcmp(field, pf_record_names[i]) == 0)
            return !row->at[i] && take_time(value, &row->at[i]) && take_address(address, row->from[i]);
    return false;
}

static bool take_line(char *line, struct pf_record_row *row)
{
    char *field = strchr(line, '\t');

    *row = (struct pf_record_row){.user = line};
    if (field)
        *field++ = 0;
    if (!pf_auth_name_ok(pf_bytes_of(line)))
        return false;
    for (char *next = field; field; field = next) {
        next = strchr(field, '\t');
        if (next)
            *next++ = 0;
        if (!take_kind(field, row))
            return false;
    }
    return true;
}

struct rows {
    struct pf_record_row *at;
    size_t count, room;
};

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, ENOMEM, "record", "no memory for the record");
}

static enum pf_code add(struct rows *rows, const struct pf_record_row *row, struct pf_err *err)
{
    struct pf_record_row *more = rows->at;
    char *user = strdup(row->user);

    if (rows->count == rows->room) {
        more = realloc(rows->at, (rows->room * 2 + 64) * sizeof rows->at[0]);
        if (more)
            rows->room = rows->room * 2 + 64;
    }
    if (more)
        rows->at = more;
    if (!user || !more) {
        free(user);
        return no_memory(err);
    }
    rows->at[rows->count] = *row;
    rows->at[rows->count++].user = user;
    return PF_OK;
}

static enum pf_code read_rows(FILE *from, const char *file, struct rows *rows, struct pf_err *err)
{
    char line[LINE_OCTETS];
    struct pf_record_row row;
    enum pf_code code = PF_OK;
    unsigned number = 0;

    while (code == PF_OK && fgets(line, sizeof line, from)) {
        size_t len = strlen(line);

        number++;
        if (len == 0 || line[len - 1] != '\n' || rows->count == PF_RECORD_USERS)
            return pf_fail(err, PF_DAMAGED, 0, "record", "%s: line %u has no end, or there are too many", file, number);
        line[len - 1] = 0;
        if (!take_line(line, &row))
            return pf_fail(err, PF_DAMAGED, 0, "record", "%s: line %u is not one of a record of logins", file, number);
        code = add(rows, &row, err);
    }
    if (code == PF_OK && ferror(from))
        code = pf_fail(err, PF_IO, errno, "record", "%s: %s", file, strerror(errno));
    return code;
}

enum pf_code pf_record_read(const char *file, struct pf_record_row **out_rows, size_t *out_count,
                            struct pf_err *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *from = fd >= 0 ? fdopen(fd, "r") : NULL;
    struct rows rows = {0};
    enum pf_code code;

    if (!from) {
        int sys = errno;

        if (fd >= 0)
            close(fd);
        return pf_fail(err, PF_CONFIG, sys, "record", "%s: %s", file, strerror(sys));
    }
    code = read_rows(from, file, &rows, err);
    fclose(from);
    if (code != PF_OK) {
        pf_record_rows_free(rows.at, rows.count);
        return code;
    }
    *out_rows = rows.at;
    *out_count = rows.count;
    return PF_OK;
}

void pf_record_rows_free(struct pf_record_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)rows[i].user);
    free(rows);
}
