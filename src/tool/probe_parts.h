/* Shared by the files of the probe: what was wished, what is known of a door, and the table of checks.
 *
 * A door is a port of a host at an address, and how TLS begins there. The first visit (probe_door.c)
 * gathers what everybody can see; then each row of the table (probe_rows.c) looks at it, or pays a visit
 * of its own, and passes a verdict. Words for people stand in the row, in both languages; numbers and
 * octets stand in the proof, which has no language. */
#ifndef POSTFACH_TOOL_PROBE_PARTS_H
#define POSTFACH_TOOL_PROBE_PARTS_H

#include "tool/probe_talk.h"

#include <stdio.h>

enum pf_probe_mode { PF_PROBE_AUTO, PF_PROBE_TLS, PF_PROBE_STARTTLS, PF_PROBE_PLAIN };

enum {
    PF_PROBE_ADDRESSES = 8, /* of a host; more are not looked at */
    PF_PROBE_CHAIN = 8,     /* certificates that are shown */
    PF_PROBE_VERSIONS = 4,  /* of TLS, from 1.0 on */
    PF_PROBE_PROOF = 640
};

struct pf_probe_wish {
    const char *host; /* a name, a numeric address, a path of a unix socket */
    const char *name; /* for SNI and the certificate; the host unless named */
    const char *ca;   /* NULL: the system's */
    unsigned port;    /* 0: 995 and 110 */
    enum pf_probe_mode mode;
    pf_time wait;
    unsigned messages; /* that are fetched and counted */
    bool json;
    bool local; /* the host is a path */
    struct pf_loop *loop;
    const struct pf_srv_resolver *resolver; /* NULL: the machine's; for tests */
    char addresses[PF_PROBE_ADDRESSES][108]; /* numeric, or a path as sockaddr_un has room for */
    size_t address_count;
};

/* Texts are escaped or ASCII by themselves. */
struct pf_probe_certificate {
    char subject[256], issuer[256], names[512], key[32], signature[48], begins[32], ends[32];
    char fingerprint[2 * 32 + 1], pin[48]; /* SHA-256 of it all, of its public key (base64) */
    long days_left;                        /* below 0: expired */
    bool begun, weak_key, weak_signature, signs_itself;
};

struct pf_probe_chain {
    struct pf_probe_certificate at[PF_PROBE_CHAIN];
    size_t count, sent; /* shown, sent */
    bool in_order, trusted, named, named_by_cn_only;
    char problem[160]; /* not trusted: OpenSSL's words */
    bool incomplete;   /* it ends with a certificate whose issuer is not known and not there */
    bool self_signed;  /* it is one that nobody else vouches for */
};

enum pf_probe_version { PF_PROBE_UNTRIED, PF_PROBE_REFUSED, PF_PROBE_ACCEPTED };

struct pf_probe_tls {
    bool tried, done;
    char problem[PF_ERR_LOG];
    char version[16], cipher[64], alpn[16];
    bool forward_secret, aead;
    int bits;
    enum pf_probe_version versions[PF_PROBE_VERSIONS];
    struct pf_probe_chain chain;
};

enum pf_probe_capa { PF_PROBE_BEFORE, PF_PROBE_INSIDE, PF_PROBE_LOGGED_IN, PF_PROBE_CAPAS };

struct pf_probe_mail;
struct pf_srv_resolver;
struct pf_tlsa_list;

struct pf_probe_door {
    const struct pf_probe_wish *wish;
    const char *address;
    unsigned port;
    bool implicit;         /* TLS at once */
    bool tried;            /* nobody said so: it was found out */
    bool connected;
    struct pf_err err; /* not connected: why */
    size_t silent;     /* addresses that did not answer */
    char silent_address[64];
    double connect_ms, tls_ms, greeting_ms, latency_ms; /* below 0: not known */
    struct pf_probe_answer greeting, stls, quit;
    bool greeted;
    enum pf_lost greeting_lost;
    char greeting_raw[PF_PROBE_TRACE], timestamp[256], stls_raw[PF_PROBE_TRACE];
    bool capa_asked[PF_PROBE_CAPAS], capa_known[PF_PROBE_CAPAS];
    struct pf_probe_lines capa[PF_PROBE_CAPAS];
    bool upgrades; /* STLS works here */
    unsigned odd;
    struct pf_probe_tls tls;
    struct pf_probe_mail *mail;         /* this is no visit of a stranger, but one with a login */
    const struct pf_probe_door *before; /* mail: as a stranger saw it */
    struct pf_probe_finding *findings;
    size_t finding_count;
};

enum pf_probe_verdict { PF_PROBE_SKIP, PF_PROBE_GOOD, PF_PROBE_NOTE, PF_PROBE_BAD };

struct pf_probe_text {
    const char *en, *de;
};

/* Where a check makes sense. */
enum pf_probe_when {
    PF_PROBE_ALWAYS,  /* connected */
    PF_PROBE_TALKS,   /* there is a greeting */
    PF_PROBE_SAFE,    /* TLS was done */
    PF_PROBE_MAILS,   /* a login was wished */
    PF_PROBE_MAILS_IN /* and was had */
};

struct pf_probe_check {
    const char *name, *section; /* stable: --json has them */
    enum pf_probe_when when;
    bool grave; /* bad lets others read, write or speak */
    /* Proof is a C string; nothing for none. */
    enum pf_probe_verdict (*judge)(struct pf_probe_door *, const struct pf_probe_check *, char *proof);
    const char *word; /* for rows that share a judge: a capability, a version ... */
    const char *rfc;
    struct pf_probe_text good, note, bad, hint;
};

struct pf_probe_finding {
    const struct pf_probe_check *check;
    enum pf_probe_verdict verdict;
    char proof[PF_PROBE_PROOF];
};

extern const struct pf_probe_check pf_probe_checks[];
extern const size_t pf_probe_check_count;
extern const struct pf_probe_check pf_probe_mail_checks[];
extern const size_t pf_probe_mail_check_count;

/* probe_door.c: the first visit, and those of the checks. */
void pf_probe_door_visit(struct pf_probe_door *);
/* A talk behind the greeting, inside TLS where the door has it. False: nothing is open. */
bool pf_probe_enter(struct pf_probe_door *, bool ahead, struct pf_probe_talk *);
bool pf_probe_enter_as(struct pf_probe_door *, bool ahead, const struct pf_probe_tls_wish *,
                       struct pf_probe_talk *);
/* The same without an engine's help: a line that was greeted, in plain text. NULL: nothing is open. */
struct pf_probe_link *pf_probe_knock(struct pf_probe_door *);
/* Sends, then hears until the server closes, is silent, or has said more than `cap`. */
size_t pf_probe_exchange(struct pf_probe_link *, struct pf_bytes out, char *text, size_t cap);
/* The capabilities that a client goes by who is about to log in. */
const struct pf_probe_lines *pf_probe_offers(const struct pf_probe_door *);
/* The line that begins with this tag, or NULL. */
const char *pf_probe_capability(const struct pf_probe_lines *, const char *tag);

/* probe_try.c: whether a name is taken without TLS, where no CAPA tells. */
enum pf_probe_verdict pf_probe_try_user(struct pf_probe_door *, char *proof);

/* probe_tls.c, probe_chain.c: describe what a handshake showed. */
void pf_probe_tls_describe(const struct pf_probe_link *, struct pf_probe_door *);
void pf_probe_tls_versions(struct pf_probe_door *);
void pf_probe_chain_describe(const struct pf_probe_link *, const struct pf_probe_wish *,
                             struct pf_probe_chain *out);

/* probe_mail.c, probe_judge_mail.c: what a login showed. */
void pf_probe_mail_report(const struct pf_probe_door *, FILE *to);
void pf_probe_mail_json(const struct pf_probe_door *, FILE *to);

/* Judges, by file. */
#define PF_PROBE_JUDGE(name)                                                                            \
    enum pf_probe_verdict pf_probe_judge_##name(struct pf_probe_door *door,                             \
                                                const struct pf_probe_check *check, char *proof)
/* probe_judge.c */
PF_PROBE_JUDGE(addresses);
PF_PROBE_JUDGE(greeting);
PF_PROBE_JUDGE(timestamp);
PF_PROBE_JUDGE(fresh_timestamp);
PF_PROBE_JUDGE(form);
PF_PROBE_JUDGE(capa);
PF_PROBE_JUDGE(capability);
PF_PROBE_JUDGE(capability_lost);
PF_PROBE_JUDGE(capability_twice);
PF_PROBE_JUDGE(login_offered);
PF_PROBE_JUDGE(plain_login);
PF_PROBE_JUDGE(mechanism);
PF_PROBE_JUDGE(hidden_login);
PF_PROBE_JUDGE(latency);
/* probe_judge_tls.c */
PF_PROBE_JUDGE(tls_there);
PF_PROBE_JUDGE(handshake);
PF_PROBE_JUDGE(old_version);
PF_PROBE_JUDGE(new_version);
PF_PROBE_JUDGE(cipher);
PF_PROBE_JUDGE(stls);
PF_PROBE_JUDGE(stls_inside);
PF_PROBE_JUDGE(trusted);
PF_PROBE_JUDGE(named);
PF_PROBE_JUDGE(valid);
PF_PROBE_JUDGE(order);
PF_PROBE_JUDGE(dane);
PF_PROBE_JUDGE(key);
PF_PROBE_JUDGE(signature);
/* probe_try.c */
PF_PROBE_JUDGE(stls_injection);
PF_PROBE_JUDGE(stls_again);
PF_PROBE_JUDGE(unknown_command);
PF_PROBE_JUDGE(empty_line);
PF_PROBE_JUDGE(long_line);
PF_PROBE_JUDGE(letter_case);
PF_PROBE_JUDGE(early_command);
PF_PROBE_JUDGE(early_noop);
PF_PROBE_JUDGE(pipelining);
PF_PROBE_JUDGE(quit);
/* probe_judge_mail.c */
PF_PROBE_JUDGE(session);
PF_PROBE_JUDGE(login);
PF_PROBE_JUDGE(login_capa);
PF_PROBE_JUDGE(stat_list);
PF_PROBE_JUDGE(list_uidl);
PF_PROBE_JUDGE(uid_unique);
PF_PROBE_JUDGE(uid_form);
PF_PROBE_JUDGE(singles);
PF_PROBE_JUDGE(sizes);
PF_PROBE_JUDGE(top);
PF_PROBE_JUDGE(beyond);
PF_PROBE_JUDGE(noop);
PF_PROBE_JUDGE(ahead);
PF_PROBE_JUDGE(expire);
PF_PROBE_JUDGE(mail_quit);

/* probe_report.c: what was found, for people; probe_json.c: for programs (English, stable names). */
void pf_probe_report(const struct pf_probe_door *, FILE *to);
void pf_probe_grade_report(struct pf_probe_door *const *, size_t count, FILE *to);
void pf_probe_json(const struct pf_probe_wish *, struct pf_probe_door *const *, size_t count, FILE *to);
/* "A" nothing to say, "B" notes, "C" something bad, "D" something grave, "-" nobody answered; counts of
 * notes and of bad findings. */
const char *pf_probe_grade(struct pf_probe_door *const *, size_t count, size_t counts[PF_PROBE_BAD + 1]);

#endif
