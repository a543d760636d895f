/* Queries with placeholders: what is accepted has one parameter mark for each part that was asked for, in order, and
 * none of our words left outside of strings; taken out again, nothing else of the text has changed. The first octet
 * chooses the database. */
#include "auth/auth_sql_query.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* Walks both texts side by side: they are equal but for placeholders, each of which has become its mark. */
static void compare(struct pf_bytes sql, enum pf_sql_dialect dialect, const struct pf_sql_query *query)
{
    static const char *const words[PF_SQL_PARTS] = {":user", ":name", ":domain"};
    const char *text = query->text;
    size_t number = 0;

    while (sql.len && *text) {
        char mark[8];

        snprintf(mark, sizeof mark, dialect == PF_SQL_POSTGRESQL ? "$%zu" : "?", number + 1);
        if ((unsigned char)*text == sql.at[0]) {
            text++;
            sql = pf_bytes_skip(sql, 1);
            continue;
        }
        must(number < query->count && strncmp(text, mark, strlen(mark)) == 0);
        struct pf_bytes word = pf_bytes_of(words[query->parts[number++]]);

        must(pf_bytes_equal(pf_bytes_head(sql, word.len), word));
        sql = pf_bytes_skip(sql, word.len);
        text += strlen(mark);
    }
    must(*text == 0 && number == query->count);
    for (size_t i = 0; i < sql.len; i++) /* only the end may be cut */
        must(strchr("; \t\r\n", sql.at[i]) && sql.at[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes sql = pf_bytes_skip(pf_bytes_from(data, size), 1), parts[PF_SQL_PARTS];
    enum pf_sql_dialect dialect = size ? (enum pf_sql_dialect)(data[0] % 3) : PF_SQL_SQLITE;
    struct pf_sql_query query;
    struct pf_err err = {0};
    enum pf_code code = pf_sql_query_parse(sql, dialect, &query, &err);

    must(code == err.code && (code == PF_OK || (code == PF_CONFIG && err.log[0])));
    if (code == PF_OK) {
        must(query.count > 0 && query.count <= PF_SQL_PARAMETERS && strlen(query.text) <= sql.len);
        compare(sql, dialect, &query);
    }
    pf_sql_split(sql, parts);
    must(parts[PF_SQL_NAME].len + parts[PF_SQL_DOMAIN].len + (parts[PF_SQL_NAME].len != sql.len) == sql.len);
    return 0;
}
