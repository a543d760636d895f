#include "auth/auth_file.h"

#include "auth/auth_entry.h"
#include "auth/exchange.h"
#include "auth/line_file.h"
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
    struct pf_line_index index;
    const char *common;
    bool some_need_tls, some_weak;
    unsigned forms; /* of stored passwords */
};

struct reading {
    struct pf_auth_file *file;
    struct class classes[CLASSES_MAX];
    bool allow_weak;
    struct pf_err err; /* of the line's password */
};

static const char *name_of(const void *entries, uint32_t number)
{
    return ((const struct entry *)entries)[number - 1].name;
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
    uint32_t *slot = pf_line_index_slot(&file->index, pf_bytes_of(entry->name));

    if (*slot)
        return "this name stands in the file twice";
    file->entries[file->count++] = *entry;
    *slot = (uint32_t)file->count;
    file->some_need_tls |= entry->words.needs_tls;
    if (!entry->words.nologin)
        count_class(reading, entry->stored);
    return NULL;
}

static const char *take(void *self, char *line)
{
    struct entry entry;
    const char *wrong = take_line(self, line, &entry);

    return wrong ? wrong : add(self, &entry);
}

static bool make_room(struct pf_auth_file *file)
{
    size_t most = pf_line_file_most(file->text, file->len);

    file->entries = calloc(most, sizeof file->entries[0]);
    file->index = (struct pf_line_index){.name_of = name_of, .records = file->entries};
    return file->entries && pf_line_index_init(&file->index, most);
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
    const struct pf_line_file lines = {name, "auth_file", PF_AUTH_LINE_MAX, take, &reading};

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
    if (pf_line_file_read(&lines, text, len, err) != PF_OK) {
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
    pf_line_index_done(&file->index);
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
    uint32_t number = *pf_line_index_slot(&file->index, name);

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
