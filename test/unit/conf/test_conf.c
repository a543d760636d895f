#include "unit/conf/told.h"

#include <unistd.h>

static void an_empty_file_gives_the_defaults(void **state)
{
    struct pf_conf *c = told_good("");

    (void)state;
    assert_true(strlen(c->hostname) > 0);
    assert_null(c->run_as);
    assert_null(c->pid_file);
    assert_null(c->port_file);
    assert_int_equal(c->listen_count, 0);
    assert_int_equal(c->pair_count, 0);
    assert_int_equal(c->tls_minimum, PF_CONF_TLS_1_2);
    assert_null(c->tls_ciphers);
    assert_int_equal(c->ticket_rotate, 12 * 3600);
    assert_true(c->ktls);
    assert_string_equal(c->password_file, "/etc/postfach/users");
    assert_int_equal(c->hashes_at_once, 2);
    assert_int_equal(c->failure_delay, 2000);
    assert_int_equal(c->failure_delay_max, 15000);
    assert_false(c->weak_schemes);
    assert_string_equal(c->mail_path, "/var/mail/%d/%n/Maildir");
    assert_false(c->mark_seen || c->follow_root || c->create);
    assert_true(c->cache);
    assert_int_equal(c->log_to, PF_CONF_LOG_STDERR);
    assert_string_equal(c->log_facility, "mail");
    assert_false(c->log_debug);
    pf_conf_free(c);
}

static void defaults_of_policy_limits_and_times(void **state)
{
    struct pf_conf *c = told_good("# nothing\n");

    (void)state;
    assert_int_equal(c->expire_days, -1);
    assert_int_equal(c->expire_min, -1);
    assert_int_equal(c->login_delay, 0);
    assert_int_equal(c->login_delay_max, 0);
    assert_true(c->last && c->implementation);
    assert_int_equal(c->connections, 2000);
    assert_int_equal(c->connections_per_address, 50);
    assert_int_equal(c->line_max, 1024);
    assert_int_equal(c->sasl_line_max, 65536);
    assert_int_equal(c->memory_before_login, 64 << 20);
    assert_int_equal(c->bad_before_login, 10);
    assert_int_equal(c->bad_after_login, 20);
    assert_int_equal(c->login_tries, 10);
    assert_int_equal(c->sasl_rounds, 16);
    assert_int_equal(c->disk_threads, 32);
    assert_int_equal(c->disk_queue, 4096);
    assert_int_equal(c->first_command_time, 60000);
    assert_int_equal(c->login_time, 180000);
    assert_int_equal(c->idle_time, 600000);
    assert_int_equal(c->stall_time, 600000);
    assert_int_equal(c->drain_time, 30000);
    assert_int_equal(c->tls_peek_time, 300);
    assert_int_equal(c->dead_peer_time, 60000);
    assert_int_equal(c->idle_yield_time, 0);
    pf_conf_free(c);
}

static void every_setting_reaches_its_field(void **state)
{
    struct pf_conf *c =
        told_good("version 1\nhostname mail.example.org; run-as vmail; pid-file /run/p.pid; port-file "
                  "\"/run/a b\"\n"
                  "tls { minimum 1.3; ciphers HIGH:!aNULL; ticket-rotate 1d; ktls off }\n"
                  "users { password-file /u; hashes-at-once 3; failure-delay 500ms; failure-delay-max "
                  "1m; weak-schemes on }\n"
                  "mail { path /m/%u; mark-seen yes; follow-root true; create YES; cache false }\n"
                  "log { to journald; facility local3; debug yes }\n");

    (void)state;
    assert_string_equal(c->hostname, "mail.example.org");
    assert_string_equal(c->run_as, "vmail");
    assert_string_equal(c->pid_file, "/run/p.pid");
    assert_string_equal(c->port_file, "/run/a b");
    assert_int_equal(c->tls_minimum, PF_CONF_TLS_1_3);
    assert_string_equal(c->tls_ciphers, "HIGH:!aNULL");
    assert_int_equal(c->ticket_rotate, 86400);
    assert_false(c->ktls);
    assert_string_equal(c->password_file, "/u");
    assert_int_equal(c->hashes_at_once, 3);
    assert_int_equal(c->failure_delay, 500);
    assert_int_equal(c->failure_delay_max, 60000);
    assert_true(c->weak_schemes);
    assert_string_equal(c->mail_path, "/m/%u");
    assert_true(c->mark_seen && c->follow_root && c->create);
    assert_false(c->cache);
    assert_int_equal(c->log_to, PF_CONF_LOG_JOURNALD);
    assert_string_equal(c->log_facility, "local3");
    assert_true(c->log_debug);
    pf_conf_free(c);
}

static void every_number_reaches_its_field(void **state)
{
    struct pf_conf *c =
        told_good("policy { expire 60; expire-min 7d; login-delay 30s; login-delay-max 2m; last no; "
                  "implementation no }\n"
                  "limits { connections 11; connections-per-address 12; line 255; sasl-line 2k; "
                  "memory-before-login 1g\n"
                  "  bad-commands-before-login 13; bad-commands 14; login-tries 15; sasl-rounds 17\n"
                  "  disk-threads 18; disk-queue 19 }\n"
                  "times { first-command 1s; login 2s; idle 11m; stall 1h; drain 0; tls-peek 0 }\n");

    (void)state;
    assert_int_equal(c->expire_days, 60);
    assert_int_equal(c->expire_min, 7);
    assert_int_equal(c->login_delay, 30);
    assert_int_equal(c->login_delay_max, 120);
    assert_false(c->last || c->implementation);
    assert_int_equal(c->connections, 11);
    assert_int_equal(c->connections_per_address, 12);
    assert_int_equal(c->line_max, 255);
    assert_int_equal(c->sasl_line_max, 2048);
    assert_int_equal(c->memory_before_login, 1 << 30);
    assert_int_equal(c->bad_before_login, 13);
    assert_int_equal(c->bad_after_login, 14);
    assert_int_equal(c->login_tries, 15);
    assert_int_equal(c->sasl_rounds, 17);
    assert_int_equal(c->disk_threads, 18);
    assert_int_equal(c->disk_queue, 19);
    assert_int_equal(c->first_command_time, 1000);
    assert_int_equal(c->login_time, 2000);
    assert_int_equal(c->idle_time, 660000);
    assert_int_equal(c->stall_time, 3600000);
    assert_int_equal(c->drain_time, 0);
    assert_int_equal(c->tls_peek_time, 0);
    pf_conf_free(c);
}

static void check_listen(const struct pf_conf_listen *l, const char *address, unsigned port,
                         enum pf_conf_tls tls, bool plaintext_login)
{
    assert_string_equal(l->address, address);
    assert_int_equal(l->port, port);
    assert_int_equal(l->tls, tls);
    assert_int_equal(l->plaintext_login, plaintext_login);
}

static void listeners_keep_their_order_and_their_own_settings(void **state)
{
    struct pf_conf *c = told_good("listen 0.0.0.0:110 { tls-on-plain serve; plaintext-login no }\n"
                                  "listen [::]:995\n"
                                  "listen [0:0::1]:0 { tls none; plaintext-login yes }\n"
                                  "listen 127.0.0.1:995 { tls starttls }\n"
                                  "tls { key /k; certificate /c }\n");

    (void)state;
    assert_int_equal(c->listen_count, 4);
    check_listen(&c->listens[0], "0.0.0.0", 110, PF_CONF_TLS_STARTTLS, false);
    assert_int_equal(c->listens[0].tls_on_plain, PF_CONF_AUTO_SERVE);
    check_listen(&c->listens[1], "::", 995, PF_CONF_TLS_IMPLICIT, false);
    assert_int_equal(c->listens[1].tls_on_plain, PF_CONF_AUTO_TELL);
    check_listen(&c->listens[2], "::1", 0, PF_CONF_TLS_NONE, true);
    check_listen(&c->listens[3], "127.0.0.1", 995, PF_CONF_TLS_STARTTLS, false);
    pf_conf_free(c);
}

static void plaintext_login_is_never_on_by_itself(void **state)
{
    struct pf_conf *c =
        told_good("listen 127.0.0.1:1 { tls none }\nlisten 127.0.0.1:2 { tls starttls }\n"
                  "listen 127.0.0.1:3 { tls implicit }\ntls { certificate /c; key /k }");

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_false(c->listens[i].plaintext_login);
    pf_conf_free(c);
}

static void the_pair_in_tls_itself_is_first_wherever_it_stands(void **state)
{
    struct pf_conf *c = told_good("tls { pair { certificate /c2; key /k2 }\n certificate /c1; key /k1\n"
                                  " pair { key /k3; certificate /c3 } }\n");

    (void)state;
    assert_int_equal(c->pair_count, 3);
    assert_string_equal(c->pairs[0].certificate, "/c1");
    assert_string_equal(c->pairs[0].key, "/k1");
    assert_string_equal(c->pairs[1].certificate, "/c2");
    assert_string_equal(c->pairs[2].key, "/k3");
    pf_conf_free(c);
}

static void expire_min_and_login_delay_max_follow_their_neighbours(void **state)
{
    struct pf_conf *c = told_good("policy { expire 0; login-delay 10s }");

    (void)state;
    assert_int_equal(c->expire_min, 0);
    assert_int_equal(c->login_delay_max, 10);
    pf_conf_free(c);
    c = told_good("policy { expire-min 5 }");
    assert_int_equal(c->expire_days, -1);
    assert_int_equal(c->expire_min, 5);
    pf_conf_free(c);
}

static void a_generation_lives_until_the_last_hold_is_given_back(void **state)
{
    struct pf_conf *c = told_good("hostname a.example");

    (void)state;
    assert_ptr_equal(pf_conf_hold(c), c);
    pf_conf_free(c);
    assert_string_equal(c->hostname, "a.example"); /* the sanitizer would see it freed */
    pf_conf_free(c);
    pf_conf_free(NULL);
}

static void blocks_may_come_again_and_lines_may_end_in_crlf(void **state)
{
    struct pf_conf *c = told_good("\xef\xbb\xbflog { debug yes }\r\n"
                                  "log {\r\n\tto syslog\r\n}\r\n;;;\n# end");

    (void)state;
    assert_true(c->log_debug);
    assert_int_equal(c->log_to, PF_CONF_LOG_SYSLOG);
    pf_conf_free(c);
}

static void strings_have_four_escapes(void **state)
{
    struct pf_conf *c = told_good("pid-file \"/a\\\"b\\\\c\\n\\x41\\xfF # ; { }\"\nport-file /a\\b");

    (void)state;
    assert_string_equal(c->pid_file, "/a\"b\\c\nA\xff # ; { }");
    assert_string_equal(c->port_file, "/a\\b"); /* only strings have escapes */
    pf_conf_free(c);
}

static void sockets_in_the_file_system_are_listeners(void **state)
{
    struct pf_conf *c = told_good("listen unix:/run/l { protocol lmtp; mode 660 }\n"
                                  "listen 127.0.0.1:24 { protocol lmtp }\n"
                                  "listen \"unix:/run/a b\"\nlisten 127.0.0.1:25 { protocol smtp; tls none }\n");

    (void)state;
    assert_int_equal(c->listen_count, 4);
    check_listen(&c->listens[0], "/run/l", 0, PF_CONF_TLS_NONE, false);
    assert_int_equal(c->listens[0].protocol, PF_CONF_LMTP);
    assert_int_equal(c->listens[0].mode, PF_CONF_MODE_660);
    check_listen(&c->listens[1], "127.0.0.1", 24, PF_CONF_TLS_NONE, false);
    check_listen(&c->listens[2], "/run/a b", 0, PF_CONF_TLS_NONE, false);
    assert_int_equal(c->listens[2].protocol, PF_CONF_POP3);
    assert_int_equal(c->listens[2].mode, PF_CONF_MODE_666);
    assert_int_equal(c->listens[3].protocol, PF_CONF_SMTP);
    pf_conf_free(c);
    told_bad("listen unix:l\nlisten unix:\nlisten unix:/a\nlisten unix:/a\n",
             "1:8: `unix:l` has no absolute path (write it as unix:/run/postfach/lmtp)\n"
             "2:8: `unix:` has no absolute path (write it as unix:/run/postfach/lmtp)\n"
             "4:1: unix:/a is listened to twice (the first time on line 3)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_empty_file_gives_the_defaults),
        T(defaults_of_policy_limits_and_times),
        T(every_setting_reaches_its_field),
        T(every_number_reaches_its_field),
        T(listeners_keep_their_order_and_their_own_settings),
        T(sockets_in_the_file_system_are_listeners),
        T(plaintext_login_is_never_on_by_itself),
        T(the_pair_in_tls_itself_is_first_wherever_it_stands),
        T(expire_min_and_login_delay_max_follow_their_neighbours),
        T(a_generation_lives_until_the_last_hold_is_given_back),
        T(blocks_may_come_again_and_lines_may_end_in_crlf),
        T(strings_have_four_escapes),
    };

    return RUN(tests);
}
