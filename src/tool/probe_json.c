#include "tool/probe_parts.h"

/* Only ASCII comes here: what strangers said was escaped when it was heard. */
static void put_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (const char *c = text; *c; c++) {
        bool plain = *c >= 0x20 && *c < 0x7f;

        if (*c == '"' || *c == '\\')
            fputc('\\', to);
        fputc(plain ? *c : '?', to);
    }
    fputc('"', to);
}

static void put_member(const char *name, const char *text, FILE *to)
{
    fprintf(to, ",\"%s\":", name);
    if (text)
        put_text(text, to);
    else
        fputs("null", to);
}

static void put_ms(const char *name, double ms, FILE *to)
{
    if (ms >= 0)
        fprintf(to, ",\"%s\":%.1f", name, ms);
    else
        fprintf(to, ",\"%s\":null", name);
}

static void put_capabilities(const struct pf_probe_door *door, FILE *to)
{
    static const char *const names[PF_PROBE_CAPAS] = {"before_tls", "inside_tls", "after_login"};

    fputs(",\"capabilities\":{", to);
    for (size_t n = 0; n < PF_PROBE_CAPAS; n++) {
        fprintf(to, "%s\"%s\":", n ? "," : "", names[n]);
        if (!door->capa_known[n]) {
            fputs("null", to);
            continue;
        }
        fputc('[', to);
        for (size_t i = 0; i < door->capa[n].count; i++) {
            if (i)
                fputc(',', to);
            put_text(door->capa[n].at[i], to);
        }
        fputc(']', to);
    }
    fputc('}', to);
}

static void put_certificate(const struct pf_probe_certificate *c, FILE *to)
{
    fputs("{\"subject\":", to);
    put_text(c->subject, to);
    put_member("issuer", c->issuer, to);
    put_member("names", c->names, to);
    put_member("not_before", c->begins, to);
    put_member("not_after", c->ends, to);
    fprintf(to, ",\"days_left\":%ld", c->days_left);
    put_member("key", c->key, to);
    put_member("signature", c->signature, to);
    put_member("sha256", c->fingerprint, to);
    put_member("pin", c->pin, to);
    fputc('}', to);
}

static void put_tls(const struct pf_probe_tls *tls, FILE *to)
{
    static const char *const names[PF_PROBE_VERSIONS] = {"1.0", "1.1", "1.2", "1.3"};
    static const char *const states[] = {"null", "false", "true"};

    if (!tls->tried) {
        fputs(",\"tls\":null", to);
        return;
    }
    fprintf(to, ",\"tls\":{\"done\":%s", tls->done ? "true" : "false");
    put_member("problem", tls->problem[0] ? tls->problem : NULL, to);
    put_member("version", tls->done ? tls->version : NULL, to);
    put_member("cipher", tls->done ? tls->cipher : NULL, to);
    put_member("alpn", tls->alpn[0] ? tls->alpn : NULL, to);
    fputs(",\"accepts\":{", to);
    for (size_t i = 0; i < PF_PROBE_VERSIONS; i++)
        fprintf(to, "%s\"%s\":%s", i ? "," : "", names[i], states[tls->versions[i]]);
    fputs("},\"certificates\":[", to);
    for (size_t i = 0; i < tls->chain.count; i++) {
        if (i)
            fputc(',', to);
        put_certificate(&tls->chain.at[i], to);
    }
    fputs("]}", to);
}

static void put_finding(const struct pf_probe_finding *f, FILE *to)
{
    static const char *const verdicts[] = {"skip", "good", "note", "bad"};
    const struct pf_probe_check *check = f->check;
    const struct pf_probe_text *text = f->verdict == PF_PROBE_GOOD   ? &check->good
                                       : f->verdict == PF_PROBE_NOTE ? &check->note
                                                                     : &check->bad;

    fputs("{\"check\":", to);
    put_text(check->name, to);
    put_member("section", check->section, to);
    put_member("verdict", verdicts[f->verdict], to);
    put_member("reason", text->en, to);
    put_member("rfc", check->rfc, to);
    put_member("hint", f->verdict == PF_PROBE_GOOD ? NULL : check->hint.en, to);
    put_member("proof", f->proof[0] ? f->proof : NULL, to);
    fputc('}', to);
}

static void put_door(const struct pf_probe_door *door, FILE *to)
{
    fprintf(to, "{\"port\":%u,\"implicit_tls\":%s,\"connected\":%s", door->port,
            door->implicit ? "true" : "false", door->connected ? "true" : "false");
    put_member("address", door->connected ? door->address : NULL, to);
    put_member("error", door->connected || !door->err.log[0] ? NULL : door->err.log, to);
    put_ms("connect_ms", door->connected ? door->connect_ms : -1, to);
    put_ms("tls_ms", door->tls_ms, to);
    put_ms("greeting_ms", door->greeting_ms, to);
    put_ms("command_ms", door->latency_ms, to);
    put_member("greeting", door->greeted ? door->greeting.text : NULL, to);
    put_member("timestamp", door->timestamp[0] ? door->timestamp : NULL, to);
    put_capabilities(door, to);
    put_tls(&door->tls, to);
    if (door->mail)
        pf_probe_mail_json(door, to);
    fputs(",\"findings\":[", to);
    for (size_t i = 0; i < door->finding_count; i++) {
        if (i)
            fputc(',', to);
        put_finding(&door->findings[i], to);
    }
    fputs("]}", to);
}

void pf_probe_json(const struct pf_probe_wish *wish, struct pf_probe_door *const *doors, size_t count,
                   FILE *to)
{
    size_t counts[PF_PROBE_BAD + 1];
    const char *grade = pf_probe_grade(doors, count, counts);
    char host[256];

    pf_probe_escape(host, sizeof host, pf_bytes_of(wish->host));
    fputs("{\"host\":", to);
    put_text(host, to);
    fputs(",\"addresses\":[", to);
    for (size_t i = 0; i < wish->address_count; i++) {
        if (i)
            fputc(',', to);
        put_text(wish->addresses[i], to);
    }
    fputs("],\"doors\":[", to);
    for (size_t i = 0; i < count; i++) {
        if (i)
            fputc(',', to);
        put_door(doors[i], to);
    }
    fprintf(to, "],\"good\":%zu,\"notes\":%zu,\"bad\":%zu", counts[PF_PROBE_GOOD], counts[PF_PROBE_NOTE],
            counts[PF_PROBE_BAD]);
    put_member("grade", grade, to);
    fputs("}\n", to);
}
