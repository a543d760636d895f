#include "tool/user.h"

#include "auth/auth_file.h"
#include "auth/exchange.h"
#include "auth/password.h"
#include "auth/users_edit.h"
#include "base/kind.h"
#include "base/text.h"
#include "tool/user_token.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum {
    SECRET_MAX = 500, /* crypt(5) takes 511 octets */
    RANDOM_LETTERS = 20
};

static const char default_file[] = "/etc/postfach/users";

static const char usage[] =
    "usage: postfach user add NAME      a new user\n"
    "       postfach user passwd NAME   a new password for a user\n"
    "       postfach user remove NAME   the line of a user goes; mail stays\n"
    "       postfach user list          all users\n"
    "       postfach user check NAME    is this the password?\n"
    "       postfach user token …       passwords that may do less; it has a --help of its own\n"
    "\n"
    "  --file FILE        the password file (default /etc/postfach/users)\n"
    "  --maildrop PATH    add: where this user's mail is, when not where the settings say\n"
    "  --scheme NAME      add, passwd: how the password is hashed (default YESCRYPT)\n"
    "  --allow-weak       ... also with a scheme that is easily broken\n"
    "  --password-stdin   the password is the first line of the standard input\n"
    "  --random           add, passwd: make a password and print it\n"
    "\n"
    "Without --password-stdin and --random the password is asked for at the terminal. A\n"
    "running server sees the change within two seconds.\n"
    "Manual: postfach(1)\n";

struct job {
    const char *file, *scheme, *maildrop;
    bool random, from_stdin, allow_weak;
    char name[PF_AUTH_NAME_MAX + 1]; /* behind SASLprep */
    char secret[SECRET_MAX + 1];
    char stored[1100]; /* longer than any hash */
};

/* The terminal as it was, to be put back by a signal, too. */
static struct {
    struct termios before;
    volatile sig_atomic_t fd;
} terminal = {.fd = -1};

static int help(void)
{
    fputs(usage, stdout);
    return 0;
}

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach user: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int complain(const struct pf_err *err, const char *hint)
{
    fprintf(stderr, "postfach user: %s\n", err->log);
    if (hint)
        fprintf(stderr, "    hint: %s\n", hint);
    return pf_verdict(err->code)->exit_status;
}

/* The line up to its end, without it; PF_CONFIG when it is too long or holds a NUL. */
static enum pf_code read_line(int fd, char *out_secret, struct pf_err *err)
{
    size_t len = 0;
    char c = 0;
    ssize_t n;

    while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
        if (len == SECRET_MAX || c == 0)
            return pf_fail(err, PF_CONFIG, 0, "user", "a password has at most %d octets and no NUL",
                           SECRET_MAX);
        out_secret[len++] = c;
    }
    if (n < 0)
        return pf_fail(err, PF_IO, errno, "user", "the password cannot be read: %s", strerror(errno));
    if (len && out_secret[len - 1] == '\r')
        len--;
    out_secret[len] = 0;
    return len ? PF_OK : pf_fail(err, PF_CONFIG, 0, "user", "an empty password is none");
}

static void put_back(int number)
{
    if (terminal.fd >= 0)
        tcsetattr(terminal.fd, TCSAFLUSH, &terminal.before);
    raise(number); /* the handler was for one time */
}

static void watch_signals(bool on)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on ? put_back : SIG_DFL, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

static enum pf_code ask(int fd, const char *prompt, const char *name, char *out_secret,
                        struct pf_err *err)
{
    struct termios quiet;
    enum pf_code code;

    if (tcgetattr(fd, &terminal.before) < 0)
        return pf_fail(err, PF_IO, errno, "user", "this is no terminal: %s", strerror(errno));
    quiet = terminal.before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL;
    terminal.fd = fd;
    watch_signals(true);
    tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "%s %s: ", prompt, name);
    code = read_line(fd, out_secret, err);
    tcsetattr(fd, TCSAFLUSH, &terminal.before);
    watch_signals(false);
    terminal.fd = -1;
    return code;
}

static enum pf_code ask_terminal(struct job *job, bool twice, struct pf_err *err)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    char again[SECRET_MAX + 1] = "";
    enum pf_code code;

    if (fd < 0)
        return pf_fail(err, PF_CONFIG, errno, "user", "there is no terminal to ask for the password at");
    code = ask(fd, twice ? "New password for" : "Password of", job->name, job->secret, err);
    if (code == PF_OK && twice) {
        code = ask(fd, "Once more, for", job->name, again, err);
        if (code == PF_OK && strcmp(again, job->secret) != 0)
            code = pf_fail(err, PF_CONFIG, 0, "user", "the two are not the same; nothing was changed");
    }
    pf_wipe(again, sizeof again);
    close(fd);
    return code;
}

static enum pf_code get_secret(struct job *job, bool twice, struct pf_err *err)
{
    if (job->random) {
        pf_password_random(job->secret, RANDOM_LETTERS);
        return PF_OK;
    }
    if (job->from_stdin)
        return read_line(STDIN_FILENO, job->secret, err);
    return ask_terminal(job, twice, err);
}

/* The hash is made of what SASLprep makes of the password (RFC 4616 section 2), so that it does not
 * matter how a client's keyboard composes its letters. */
static enum pf_code make_hash(struct job *job, struct pf_err *err)
{
    char prepared[SECRET_MAX + 1];
    const char *secret = job->secret;
    enum pf_code code;

    if (pf_saslprep(pf_bytes_of(secret), prepared, sizeof prepared) && prepared[0])
        secret = prepared;
    code = pf_password_make(pf_bytes_of(secret), job->scheme, job->stored, sizeof job->stored, err);
    pf_wipe(prepared, sizeof prepared);
    if (code == PF_OK && strpbrk(job->stored, ":\r\n"))
        code = pf_fail(err, PF_CONFIG, 0, "user", "with this scheme a password cannot hold a colon");
    return code;
}

static const char no_terminal[] = "give it by --password-stdin, or let --random make one";

static int new_password(struct job *job, struct pf_err *err)
{
    if (get_secret(job, true, err) != PF_OK)
        return complain(err, job->from_stdin ? NULL : no_terminal);
    if (make_hash(job, err) != PF_OK)
        return complain(err, NULL);
    return 0;
}

/* The file is opened twice, so that nobody is kept waiting while somebody types: first to say early
 * what cannot be. */
static enum pf_code look_first(const struct job *job, bool there, struct pf_err *err)
{
    struct pf_users *users = access(job->file, F_OK) == 0 ? pf_users_open(job->file, false, err) : NULL;
    enum pf_code code = PF_OK;

    if (access(job->file, F_OK) == 0 && !users)
        return err->code;
    if (users && !there && pf_users_has(users, job->name))
        code = pf_fail(err, PF_STATE, 0, "user", "there is a user %s already", job->name);
    if (there && !(users && pf_users_has(users, job->name)))
        code = pf_fail(err, PF_NO_USER, 0, "user", "there is no user %s in %s", job->name, job->file);
    pf_users_close(users);
    return code;
}

static int save(struct pf_users *users, enum pf_code code, struct pf_err *err)
{
    if (code == PF_OK)
        code = pf_users_save(users, err);
    pf_users_close(users);
    return code == PF_OK ? 0 : complain(err, NULL);
}

static void say_random(const struct job *job)
{
    if (job->random)
        printf("%s\n", job->secret);
}

static int add(struct job *job)
{
    char extra[PF_AUTH_PATH_MAX + 16] = "";
    struct pf_bytes path = {0};
    struct pf_users *users;
    struct pf_err err = {0};
    int status;

    if (job->maildrop)
        pf_kind_of(pf_bytes_of(job->maildrop), &path);
    if (job->maildrop && (strpbrk(job->maildrop, " \t\r\n") || path.len == 0 || path.at[0] != '/' ||
                          strlen(job->maildrop) >= PF_AUTH_PATH_MAX))
        return refuse("a maildrop is an absolute path without spaces, mbox: may stand in front: ", job->maildrop);
    if (job->maildrop)
        snprintf(extra, sizeof extra, "maildrop=%s", job->maildrop);
    if (look_first(job, false, &err) != PF_OK)
        return complain(&err,
                        err.code == PF_STATE ? "`postfach user passwd` gives another password" : NULL);
    status = new_password(job, &err);
    if (status)
        return status;
    users = pf_users_open(job->file, true, &err);
    if (!users)
        return complain(&err, NULL);
    status = save(users, pf_users_add(users, job->name, job->stored, extra, &err), &err);
    if (status == 0)
        say_random(job);
    return status;
}

static int passwd(struct job *job)
{
    struct pf_users *users;
    struct pf_err err = {0};
    int status;

    if (look_first(job, true, &err) != PF_OK)
        return complain(&err, err.code == PF_NO_USER ? "`postfach user list` shows who is there" : NULL);
    status = new_password(job, &err);
    if (status)
        return status;
    users = pf_users_open(job->file, false, &err);
    if (!users)
        return complain(&err, NULL);
    status = save(users, pf_users_password(users, job->name, job->stored, &err), &err);
    if (status == 0)
        say_random(job);
    return status;
}

static int drop(struct job *job)
{
    struct pf_err err = {0};
    struct pf_users *users = pf_users_open(job->file, false, &err);

    if (!users)
        return complain(&err, NULL);
    return save(users, pf_users_remove(users, job->name, &err), &err);
}

static struct pf_auth_file *open_file(const struct job *job, struct pf_err *err)
{
    struct pf_auth_stamp stamp;
    size_t len;
    char *text = pf_auth_file_read(job->file, &len, &stamp, err);

    return text ? pf_auth_file_parse(job->file, text, len, true, err) : NULL;
}

static void show(const struct pf_auth_entry *entry)
{
    char scheme[64] = "", path[PF_AUTH_PATH_MAX];

    pf_password_class(entry->stored, scheme, sizeof scheme);
    scheme[strcspn(scheme, " ")] = 0;
    pf_text_safe(path, sizeof path, pf_bytes_of(entry->user.maildrop));
    printf("%s\t%s%s%s%s%s%s\n", entry->user.name, scheme[0] ? scheme : "locked",
           pf_password_weak(entry->stored) ? " weak" : "", entry->nologin ? " nologin" : "",
           entry->user.needs_tls ? " needs_tls" : "", path[0] ? " maildrop=" : "", path);
}

static int list(struct job *job)
{
    struct pf_err err = {0};
    struct pf_auth_file *file = open_file(job, &err);
    struct pf_auth_entry entry;

    if (!file)
        return complain(&err, NULL);
    for (size_t i = 0; i < pf_auth_file_count(file); i++) {
        pf_auth_file_at(file, i, &entry);
        show(&entry);
    }
    pf_auth_file_free(file);
    return 0;
}

static int judge(struct job *job, const struct pf_auth_entry *entry, struct pf_err *err)
{
    char prepared[SECRET_MAX + 1];
    enum pf_code code = pf_password_check(pf_bytes_of(job->secret), entry->stored, true, err);

    if (code == PF_AUTH && pf_saslprep(pf_bytes_of(job->secret), prepared, sizeof prepared))
        code = pf_password_check(pf_bytes_of(prepared), entry->stored, true, err);
    pf_wipe(prepared, sizeof prepared);
    if (code != PF_OK && code != PF_AUTH)
        return complain(err, NULL);
    puts(code == PF_OK ? "right" : "wrong");
    if (pf_password_weak(entry->stored))
        fputs("postfach user: the scheme is weak: the server takes it only when the settings allow it\n",
              stderr);
    return pf_verdict(code)->exit_status;
}

static int check(struct job *job)
{
    struct pf_err err = {0};
    struct pf_auth_file *file = open_file(job, &err);
    struct pf_auth_entry entry = {0};
    int status;

    if (!file)
        return complain(&err, NULL);
    if (pf_auth_file_find(file, pf_bytes_of(job->name), &entry) != PF_OK) {
        pf_fail(&err, PF_NO_USER, 0, "user", "there is no user %s in %s", job->name, job->file);
        status = complain(&err, "`postfach user list` shows who is there");
    } else if (entry.nologin) {
        pf_fail(&err, PF_AUTH, 0, "user", "%s may not log in (nologin, or a locked password)",
                job->name);
        status = complain(&err, NULL);
    } else if (get_secret(job, false, &err) != PF_OK) {
        status = complain(&err, job->from_stdin ? NULL : "give it by --password-stdin");
    } else {
        status = judge(job, &entry, &err);
    }
    pf_auth_file_free(file);
    return status;
}

enum { TAKES_NAME = 1, TAKES_PASSWORD = 2, MAKES_PASSWORD = 4, TAKES_MAILDROP = 8 };

static const struct verb {
    const char *word;
    int (*run)(struct job *);
    unsigned takes;
} verbs[] = {
    {"add", add, TAKES_NAME | TAKES_PASSWORD | MAKES_PASSWORD | TAKES_MAILDROP},
    {"passwd", passwd, TAKES_NAME | TAKES_PASSWORD | MAKES_PASSWORD},
    {"remove", drop, TAKES_NAME},
    {"list", list, 0},
    {"check", check, TAKES_NAME | TAKES_PASSWORD},
};

static const struct option options[] = {
    {"file", required_argument, NULL, 'f'},   {"maildrop", required_argument, NULL, 'm'},
    {"scheme", required_argument, NULL, 's'}, {"allow-weak", no_argument, NULL, 'w'},
    {"random", no_argument, NULL, 'r'},       {"password-stdin", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},         {0},
};

/* What an option is good for; zero: for all. */
static unsigned option_needs(int option)
{
    return option == 'm'           ? TAKES_MAILDROP
           : option == 'p'         ? TAKES_PASSWORD
           : strchr("swr", option) ? MAKES_PASSWORD
                                   : 0;
}

static bool take_option(struct job *job, const struct verb *verb, int option)
{
    unsigned needs = option_needs(option);

    if (needs && !(verb->takes & needs))
        return false;
    switch (option) {
    case 'f':
        job->file = optarg;
        return true;
    case 'm':
        job->maildrop = optarg;
        return true;
    case 's':
        job->scheme = optarg;
        return true;
    case 'w':
        job->allow_weak = true;
        return true;
    case 'r':
        job->random = true;
        return true;
    case 'p':
        job->from_stdin = true;
        return true;
    default:
        return false;
    }
}

static int complain_of_scheme(const char *why, const char *scheme)
{
    const char *name;

    fprintf(stderr, "postfach user: %s: %s\n    hint: one of", why, scheme);
    for (size_t i = 0; (name = pf_password_scheme(i)); i++)
        if (!pf_password_scheme_weak(name))
            fprintf(stderr, " %s", name);
    fputs("\n", stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int check_scheme(const struct job *job)
{
    const char *name;

    if (!job->scheme)
        return 0;
    for (size_t i = 0; (name = pf_password_scheme(i)); i++)
        if (pf_equal_nocase(pf_bytes_of(job->scheme), pf_bytes_of(name)))
            break;
    if (!name)
        return complain_of_scheme("unknown scheme", job->scheme);
    if (pf_password_scheme_weak(name) && !job->allow_weak)
        return complain_of_scheme("this scheme is weak (--allow-weak takes it all the same)",
                                  job->scheme);
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct job job = {.file = default_file};
    int option, status;

    optind = 0; /* GNU: begin anew */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return help();
        if (!take_option(&job, verb, option))
            return refuse("that option does not go with ", verb->word);
    }
    if (argc - optind != (verb->takes & TAKES_NAME ? 1 : 0))
        return refuse(verb->takes & TAKES_NAME ? "one name, please: " : "no name, please: ", verb->word);
    if (verb->takes & TAKES_NAME &&
        (!pf_saslprep(pf_bytes_of(argv[optind]), job.name, sizeof job.name) ||
         !pf_auth_name_ok(pf_bytes_of(job.name)) || strchr(job.name, ':') || job.name[0] == '#'))
        return refuse("nobody can have this name: ",
                      "1 to 255 octets of UTF-8, no '/' and ':', no dot or '#' first");
    status = check_scheme(&job);
    if (status == 0)
        status = verb->run(&job);
    pf_wipe(&job, sizeof job);
    return status;
}

int pf_tool_user(int argc, char **argv)
{
    if (argc < 2)
        return refuse("what shall I do?", "");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help();
    if (strcmp(argv[1], "token") == 0)
        return pf_tool_user_token(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].word) == 0)
            return run(&verbs[i], argc - 1, argv + 1);
    return refuse("unknown: ", argv[1]);
}
