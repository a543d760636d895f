#include "base/text.h"
#include "conf/value.h"

#include <arpa/inet.h>

static bool refuse(const struct pf_conf_input *in, const char *text, const char *hint)
{
    struct pf_conf_shown word = pf_conf_shown(in->word);

    pf_conf_hint(pf_conf_wrong(in->mistakes, in->place, "`%s` %s", word.text, text), "%s", hint);
    return false;
}

/* "[::]:110" or "127.0.0.1:110" into the octets of the address and of the port. */
static bool split(struct pf_bytes word, struct pf_bytes *out_host, struct pf_bytes *out_port)
{
    bool brackets = word.len && word.at[0] == '[';
    size_t end = pf_find(word, brackets ? ']' : ':');

    if (end == word.len)
        return false;
    *out_host = pf_bytes_head(word, end);
    *out_port = pf_bytes_skip(word, end + 1);
    if (!brackets)
        return true;
    *out_host = pf_bytes_skip(*out_host, 1);
    if (out_port->len == 0 || out_port->at[0] != ':')
        return false;
    *out_port = pf_bytes_skip(*out_port, 1);
    return true;
}

/* One spelling for each address, so that a listener given twice is seen. */
static bool canonical(struct pf_bytes host, int family, char out_text[INET6_ADDRSTRLEN])
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof text || memchr(host.at, 0, host.len))
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = 0;
    return inet_pton(family, text, address) == 1 &&
           inet_ntop(family, address, out_text, INET6_ADDRSTRLEN);
}

static bool keep_address(const struct pf_conf_input *in, struct pf_bytes text, struct pf_conf_listen *listen)
{
    listen->address = pf_conf_memory_text(in->keep, text);
    if (!listen->address)
        pf_conf_no_memory(in->mistakes, in->place);
    return listen->address;
}

/* "unix:/run/postfach/lmtp" */
static bool read_path(const struct pf_conf_input *in, struct pf_conf_listen *listen)
{
    enum { PATH_OCTETS = 100 }; /* the kernel takes 107 (unix(7)); some are for a name before the last one */
    struct pf_bytes path = pf_bytes_skip(in->word, 5);

    if (path.len == 0 || path.at[0] != '/')
        return refuse(in, "has no absolute path", "write it as unix:/run/postfach/lmtp");
    if (path.len > PATH_OCTETS)
        return refuse(in, "is too long a path for a socket", "it can have 100 octets");
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] < 0x20 || path.at[i] == 0x7f)
            return refuse(in, "has a control character in it", "");
    listen->port = 0;
    return keep_address(in, path, listen);
}

static bool read_port(const struct pf_conf_input *in, struct pf_bytes digits, struct pf_conf_listen *listen)
{
    uint64_t port;

    if (!pf_parse_u64(digits, &port) || port > 65535)
        return refuse(in, digits.len ? "has a wrong port" : "has no port", "a port is a number up to 65535");
    listen->port = (unsigned)port;
    return true;
}

bool pf_conf_address_read(const struct pf_conf_input *in, struct pf_conf_listen *listen)
{
    static const char form[] = "write address and port, as 0.0.0.0:110, [::]:110 or any:110";
    struct pf_bytes host, digits;
    char text[INET6_ADDRSTRLEN];
    bool six = in->word.len && in->word.at[0] == '[';

    if (pf_bytes_equal(pf_bytes_head(in->word, 5), PF_LIT("unix:")))
        return read_path(in, listen);
    if (split(in->word, &host, &digits) && pf_bytes_equal(host, PF_LIT("any")) && !six)
        return read_port(in, digits, listen) && keep_address(in, host, listen);
    if (!split(in->word, &host, &digits))
        return refuse(in, "is not an address and a port", form);
    if (!six && pf_find(digits, ':') < digits.len)
        return refuse(in, "is not an address and a port", "an IPv6 address needs brackets, as [::]:110");
    if (!canonical(host, six ? AF_INET6 : AF_INET, text))
        return refuse(in, "has no numeric address", form);
    return read_port(in, digits, listen) && keep_address(in, pf_bytes_of(text), listen);
}

void pf_conf_address_text(const struct pf_conf_listen *listen, char out_text[PF_CONF_PLACE_TEXT])
{
    bool six = strchr(listen->address, ':');

    if (listen->address[0] == '/')
        snprintf(out_text, PF_CONF_PLACE_TEXT, "unix:%s", listen->address);
    else
        snprintf(out_text, PF_CONF_PLACE_TEXT, "%s%s%s:%u", six ? "[" : "", listen->address, six ? "]" : "",
                 listen->port);
}
