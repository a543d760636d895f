#include "sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void drop_line(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                      const struct pf_field *fields, size_t count)
{
    const struct sim *s = (const struct sim *)(const void *)((const char *)log - offsetof(struct sim, log));

    (void)event, (void)level, (void)fields, (void)count;
    sim_trace(s, "log: %s", line);
}

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

static void write_users(struct sim *s)
{
    FILE *file;

    snprintf(s->dir, sizeof s->dir, "/tmp/postfach-sim.XXXXXX");
    assert(mkdtemp(s->dir));
    snprintf(s->users, sizeof s->users, "%s/users", s->dir);
    file = fopen(s->users, "we");
    assert(file);
    for (unsigned i = 0; i < SIM_USERS; i++) {
        fprintf(file, "u%u:{PLAIN}secret\n", i);
        snprintf(s->drops[i].path, sizeof s->drops[i].path, "/m/u%u", i);
    }
    fclose(file);
}

static void read_conf(struct sim *s)
{
    char text[1024];

    snprintf(text, sizeof text,
             "hostname sim.example\nlisten 127.0.0.1:0 { tls none; plaintext-login yes }\n"
             "users { password-file %s; weak-schemes yes; failure-delay 0; failure-delay-max 0 }\n"
             "mail { path /m/%%n; mark-seen %s }\npolicy { expire %s }\n", s->users,
             sim_chance(s, 50) ? "yes" : "no", s->expire_0 ? "0" : "never");
    s->conf = pf_conf_parse("sim", pf_bytes_of(text), print_mistake, NULL);
    assert(s->conf);
}

void sim_up(struct sim *s, uint64_t seed)
{
    struct pf_auth_settings auth;
    struct pf_hall_parts parts;
    struct pf_err err = {0};

    s->seed = s->state = seed;
    s->patient = true;
    s->expire_0 = sim_chance(s, 20);
    sim_clock_begin(s);
    write_users(s);
    read_conf(s);
    s->loop = pf_loop_new(&err);
    s->auth_loop = pf_loop_new(&err);
    assert(s->loop && s->auth_loop);
    s->memory = pf_memory_new(s->loop);
    s->store = pf_faulty_new(s->memory);
    auth = (struct pf_auth_settings){.password_file = s->users, .hashes_at_once = 1, .allow_weak_schemes = true};
    s->auth = pf_auth_new(s->auth_loop, &auth, &err);
    s->guests = pf_guests_new(s->conf->connections, s->conf->connections_per_address);
    assert(s->store && s->auth && s->guests);
    s->log = (struct pf_log){PF_LOG_DEBUG, drop_line};
    parts = (struct pf_hall_parts){s->loop, &s->log, s->auth, s->store, s->guests};
    s->hall = pf_hall_new(&parts, &err);
    assert(s->hall && pf_hall_settings(s->hall, s->conf, NULL, &err) == PF_OK);
}

static void note_emptied(void *self)
{
    struct sim *s = self;

    if (s->emptied)
        sim_fail(s, "the hall is emptied twice");
    s->emptied = true;
}

void sim_close_hall(struct sim *s, pf_time grace)
{
    sim_trace(s, "the hall closes, grace %lld", (long long)grace);
    s->closing = true;
    pf_hall_close(s->hall, grace, note_emptied, s);
}

static void free_parts(struct sim *s)
{
    pf_hall_free(s->hall);
    pf_auth_free(s->auth);
    pf_store_free(s->store);
    pf_guests_free(s->guests);
    sim_settle(s);
    pf_loop_free(s->loop);
    while (pf_loop_turn(s->auth_loop, false))
        ;
    pf_loop_free(s->auth_loop);
    pf_conf_free(s->conf);
    unlink(s->users);
    rmdir(s->dir);
}

/* Everybody has left: who is still in the hall, and what is in the maildrops? */
void sim_down(struct sim *s)
{
    s->counts.faults += pf_faulty_fired(s->store);
    pf_faulty_clear(s->store);
    for (unsigned i = 0; i < s->client_count; i++)
        sim_client_leave(s->clients[i]);
    sim_settle(s);
    if (pf_hall_count(s->hall))
        sim_fail(s, "%u guests are left behind", pf_hall_count(s->hall));
    if (s->hall->strangers)
        sim_fail(s, "%u strangers are counted who are not here", s->hall->strangers);
    if (!s->closing)
        sim_close_hall(s, 0);
    sim_settle(s);
    if (!s->emptied || s->parcels)
        sim_fail(s, "the hall is not empty, or a parcel never came");
    sim_check_counts(s);
    for (unsigned i = 0; i < SIM_USERS; i++)
        sim_check_drop(s, &s->drops[i]);
    for (unsigned i = 0; i < s->client_count; i++)
        sim_client_free(s->clients[i]);
    for (unsigned i = 0; i < SIM_USERS; i++)
        for (unsigned k = 0; k < s->drops[i].count; k++)
            sim_message_free(s->drops[i].messages[k]);
    free_parts(s);
    sim_clock_end();
}
