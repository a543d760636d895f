/* The door with settings: what its tests share. */
#ifndef POSTFACH_TEST_DOOR_H
#define POSTFACH_TEST_DOOR_H

#include "auth_bench.h"

#include "auth/password.h"

#include <stdio.h>

enum { LIGHT = 0, HASH = 1 };

/* "open sesame" at half a millisecond. */
#define CHEAP_CRYPT                                                                                     \
    "$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/"  \
    "6wQWgQnGo7lLg/"

struct door {
    struct bench b;
    struct pf_conf *conf;
    char masters[160];
};

static inline void told(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    fail_msg("%s", mistake->text);
}

static inline struct pf_conf *conf_of(const struct door *d, const char *extra)
{
    char text[1024];

    snprintf(text, sizeof text,
             "hostname mail.example.org\nusers { password-file %s; master-file %s; weak-schemes yes; "
             "failure-delay 0; failure-delay-max 0; %s }\n",
             d->b.file, d->masters, extra);
    return pf_conf_parse("test", pf_bytes_of(text), told, NULL);
}

static inline void take_conf(struct door *d, const char *extra)
{
    d->conf = conf_of(d, extra);
    assert_non_null(d->conf);
    d->b.settings.conf = d->conf;
    d->b.settings.allow_weak_schemes = true;
}

static inline void door_open(struct door *d, const char *extra, const char *users)
{
    struct pf_err err = {0};
    FILE *file;

    memset(d, 0, sizeof *d);
    bench_setup(&d->b, users);
    snprintf(d->masters, sizeof d->masters, "%s/masters", d->b.dir);
    file = fopen(d->masters, "we");
    assert_non_null(file);
    fputs("boss:" SESAME "\nlocked:!x\n", file);
    assert_int_equal(fclose(file), 0);
    take_conf(d, extra);
    d->b.loop = pf_loop_new(&err);
    assert_non_null(d->b.loop);
    d->b.auth = pf_auth_new(d->b.loop, &d->b.settings, &err);
    assert_string_equal(err.log, "");
    assert_non_null(d->b.auth);
}

static inline void door_close(struct door *d)
{
    unlink(d->masters);
    bench_close(&d->b);
    pf_conf_free(d->conf);
}

/* How many hashes a login cost. */
static inline unsigned cost(struct door *d, const char *name, const char *secret, enum pf_code expected)
{
    uint64_t before = pf_password_computed();

    assert_int_equal(try_login(&d->b, name, secret), expected);
    return (unsigned)(pf_password_computed() - before);
}

static inline void begin_step(struct door *d, struct try *t, const char *mechanism, const char *response, size_t len)
{
    t->answers = 0;
    t->bench = &d->b;
    t->check.done = try_done;
    t->check.way = PF_AUTH_BY_SASL;
    t->check.mechanism = mechanism;
    t->check.link = (struct pf_auth_link){.peer = "192.0.2.1", .tls = true};
    t->check.response = pf_bytes_from(response, len);
    t->check.has_response = response != NULL;
    pf_auth_check(d->b.auth, &t->check);
    assert_int_equal(t->answers, 0);
}

static inline enum pf_code step(struct door *d, struct try *t, const char *mechanism, const char *response, size_t len)
{
    begin_step(d, t, mechanism, response, len);
    return try_end(&d->b, t);
}

static inline enum pf_code apop(struct door *d, const char *name, const char *digest)
{
    struct try t = {.check = {.done = try_done, .way = PF_AUTH_BY_APOP, .name = pf_bytes_of(name),
                              .secret = pf_bytes_of(digest), .timestamp = "<1896.697170952@dbc.mtview.ca.us>",
                              .link = {.peer = "192.0.2.1"}},
                    .bench = &d->b};

    pf_auth_check(d->b.auth, &t.check);
    return try_end(&d->b, &t);
}

#endif
