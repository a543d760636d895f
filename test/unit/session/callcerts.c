#include "unit/sys/peer.h"

#include "callcerts.h"

void certs_up(void)
{
    cert_make(&(struct cert){.file = "ca", .from = -60, .until = 3600, .ca = true});
    cert_make(&(struct cert){
        .file = "good", .names = "DNS:test.example", .from = -60, .until = 3600, .signer = "ca"});
    cert_make(&(struct cert){.file = "other",
                             .names = "DNS:other.example,DNS:*.third.example",
                             .from = -60,
                             .until = 3600,
                             .signer = "ca"});
    cert_make(&(struct cert){
        .file = "old", .names = "DNS:test.example", .from = -7200, .until = -3600, .signer = "ca"});
    cert_make(&(struct cert){
        .file = "young", .names = "DNS:test.example", .from = 7200, .until = 9000, .signer = "ca"});
    cert_make(&(struct cert){.file = "self", .names = "DNS:test.example", .from = -60, .until = 3600});
    cert_make(&(struct cert){.file = "anna", .from = -60, .until = 3600, .signer = "ca"});
}

void certs_down(void)
{
    cert_dir_remove();
}

const char *certs_path(const char *name)
{
    return cert_path(name);
}

struct pf_tls *certs_tls(const char *pair)
{
    struct pf_tls_tickets *tickets = pf_tls_tickets_new(3600, NULL);
    struct pf_tls *tls = tls_asking(tickets, pair, "ca", true);

    pf_tls_tickets_free(tickets);
    return tls;
}
