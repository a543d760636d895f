/* Verdicts on what everybody hears: greeting, capabilities, ways to log in. */
#include "tool/probe_mail.h"

#include "base/text.h"

#define NOTHING (void)check, (void)door, (void)proof

static void prove(char *proof, const char *text)
{
    snprintf(proof, PF_PROBE_PROOF, "%s", text);
}

PF_PROBE_JUDGE(addresses)
{
    NOTHING;
    if (door->wish->address_count < 2)
        return PF_PROBE_SKIP;
    if (door->silent)
        prove(proof, door->silent_address);
    return door->silent ? PF_PROBE_NOTE : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(greeting)
{
    NOTHING;
    if (door->implicit && !door->tls.done)
        return PF_PROBE_SKIP;
    prove(proof, door->greeting_raw);
    return door->greeted ? PF_PROBE_GOOD : PF_PROBE_BAD;
}

PF_PROBE_JUDGE(timestamp)
{
    NOTHING;
    prove(proof, door->timestamp);
    return door->timestamp[0] ? PF_PROBE_NOTE : PF_PROBE_SKIP;
}

/* A timestamp that comes twice lets an answer be played again (RFC 1939 section 7). */
PF_PROBE_JUDGE(fresh_timestamp)
{
    struct pf_probe_link *link =
        door->timestamp[0]
            ? pf_probe_connect(door->wish->loop, door->address, door->port, door->wish->wait, NULL)
            : NULL;
    const struct pf_probe_tls_wish wish = {.name = door->wish->name};
    enum pf_probe_verdict verdict = PF_PROBE_SKIP;
    unsigned char room[1024];
    struct pf_span in = {room, 0, sizeof room - 1};
    char text[sizeof door->greeting_raw];

    NOTHING;
    if (link && (!door->implicit || pf_probe_handshake(link, &wish, NULL) == PF_OK) &&
        pf_probe_receive(link, &in, (pf_time)pf_probe_clock() + door->wish->wait, NULL) == PF_OK) {
        pf_probe_escape(text, sizeof text, pf_span_bytes(&in));
        verdict = strstr(text, door->timestamp) ? PF_PROBE_BAD : PF_PROBE_GOOD;
        prove(proof, text);
    }
    pf_probe_close(link);
    return verdict;
}

/* Whether every line had the form that it must have, and what of it not. */
static enum pf_probe_verdict form_of(unsigned odd, char *proof)
{
    static const struct {
        enum pf_odd odd;
        const char *word;
    } words[] = {{PF_ODD_LF, "bare-LF"},           {PF_ODD_STATUS, "status-word"},
                 {PF_ODD_LONG, "over-512-octets"}, {PF_ODD_CONTROL, "control-octets"},
                 {PF_ODD_EIGHT, "eight-bit"},      {PF_ODD_SPACE, "blanks"},
                 {PF_ODD_FORM, "not-understood"},  {PF_ODD_NUMBER, "number"},
                 {PF_ODD_ORDER, "order"},          {PF_ODD_WRAPPED, "32-bit"},
                 {PF_ODD_DOT, "dot-line"},         {PF_ODD_CODE, "response-code"},
                 {PF_ODD_BLANK, "empty-lines"}};
    struct pf_span out = {(unsigned char *)proof, 0, PF_PROBE_PROOF - 1};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (odd & words[i].odd)
            pf_span_format(&out, "%s%s", out.len ? " " : "", words[i].word);
    proof[out.len] = 0;
    return out.len ? PF_PROBE_NOTE : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(form)
{
    NOTHING;
    return form_of(door->mail ? door->mail->odd : door->odd, proof);
}

static bool heard_capa(const struct pf_probe_door *door)
{
    return door->capa_known[PF_PROBE_BEFORE] || door->capa_known[PF_PROBE_INSIDE];
}

PF_PROBE_JUDGE(capa)
{
    NOTHING;
    return heard_capa(door) ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(capability)
{
    const char *line = pf_probe_capability(pf_probe_offers(door), check->word);

    if (!heard_capa(door))
        return PF_PROBE_SKIP;
    prove(proof, line ? line : "");
    return line ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

/* STLS goes by its nature; USER and SASL may wait for TLS, but do not go with it. */
PF_PROBE_JUDGE(capability_lost)
{
    const struct pf_probe_lines *before = &door->capa[PF_PROBE_BEFORE],
                                *inside = &door->capa[PF_PROBE_INSIDE];
    struct pf_span out = {(unsigned char *)proof, 0, PF_PROBE_PROOF - 1};

    NOTHING;
    if (!door->capa_known[PF_PROBE_BEFORE] || !door->capa_known[PF_PROBE_INSIDE])
        return PF_PROBE_SKIP;
    for (size_t i = 0; i < before->count; i++) {
        char tag[PF_PROBE_LINE];

        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(before->at[i], " "), before->at[i]);
        if (!pf_equal_nocase(pf_bytes_of(tag), PF_LIT("STLS")) && !pf_probe_capability(inside, tag))
            pf_span_format(&out, "%s%s", out.len ? " " : "", tag);
    }
    proof[out.len] = 0;
    return out.len ? PF_PROBE_NOTE : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(capability_twice)
{
    const struct pf_probe_lines *lines = pf_probe_offers(door);

    NOTHING;
    if (!heard_capa(door))
        return PF_PROBE_SKIP;
    for (size_t i = 0; i < lines->count; i++) {
        char tag[PF_PROBE_LINE];

        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(lines->at[i], " "), lines->at[i]);
        if (pf_probe_capability(lines, tag) != lines->at[i]) {
            prove(proof, lines->at[i]);
            return PF_PROBE_NOTE;
        }
    }
    return PF_PROBE_GOOD;
}

static bool has_word(const char *line, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = line ? strchr(line, ' ') : NULL; at; at = strchr(at + 1, ' '))
        if (pf_equal_nocase(pf_bytes_head(pf_bytes_of(at + 1), len), pf_bytes_of(word)) &&
            (at[1 + len] == ' ' || at[1 + len] == 0))
            return true;
    return false;
}

PF_PROBE_JUDGE(login_offered)
{
    const struct pf_probe_lines *offers = pf_probe_offers(door);
    const char *sasl = pf_probe_capability(offers, "SASL");

    NOTHING;
    if (!heard_capa(door) || (!door->tls.done && pf_probe_capability(offers, "STLS")))
        return PF_PROBE_SKIP;
    if (sasl && strlen(sasl) > sizeof "SASL") {
        prove(proof, sasl);
        return PF_PROBE_GOOD;
    }
    prove(proof, sasl ? sasl : "");
    return pf_probe_capability(offers, "USER") && !sasl ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(plain_login)
{
    const struct pf_probe_lines *before = &door->capa[PF_PROBE_BEFORE];
    const char *sasl = pf_probe_capability(before, "SASL"), *user = pf_probe_capability(before, "USER");

    NOTHING;
    if (door->implicit)
        return PF_PROBE_SKIP;
    if (!door->capa_known[PF_PROBE_BEFORE])
        return pf_probe_try_user(door, proof);
    if (!user && !has_word(sasl, "PLAIN") && !has_word(sasl, "LOGIN"))
        return PF_PROBE_GOOD;
    snprintf(proof, PF_PROBE_PROOF, "%s%s%s", user ? user : "", user && sasl ? ", " : "",
             sasl ? sasl : "");
    return PF_PROBE_BAD;
}

PF_PROBE_JUDGE(mechanism)
{
    const char *sasl = pf_probe_capability(pf_probe_offers(door), "SASL");

    if (!has_word(sasl, check->word))
        return PF_PROBE_SKIP;
    prove(proof, sasl);
    return PF_PROBE_NOTE;
}

/* Without channel binding a good name for it is still better than a password on the server's side. */
PF_PROBE_JUDGE(hidden_login)
{
    const char *sasl = pf_probe_capability(pf_probe_offers(door), "SASL");

    NOTHING;
    if (!sasl || (!strstr(sasl, " SCRAM-") && !has_word(sasl, "GSSAPI")))
        return PF_PROBE_SKIP;
    prove(proof, sasl);
    return PF_PROBE_GOOD;
}

/* Over these people notice: a program that asks a dozen times takes seconds. */
enum { SLOW_ANSWER = 500, SLOW_GREETING = 5000 };

PF_PROBE_JUDGE(latency)
{
    NOTHING;
    if (door->latency_ms < 0)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "%.1f ms, %.1f ms", door->greeting_ms, door->latency_ms);
    return door->latency_ms > SLOW_ANSWER || door->greeting_ms > SLOW_GREETING ? PF_PROBE_NOTE
                                                                               : PF_PROBE_GOOD;
}
