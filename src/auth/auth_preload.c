#include "auth/auth_preload.h"

#include "auth/auth_source.h"
#include "auth/exchange.h"
#include "auth/oauth_http.h"
#include "base/text.h"

#include <dlfcn.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE = 1024 };

/* It stays for the life of the process; the C library finds it by this name. */
static void load(const char *name)
{
    (void)dlopen(name, RTLD_NOW | RTLD_NODELETE);
}

/* The services of one line, as in "hosts: files mdns4_minimal [NOTFOUND=return] dns". */
static void load_services(const char *words)
{
    char name[64], service[40];

    while (words += strspn(words, " \t\n"), *words && *words != '#') {
        size_t len = *words == '[' ? strcspn(words, "]\n") : strcspn(words, " \t\n#[");

        if (*words != '[' && len < sizeof service) {
            memcpy(service, words, len);
            service[len] = 0;
            if (strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_") == len) {
                snprintf(name, sizeof name, "libnss_%s.so.2", service);
                load(name);
            }
        }
        words += len + (words[len] == ']');
    }
}

static void load_names(void)
{
    static const char *const lists[] = {"passwd:", "hosts:"};
    FILE *file = fopen("/etc/nsswitch.conf", "re");
    char line[LINE];

    while (file && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
            if (strncmp(line, lists[i], strlen(lists[i])) == 0)
                load_services(line + strlen(lists[i]));
    if (file)
        fclose(file);
    load("libnss_files.so.2"); /* where it is no part of the C library yet, and the default */
    load("libnss_dns.so.2");
}

static void load_letters(void)
{
    iconv_t letters = iconv_open("UTF-8", "ISO-8859-1");
    bool opened = (void *)letters != (void *)-1;

    if (opened)
        iconv_close(letters);
}

void pf_auth_preload(const struct pf_conf *conf)
{
    load("libgcc_s.so.1"); /* the C library wants it when a thread ends by force */
    load_names();
    load_letters();
    for (size_t i = 0; i < conf->userdb_count; i++) {
        const struct pf_auth_source *row = pf_auth_source_row(conf->userdbs[i].kind);

        if (row && row->preload)
            row->preload();
    }
    if (conf->oauth.keys || conf->oauth.introspect)
        (void)pf_oauth_url_check(conf->oauth.keys ? conf->oauth.keys : conf->oauth.introspect, NULL);
    if (conf->keytab) /* what it has to complain about, who opens auth will hear */
        (void)pf_exchange_keytab(conf->keytab, conf->hostname, NULL);
}
