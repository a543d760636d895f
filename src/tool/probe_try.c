/* The checks that pay a visit of their own: nothing of what they do may spoil what another one sees. */
#include "tool/probe_parts.h"

#include <stdlib.h>

enum { LONG_LINE = 4096 /* far over the 255 octets that a server must take (RFC 2449 section 4) */ };

/* A talk is too large for the stack of a judge. */
static struct pf_probe_talk *enter(struct pf_probe_door *door, bool ahead)
{
    struct pf_probe_talk *talk = malloc(sizeof *talk);

    if (talk && pf_probe_enter(door, ahead, talk))
        return talk;
    free(talk);
    return NULL;
}

static void leave(struct pf_probe_talk *talk)
{
    pf_probe_talk_done(talk);
    free(talk);
}

static void prove(char *proof, const struct pf_probe_link *link)
{
    snprintf(proof, PF_PROBE_PROOF, "%s", link->trace);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* Who acts inside TLS on what came before it lets anybody on the way put words into a client's mouth. */
PF_PROBE_JUDGE(stls_injection)
{
    const struct pf_probe_tls_wish wish = {.name = door->wish->name};
    enum pf_probe_verdict verdict = PF_PROBE_SKIP;
    struct pf_probe_link *link = door->upgrades ? pf_probe_knock(door) : NULL;
    char text[2048];
    unsigned char first[1024];
    struct pf_span in = {first, 0, sizeof first};
    struct pf_err err = {0};

    (void)check;
    if (!link)
        return PF_PROBE_SKIP;
    if (pf_probe_send(link, PF_LIT("STLS\r\nCAPA\r\n"), NULL) == PF_OK)
        pf_probe_receive(link, &in, (pf_time)pf_probe_clock() + link->wait, NULL);
    if (in.len == 0 || in.at[0] != '+') {
        verdict = PF_PROBE_GOOD; /* such a packet is not taken at all */
    } else if (memchr(in.at, '\n', in.len - 1)) {
        verdict = PF_PROBE_BAD; /* answered at once, behind +OK */
    } else if (pf_probe_handshake(link, &wish, &err) != PF_OK) {
        /* OpenSSL's words for plain text in a handshake: the answer came a little later. */
        verdict = strstr(err.log, "wrong version number") ? PF_PROBE_BAD : PF_PROBE_GOOD;
    } else {
        pf_probe_exchange(link, PF_LIT("QUIT\r\n"), text, sizeof text);
        verdict = count_lines(text) <= 1 ? PF_PROBE_GOOD : PF_PROBE_BAD;
    }
    prove(proof, link);
    pf_probe_close(link);
    return verdict;
}

/* A word that must be refused, then QUIT, to see whether the session lives. */
static enum pf_probe_verdict refuse(struct pf_probe_door *door, const char *word, char *proof)
{
    struct pf_probe_talk *talk = enter(door, false);
    const struct pf_pop3_command raw = pf_probe_raw(word);
    struct pf_probe_answer answer, quit;
    enum pf_probe_verdict verdict = PF_PROBE_BAD;
    const struct pf_pop3_command farewell = {.verb = PF_VERB_QUIT};

    if (!talk)
        return PF_PROBE_SKIP;
    pf_probe_ask(talk, &raw, 1, &answer);
    prove(proof, talk->link);
    if (answer.end == PF_END_REFUSED)
        verdict = pf_probe_ask(talk, &farewell, 1, &quit) ? PF_PROBE_GOOD : PF_PROBE_NOTE;
    leave(talk);
    return verdict;
}

enum pf_probe_verdict pf_probe_try_user(struct pf_probe_door *door, char *proof)
{
    const struct pf_pop3_command user = pf_probe_raw("USER postfach-probe");
    struct pf_probe_answer answer;
    struct pf_probe_talk *talk = door->upgrades ? NULL : enter(door, false);

    if (!talk)
        return PF_PROBE_SKIP;
    pf_probe_ask(talk, &user, 1, &answer);
    prove(proof, talk->link);
    leave(talk);
    return answer.end == PF_END_WHOLE     ? PF_PROBE_BAD
           : answer.end == PF_END_REFUSED ? PF_PROBE_GOOD
                                          : PF_PROBE_SKIP;
}

PF_PROBE_JUDGE(stls_again)
{
    (void)check;
    return door->tls.done ? refuse(door, "STLS", proof) : PF_PROBE_SKIP;
}

PF_PROBE_JUDGE(unknown_command)
{
    (void)check;
    return refuse(door, "XPOSTFACH", proof);
}

PF_PROBE_JUDGE(early_command)
{
    return refuse(door, check->word, proof);
}

PF_PROBE_JUDGE(early_noop)
{
    enum pf_probe_verdict verdict = refuse(door, check->word, proof);

    return verdict == PF_PROBE_BAD ? PF_PROBE_NOTE : verdict;
}

/* What comes for some octets and a QUIT: how many lines, and whether the first refuses. */
static size_t send_and_quit(struct pf_probe_door *door, struct pf_bytes octets, char *proof,
                            char *out_first)
{
    struct pf_probe_talk *talk = enter(door, false);
    char text[4096];
    size_t lines = SIZE_MAX;

    if (!talk)
        return SIZE_MAX;
    pf_probe_mark(talk->link);
    pf_probe_exchange(talk->link, octets, text, sizeof text);
    lines = count_lines(text);
    *out_first = text[0];
    prove(proof, talk->link);
    leave(talk);
    return lines;
}

PF_PROBE_JUDGE(empty_line)
{
    char first;
    size_t lines = send_and_quit(door, PF_LIT("\r\nQUIT\r\n"), proof, &first);

    (void)check;
    if (lines == SIZE_MAX)
        return PF_PROBE_SKIP;
    return lines == 2 && first == '-'   ? PF_PROBE_GOOD
           : lines == 1 && first == '+' ? PF_PROBE_NOTE
                                        : PF_PROBE_BAD;
}

PF_PROBE_JUDGE(long_line)
{
    char line[LONG_LINE + sizeof "\r\nQUIT\r\n"], first;
    size_t lines;

    (void)check;
    memset(line, 'X', LONG_LINE);
    memcpy(line + LONG_LINE, "\r\nQUIT\r\n", sizeof "\r\nQUIT\r\n");
    lines = send_and_quit(door, pf_bytes_of(line), proof, &first);
    if (lines == SIZE_MAX)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "> X%u\\r\\nQUIT\\r\\n < %zu", (unsigned)LONG_LINE, lines);
    if (lines == 2 && first == '-')
        return PF_PROBE_GOOD;
    return lines > 2 || first == '+' ? PF_PROBE_BAD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(letter_case)
{
    struct pf_probe_talk *talk = enter(door, false);
    const struct pf_pop3_command quit = pf_probe_raw("qUiT");
    struct pf_probe_answer answer;

    (void)check;
    if (!talk)
        return PF_PROBE_SKIP;
    pf_probe_ask(talk, &quit, 1, &answer);
    prove(proof, talk->link);
    leave(talk);
    return answer.end == PF_END_WHOLE ? PF_PROBE_GOOD : PF_PROBE_BAD;
}

/* Four commands in one packet; each has an answer of another form than the one before it. */
PF_PROBE_JUDGE(pipelining)
{
    struct pf_probe_talk *talk = enter(door, true);
    const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA};
    const struct pf_pop3_command commands[] = {
        capa, pf_probe_raw("XPOSTFACH"), capa, {.verb = PF_VERB_QUIT}};
    struct pf_probe_answer answers[4];
    bool offered = pf_probe_capability(pf_probe_offers(door), "PIPELINING"), all;

    (void)check;
    if (!talk)
        return PF_PROBE_SKIP;
    all = pf_probe_ask(talk, commands, 4, answers) && answers[0].end == answers[2].end &&
          answers[1].end == PF_END_REFUSED && answers[3].end == PF_END_WHOLE;
    prove(proof, talk->link);
    leave(talk);
    if (all)
        return PF_PROBE_GOOD;
    return offered ? PF_PROBE_BAD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(quit)
{
    (void)check;
    snprintf(proof, PF_PROBE_PROOF, "%s", door->quit.text);
    return door->quit.end == PF_END_WHOLE ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}
