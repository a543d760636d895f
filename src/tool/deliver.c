#include "tool/deliver.h"

#include "auth/auth_settings.h"
#include "auth/lookup.h"
#include "conf/conf.h"
#include "session/post_text.h"
#include "session/quota_warning.h"
#include "store/kinds.h"
#include "sys/log_sink.h"
#include "tool/deliver_journal.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE = 65536,    /* one read of the standard input */
    STATUS_LATER = 75 /* EX_TEMPFAIL */
};

static const char usage[] =
    "usage: postfach deliver [-c FILE] [-d USER] [-f SENDER] [-a ADDRESS] [-v]   < MESSAGE\n"
    "    -d  the user or address to deliver to (default: who calls)\n"
    "    -f  the sender, for Return-Path; \"\" for none\n"
    "    -a  the address the message was sent to, for Delivered-To (default: that of -d)\n"
    "    -v  says on the standard error what else goes to syslog: the reason, for the administrator\n"
    "    -c  settings (default: /etc/postfach/postfach.conf)\n"
    "Manual: postfach-deliver(1)\n";

struct target {
    struct pf_twin_parcel *parcel;
    char path[PF_AUTH_PATH_MAX];
    struct pf_post_target to; /* its path is the one above */
};

struct deliver {
    const char *conf_file, *user, *sender, *address;
    char caller[PF_AUTH_NAME_MAX + 1];
    struct pf_conf *conf;
    struct pf_found found;
    struct target *targets;
    struct pf_twin *twin;
    struct pf_post_text text;
    unsigned char in[PIECE], out[PIECE + PF_POST_HEAD_MAX];
    uint64_t size; /* as on the wire, or less */
    int64_t now;
    bool loop, verbose;
};

/* Mail that might be better later must not go back to its sender. */
static int status_of(enum pf_code code)
{
    const struct pf_verdict *v = pf_verdict(code);

    return v->lmtp[0] == '4' || code == PF_CONFIG ? STATUS_LATER : v->exit_status;
}

/* A mail server sends what it reads from us to the sender when the message fails or expires: paths and settings are
 * none of his business. NULL: the administrator watches. */
static struct pf_log *admins_log(const struct deliver *d)
{
    return d->verbose || isatty(STDERR_FILENO)
               ? NULL
               : pf_log_syslog(PF_LOG_INFO, d->conf ? d->conf->log_facility : "mail", NULL);
}

static void tell_admin(const struct deliver *d, const struct pf_err *err)
{
    const struct pf_field fields[] = {
        PF_TEXT_FIELD("recipient", d->user), PF_TEXT_FIELD("sender", d->sender),
        PF_TEXT_FIELD("code", pf_verdict(err->code)->name), PF_TEXT_FIELD("err", err->log)};
    struct pf_log *log = admins_log(d);

    if (!log) {
        fprintf(stderr, "postfach deliver: %s\n", err->log);
        return;
    }
    pf_log_event(log, PF_EVENT_delivery_failed, fields, sizeof fields / sizeof fields[0]);
    pf_log_free(log);
}

static void tell_sender(const struct pf_err *err)
{
    fprintf(stderr, "postfach deliver: %s (%s)\n", pf_err_say(err), pf_verdict(err->code)->lmtp);
}

/* Trouble with the journal is the administrator's alone: the message goes its way. */
static void tell_journal(const struct deliver *d, const struct target *target, const struct pf_parcel_seal *seal,
                         const struct pf_err *why)
{
    const struct pf_deliver_told told = {.conf = d->conf, .text = &d->text, .sender = d->sender,
                                         .recipient = d->address ? d->address : "", .seal = seal, .why = why,
                                         .user = target ? target->to.user : NULL, .path = target ? target->path : NULL};
    struct pf_err err;
    struct pf_field fields[] = {PF_TEXT_FIELD("what", "journal"), PF_TEXT_FIELD("err", err.log)};
    struct pf_log *log;

    if (pf_deliver_journal(&told, &err) == PF_OK)
        return;
    log = admins_log(d);
    if (!log) {
        fprintf(stderr, "postfach deliver: %s\n", err.log);
        return;
    }
    pf_log_event(log, PF_EVENT_trouble, fields, sizeof fields / sizeof fields[0]);
    pf_log_free(log);
}

static int complain(const struct deliver *d, struct pf_err *err)
{
    tell_admin(d, err);
    tell_journal(d, d->found.count == 1 ? d->targets : NULL, NULL, err);
    pf_post_soften(err);
    pf_post_bounce(err, d->conf->quota_over == PF_CONF_OVER_BOUNCE);
    tell_sender(err);
    return status_of(err->code);
}

static void take_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    const struct deliver *d = self;
    char at[PATH_MAX];
    const struct pf_field fields[] = {PF_TEXT_FIELD("what", "settings"), PF_TEXT_FIELD("at", at),
                                      PF_TEXT_FIELD("err", mistake->text), PF_TEXT_FIELD("hint", mistake->hint)};
    struct pf_log *log = admins_log(d);

    if (!log) {
        pf_conf_print_mistake(stderr, mistake);
        return;
    }
    snprintf(at, sizeof at, "%s:%u:%u", mistake->file, mistake->line, mistake->column);
    pf_log_event(log, PF_EVENT_trouble, fields, sizeof fields / sizeof fields[0]);
    pf_log_free(log);
}

static enum pf_code who_calls(struct deliver *d, struct pf_err *err)
{
    char room[4096];
    struct passwd entry, *found = NULL;
    int sys = getpwuid_r(getuid(), &entry, room, sizeof room, &found);

    if (!found)
        return pf_fail(err, PF_TEMP, sys, "deliver", "user number %u has no name", (unsigned)getuid());
    snprintf(d->caller, sizeof d->caller, "%s", entry.pw_name);
    d->user = d->caller;
    return PF_OK;
}

static enum pf_code find_users(struct deliver *d, struct pf_err *err)
{
    struct pf_lookup_settings settings;
    struct pf_recipients *recipients;
    enum pf_code code;

    pf_lookup_settings_of(d->conf, &settings);
    recipients = pf_recipients_open(&settings, err);
    if (!recipients)
        return err->code;
    code = pf_recipients_find(recipients, pf_bytes_of(d->user), &d->found, err);
    pf_recipients_free(recipients);
    return code;
}

static enum pf_code find_paths(struct deliver *d, struct pf_err *err)
{
    d->targets = calloc(d->found.count, sizeof *d->targets);
    if (!d->targets)
        return pf_fail(err, PF_NO_MEMORY, 0, "deliver", "no memory");
    for (size_t i = 0; i < d->found.count; i++) {
        const struct pf_user *user = &d->found.users[i];
        struct target *target = &d->targets[i];
        struct pf_conf_quota quota;

        quota = pf_conf_quota(d->conf, user->name, user->quota_octets, user->quota_messages);
        target->to = (struct pf_post_target){user->name, target->path, quota.octets, quota.messages, 0};
        if (user->maildrop[0])
            snprintf(target->path, sizeof target->path, "%s", user->maildrop);
        else if (!pf_conf_maildrop(d->conf, user->name, target->path, sizeof target->path))
            return pf_fail(err, PF_NO_BOX, 0, "deliver", "%s has no maildrop by the template %s", user->name,
                           d->conf->mail_path);
    }
    return PF_OK;
}

static enum pf_code write_all(struct deliver *d, struct pf_span *out, struct pf_err *err)
{
    for (size_t i = 0; i < d->found.count && out->len; i++) {
        enum pf_code code = d->twin->kind->parcel_write(d->targets[i].parcel, pf_span_bytes(out), err);

        if (code != PF_OK)
            return code;
    }
    out->len = 0;
    return PF_OK;
}

static enum pf_code begin_all(struct deliver *d, struct pf_err *err)
{
    struct pf_kinds_settings settings;

    pf_kinds_settings(d->conf, &settings);
    d->twin = pf_kinds_new(&settings, err);
    if (!d->twin)
        return err->code;
    for (size_t i = 0; i < d->found.count; i++) {
        struct pf_box_where where = pf_post_where(&d->targets[i].to, d->now);
        enum pf_code code = d->twin->kind->parcel_begin(d->twin, &where, &d->targets[i].parcel, err);

        if (code != PF_OK)
            return code;
    }
    return PF_OK;
}

static enum pf_code write_head(struct deliver *d, struct pf_err *err)
{
    struct pf_post_envelope envelope = {.sender = pf_bytes_of(d->sender)};
    struct pf_span out = {d->out, 0, sizeof d->out};
    enum pf_code code = pf_post_head(&envelope, pf_bytes_of(d->address), &out, err);

    return code == PF_OK ? write_all(d, &out, err) : code;
}

static enum pf_code take_piece(struct deliver *d, struct pf_bytes piece, struct pf_err *err)
{
    struct pf_span out = {d->out, 0, sizeof d->out};

    d->size += piece.len;
    if (d->size > d->conf->message_size) {
        pf_fail(err, PF_TOO_LONG, 0, "deliver", "the message is too large");
        snprintf(err->say, sizeof err->say, "message is larger than %zu octets", d->conf->message_size);
        return PF_TOO_LONG;
    }
    pf_post_text_put(&d->text, piece, &out);
    return write_all(d, &out, err);
}

static enum pf_code read_all(struct deliver *d, struct pf_err *err)
{
    struct pf_span out = {d->out, 0, sizeof d->out};

    for (;;) {
        ssize_t got = read(STDIN_FILENO, d->in, sizeof d->in);
        enum pf_code code;

        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pf_fail(err, PF_TEMP, errno, "deliver", "cannot read the message: %s", strerror(errno));
        code = take_piece(d, pf_bytes_from(d->in, (size_t)got), err);
        if (code != PF_OK)
            return code;
    }
    if (d->size == 0) {
        pf_fail(err, PF_SYNTAX, 0, "deliver", "no message");
        snprintf(err->say, sizeof err->say, "there is no message on the standard input");
        return PF_SYNTAX;
    }
    pf_post_text_end(&d->text, &out);
    return write_all(d, &out, err);
}

static void was_here(void *self, struct pf_bytes address)
{
    struct deliver *d = self;

    d->loop = d->loop || (address.len == strlen(d->address) &&
                          strncasecmp((const char *)address.at, d->address, address.len) == 0);
}

/* None of several maildrops gets the message when one of them has no room. */
static enum pf_code ask_all(struct deliver *d, struct pf_err *err)
{
    enum pf_code code = PF_OK;

    for (size_t i = 0; i < d->found.count && d->found.count > 1 && code == PF_OK; i++) {
        struct pf_box_where where = pf_post_where(&d->targets[i].to, d->now);

        code = pf_twin_ask(d->twin, &where, d->size, err);
    }
    return code;
}

/* A warning that cannot be written is nobody's failure: the message is delivered. */
static void warn(struct deliver *d, const struct target *target, const struct pf_parcel_seal *seal)
{
    const struct pf_quota_warning w = {.target = target->to, .hostname = d->conf->hostname,
                                       .percent = d->conf->quota_warning, .now = d->now, .size = seal->size,
                                       .used_octets = seal->used_octets, .used_messages = seal->used_messages};
    struct pf_post_target free_of_quota = {target->to.user, target->to.path, 0, 0, 0};
    struct pf_box_where where = pf_post_where(&free_of_quota, d->now);
    struct pf_span text = {d->out, 0, PF_QUOTA_WARNING_MAX};
    struct pf_parcel_seal sealed = {0};
    struct pf_twin_parcel *parcel;

    if (!pf_quota_warning_is_due(&w) || !pf_quota_warning_put(&w, &text) ||
        d->twin->kind->parcel_begin(d->twin, &where, &parcel, NULL) != PF_OK)
        return;
    if (d->twin->kind->parcel_write(parcel, pf_span_bytes(&text), NULL) == PF_OK)
        d->twin->kind->parcel_seal(parcel, &sealed, NULL);
    else
        d->twin->kind->parcel_drop(parcel);
}

static enum pf_code seal_all(struct deliver *d, struct pf_err *err)
{
    if (d->loop)
        return pf_post_loop(err, "Delivered-To names the recipient already");
    if (d->text.received > PF_POST_RECEIVED_MAX)
        return pf_post_loop(err, "too many Received fields");
    if (ask_all(d, err) != PF_OK)
        return err->code;
    for (size_t i = 0; i < d->found.count; i++) {
        struct pf_parcel_seal seal = {0};
        struct pf_twin_parcel *parcel = d->targets[i].parcel;
        enum pf_code code;

        d->targets[i].parcel = NULL;
        code = d->twin->kind->parcel_seal(parcel, &seal, err);
        if (code != PF_OK)
            return code;
        tell_journal(d, &d->targets[i], &seal, NULL);
        warn(d, &d->targets[i], &seal);
    }
    return PF_OK;
}

static enum pf_code deliver(struct deliver *d, struct pf_err *err)
{
    enum pf_code code = d->user ? PF_OK : who_calls(d, err);

    if (code == PF_OK && !d->address)
        d->address = d->user;
    pf_post_text_init(&d->text);
    d->text.delivered_to = was_here;
    d->text.self = d;
    d->text.from_line = d->text.below_received = true;
    if (code == PF_OK)
        code = find_users(d, err);
    if (code == PF_OK)
        code = find_paths(d, err);
    if (code == PF_OK)
        code = begin_all(d, err);
    if (code == PF_OK)
        code = write_head(d, err);
    if (code == PF_OK)
        code = read_all(d, err);
    return code == PF_OK ? seal_all(d, err) : code;
}

static void take_down(struct deliver *d)
{
    for (size_t i = 0; d->targets && i < d->found.count; i++)
        if (d->targets[i].parcel)
            d->twin->kind->parcel_drop(d->targets[i].parcel);
    if (d->twin)
        d->twin->kind->free(d->twin);
    free(d->targets);
    free(d->found.users);
    pf_conf_free(d->conf);
    free(d);
}

static bool take_option(struct deliver *d, int option)
{
    switch (option) {
    case 'a':
        d->address = optarg;
        break;
    case 'c':
        d->conf_file = optarg;
        break;
    case 'd':
        d->user = optarg;
        break;
    case 'f':
        d->sender = optarg;
        break;
    case 'v':
        d->verbose = true;
        break;
    default:
        return false;
    }
    return true;
}

/* Mail servers write <> for no sender, and some keep the brackets of others. */
static void strip_brackets(struct deliver *d, char *sender)
{
    size_t len = strlen(sender);

    if (len >= 2 && sender[0] == '<' && sender[len - 1] == '>') {
        sender[len - 1] = 0;
        sender++;
    }
    d->sender = sender;
}

static bool take_options(struct deliver *d, int argc, char **argv)
{
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "a:c:d:f:v")) != -1)
        if (!take_option(d, option))
            return false;
    return optind == argc;
}

static int run(struct deliver *d, char *sender)
{
    struct pf_err err = {0};

    strip_brackets(d, sender);
    d->conf = pf_conf_read(d->conf_file, take_mistake, d);
    if (!d->conf) { /* a slip in the settings sends nobody's mail back */
        tell_sender(&(struct pf_err){.code = PF_TEMP});
        return STATUS_LATER;
    }
    return deliver(d, &err) == PF_OK ? 0 : complain(d, &err);
}

int pf_tool_deliver(int argc, char **argv)
{
    struct deliver *d = calloc(1, sizeof *d);
    char *sender;
    int status;

    if (!d)
        return STATUS_LATER;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        take_down(d);
        return 0;
    }
    d->conf_file = "/etc/postfach/postfach.conf";
    d->sender = "";
    d->now = (int64_t)time(NULL);
    if (!take_options(d, argc, argv)) {
        fputs(usage, stderr);
        take_down(d);
        return pf_verdict(PF_SYNTAX)->exit_status;
    }
    sender = strdup(d->sender);
    status = sender ? run(d, sender) : STATUS_LATER;
    take_down(d);
    free(sender);
    return status;
}
