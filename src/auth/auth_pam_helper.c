/* postfach-pam: asks PAM one question, in a process that may be killed (auth_pam.h tells how it is spoken to).
 *
 * --confdir DIR takes the services from there (pam_start_confdir(3)). It gives no rights: this program has those of who
 * starts it, and that is who chooses the words. */
#include "auth/auth_pam.h"
#include "auth/auth_pam_kept.h"

#include <fcntl.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

struct told {
    char text[PF_PAM_PARTS][PF_PAM_TEXT_MAX + 1];
    bool asked; /* the password was told */
};

static int out = -1;

/* No destructors: those of modules are not to have the last word. */
static _Noreturn void answer(int status, const char *word, const char *text)
{
    char line[PF_PAM_ANSWER_MAX + 1];
    int len = snprintf(line, sizeof line - 1, "%s %s", word, text);
    size_t whole = len < 0 ? 0 : (size_t)len < sizeof line - 1 ? (size_t)len : sizeof line - 2;

    line[whole++] = '\n';
    if (write(out, line, whole) != (ssize_t)whole)
        _exit(PF_PAM_EXIT_TROUBLE);
    _exit(status);
}

static bool read_request(struct told *told)
{
    unsigned char room[PF_PAM_REQUEST_MAX + 1];
    struct pf_bytes rest = {room, 0};
    ssize_t got = 1;

    while (got > 0 && rest.len < sizeof room) {
        got = read(STDIN_FILENO, room + rest.len, sizeof room - rest.len);
        rest.len += got > 0 ? (size_t)got : 0;
    }
    for (int i = 0; i < PF_PAM_PARTS; i++) {
        size_t len = rest.len < 2 ? sizeof room : (size_t)rest.at[0] << 8 | rest.at[1];

        rest = pf_bytes_skip(rest, 2);
        if (len > PF_PAM_TEXT_MAX || len > rest.len || memchr(rest.at, 0, len))
            return false;
        memcpy(told->text[i], rest.at, len);
        rest = pf_bytes_skip(rest, len);
    }
    explicit_bzero(room, sizeof room);
    return got == 0 && rest.len == 0 && told->text[PF_PAM_SECRET][0];
}

/* One question that is not to be seen on a screen is the password's; what is only told is read over. */
static char *reply_to(int style, struct told *told)
{
    if (style != PAM_PROMPT_ECHO_OFF || told->asked)
        return NULL;
    told->asked = true;
    return strdup(told->text[PF_PAM_SECRET]);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **replies, void *self)
{
    struct pam_response *all;
    bool good = true;

    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    all = calloc((size_t)count, sizeof *all);
    for (int i = 0; all && good && i < count; i++)
        if (messages[i]->msg_style != PAM_TEXT_INFO && messages[i]->msg_style != PAM_ERROR_MSG) {
            all[i].resp = reply_to(messages[i]->msg_style, self);
            good = all[i].resp != NULL;
        }
    if (all && good) {
        *replies = all;
        return PAM_SUCCESS;
    }
    for (int i = 0; all && i < count; i++)
        free(all[i].resp);
    free(all);
    return all ? PAM_CONV_ERR : PAM_BUF_ERR;
}

/* The server answers late by itself. */
static void no_delay(int status, unsigned microseconds, void *self)
{
    (void)status;
    (void)microseconds;
    (void)self;
}

static bool is_no(int code)
{
    static const int noes[] = {PAM_AUTH_ERR,         PAM_USER_UNKNOWN, PAM_PERM_DENIED,    PAM_ACCT_EXPIRED,
                               PAM_NEW_AUTHTOK_REQD, PAM_CRED_EXPIRED, PAM_AUTHTOK_EXPIRED, PAM_MAXTRIES};

    for (size_t i = 0; i < sizeof noes / sizeof noes[0]; i++)
        if (code == noes[i])
            return true;
    return false;
}

/* With the items set; PAM_SUCCESS or why not. */
static int ask(pam_handle_t *pam, const struct told *told)
{
    static void (*const delay)(int, unsigned, void *) = no_delay;
    union {
        void (*function)(int, unsigned, void *);
        const void *item;
    } as = {delay};
    int code = PAM_SUCCESS;

    if (told->text[PF_PAM_PEER][0])
        code = pam_set_item(pam, PAM_RHOST, told->text[PF_PAM_PEER]);
    if (code == PAM_SUCCESS)
        code = pam_set_item(pam, PAM_TTY, "postfach");
    if (code == PAM_SUCCESS)
        code = pam_set_item(pam, PAM_FAIL_DELAY, as.item);
    if (code == PAM_SUCCESS)
        code = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (code == PAM_SUCCESS)
        code = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    return code;
}

static _Noreturn void judge(struct told *told, const char *folder)
{
    const struct pam_conv talk = {.conv = converse, .appdata_ptr = told};
    pam_handle_t *pam = NULL;
    const void *name = NULL;
    int code = pam_start_confdir(told->text[PF_PAM_SERVICE], told->text[PF_PAM_USER], &talk, folder, &pam);

    if (code != PAM_SUCCESS)
        answer(PF_PAM_EXIT_TROUBLE, "trouble", pam_strerror(pam, code));
    code = ask(pam, told);
    explicit_bzero(told->text[PF_PAM_SECRET], sizeof told->text[PF_PAM_SECRET]);
    if (is_no(code))
        answer(PF_PAM_EXIT_NO, "no", pam_strerror(pam, code));
    if (code == PAM_SUCCESS)
        code = pam_get_item(pam, PAM_USER, &name);
    if (code != PAM_SUCCESS || !name)
        answer(PF_PAM_EXIT_TROUBLE, "trouble", pam_strerror(pam, code));
    answer(PF_PAM_EXIT_YES, "yes", name);
}

/* What modules read and write is not our talk. */
static bool take_over(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
           dup2(null, STDERR_FILENO) >= 0;
}

int main(int argc, char **argv)
{
    static struct told told;
    const char *folder = NULL;

    if (argc == 3 && strcmp(argv[1], "--confdir") == 0)
        folder = argv[2];
    if (argc != 1 && !folder) {
        fputs("postfach-pam is started by postfachd, and not by hand.\n", stderr);
        return 64;
    }
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (pf_pam_is_kept() && !pf_pam_kept())
        return 0;
    out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (out < 0)
        return PF_PAM_EXIT_TROUBLE;
    if (!read_request(&told))
        answer(PF_PAM_EXIT_TROUBLE, "trouble", "a question that is none");
    if (!take_over())
        answer(PF_PAM_EXIT_TROUBLE, "trouble", "no /dev/null");
    judge(&told, folder);
}
