#include "tool/look.h"
#include "tool/look_parts.h"

#include "tool/client_json.h"

#include <inttypes.h>

static size_t first(const struct pf_look *l)
{
    return l->limit && l->limit < l->count ? l->count - (size_t)l->limit : 0;
}

static bool wants_head(const struct pf_look *l, size_t index)
{
    return index >= first(l);
}

static int choose(struct pf_look *l)
{
    for (size_t i = first(l); i < l->count; i++)
        l->rows[i].chosen = true;
    return 0;
}

static void print_json(const struct pf_look *l)
{
    struct pf_client_json json;

    puts("[");
    for (size_t i = first(l); i < l->count; i++) {
        const struct pf_look_row *row = &l->rows[i];

        if (i > first(l))
            putchar(',');
        pf_client_json_begin(&json, stdout);
        pf_client_json_number(&json, "number", row->number);
        if (row->octets == PF_OCTETS_UNKNOWN)
            pf_client_json_text(&json, "octets", NULL);
        else
            pf_client_json_number(&json, "octets", row->octets);
        pf_client_json_text(&json, "uid", row->uid);
        pf_client_json_time(&json, "date", row->date);
        pf_client_json_text(&json, "from", row->from);
        pf_client_json_text(&json, "subject", row->subject);
        pf_client_json_end(&json);
    }
    puts("]");
}

static void print_sum(const struct pf_look *l)
{
    uint64_t octets = 0;

    for (size_t i = 0; i < l->count; i++)
        if (l->rows[i].octets != PF_OCTETS_UNKNOWN &&
            __builtin_add_overflow(octets, l->rows[i].octets, &octets))
            octets = UINT64_MAX;
    printf(l->count == 1
               ? pf_say("%zu message, %" PRIu64 " octets\n", "%zu Nachricht, %" PRIu64 " Oktette\n")
               : pf_say("%zu messages, %" PRIu64 " octets\n", "%zu Nachrichten, %" PRIu64 " Oktette\n"),
           l->count, octets);
    if (l->no_top)
        puts(pf_say("The server tells no heads (it has no TOP).",
                    "Der Server nennt keine Köpfe (er hat kein TOP)."));
}

static int run(struct pf_look *l)
{
    pf_look_quit(l); /* everything is here */
    if (l->json) {
        print_json(l);
        return 0;
    }
    pf_look_print(l, true);
    print_sum(l);
    return 0;
}

int pf_tool_ls(int argc, char **argv)
{
    static const struct pf_look_verb verb = {
        .word = "ls",
        .usage = "usage: postfach ls [--json] [--limit N] ACCOUNT   what is in a maildrop\n"
                 "  --json                   for programs: an array, an object for each message\n"
                 "  --limit N                the newest N only\n",
        .gebrauch = "Aufruf: postfach ls [--json] [--limit N] KONTO   was in einem Postfach liegt\n"
                    "  --json                   für Programme: ein Array, ein Objekt je Nachricht\n"
                    "  --limit N                nur die neuesten N\n",
        .options = "jl",
        .choose = choose,
        .wants_head = wants_head,
        .run = run};

    return pf_look_main(&verb, argc, argv);
}
