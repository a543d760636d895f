#include "tool/explore_parts.h"

#include "tool/speech.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file without a name; -1 and err. */
static int open_spool(struct pf_err *err)
{
    const char *folder = getenv("TMPDIR");
    char path[PF_EXPLORE_PATH];
    int fd;

    if (!folder || folder[0] != '/')
        folder = "/tmp";
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        snprintf(path, sizeof path, "%s/postfach-XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    if (fd < 0)
        pf_fail(err, pf_code_of_errno(errno), errno, "explore_spool", "%s", folder);
    return fd;
}

void pf_explore_reading_drop(struct pf_explore_live *l)
{
    struct pf_explore_reading *r = &l->reading;

    if (l->page == PF_EXPLORE_LETTER_PAGE)
        pf_explore_pane_set(&l->view.reader, NULL);
    pf_explore_letter_free(r->letter);
    free(r->source);
    free(r->uid);
    if (r->fd >= 0)
        close(r->fd);
    *r = (struct pf_explore_reading){.fd = -1};
}

struct pf_explore_row *pf_explore_reading_row(struct pf_explore_live *l)
{
    return l->reading.number ? pf_explore_list_find(&l->view.list, l->reading.number) : NULL;
}

/* Pages */

static const char *talk_text(struct pf_explore_live *l)
{
    size_t first = l->talk_count > PF_EXPLORE_TALK ? l->talk_count - PF_EXPLORE_TALK : 0, len = 0, room;
    char *text, *safe;

    room = 1;
    for (size_t i = first; i < l->talk_count; i++)
        room += l->talk[i % PF_EXPLORE_TALK] ? strlen(l->talk[i % PF_EXPLORE_TALK]) + 1 : 0;
    text = malloc(room);
    for (size_t i = first; text && i < l->talk_count; i++)
        if (l->talk[i % PF_EXPLORE_TALK])
            len += (size_t)snprintf(text + len, room - len, "%s\n", l->talk[i % PF_EXPLORE_TALK]);
    safe = text ? pf_explore_clean(pf_bytes_from(text, len), PF_EXPLORE_RAW, PF_EXPLORE_TEXT_MAX) : NULL;
    free(text);
    free(l->talk_page);
    l->talk_page = safe;
    return safe ? safe : "";
}

void pf_explore_title(struct pf_explore_live *l)
{
    struct pf_explore_reading *r = &l->reading;
    const struct pf_explore_row *row = pf_explore_reading_row(l);

    snprintf(l->view.title, sizeof l->view.title, "%" PRIu64 "%s  %s", r->number,
             row && row->marked ? " D" : "", row && row->subject ? row->subject : "");
}

static void show_letter(struct pf_explore_live *l)
{
    struct pf_explore_reading *r = &l->reading;

    pf_explore_title(l);
    if (r->raw)
        pf_explore_source(l);
    else
        pf_explore_pane_set(&l->view.reader, r->letter ? pf_explore_letter_text(r->letter) : NULL);
}

void pf_explore_open_page(struct pf_explore_live *l, enum pf_explore_page page)
{
    l->view.mode = PF_EXPLORE_READS;
    l->page = page;
    if (page == PF_EXPLORE_LETTER_PAGE) {
        show_letter(l);
        return;
    }
    snprintf(l->view.title, sizeof l->view.title, "%s",
             page == PF_EXPLORE_HELP_PAGE ? pf_say("Keys", "Tasten")
                                          : pf_say("Talk with the server", "Gespräch mit dem Server"));
    pf_explore_pane_set(&l->view.reader,
                        page == PF_EXPLORE_HELP_PAGE ? pf_explore_help() : talk_text(l));
    if (page == PF_EXPLORE_TALK_PAGE)
        l->view.reader.top = SIZE_MAX; /* its end */
}

void pf_explore_close_page(struct pf_explore_live *l)
{
    pf_explore_pane_set(&l->view.reader, NULL);
    l->view.mode = PF_EXPLORE_LISTS;
    free(l->talk_page);
    l->talk_page = NULL;
    l->page = PF_EXPLORE_NO_PAGE;
    pf_explore_look(l);
}

/* Letters */

void pf_explore_read(struct pf_explore_live *l, bool then_save)
{
    const struct pf_explore_row *row = pf_explore_list_at(&l->view.list);
    struct pf_explore_reading *r = &l->reading;
    struct pf_err err = {0};

    if (!row)
        return;
    if (r->comes && r->number != row->number) {
        pf_explore_note(l, "%s",
                        pf_say("another message is still on its way; R gives it up",
                               "eine andere Nachricht kommt noch; R bricht ab"));
        return;
    }
    if (r->number != row->number || r->failed || r->fd < 0) {
        pf_explore_reading_drop(l);
        r->fd = open_spool(&err);
        if (r->fd < 0) {
            pf_explore_complain(l, pf_say("no room for the message", "kein Platz für die Nachricht"),
                                &err);
            return;
        }
        r->number = row->number;
        r->octets = row->octets;
        r->uid = row->uid ? strdup(row->uid) : NULL;
        r->wanted = true;
    }
    r->raw = false;
    r->then_save = then_save && !r->whole;
    if (!then_save)
        pf_explore_open_page(l, PF_EXPLORE_LETTER_PAGE);
    else if (r->whole)
        pf_explore_ask_letter_file(l);
}

void pf_explore_letter_piece(struct pf_explore_live *l, struct pf_bytes piece)
{
    struct pf_explore_reading *r = &l->reading;

    while (piece.len && r->fd >= 0 && !r->failed) {
        ssize_t n = write(r->fd, piece.at, piece.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r->failed = true;
            pf_fail(&l->why, pf_code_of_errno(errno), errno, "explore_spool",
                    "the message cannot be kept");
            break;
        }
        piece = pf_bytes_skip(piece, (size_t)n);
        r->got += (uint64_t)n;
    }
    pf_explore_changed(l);
}

/* A mail that was read tells its head, too, where TOP does not. */
static void learn_head(struct pf_explore_live *l)
{
    struct pf_explore_row *row = pf_explore_reading_row(l);
    static unsigned char room[16384];
    struct pf_explore_mime_head head;
    ssize_t n;

    if (!row || row->head == PF_EXPLORE_HEAD || (n = pread(l->reading.fd, room, sizeof room, 0)) <= 0)
        return;
    pf_explore_mime_head(pf_bytes_from(room, (size_t)n), &head);
    pf_explore_list_head(&l->view.list, row->number, head.from, head.subject, head.date);
    free(head.from);
    free(head.subject);
}

void pf_explore_letter_end(struct pf_explore_live *l, const struct pf_heard *heard)
{
    struct pf_explore_reading *r = &l->reading;
    bool shown = l->page == PF_EXPLORE_LETTER_PAGE;

    r->comes = false;
    if (heard->end != PF_END_WHOLE || r->failed) {
        bool refused = heard->end == PF_END_REFUSED;

        r->failed = true;
        r->then_save = false;
        pf_explore_note(l, "%s%.*s", pf_say("the message is not here: ", "die Nachricht ist nicht da: "),
                        refused ? (int)heard->text.len : (int)strlen(l->why.log),
                        refused ? (const char *)heard->text.at : l->why.log);
        if (shown)
            pf_explore_close_page(l);
        return;
    }
    r->whole = true;
    lseek(r->fd, 0, SEEK_SET);
    learn_head(l);
    r->letter = pf_explore_letter_open(r->fd);
    if (!r->letter)
        r->raw = true; /* nothing that can be taken apart */
    if (shown)
        show_letter(l);
    if (r->then_save && l->asking == PF_EXPLORE_ASKS_NOTHING)
        pf_explore_ask_letter_file(l);
    r->then_save = false;
}

void pf_explore_source(struct pf_explore_live *l)
{
    struct pf_explore_reading *r = &l->reading;
    unsigned char *octets;
    ssize_t n;

    r->raw = true;
    if (!r->source && r->whole && (octets = malloc(PF_EXPLORE_TEXT_MAX))) {
        n = pread(r->fd, octets, PF_EXPLORE_TEXT_MAX, 0);
        if (n >= 0)
            r->source =
                pf_explore_clean(pf_bytes_from(octets, (size_t)n), PF_EXPLORE_RAW, PF_EXPLORE_TEXT_MAX);
        if (n == PF_EXPLORE_TEXT_MAX)
            pf_explore_note(l, "%s",
                            pf_say("the source is longer than what is shown",
                                   "der Quelltext ist länger als gezeigt"));
        free(octets);
    }
    pf_explore_pane_set(&l->view.reader, r->source);
}

/* Files */

void pf_explore_ask_part(struct pf_explore_live *l)
{
    size_t parts = l->reading.letter ? pf_explore_letter_parts(l->reading.letter) : 0;
    char question[PF_EXPLORE_WORDS];

    if (parts == 0) {
        pf_explore_note(l, "%s", pf_say("nothing is attached", "nichts hängt an"));
    } else if (parts == 1) {
        pf_explore_ask_part_file(l, "1");
    } else {
        snprintf(question, sizeof question,
                 pf_say("Which attachment, 1 to %zu? ", "Welcher Anhang, 1 bis %zu? "), parts);
        pf_explore_ask(l, PF_EXPLORE_ASKS_PART, question, "");
    }
}

void pf_explore_ask_part_file(struct pf_explore_live *l, const char *which)
{
    size_t parts = l->reading.letter ? pf_explore_letter_parts(l->reading.letter) : 0;
    char name[PF_EXPLORE_NAME], other[PF_EXPLORE_NAME], *end;
    unsigned long number = strtoul(which, &end, 10);

    if (which[0] < '0' || which[0] > '9' || *end || number == 0 || number > parts) {
        pf_explore_note(l, "%s", pf_say("there is no such attachment", "so ein Anhang ist nicht da"));
        return;
    }
    l->reading.part = number - 1;
    snprintf(other, sizeof other, "%s-%lu",
             strcmp(pf_explore_letter_part_type(l->reading.letter, number - 1), "message/rfc822") == 0
                 ? "message"
                 : "attachment",
             number);
    pf_explore_name(pf_explore_letter_part_name(l->reading.letter, number - 1), other, name);
    pf_explore_name_free(name);
    pf_explore_ask(l, PF_EXPLORE_ASKS_PART_FILE, pf_say("Save as: ", "Speichern als: "), name);
}

void pf_explore_ask_letter_file(struct pf_explore_live *l)
{
    const struct pf_explore_row *row = pf_explore_reading_row(l);
    char name[PF_EXPLORE_NAME], with_ending[PF_EXPLORE_NAME], stem[64];
    size_t len = 0, n;

    if (!l->reading.whole) {
        pf_explore_note(l, "%s",
                        pf_say("the message is not here yet", "die Nachricht ist noch nicht da"));
        return;
    }
    pf_explore_name(row && row->subject ? row->subject : "", "message", name);
    while (name[len]) {
        pf_explore_cell(name + len, &n);
        if (len + n >= sizeof stem)
            break;
        len += n;
    }
    snprintf(with_ending, sizeof with_ending, "%.*s.eml", (int)len, name);
    pf_explore_name_free(with_ending);
    pf_explore_ask(l, PF_EXPLORE_ASKS_LETTER_FILE,
                   pf_say("Write message to: ", "Nachricht schreiben in: "), with_ending);
}

void pf_explore_save(struct pf_explore_live *l, bool part, const char *path)
{
    struct pf_explore_reading *r = &l->reading;
    char whole_path[PF_EXPLORE_PATH];
    struct pf_err err = {0};
    enum pf_code code;
    int fd;

    if (!path[0] || !r->whole || (part && !r->letter))
        return;
    fd = pf_explore_create(path, l->client->home, whole_path, &err);
    if (fd < 0) {
        pf_explore_complain(l, pf_say("not saved", "nicht gespeichert"), &err);
        return;
    }
    code =
        part ? pf_explore_letter_write(r->letter, r->part, fd, &err) : pf_explore_copy(r->fd, fd, &err);
    if (pf_explore_created(fd, whole_path, code == PF_OK, &err) != PF_OK)
        pf_explore_complain(l, pf_say("not saved", "nicht gespeichert"), &err);
    else
        pf_explore_note(l, pf_say("saved: %s", "gespeichert: %s"), whole_path);
}
