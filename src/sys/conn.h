/* The connection: a stranger's socket, with or without TLS, without buffers.
 *
 * A connection says "you may read" or "you may write", and reads and writes
 * into memory that the session holds only while it needs it; so an idle
 * connection costs its socket, its poll handle and (with TLS) its SSL object.
 * TLS sits directly on the socket (SSL_set_fd with SSL_MODE_RELEASE_BUFFERS,
 * kernel TLS where there is some); its habit of wanting to write in order to
 * read is hidden here.
 *
 * `wake` is called from the loop, never from inside a pf_conn function
 * (law 4). After pf_conn_close it is never called again. It is level
 * triggered: wanted and possible means woken, each turn. */
#ifndef POSTFACH_SYS_CONN_H
#define POSTFACH_SYS_CONN_H

#include "sys/loop.h"
#include <postfach/bytes.h>

struct pf_conn;
struct pf_tls;

enum { PF_CONN_READ = 1, PF_CONN_WRITE = 2, PF_CONN_TLS = 4 /* the handshake has ended, either way */ };

enum pf_io { PF_IO_DONE, PF_IO_WAIT, PF_IO_EOF, PF_IO_FAILED };

struct pf_conn_info {      /* valid as long as the connection */
    char peer[64];         /* numeric address without port: "192.0.2.1", "2001:db8::1", "unix" */
    char local[64];
    unsigned peer_port, local_port;
    bool tls;              /* handshake done */
    const char *tls_version; /* "TLSv1.3", or "" */
    const char *tls_cipher;  /* OpenSSL's name, or "" */
    bool tls_resumed;
    const char *sni;         /* the name asked for, printable, of at most 255 octets; or "" */
    const char *certificate; /* the name that a client's certificate stands for, when it was asked for and
                              * verified (pf_tls_settings says which name that is); else "" */
    bool told_tls;         /* a proxy in front said that the client spoke TLS with it (pf_conn_told_tls) */
    bool told_plain;       /* or that it did not (pf_conn_told_plain) */
    const char *told_version, *told_cipher, *told_name; /* of that, printable; at most 15, 63, 63 octets; or "" */
};

/* What a proxy in front says of the connection that it hands on: addresses are IPv6, with IPv4 mapped into it. */
struct pf_conn_told {
    unsigned char peer[16], local[16];
    unsigned peer_port, local_port;
    bool only_peer; /* nothing is known of the end here */
};

/* Takes over `fd` (non-blocking, close-on-exec; TCP_NODELAY and keep-alive are set here); on
 * failure it is closed. */
struct pf_conn *pf_conn_new(struct pf_loop *, int fd, void (*wake)(void *self, unsigned what),
                            void *self, struct pf_err *err);
/* What wake is called for: PF_CONN_READ and PF_CONN_WRITE, or 0. A TLS handshake runs regardless. */
void pf_conn_want(struct pf_conn *, unsigned what);

/* Reads at most cap octets. PF_IO_DONE: *out_len > 0. PF_IO_EOF: the peer ended its input in
 * an orderly way (with TLS: close_notify; a bare FIN without it counts as EOF too, since no
 * promise to a server hangs on it). PF_IO_FAILED: reset or a TLS fault, err says why. */
enum pf_io pf_conn_read(struct pf_conn *, unsigned char *at, size_t cap, size_t *out_len,
                        struct pf_err *err);
/* Writes some of b; PF_IO_DONE: *out_len > 0 (it may be less than b.len; the rest may move to
 * another address before the next call). b is not empty. What was not taken, after PF_IO_DONE as after
 * PF_IO_WAIT, must come first in the next call, with at least as many octets: TLS may have sent a part
 * of their record, and until that is whole it reads nothing either (PF_IO_WAIT, and no wake for
 * PF_CONN_READ). */
enum pf_io pf_conn_write(struct pf_conn *, struct pf_bytes b, size_t *out_len, struct pf_err *err);
/* What is written from now on is followed by more, or by the end, at once: so the kernel may wait for that with a
 * packet that is not full (for 200 ms at most). */
void pf_conn_more(struct pf_conn *, bool more);
/* Looks at octets that wait in the socket of a plain connection without taking them: how many of
 * at most cap there are, in *out_len (PF_IO_DONE, > 0). */
enum pf_io pf_conn_peek(struct pf_conn *, unsigned char *at, size_t cap, size_t *out_len,
                        struct pf_err *err);

/* Starts the handshake as the server. wake(PF_CONN_TLS) comes when it has ended; then
 * pf_conn_tls_result tells. Octets still in the socket are read as TLS. */
enum pf_code pf_conn_start_tls(struct pf_conn *, struct pf_tls *, struct pf_err *err);
enum pf_code pf_conn_tls_result(const struct pf_conn *, struct pf_err *err);

/* From now on the connection's ends are those that are told; whom to believe is the caller's affair. */
void pf_conn_told(struct pf_conn *, const struct pf_conn_told *);
void pf_conn_told_tls(struct pf_conn *, struct pf_bytes version, struct pf_bytes cipher, struct pf_bytes name);
void pf_conn_told_plain(struct pf_conn *);

const struct pf_conn_info *pf_conn_info(const struct pf_conn *);

/* From `dead` ms on without any sign of the peer's machine, neither for data nor for keep-alives, the
 * connection is broken; >= 4000. A peer that is there and takes nothing is no dead one: for that
 * the kernel waits for `stall` ms, and the session may be quicker. Nothing on unix sockets. */
void pf_conn_dead_after(struct pf_conn *, pf_time dead, pf_time stall);
/* Whether octets that were written wait in the kernel for the peer to take them. */
bool pf_conn_untaken(const struct pf_conn *);
/* How many they are; with TLS, octets of TLS. */
size_t pf_conn_waiting(const struct pf_conn *);

/* Channel binding of a connection with TLS, into at most cap octets (64 are enough); 0 when it cannot be had:
 * tls-exporter (RFC 9266) with TLS 1.3, or with 1.2 and extended master secret; tls-unique (RFC 5929) with TLS 1.2
 * and extended master secret or without resumption. */
enum pf_conn_binding { PF_BINDING_EXPORTER, PF_BINDING_UNIQUE };
size_t pf_conn_binding(const struct pf_conn *, enum pf_conn_binding, unsigned char *at, size_t cap);

/* Sends close_notify where TLS is up, ends output, and frees the connection. Input that still
 * arrives is drained for a bounded time so that the last answer is not lost to a reset
 * (`abrupt`: reset at once, nothing is sent). */
void pf_conn_close(struct pf_conn *, bool abrupt);

#endif
