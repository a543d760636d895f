#include "unit/cm.h"

#include "hallrig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void keep_line(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                      const struct pf_field *fields, size_t count)
{
    struct rig *rig = (struct rig *)(void *)((char *)log - offsetof(struct rig, log));
    size_t len = strlen(rig->logged);

    (void)event, (void)level, (void)fields, (void)count;
    snprintf(rig->logged + len, sizeof rig->logged - len, "%s\n", line);
}

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

static void write_users(struct rig *rig)
{
    FILE *file;

    snprintf(rig->dir, sizeof rig->dir, "/tmp/postfach-hall.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->users, sizeof rig->users, "%s/users", rig->dir);
    file = fopen(rig->users, "we");
    assert_non_null(file);
    fprintf(file, "anna:{PLAIN}secret\nzero:{PLAIN}secret::::::expire=0\n");
    assert_int_equal(fclose(file), 0);
}

void rig_up(struct rig *rig, const char *extra)
{
    struct pf_auth_settings auth;
    struct pf_hall_parts parts;
    struct pf_err err = {0};
    char text[1024];

    memset(rig, 0, sizeof *rig);
    alarm(60); /* a test that waits for ever is killed, and says so by that */
    write_users(rig);
    snprintf(text, sizeof text,
             "hostname test.example\nlisten 127.0.0.1:0 { tls none; plaintext-login yes }\n"
             "users { password-file %s; weak-schemes yes; failure-delay 0; failure-delay-max 0 }\n"
             "mail { path /m/%%n }\n%s\n", rig->users, extra);
    rig->conf = pf_conf_parse("test", pf_bytes_of(text), print_mistake, NULL);
    assert_non_null(rig->conf);
    rig->loop = pf_loop_new(&err);
    assert_non_null(rig->loop);
    rig->memory = pf_memory_new(rig->loop);
    rig->store = pf_faulty_new(rig->memory);
    auth = (struct pf_auth_settings){.password_file = rig->users, .hashes_at_once = 1,
                                     .allow_weak_schemes = true};
    rig->auth = pf_auth_new(rig->loop, &auth, &err);
    assert_non_null(rig->auth);
    rig->guests = pf_guests_new(rig->conf->connections, rig->conf->connections_per_address);
    rig->log = (struct pf_log){PF_LOG_DEBUG, keep_line};
    parts = (struct pf_hall_parts){rig->loop, &rig->log, rig->auth, rig->store, rig->guests};
    rig->hall = pf_hall_new(&parts, &err);
    assert_non_null(rig->hall);
    assert_int_equal(pf_hall_settings(rig->hall, rig->conf, NULL, &err), PF_OK);
}

static void note_emptied(void *self)
{
    ((struct rig *)self)->emptied = true;
}

void rig_down(struct rig *rig)
{
    pf_hall_close(rig->hall, 0, note_emptied, rig);
    while (!rig->emptied)
        pf_loop_turn(rig->loop, true);
    assert_int_equal(pf_hall_count(rig->hall), 0);
    pf_hall_free(rig->hall);
    pf_auth_free(rig->auth);
    pf_store_free(rig->store);
    pf_guests_free(rig->guests);
    while (pf_loop_turn(rig->loop, true))
        ;
    pf_loop_free(rig->loop);
    pf_conf_free(rig->conf);
    unlink(rig->users);
    rmdir(rig->dir);
    alarm(0);
}

void rig_add(struct rig *rig, const char *message, const char *uidl)
{
    assert_int_equal(pf_memory_add(rig->memory, "/m/anna", pf_bytes_of(message), uidl, NULL), PF_OK);
}

void client_come(struct rig *rig, struct client *client)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    client->rig = rig;
    client->fd = pair[0];
    client->len = 0;
    client->eof = false;
    pf_hall_guest(rig->hall, pair[1], 0);
}

void client_send(struct client *client, const char *text)
{
    size_t len = strlen(text);

    while (len) {
        ssize_t n = send(client->fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            pf_loop_turn(client->rig->loop, true);
            continue;
        }
        if (n < 0)
            return; /* the server has gone: what it said before is what counts */
        text += n;
        len -= (size_t)n;
    }
}

static void receive(struct client *client)
{
    ssize_t n = read(client->fd, client->got + client->len, sizeof client->got - 1 - client->len);

    if (n > 0)
        client->len += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        client->eof = true;
    client->got[client->len] = 0;
}

const char *client_until(struct client *client, const char *end)
{
    size_t want = strlen(end);

    receive(client);
    while (client->len < want || memcmp(client->got + client->len - want, end, want) != 0) {
        assert_false(client->eof);
        pf_loop_turn(client->rig->loop, client->len == 0);
        receive(client);
    }
    client->len = 0;
    return client->got;
}

const char *client_eof(struct client *client)
{
    while (!client->eof) {
        receive(client);
        if (!client->eof)
            pf_loop_turn(client->rig->loop, false);
    }
    client->len = 0;
    return client->got;
}

void client_leave(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

const char *client_ask(struct client *client, const char *line)
{
    client_send(client, line);
    client_send(client, "\r\n");
    return client_until(client, "\r\n");
}

void client_login(struct client *client)
{
    client_until(client, "\r\n");
    assert_memory_equal(client_ask(client, "USER anna"), "+OK", 3);
    assert_memory_equal(client_ask(client, "PASS secret"), "+OK", 3);
}
