/* In its sandbox each role can do its work: the real loop, frames, slots, threads, TLS. */
#include "unit/cm.h"

#include "role/cell.h"
#include "sys/ipc.h"
#include "sys/pool.h"
#include "sys/slot.h"
#include "sys/slot_listing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Which line of a walk failed, as its result. */
#define MUST(true_thing)            \
    do {                            \
        if (!(true_thing))          \
            return __LINE__ % 190 + 1; \
    } while (0)

static const bool ways[2] = {true, false}; /* as nobody, and as who we are */

static void works(const struct pf_sandbox *sandbox, int (*walk)(void *), void *self)
{
    for (int i = 0; i < 2; i++) {
        int result;

        jail_tidy();
        result = jail_run(&(struct jail){sandbox, ways[i]}, walk, self);
        if (result)
            fail_msg("%s as %s: %s %d", pf_sandbox_role_name(sandbox->role), i ? "oneself" : "nobody",
                     result < 200 ? "line (modulo 190, plus 1)" : "ended by", result);
    }
}

/* Two ends of frames in one process: the loop, a slot there and back, a listing. */
struct gate_state {
    struct pf_loop *loop;
    struct pf_ipc *ends[2];
    struct pf_slots *slots, *theirs;
    unsigned done, fired;
    int listing;
};

static struct gate_state gate;

static void serve(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    uint32_t slot;
    struct pf_ipc_frame answer = {.kind = 2, .payload = frame->payload, .fd_count = 1, .fds = {gate.listing}};

    (void)self;
    memcpy(&slot, frame->payload.at, sizeof slot);
    gate.theirs = pf_slots_map(frame->fds[0], pf_slots_count(gate.slots), NULL);
    if (!gate.theirs || !pf_slot_receive(gate.theirs, slot))
        return;
    memset(pf_slot_at(gate.theirs, slot), 'm', PF_SLOT_OCTETS);
    pf_slot_lend(gate.theirs, slot);
    pf_ipc_answer(gate.ends[1], id, &answer);
}

static void gone(void *self, const struct pf_err *err)
{
    (void)self;
    (void)err;
}

static void answered(struct pf_ipc_ask *ask)
{
    struct pf_slot_listing listing;
    uint32_t slot;

    if (ask->why || ask->answer->fd_count != 1)
        return;
    memcpy(&slot, ask->answer->payload.at, sizeof slot);
    if (!pf_slot_receive(gate.slots, slot) || pf_slot_at(gate.slots, slot)[5] != 'm' ||
        pf_slot_listing_map(ask->answer->fds[0], PF_SLOT_LISTING_MAX, &listing, NULL) != PF_OK)
        return;
    gate.done += listing.listing.count == 1 && listing.listing.octets == 3;
    pf_slot_listing_done(&listing);
    pf_slots_trim(gate.slots);
}

static void fired(struct pf_timer *timer, void *self)
{
    (void)timer;
    (void)self;
    gate.fired++;
}

/* The keeper makes pairs; a gate may not. */
static int pair_fds[2];

static int frames(void *self)
{
    static const struct pf_ipc_calls calls = {.request = serve, .gone = gone};
    struct pf_ipc_settings settings = {.calls = &calls, .any_uid = true};
    static const struct pf_row row = {.octets = 3, .uidl_len = 1};
    struct pf_listing listing = {.rows = &row, .uidls = (const unsigned char *)"u", .count = 1, .octets = 3};
    struct pf_ipc_ask ask = {.done = answered};
    struct pf_timer *timer;
    uint32_t slot;

    (void)self;
    MUST((gate.loop = pf_loop_new(NULL)) != NULL);
    for (int i = 0; i < 2; i++)
        MUST((gate.ends[i] = pf_ipc_new(gate.loop, pair_fds[i], &settings, NULL)) != NULL);
    MUST((gate.slots = pf_slots_new(8, NULL)) != NULL && pf_slot_take(gate.slots, &slot));
    MUST(pf_slot_listing_make(&listing, false, &gate.listing, NULL) == PF_OK);
    pf_slot_lend(gate.slots, slot);
    MUST(pf_ipc_ask(gate.ends[0], &ask,
                    &(struct pf_ipc_frame){.kind = 1, .payload = pf_bytes_from(&slot, sizeof slot), .fd_count = 1,
                                           .fds = {pf_slots_fd(gate.slots)}}) == PF_OK);
    MUST((timer = pf_timer_new(gate.loop, fired, NULL)) != NULL);
    pf_timer_set(timer, pf_loop_now(gate.loop) + 2);
    while (!gate.fired || !gate.done)
        pf_loop_turn(gate.loop, true);
    pf_timer_free(timer);
    for (int i = 0; i < 2; i++)
        pf_ipc_close(gate.ends[i]);
    for (int i = 0; i < 4; i++)
        pf_loop_turn(gate.loop, false);
    pf_loop_free(gate.loop);
    pf_slots_free(gate.slots);
    pf_slots_free(gate.theirs);
    MUST(close(gate.listing) == 0);
    return 0;
}

static void frames_slots_and_listings_work_for(const struct pf_sandbox *sandbox)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pf_ipc_pair(pair_fds, NULL), PF_OK);
        assert_int_equal(jail_run(&(struct jail){sandbox, ways[i]}, frames, NULL), 0);
        close(pair_fds[0]);
        close(pair_fds[1]);
    }
}

static void frames_slots_and_listings_work_everywhere(void **state)
{
    (void)state;
    frames_slots_and_listings_work_for(&jail_gate);
    frames_slots_and_listings_work_for(&jail_auth);
    frames_slots_and_listings_work_for(&jail_store);
    frames_slots_and_listings_work_for(&jail_keeper);
}

static int listener;

static int guests(void *self)
{
    static const int on = 1;
    unsigned char chance[16], *memory;
    struct sockaddr_storage who;
    socklen_t len = sizeof who;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), waiting;

    (void)self;
    MUST(fd >= 0);
    MUST(getpeername(fd, (struct sockaddr *)&who, &len) == 0);
    MUST(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    MUST(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
    MUST(send(fd, "+OK\r\n", 5, MSG_NOSIGNAL) == 5 && write(fd, "x", 1) == 1);
    MUST(recv(fd, chance, sizeof chance, MSG_PEEK) == 4 && ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 4);
    MUST(getrandom(chance, sizeof chance, 0) == sizeof chance);
    MUST((memory = malloc(8 << 20)) != NULL);
    memset(memory, 1, 8 << 20);
    MUST((memory = realloc(memory, 32 << 20)) != NULL);
    free(memory);
    MUST(shutdown(fd, SHUT_WR) == 0 && close(fd) == 0);
    return 0;
}

static void a_gate_has_guests(void **state)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;

    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &len), 0);
    for (int i = 0; i < 2; i++) {
        int guest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(guest, (struct sockaddr *)&here, sizeof here), 0);
        assert_int_equal(write(guest, "QUIT", 4), 4);
        assert_int_equal(jail_run(&(struct jail){&jail_gate, ways[i]}, guests, NULL), 0);
        close(guest);
    }
    close(listener);
}

/* A handshake inside, with the key and certificate that were made outside. */
static SSL_CTX *context;

static void make_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    context = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int handshake(void *self)
{
    SSL *ends[2] = {SSL_new(context), SSL_new(context)};
    BIO *bios[2];
    char text[3] = "";

    (void)self;
    MUST(ends[0] && ends[1] && BIO_new_bio_pair(&bios[0], 0, &bios[1], 0) == 1);
    for (int i = 0; i < 2; i++)
        SSL_set_bio(ends[i], bios[i], bios[i]);
    SSL_set_accept_state(ends[0]);
    SSL_set_connect_state(ends[1]);
    for (int i = 0; i < 10; i++)
        SSL_do_handshake(ends[i % 2]);
    MUST(SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]));
    MUST(SSL_write(ends[0], "ok", 2) == 2 && SSL_read(ends[1], text, 2) == 2 && strcmp(text, "ok") == 0);
    SSL_free(ends[0]);
    SSL_free(ends[1]);
    return 0;
}

static void a_gate_speaks_tls(void **state)
{
    (void)state;
    make_context();
    works(&jail_gate, handshake, NULL);
    SSL_CTX_free(context);
}

struct errand {
    struct pf_job job;
    unsigned done;
};

static void work(struct pf_job *job)
{
    ((struct errand *)job)->done++;
}

static void worked(struct pf_job *job)
{
    ((struct errand *)job)->done++;
}

static int threads(void *self)
{
    struct errand errand = {.job = {.work = work, .done = worked}};
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_pool *pool = loop ? pf_pool_new(loop, "jail", 3, 8, NULL) : NULL;

    (void)self;
    MUST(pool && pf_pool_submit(pool, &errand.job));
    while (errand.done < 2)
        pf_loop_turn(loop, true);
    pf_pool_free(pool);
    pf_loop_free(loop);
    return 0;
}

static void who_reads_disks_has_threads(void **state)
{
    (void)state;
    works(&jail_store, threads, NULL);
    works(&jail_auth, threads, NULL);
    works(&jail_keeper, threads, NULL);
}

/* What a delivery, a session and an expunge do with a Maildir. */
static int mail(void *self)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct iovec part = {(char[16]){0}, 6};
    char names[1024];
    struct stat info;
    struct statx more;
    int folder = open(jail_mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

    (void)self;
    MUST(folder >= 0);
    MUST((fd = openat(folder, "made", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) >= 0);
    MUST(fcntl(fd, F_OFD_SETLK, &whole) == 0);
    MUST(write(fd, "octets", 6) == 6 && fsync(fd) == 0 && fdatasync(fd) == 0);
    MUST(preadv2(fd, &part, 1, 0, RWF_NOWAIT) == 6 || errno == EAGAIN || errno == EOPNOTSUPP);
    MUST(ftruncate(fd, 3) == 0 && fstat(fd, &info) == 0 && info.st_size == 3);
    MUST(linkat(folder, "made", folder, "linked", 0) == 0);
    MUST(renameat2(folder, "made", folder, "moved", RENAME_NOREPLACE) == 0);
    MUST(statx(folder, "moved", 0, STATX_BASIC_STATS, &more) == 0 && more.stx_nlink == 2);
    MUST(syscall(SYS_getdents64, folder, names, sizeof names) > 0);
    MUST(mkdirat(folder, "made", 0700) == 0 && unlinkat(folder, "made", AT_REMOVEDIR) == 0);
    MUST(unlinkat(folder, "moved", 0) == 0 && unlinkat(folder, "linked", 0) == 0 && fsync(folder) == 0);
    MUST(close(fd) == 0 && close(folder) == 0);
    return 0;
}

static void a_store_keeps_mail(void **state)
{
    (void)state;
    /* Else root, without the right to pass over owners, may not write there. */
    assert_int_equal(chmod(jail_mail, 0777), 0);
    works(&jail_store, mail, NULL);
}

static int users(void *self)
{
    char path[128], text[8] = "";
    int fd;

    (void)self;
    snprintf(path, sizeof path, "%s/file", jail_users);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0 && read(fd, text, 6) == 6 && strcmp(text, "octets") == 0 && close(fd) == 0);
    return 0;
}

static void auth_reads_its_users(void **state)
{
    (void)state;
    works(&jail_auth, users, NULL);
    works(&jail_auth_network, users, NULL);
}

static int starts_others(void *self)
{
    char *const words[] = {(char[]){"true"}, NULL};
    int status = 1;
    pid_t child = fork();

    (void)self;
    if (child == 0)
        execv("/bin/true", words), _exit(1);
    MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    if (getuid() == 0) {
        MUST(setresgid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) == 0);
        MUST(setresuid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) == 0);
    }
    return 0;
}

static void a_keeper_starts_others_and_changes_user(void **state)
{
    (void)state;
    works(&jail_keeper, starts_others, NULL);
}

/* What dies by its own assertion says so, and not that its sandbox killed it. */
static int aborts(void *self)
{
    (void)self;
    abort();
}

static void an_assertion_ends_it_as_usual(void **state)
{
    (void)state;
    assert_int_equal(jail_run(&(struct jail){&jail_gate, true}, aborts, NULL), 1000 + SIGABRT);
}

/* A keeper's child goes into a narrower sandbox of its own. */
static int nested(void *self)
{
    struct pf_sandbox_report report;

    (void)self;
    MUST(pf_sandbox_enter(&jail_gate, &report, NULL) == PF_OK);
    MUST(strstr(report.missing, "seccomp") == NULL);
    MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) == -1 && errno == EPERM);
    return 0;
}

static void sandboxes_nest(void **state)
{
    (void)state;
    works(&jail_keeper, nested, NULL);
}

static void what_is_missing_is_told(void **state)
{
    struct pf_sandbox_report report;
    int fds[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        if (pf_sandbox_enter(&jail_gate, &report, NULL) != PF_OK ||
            write(fds[1], &report, sizeof report) != (ssize_t)sizeof report)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(read(fds[0], &report, sizeof report), sizeof report);
    assert_int_equal(waitpid(child, NULL, 0), child);
    print_message("# landlock version %d; missing here: %s\n", report.landlock, report.missing);
    assert_true((strstr(report.missing, "another-user") != NULL) == (getuid() == 0));
    assert_null(strstr(report.missing, "strictness"));
    close(fds[0]);
    close(fds[1]);
}

static int prepare(void **state)
{
    (void)state;
    jail_init();
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    jail_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(frames_slots_and_listings_work_everywhere), T(a_gate_has_guests), T(a_gate_speaks_tls),
        T(who_reads_disks_has_threads), T(a_store_keeps_mail), T(auth_reads_its_users),
        T(a_keeper_starts_others_and_changes_user), T(an_assertion_ends_it_as_usual), T(sandboxes_nest),
        T(what_is_missing_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
