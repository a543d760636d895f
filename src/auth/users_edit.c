#include "auth/users_edit.h"

#include "auth/auth_file.h"
#include "auth/edit.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

struct pf_users {
    struct pf_edit edit;
};

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, ENOMEM, "users_edit", "no memory for the file");
}

struct pf_users *pf_users_open(const char *path, bool create, struct pf_err *err)
{
    struct pf_users *users = malloc(sizeof *users);

    if (!users) {
        no_memory(err);
        return NULL;
    }
    if (pf_edit_open(&users->edit, path, create, err) == PF_OK)
        return users;
    free(users);
    return NULL;
}

void pf_users_close(struct pf_users *users)
{
    if (!users)
        return;
    pf_edit_close(&users->edit);
    free(users);
}

/* The user's line, without its end; {NULL, 0} when there is none. */
static struct pf_bytes line_of(const struct pf_users *users, const char *name)
{
    struct pf_bytes rest = pf_bytes_from(users->edit.text, users->edit.len);

    while (rest.len) {
        struct pf_bytes line = pf_bytes_head(rest, pf_find(rest, '\n'));
        struct pf_bytes head = pf_bytes_head(line, pf_find(line, ':'));

        if (line.len && line.at[0] != '#' && head.len < line.len &&
            pf_bytes_equal(head, pf_bytes_of(name)))
            return line;
        rest = pf_bytes_skip(rest, line.len + 1);
    }
    return (struct pf_bytes){0};
}

bool pf_users_has(const struct pf_users *users, const char *name)
{
    return line_of(users, name).at != NULL;
}

static enum pf_code no_user(const char *name, struct pf_err *err)
{
    return pf_fail(err, PF_NO_USER, 0, "users_edit", "there is no user %s", name);
}

enum pf_code pf_users_add(struct pf_users *users, const char *name, const char *stored,
                          const char *extra, struct pf_err *err)
{
    struct pf_bytes pieces[] = {pf_bytes_of(name), PF_LIT(":"), pf_bytes_of(stored),
                                extra[0] ? PF_LIT("::::::") : PF_LIT(""), pf_bytes_of(extra)};
    struct pf_span line = {0};
    enum pf_code code;

    if (pf_users_has(users, name))
        return pf_fail(err, PF_STATE, 0, "users_edit", "there is a user %s already", name);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        line.cap += pieces[i].len;
    line.at = malloc(line.cap);
    if (!line.at)
        return no_memory(err);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        pf_span_put(&line, pieces[i]);
    code = pf_edit_append(&users->edit, pf_span_bytes(&line), err);
    pf_wipe(line.at, line.cap);
    free(line.at);
    return code;
}

enum pf_code pf_users_password(struct pf_users *users, const char *name, const char *stored,
                               struct pf_err *err)
{
    struct pf_bytes line = line_of(users, name), field, piece = pf_bytes_of(stored);
    size_t end;

    if (!line.at)
        return no_user(name, err);
    field = pf_bytes_skip(line, strlen(name) + 1);
    end = pf_find(field, ':');
    if (end == field.len && end && field.at[end - 1] == '\r')
        end--;
    return pf_edit_replace(&users->edit, pf_bytes_head(field, end), &piece, 1, err);
}

enum pf_code pf_users_remove(struct pf_users *users, const char *name, struct pf_err *err)
{
    struct pf_bytes line = line_of(users, name);

    if (!line.at)
        return no_user(name, err);
    return pf_edit_remove(&users->edit, line, err);
}

/* Weak schemes may be allowed there. */
static enum pf_code check(const char *path, char *text, size_t len, struct pf_err *err)
{
    struct pf_auth_file *file = pf_auth_file_parse(path, text, len, true, err);

    pf_auth_file_free(file);
    return file ? PF_OK : err ? err->code : PF_CONFIG;
}

enum pf_code pf_users_save(struct pf_users *users, struct pf_err *err)
{
    return pf_edit_save(&users->edit, check, err);
}
