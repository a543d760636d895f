#include "unit/cm.h"

#include "role/sheet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char text[] = "hostname mail.example\n"
                           "listen 127.0.0.1:0 { tls none; plaintext-login yes }\n"
                           "listen unix:/run/x/lmtp { protocol lmtp }\n"
                           "mail { path /srv/mail/%d/%n; quota-messages 7; owner user; first-uid 500 }\n"
                           "processes { gates 3; gate-user g }\n"
                           "userdb file { path /etc/users }\n"
                           "domain example.org { path /srv/other/%n }\n";

static char *shown(const struct pf_conf *conf)
{
    char *out;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    pf_conf_show(conf, to, true);
    fclose(to);
    return out;
}

static void another_process_reads_the_same_settings(void **state)
{
    struct pf_conf *conf = pf_conf_parse("x", pf_bytes_of(text), NULL, NULL), *copy;
    char *one, *other;
    struct pf_err err;
    int fd;

    (void)state;
    assert_non_null(conf);
    fd = pf_sheet_write(conf, &err);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    copy = pf_sheet_read(fd, &err);
    assert_non_null(copy);
    one = shown(conf);
    other = shown(copy);
    assert_string_equal(one, other);
    assert_int_equal(copy->gates, 3);
    assert_int_equal(copy->mail_owner, PF_CONF_OWNER_USER);
    free(one);
    free(other);
    close(fd);
    pf_conf_free(conf);
    pf_conf_free(copy);
}

static void what_is_no_sheet_is_refused(void **state)
{
    struct pf_err err = {0};
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_int_equal(write(fd, "nonsense\n", 9), 9);
    assert_null(pf_sheet_read(fd, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
    assert_null(pf_sheet_read(fd, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_non_null(strstr(err.log, "nonsense"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(another_process_reads_the_same_settings),
        T(what_is_no_sheet_is_refused),
    };

    return RUN(tests);
}
