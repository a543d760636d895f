#include "tool/probe_parts.h"

#include "base/text.h"
#include "tool/safe.h"
#include "tool/speech.h"

static const char *say(const struct pf_probe_text *text)
{
    return pf_say(text->en, text->de);
}

/* What a mechanism shows to whoever sits at the other end. */
static const char *shows(const char *mechanism)
{
    static const struct {
        const char *begin;
        struct pf_probe_text text;
    } kinds[] = {
        {"USER", {"shows the password", "zeigt das Passwort"}},
        {"PLAIN", {"shows the password", "zeigt das Passwort"}},
        {"LOGIN", {"shows the password", "zeigt das Passwort"}},
        {"SCRAM-",
         {"hides it, and the server proves itself", "verbirgt es, und der Server weist sich aus"}},
        {"CRAM-MD5", {"hides it, weakly", "verbirgt es, schwach"}},
        {"DIGEST-MD5", {"hides it, weakly", "verbirgt es, schwach"}},
        {"NTLM", {"hides it, weakly", "verbirgt es, schwach"}},
        {"OAUTHBEARER", {"shows a token", "zeigt ein Token"}},
        {"XOAUTH2", {"shows a token", "zeigt ein Token"}},
        {"GSSAPI", {"a ticket of Kerberos", "ein Kerberos-Ticket"}},
        {"EXTERNAL", {"the client's certificate", "das Zertifikat des Programms"}},
        {"ANONYMOUS", {"anybody", "jeder"}},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (pf_equal_nocase(pf_bytes_head(pf_bytes_of(mechanism), strlen(kinds[i].begin)),
                            pf_bytes_of(kinds[i].begin)))
            return say(&kinds[i].text);
    return pf_say("not known here", "hier nicht bekannt");
}

static void put_mechanisms(const struct pf_probe_lines *lines, FILE *to)
{
    const char *sasl = pf_probe_capability(lines, "SASL"), *at = sasl ? strchr(sasl, ' ') : NULL;

    if (pf_probe_capability(lines, "USER"))
        fprintf(to, "    USER (%s)\n", shows("USER"));
    while (at) {
        const char *word = at + 1;

        fputs("    ", to);
        fwrite(word, 1, strcspn(word, " "), to);
        fprintf(to, " (%s)\n", shows(word));
        at = strchr(word, ' ');
    }
}

static void put_capabilities(const struct pf_probe_door *door, enum pf_probe_capa when,
                             const char *title, FILE *to)
{
    const struct pf_probe_lines *lines = &door->capa[when];
    const struct pf_probe_lines *before =
        when > PF_PROBE_BEFORE && door->capa_known[when - 1] ? &door->capa[when - 1] : NULL;

    if (!door->capa_asked[when])
        return;
    fprintf(to, "  %s%s\n", title,
            door->capa_known[when] ? ""
                                   : pf_say(" none (CAPA is not known)", " keine (CAPA ist unbekannt)"));
    for (size_t i = 0; i < lines->count; i++) {
        bool fresh = before;

        for (size_t k = 0; before && k < before->count; k++)
            fresh = fresh && strcmp(before->at[k], lines->at[i]) != 0;
        fprintf(to, "  %c %s\n", fresh ? '+' : ' ', lines->at[i]);
    }
    for (size_t k = 0; before && k < before->count; k++) {
        bool gone = true;

        for (size_t i = 0; i < lines->count; i++)
            gone = gone && strcmp(before->at[k], lines->at[i]) != 0;
        if (gone)
            fprintf(to, "  - %s\n", before->at[k]);
    }
}

static void put_tls(const struct pf_probe_tls *tls, FILE *to)
{
    static const char *const names[PF_PROBE_VERSIONS] = {"1.0", "1.1", "1.2", "1.3"};

    if (!tls->done)
        return;
    fprintf(to, "  TLS: %s, %s%s%s; %s", tls->version, tls->cipher, tls->alpn[0] ? ", ALPN " : "",
            tls->alpn, pf_say("accepts", "nimmt an"));
    for (size_t i = 0; i < PF_PROBE_VERSIONS; i++)
        if (tls->versions[i] == PF_PROBE_ACCEPTED)
            fprintf(to, " %s", names[i]);
    fputc('\n', to);
    for (size_t i = 0; i < tls->chain.count; i++) {
        const struct pf_probe_certificate *c = &tls->chain.at[i];

        fprintf(to, "  %s %zu: %s\n", pf_say("certificate", "Zertifikat"), i + 1, c->subject);
        fprintf(to, "    %s %s\n", pf_say("issued by", "ausgestellt von"), c->issuer);
        if (c->names[0])
            fprintf(to, "    %s %s\n", pf_say("for", "für"), c->names);
        fprintf(to, "    %s .. %s (%ld %s), %s, %s\n", c->begins, c->ends, c->days_left,
                pf_say("days", "Tage"), c->key, c->signature);
        if (i == 0)
            fprintf(to, "    pin %s\n", c->pin);
    }
}

static void put_ms(const char *what, double ms, FILE *to)
{
    if (ms >= 0)
        fprintf(to, ", %s %.1f ms", what, ms);
}

static void put_head(const struct pf_probe_door *door, FILE *to)
{
    if (door->port && !door->wish->local)
        fprintf(to, "%s %u%s%s:", pf_say("port", "Port"), door->port,
                door->implicit ? pf_say(", TLS at once", ", sofort TLS") : "",
                door->tried ? pf_say(" (tried, since it says nothing in plain text)",
                                     " (versucht, da er im Klartext nichts sagt)")
                            : "");
    else
        fprintf(to, "%s:", door->wish->host);
    if (!door->connected) {
        fputc(' ', to);
        pf_tool_print_safe(to, door->err.log, false);
        fputc('\n', to);
        return;
    }
    fprintf(to, " %s", door->address);
    put_ms(pf_say("connected", "verbunden"), door->connect_ms, to);
    put_ms("TLS", door->tls_ms, to);
    put_ms(pf_say("greeting", "Gruß"), door->greeting_ms, to);
    put_ms(pf_say("a command", "ein Befehl"), door->latency_ms, to);
    fputc('\n', to);
}

static void put_finding(const struct pf_probe_finding *f, FILE *to)
{
    const struct pf_probe_check *check = f->check;
    const struct pf_probe_text *text = f->verdict == PF_PROBE_GOOD   ? &check->good
                                       : f->verdict == PF_PROBE_NOTE ? &check->note
                                                                     : &check->bad;
    const char *words[] = {"", pf_say("good", "gut"), pf_say("note", "beachte"),
                           pf_say("bad", "schlecht")};

    fprintf(to, "  %-*s %s\n", pf_tool_german() ? 8 : 4, words[f->verdict], say(text));
    if (f->verdict == PF_PROBE_GOOD)
        return;
    if (f->proof[0])
        fprintf(to, "         %s\n", f->proof);
    if (check->rfc)
        fprintf(to, "         %s\n", check->rfc);
    if (check->hint.en)
        fprintf(to, "         %s: %s\n", pf_say("hint", "Rat"), say(&check->hint));
}

void pf_probe_report(const struct pf_probe_door *door, FILE *to)
{
    const char *section = "";

    if (door->mail) {
        pf_probe_mail_report(door, to);
    } else {
        put_head(door, to);
        if (door->greeted)
            fprintf(to, "  %s: %s\n", pf_say("greeting", "Gruß"), door->greeting.text);
        put_capabilities(door, PF_PROBE_BEFORE,
                         pf_say("capabilities before TLS:", "Fähigkeiten vor TLS:"), to);
        put_capabilities(door, PF_PROBE_INSIDE,
                         pf_say("capabilities inside TLS:", "Fähigkeiten in TLS:"), to);
    }
    if (pf_probe_offers(door)->count && !door->mail) {
        fprintf(to, "  %s\n", pf_say("ways to log in:", "Wege zur Anmeldung:"));
        put_mechanisms(pf_probe_offers(door), to);
    }
    if (door->mail)
        put_capabilities(door, PF_PROBE_LOGGED_IN,
                         pf_say("capabilities after the login:", "Fähigkeiten nach der Anmeldung:"), to);
    put_tls(&door->tls, to);
    for (size_t i = 0; i < door->finding_count; i++) {
        const struct pf_probe_finding *f = &door->findings[i];

        if (strcmp(section, f->check->section) != 0)
            fprintf(to, " [%s]\n", f->check->section);
        section = f->check->section;
        put_finding(f, to);
    }
}

const char *pf_probe_grade(struct pf_probe_door *const *doors, size_t count,
                           size_t counts[PF_PROBE_BAD + 1])
{
    bool grave = false, connected = false;

    memset(counts, 0, (PF_PROBE_BAD + 1) * sizeof counts[0]);
    for (size_t d = 0; d < count; d++) {
        connected |= doors[d]->connected;
        for (size_t i = 0; i < doors[d]->finding_count; i++) {
            const struct pf_probe_finding *f = &doors[d]->findings[i];

            counts[f->verdict]++;
            grave |= f->verdict == PF_PROBE_BAD && f->check->grave;
        }
    }
    if (!connected)
        return "-";
    return grave ? "D" : counts[PF_PROBE_BAD] ? "C" : counts[PF_PROBE_NOTE] ? "B" : "A";
}

void pf_probe_grade_report(struct pf_probe_door *const *doors, size_t count, FILE *to)
{
    size_t counts[PF_PROBE_BAD + 1];
    const char *grade = pf_probe_grade(doors, count, counts);

    if (grade[0] == '-')
        return;
    fprintf(to, "%s: %s (%s %zu, %s %zu, %s %zu); %s %s\n", pf_say("verdict", "Urteil"),
            counts[PF_PROBE_BAD]
                ? pf_say("something is bad, see above", "etwas ist schlecht, siehe oben")
                : pf_say("nothing bad", "nichts Schlechtes"),
            pf_say("bad", "schlecht"), counts[PF_PROBE_BAD], pf_say("notes", "Hinweise"),
            counts[PF_PROBE_NOTE], pf_say("good", "gut"), counts[PF_PROBE_GOOD], pf_say("grade", "Note"),
            grade);
}
