#include "auth/auth_pam.h"

#include "auth/auth_entry.h"
#include "auth/auth_pam_bench.h"
#include "auth/auth_socket.h"
#include "auth/auth_sql_slots.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIND "pam"

enum {
    FIRST_USER = 1000, /* as login.defs(5) has it nearly everywhere: below are the system's */
    NOBODY = 65534,
    PASSWD_ROOM = 64 * 1024 /* octets of a passwd entry with all its texts */
};

struct pam {
    const struct pf_conf_userdb *userdb;
    const char *helper;
    struct pf_sql_slots *slots; /* nothing is in them: only so many helpers at a time */
};

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    struct pam *self = calloc(1, sizeof *self);

    (void)settings;
    (void)out_stamp;
    if (!self) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, KIND, "no memory for a userdb");
        return NULL;
    }
    self->userdb = userdb;
    self->helper = pf_pam_helper();
    if (pf_pam_bench_used() || access(self->helper, X_OK) == 0)
        self->slots = pf_sql_slots_new(userdb->connections ? userdb->connections : 1, err);
    else
        pf_fail(err, PF_CONFIG, errno, KIND, "userdb pam: %s: %s", self->helper, strerror(errno));
    if (self->slots)
        return self;
    free(self);
    return NULL;
}

static void close_source(void *opened)
{
    struct pam *self = opened;

    pf_sql_slots_free(self->slots);
    free(self);
}

static enum pf_code take_passwd(const struct passwd *found, struct pf_auth_entry *out, struct pf_err *err)
{
    if (!found || found->pw_uid < FIRST_USER || found->pw_uid == NOBODY)
        return PF_NO_USER;
    out->verify = true;
    if (pf_auth_entry_set(out, PF_LIT("user"), pf_bytes_of(found->pw_name)))
        return PF_OK;
    return pf_fail(err, PF_TEMP, 0, KIND, KIND ": getpwnam gives a name that cannot be one");
}

static enum pf_code find(void *self, struct pf_bytes name, struct pf_auth_entry *out, struct pf_err *err)
{
    struct passwd entry, *found = NULL;
    enum pf_code code;
    char *room;
    int failed;

    (void)self;
    if (!pf_auth_name_ok(name))
        return PF_NO_USER;
    pf_auth_entry_begin(out, name);
    room = malloc(PASSWD_ROOM);
    if (!room)
        return pf_fail(err, PF_TEMP, ENOMEM, KIND, KIND ": no memory");
    do
        failed = getpwnam_r(out->user.name, &entry, room, PASSWD_ROOM, &found);
    while (failed == EINTR);
    if (failed && failed != ENOENT && failed != ESRCH) /* some say "none" so: getpwnam(3) */
        code = pf_fail(err, PF_TEMP, failed, KIND, KIND ": getpwnam: %s", strerror(failed));
    else
        code = take_passwd(found, out, err);
    pf_wipe(room, PASSWD_ROOM);
    free(room);
    return code;
}

static bool put(struct pf_span *out, struct pf_bytes text)
{
    const unsigned char length[] = {(unsigned char)(text.len >> 8), (unsigned char)text.len};

    return text.len <= PF_PAM_TEXT_MAX && pf_find(text, 0) == text.len &&
           pf_span_put(out, pf_bytes_from(length, sizeof length)) && pf_span_put(out, text);
}

static bool put_request(const struct pam *self, const struct pf_auth_proof *proof, const char *user,
                        struct pf_span *out)
{
    const char *peer = proof->peer && strcmp(proof->peer, "unix") != 0 ? proof->peer : "";

    return proof->secret.len && put(out, pf_bytes_of(self->userdb->service ? self->userdb->service : "pop3")) &&
           put(out, pf_bytes_of(user)) && put(out, proof->secret) && put(out, pf_bytes_of(peer));
}

/* The status of a helper that ended by itself until then; false when it was killed for being late. Whoever is still in
 * its group is killed while it is not reaped: until then the number is nobody else's. */
static bool reap(pid_t pid, pf_time deadline, int *out_status)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool ended = fd >= 0 && pf_sql_wait(fd, POLLIN, deadline);

    if (fd >= 0)
        close(fd);
    kill(-pid, SIGKILL);
    while (waitpid(pid, out_status, 0) < 0 && errno == EINTR)
        ;
    return ended;
}

static size_t read_line(int fd, char room[PF_PAM_ANSWER_MAX])
{
    ssize_t got = recv(fd, room, PF_PAM_ANSWER_MAX, MSG_DONTWAIT); /* written at once, and it has ended */

    return got > 0 ? (size_t)got : 0;
}

enum pf_code pf_pam_answer(struct pf_bytes line, int status, struct pf_auth_entry *entry, struct pf_err *err)
{
    size_t end = pf_find(line, '\n');
    struct pf_bytes word, text;
    char safe[PF_ERR_LOG / 2];

    if (WIFSIGNALED(status))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the helper was killed by signal %d", WTERMSIG(status));
    if (end + 1 != line.len)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the helper ended with %d, and without an answer",
                       WEXITSTATUS(status));
    line.len = end;
    word = pf_bytes_head(line, pf_find(line, ' '));
    text = pf_bytes_skip(line, word.len + 1);
    pf_text_safe(safe, sizeof safe, text);
    if (WEXITSTATUS(status) == PF_PAM_EXIT_NO && pf_bytes_equal(word, PF_LIT("no")))
        return pf_fail(err, PF_AUTH, 0, KIND, KIND ": %s", safe);
    if (WEXITSTATUS(status) == PF_PAM_EXIT_TROUBLE && pf_bytes_equal(word, PF_LIT("trouble")))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": %s", safe);
    if (WEXITSTATUS(status) != PF_PAM_EXIT_YES || !pf_bytes_equal(word, PF_LIT("yes")))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the helper ended with %d, which is not what it said",
                       WEXITSTATUS(status));
    if (!pf_auth_entry_set(entry, PF_LIT("user"), text))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": a name that cannot be one: %s", safe);
    return PF_OK;
}

static enum pf_code ask(const struct pam *self, struct pf_bytes request, pf_time deadline,
                        struct pf_auth_entry *entry, struct pf_err *err)
{
    char line[PF_PAM_ANSWER_MAX];
    enum pf_code code = PF_TEMP;
    int ends[2], failed, status = 0;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return pf_fail(err, PF_TEMP, errno, KIND, KIND ": no socket: %s", strerror(errno));
    failed = pf_pam_start(self->helper, ends[1], &pid);
    close(ends[1]);
    if (failed) {
        pf_fail(err, PF_TEMP, failed, KIND, KIND ": %s: %s", self->helper, strerror(failed));
    } else {
        pf_socket_send(ends[0], request, deadline); /* whether it came through is seen by the answer */
        shutdown(ends[0], SHUT_WR);
        if (reap(pid, deadline, &status))
            code = pf_pam_answer(pf_bytes_from(line, read_line(ends[0], line)), status, entry, err);
        else
            pf_fail(err, PF_TEMP, ETIMEDOUT, KIND, KIND ": no answer in time; the helper was killed");
    }
    close(ends[0]);
    return code;
}

/* What a helper that was started before has to say. */
static enum pf_code ask_kept(struct pf_bytes request, pf_time deadline, struct pf_auth_entry *entry, struct pf_err *err)
{
    char line[PF_PAM_ANSWER_MAX];
    size_t len = 0;
    int status = 0;
    enum pf_code code = pf_pam_bench_ask(request, deadline, &(struct pf_pam_said){line, &len, &status}, err);

    return code == PF_OK ? pf_pam_answer(pf_bytes_from(line, len), status, entry, err) : code;
}

static enum pf_code verify(void *opened, const struct pf_auth_proof *proof, struct pf_auth_entry *entry,
                           struct pf_err *err)
{
    struct pam *self = opened;
    unsigned char room[PF_PAM_REQUEST_MAX];
    struct pf_span request = {room, 0, sizeof room};
    pf_time deadline = pf_sql_now() + self->userdb->timeout;
    struct pf_sql_slot *slot;
    enum pf_code code;

    if (!put_request(self, proof, entry->user.name, &request)) {
        code = pf_fail(err, PF_AUTH, 0, KIND, KIND ": a password that nobody can have");
    } else if (pf_pam_bench_used()) {
        code = ask_kept(pf_span_bytes(&request), deadline, entry, err);
    } else {
        slot = pf_sql_slots_take(self->slots, deadline);
        code = slot ? ask(self, pf_span_bytes(&request), deadline, entry, err)
                    : pf_fail(err, PF_TEMP, 0, KIND, KIND ": all %u helpers were busy (userdb connections, timeout)",
                              self->slots->count);
        if (slot)
            pf_sql_slots_give(self->slots, slot);
    }
    pf_wipe(room, sizeof room);
    return code;
}

const struct pf_auth_source pf_auth_pam_source = {
    .kind = KIND,
    .knows_users = true,
    .open = open_source,
    .close = close_source,
    .find = find,
    .verify = verify,
};
