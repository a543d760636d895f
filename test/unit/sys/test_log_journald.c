/* Entries for the journal, read from a socket that stands in its place by the rules of its protocol. */
#include "unit/cm.h"

#include "sys/log_sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENTRY_MAX = 1 << 21, FIELDS = 64 };

static char folder[] = "/tmp/postfach-log.XXXXXX", path[64];
static int journal;
static char octets[ENTRY_MAX];
static bool was_enclosed;
static struct {
    const char *name, *value;
    size_t len;
} fields[FIELDS];
static size_t count;

static void open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(journal, (const struct sockaddr *)&address, sizeof address), 0);
}

static void close_journal(void)
{
    close(journal);
    unlink(path);
}

static int up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    open_journal();
    return 0;
}

static int down(void **state)
{
    (void)state;
    close_journal();
    return rmdir(folder);
}

/* The octets of the next entry; -1 when there is none. */
static ssize_t receive(void)
{
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {octets, sizeof octets};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    ssize_t len;
    int fd;

    message.msg_controllen = sizeof control;
    len = recvmsg(journal, &message, MSG_CMSG_CLOEXEC);
    was_enclosed = len >= 0 && message.msg_controllen > 0;
    if (!was_enclosed)
        return len;
    assert_int_equal(len, 0);
    memcpy(&fd, CMSG_DATA(&control.align), sizeof fd);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    len = pread(fd, octets, sizeof octets, 0);
    close(fd);
    return len;
}

static char *take_field(char *at, const char *end)
{
    char *line = memchr(at, '\n', (size_t)(end - at)), *equals;
    uint64_t len = 0;

    assert_non_null(line);
    assert_true(count < FIELDS);
    equals = memchr(at, '=', (size_t)(line - at));
    fields[count].name = at;
    if (equals) {
        *equals = *line = 0;
        fields[count].value = equals + 1;
        fields[count++].len = (size_t)(line - equals - 1);
        return line + 1;
    }
    *line = 0;
    assert_true(end - line > 9);
    for (size_t i = 8; i-- > 0;)
        len = len << 8 | (unsigned char)line[1 + i];
    assert_true(len < (uint64_t)(end - line - 9) && line[9 + len] == '\n');
    fields[count].value = line + 9;
    fields[count++].len = (size_t)len;
    return line + 10 + len;
}

static bool next_entry(void)
{
    ssize_t len = receive();
    char *at = octets;

    count = 0;
    while (len > 0 && at < octets + len)
        at = take_field(at, octets + len);
    return len > 0;
}

static void has(const char *name, const void *value, size_t len)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) {
            found++;
            assert_int_equal(fields[i].len, len);
            assert_memory_equal(fields[i].value, value, len);
        }
    if (found != 1)
        fail_msg("%zu fields %s", found, name);
}

static void has_text(const char *name, const char *value)
{
    has(name, value, strlen(value));
}

static void each_field_is_a_field_of_the_journal(void **state)
{
    const struct pf_field event[] = {PF_TEXT_FIELD("user", "anna b=c"), PF_TEXT_FIELD("left-out", NULL),
                                     PF_NUMBER_FIELD("octets", UINT64_MAX),
                                     PF_BYTES_FIELD("raw-name", PF_LIT("a\nb\0%s")), PF_TEXT_FIELD("empty", "")};
    struct pf_log *log = pf_log_journald_at(path, PF_LOG_INFO, NULL);
    char pid[24];

    (void)state;
    assert_non_null(log);
    pf_log_event(log, PF_EVENT_session, event, 5);
    assert_true(next_entry());
    assert_false(was_enclosed);
    has_text("MESSAGE", "event=session user=\"anna b=c\" octets=18446744073709551615 raw-name=\"a\\x0ab\\x00%s\" "
                        "empty=\"\"");
    has_text("PRIORITY", "6");
    has_text("SYSLOG_IDENTIFIER", "postfachd");
    has_text("SYSLOG_FACILITY", "2");
    snprintf(pid, sizeof pid, "%d", getpid());
    has_text("SYSLOG_PID", pid);
    has_text("POSTFACH_EVENT", "session");
    has_text("POSTFACH_USER", "anna b=c");
    has_text("POSTFACH_OCTETS", "18446744073709551615");
    has("POSTFACH_RAW_NAME", "a\nb\0%s", 6);
    has_text("POSTFACH_EMPTY", "");
    assert_int_equal(count, 10);
    pf_log_event(log, PF_EVENT_trouble, NULL, 0);
    assert_true(next_entry());
    has_text("PRIORITY", "3");
    pf_log_event(log, PF_EVENT_store, NULL, 0); /* below the level */
    assert_false(next_entry());
    pf_log_free(log);
}

static void an_event_with_all_its_fields_is_whole(void **state)
{
    static char keys[32][8];
    struct pf_field event[32];
    struct pf_log *log = pf_log_journald_at(path, PF_LOG_INFO, NULL);
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%u", i);
        event[i] = PF_NUMBER_FIELD(keys[i], i);
    }
    pf_log_event(log, PF_EVENT_session, event, 32);
    assert_true(next_entry());
    for (unsigned i = 0; i < 32; i++) {
        char value[8];

        snprintf(name, sizeof name, "POSTFACH_KEY_%u", i);
        snprintf(value, sizeof value, "%u", i);
        has_text(name, value);
    }
    pf_log_free(log);
}

static void a_long_value_travels_in_a_sealed_memfd(void **state)
{
    enum { LONG = 1 << 20 };
    char *text = malloc(LONG + 1);
    struct pf_field event[] = {PF_TEXT_FIELD("user", "anna"), PF_TEXT_FIELD("err", text)};
    struct pf_log *log = pf_log_journald_at(path, PF_LOG_INFO, NULL);

    (void)state;
    for (size_t len = 1000; len <= LONG; len *= 32) {
        memset(text, 'x', len);
        text[len] = 0;
        pf_log_event(log, PF_EVENT_trouble, event, 2);
        assert_true(next_entry());
        assert_int_equal(was_enclosed, len > 212992); /* what a socket takes at most, unless somebody set it higher */
        has_text("POSTFACH_USER", "anna");
        has_text("POSTFACH_ERR", text);
    }
    pf_log_free(log);
    free(text);
}

static void a_journal_that_is_busy_or_away_holds_nobody_up(void **state)
{
    struct pf_log *log = pf_log_journald_at(path, PF_LOG_INFO, NULL);
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) /* more than a socket's queue */
        pf_log_event(log, PF_EVENT_reload, NULL, 0);
    while (next_entry())
        taken++;
    assert_true(taken > 0 && taken < 5000);
    close_journal();
    pf_log_event(log, PF_EVENT_reload, NULL, 0);
    open_journal(); /* started again */
    pf_log_event(log, PF_EVENT_reload, NULL, 0);
    assert_true(next_entry());
    assert_false(next_entry());
    pf_log_free(log);
}

static void names_are_those_that_the_journal_takes(void **state)
{
    static const char long_key[] = "a-key-of-sixty-letters-is-more-than-there-is-room-for-behind";
    const struct pf_field event[] = {PF_NUMBER_FIELD(long_key, 1), PF_NUMBER_FIELD("a.b c", 2)};
    struct pf_log *log = pf_log_journald_at(path, PF_LOG_INFO, NULL);

    (void)state;
    pf_log_event(log, PF_EVENT_session, event, 2);
    assert_true(next_entry());
    has_text("POSTFACH_A_B_C", "2");
    assert_int_equal(count, 7);
    pf_log_free(log);
}

static void no_journal_is_told(void **state)
{
    struct pf_err err = {0};
    char away[80];

    (void)state;
    snprintf(away, sizeof away, "%s/nothing", folder);
    assert_null(pf_log_journald_at(away, PF_LOG_INFO, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_non_null(strstr(err.log, away));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_field_is_a_field_of_the_journal), T(an_event_with_all_its_fields_is_whole),
        T(a_long_value_travels_in_a_sealed_memfd), T(a_journal_that_is_busy_or_away_holds_nobody_up),
        T(names_are_those_that_the_journal_takes), T(no_journal_is_told)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, up, down);
}
