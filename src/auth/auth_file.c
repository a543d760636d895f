#include "auth/auth_file.h"

#include "auth/auth_entry.h"
#include "auth/exchange.h"
#include "auth/password.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLASSES_MAX = 32, /* kinds of scheme and cost that are counted; a file with more has no favourite */
    CLASS_TEXT = 64
};

struct entry {
    const char *name, *stored; /* in the file's text */
    struct pf_auth_words words;
};

struct class
{
    char text[CLASS_TEXT];
    const char *stored;
    size_t count;
};

struct pf_auth_file {
    char *text;
    size_t len;
    struct entry *entries;
    size_t count;
    uint32_t *index; /* open addressing: entry number from one, 0 is free */
    size_t slots;    /* a power of two, at least twice the count */
    const char *common;
    bool some_need_tls, some_weak;
    unsigned forms; /* of stored passwords */
};

/* One reading: where it is, and what was wrong so far. */
struct reading {
    struct pf_auth_file *file;
    struct class classes[CLASSES_MAX];
    char first_wrong[PF_ERR_LOG];
    unsigned line, first_line, mistakes;
    bool allow_weak;
    struct pf_err err; /* of the line's password */
};

/* FNV-1a. Names in the table come from the administrator, so that nobody can choose collisions. */
static size_t hash_name(struct pf_bytes name)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.at[i]) * 0x100000001b3;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of the name, or the free one where it would stand. */
static uint32_t *slot_of(const struct pf_auth_file *file, struct pf_bytes name)
{
    size_t at = hash_name(name) & (file->slots - 1);

    while (file->index[at] &&
           !pf_bytes_equal(name, pf_bytes_of(file->entries[file->index[at] - 1].name)))
        at = (at + 1) & (file->slots - 1);
    return &file->index[at];
}

bool pf_auth_name_ok(struct pf_bytes name)
{
    if (name.len == 0 || name.len > PF_AUTH_NAME_MAX || name.at[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < 0x20 || name.at[i] == 0x7f || name.at[i] == '/')
            return false;
    return true;
}

static const char *take_name(const char *name)
{
    char prepared[PF_AUTH_NAME_MAX + 1];

    if (!pf_auth_name_ok(pf_bytes_of(name)))
        return "a name is 1 to 255 octets, without '/' and control characters, and begins with no dot";
    if (!pf_saslprep(pf_bytes_of(name), prepared, sizeof prepared) || strcmp(prepared, name) != 0)
        return "this name can never match: it is not UTF-8 in the form of SASLprep (RFC 4013)";
    return NULL;
}

static const char *take_word(char *word, struct entry *entry)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = 0;
    return pf_auth_words_take(&entry->words, word, value);
}

static const char *take_words(char *extra, struct entry *entry)
{
    const char *wrong = NULL;

    while (!wrong && *(extra += strspn(extra, " \t"))) {
        char *word = extra;

        extra += strcspn(extra, " \t");
        if (*extra)
            *extra++ = 0;
        wrong = take_word(word, entry);
    }
    return wrong;
}

/* Cuts at the next colon; returns what is behind it, or NULL. */
static char *cut(char *at)
{
    char *colon = at ? strchr(at, ':') : NULL;

    if (colon)
        *colon++ = 0;
    return colon;
}

static const char *take_password(struct reading *reading, const char *stored, struct entry *entry)
{
    if (!stored || !stored[0])
        return "no password: write name:password";
    entry->stored = stored;
    if (stored[0] == '!' || stored[0] == '*') {
        entry->words.nologin = true;
        return NULL;
    }
    if (pf_password_look(stored, reading->allow_weak, &reading->err) != PF_OK)
        return reading->err.log;
    if (pf_password_weak(stored))
        reading->file->some_weak = true;
    reading->file->forms |= pf_password_form(stored);
    return NULL;
}

static const char *take_line(struct reading *reading, char *line, struct entry *entry)
{
    char *password = cut(line), *field = cut(password), *extra = field;
    const char *wrong = take_name(line);

    for (int i = 0; i < 5; i++) /* uid, gid, gecos, home, shell */
        extra = cut(extra);
    *entry = (struct entry){.name = line, .words = PF_AUTH_WORDS_NONE};
    if (!wrong)
        wrong = take_password(reading, password, entry);
    if (!wrong && extra && extra[0] == ':')
        wrong = "too many colons: the last field is the eighth, behind six colons after the password";
    else if (!wrong && extra)
        wrong = take_words(extra, entry);
    return wrong;
}

/* Counts the entry's scheme and cost, to know which of them a stand-in must have. */
static void count_class(struct reading *reading, const char *stored)
{
    char text[CLASS_TEXT];

    pf_password_class(stored, text, sizeof text);
    for (size_t i = 0; text[0] && i < CLASSES_MAX; i++) {
        struct class *class = &reading->classes[i];

        if (!class->count)
            memcpy(class->text, text, sizeof text);
        if (strcmp(class->text, text) == 0) {
            class->stored = stored;
            class->count++;
            return;
        }
    }
}

static const char *add(struct reading *reading, const struct entry *entry)
{
    struct pf_auth_file *file = reading->file;
    uint32_t *slot = slot_of(file, pf_bytes_of(entry->name));

    if (*slot)
        return "this name stands in the file twice";
    file->entries[file->count++] = *entry;
    *slot = (uint32_t)file->count;
    file->some_need_tls |= entry->words.needs_tls;
    if (!entry->words.nologin)
        count_class(reading, entry->stored);
    return NULL;
}

static const char *read_line(struct reading *reading, char *line, size_t len)
{
    struct entry entry;
    const char *wrong;

    if (len > PF_AUTH_LINE_MAX)
        return "this line is too long";
    if (memchr(line, 0, len))
        return "a NUL stands in this line";
    if (len && line[len - 1] == '\r')
        line[--len] = 0;
    if (line[0] == '#' || strspn(line, " \t") == len)
        return NULL;
    wrong = take_line(reading, line, &entry);
    return wrong ? wrong : add(reading, &entry);
}

static void read_lines(struct reading *reading)
{
    char *at = reading->file->text, *end = at + reading->file->len;

    while (at < end) {
        char *lf = memchr(at, '\n', (size_t)(end - at));
        char *next = lf ? lf : end;
        const char *wrong;

        *next = 0;
        reading->line++;
        wrong = read_line(reading, at, (size_t)(next - at));
        if (wrong && reading->mistakes++ == 0) {
            snprintf(reading->first_wrong, sizeof reading->first_wrong, "%s", wrong);
            reading->first_line = reading->line;
        }
        at = next + 1;
    }
}

static bool make_room(struct pf_auth_file *file)
{
    size_t lines = 1;

    for (size_t i = 0; i < file->len; i++)
        lines += file->text[i] == '\n';
    file->slots = 16;
    while (file->slots < 2 * lines)
        file->slots *= 2;
    file->entries = calloc(lines, sizeof file->entries[0]);
    file->index = calloc(file->slots, sizeof file->index[0]);
    return file->entries && file->index;
}

static const char *favourite(const struct reading *reading)
{
    const struct class *best = &reading->classes[0];

    for (size_t i = 1; i < CLASSES_MAX; i++)
        if (reading->classes[i].count > best->count)
            best = &reading->classes[i];
    return best->stored;
}

static struct pf_auth_file *no_memory(struct pf_err *err)
{
    pf_fail(err, PF_NO_MEMORY, ENOMEM, "auth_file", "no memory for the users");
    return NULL;
}

struct pf_auth_file *pf_auth_file_parse(const char *name, char *text, size_t len, bool allow_weak,
                                        struct pf_err *err)
{
    struct pf_auth_file *file = calloc(1, sizeof *file);
    struct reading reading = {.file = file, .allow_weak = allow_weak};

    if (!file) {
        pf_wipe(text, len);
        free(text);
        return no_memory(err);
    }
    file->text = text;
    file->len = len;
    if (!make_room(file)) {
        pf_auth_file_free(file);
        return no_memory(err);
    }
    read_lines(&reading);
    if (reading.mistakes) {
        pf_fail(err, PF_CONFIG, 0, "auth_file", "%s: %u bad line%s, the first is line %u: %s", name,
                reading.mistakes, reading.mistakes == 1 ? "" : "s", reading.first_line,
                reading.first_wrong);
        pf_auth_file_free(file);
        return NULL;
    }
    file->common = favourite(&reading);
    return file;
}

void pf_auth_file_free(struct pf_auth_file *file)
{
    if (!file)
        return;
    pf_wipe(file->text, file->len);
    free(file->text);
    free(file->entries);
    free(file->index);
    free(file);
}

size_t pf_auth_file_count(const struct pf_auth_file *file)
{
    return file->count;
}

void pf_auth_file_at(const struct pf_auth_file *file, size_t index, struct pf_auth_entry *out)
{
    const struct entry *entry = &file->entries[index];

    pf_auth_entry_begin(out, pf_bytes_of(entry->name));
    pf_auth_words_apply(&entry->words, out);
    out->stored = entry->stored;
}

enum pf_code pf_auth_file_find(const struct pf_auth_file *file, struct pf_bytes name,
                               struct pf_auth_entry *out)
{
    uint32_t number = *slot_of(file, name);

    if (!number)
        return PF_NO_USER;
    pf_auth_file_at(file, number - 1, out);
    return PF_OK;
}

const char *pf_auth_file_common(const struct pf_auth_file *file)
{
    return file->common;
}

unsigned pf_auth_file_forms(const struct pf_auth_file *file)
{
    return file->forms;
}

bool pf_auth_file_some_need_tls(const struct pf_auth_file *file)
{
    return file->some_need_tls;
}

bool pf_auth_file_some_weak(const struct pf_auth_file *file)
{
    return file->some_weak;
}
