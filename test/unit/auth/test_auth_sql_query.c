#include "unit/cm.h"

#include "auth/auth_sql_query.h"

/* What comes out for SQLite, PostgreSQL, MariaDB; NULL: it is refused. */
static const struct {
    const char *sql, *out[3];
} table[] = {
    {"SELECT 1 WHERE a=:user", {"SELECT 1 WHERE a=?", "SELECT 1 WHERE a=$1", "SELECT 1 WHERE a=?"}},
    {"a=:name AND b=:domain AND c=:user;\n ",
     {"a=? AND b=? AND c=?", "a=$1 AND b=$2 AND c=$3", "a=? AND b=? AND c=?"}},
    {":user:name", {"??", "$1$2", "??"}},
    {"x=':user' AND y=:user", {"x=':user' AND y=?", "x=':user' AND y=$1", "x=':user' AND y=?"}},
    {"x='it''s :user' AND y=:user",
     {"x='it''s :user' AND y=?", "x='it''s :user' AND y=$1", "x='it''s :user' AND y=?"}},
    {"\":name\"=:name", {"\":name\"=?", "\":name\"=$1", "\":name\"=?"}},
    {"`:nme`=:name", {"`:nme`=?", NULL, "`:nme`=?"}},
    {"[:nme]=:name", {"[:nme]=?", NULL, NULL}},
    {"a[1:2]=:name", {"a[1:2]=?", "a[1:2]=$1", "a[1:2]=?"}},
    {"-- :who\na=:user", {"-- :who\na=?", "-- :who\na=$1", "-- :who\na=?"}},
    {"a=:user -- the end", {"a=? -- the end", "a=$1 -- the end", "a=? -- the end"}},
    {"5--:user", {NULL, NULL, "5--?"}},
    {"# :who\na=:user", {NULL, NULL, "# :who\na=?"}},
    {"/* :who ' */a=:user", {"/* :who ' */a=?", "/* :who ' */a=$1", "/* :who ' */a=?"}},
    {"/* /* */ :user */", {"/* /* */ ? */", NULL, "/* /* */ ? */"}},
    {"/* /* */ :who */ :user", {NULL, "/* /* */ :who */ $1", NULL}},
    {"a::text=:user::citext", {"a::text=?::citext", "a::text=$1::citext", "a::text=?::citext"}},
    {"'a\\':user", {"'a\\'?", "'a\\'$1", NULL}},
    {"'a\\':who'=:user", {NULL, NULL, "'a\\':who'=?"}},
    {"E'a\\':who'=:user", {NULL, "E'a\\':who'=$1", "E'a\\':who'=?"}},
    {"be'a\\':user", {"be'a\\'?", "be'a\\'$1", NULL}},
    {"\"a\\\":who\"=:user", {NULL, NULL, "\"a\\\":who\"=?"}},
    {"$$:who$$=:user", {NULL, "$$:who$$=$1", NULL}},
    {"$a$ :who $b$ $a$=:user", {NULL, "$a$ :who $b$ $a$=$1", NULL}},
    {"a$b$ :user", {"a$b$ ?", "a$b$ $1", "a$b$ ?"}},
    {"@a := 5, :user, 1:2", {"@a := 5, ?, 1:2", "@a := 5, $1, 1:2", "@a := 5, ?, 1:2"}},
    {":user :", {"? :", "$1 :", "? :"}},
    {":users", {NULL, NULL, NULL}},
    {":User", {NULL, NULL, NULL}},
    {":u", {NULL, NULL, NULL}},
    {"a=:user AND b=:password", {NULL, NULL, NULL}},
    {":user\xc3\xa4", {NULL, NULL, NULL}},
    {"SELECT 1", {NULL, NULL, NULL}},
    {"a=:domain", {NULL, NULL, NULL}},
    {"':user'", {NULL, NULL, NULL}},
    {":user '", {NULL, NULL, NULL}},
    {":user \"", {NULL, NULL, NULL}},
    {":user /* *", {NULL, NULL, NULL}},
    {":user $$ $", {"? $$ $", NULL, "? $$ $"}},
    {"", {NULL, NULL, NULL}},
};

static void each_database_has_its_strings_and_comments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (int dialect = 0; dialect < 3; dialect++) {
            struct pf_sql_query query;
            struct pf_err err = {0};
            enum pf_code code =
                pf_sql_query_parse(pf_bytes_of(table[i].sql), (enum pf_sql_dialect)dialect, &query, &err);

            if (code != (table[i].out[dialect] ? PF_OK : PF_CONFIG))
                fail_msg("%s for %d: %d %s", table[i].sql, dialect, code, err.log);
            assert_int_equal(err.code, code);
            if (code == PF_OK)
                assert_string_equal(query.text, table[i].out[dialect]);
        }
}

static void parameters_stand_for_their_parts(void **state)
{
    struct pf_sql_query query;

    (void)state;
    assert_int_equal(pf_sql_query_parse(PF_LIT(":domain :user :name :user"), PF_SQL_POSTGRESQL, &query, NULL), PF_OK);
    assert_string_equal(query.text, "$1 $2 $3 $4");
    assert_int_equal(query.count, 4);
    assert_int_equal(query.parts[0], PF_SQL_DOMAIN);
    assert_int_equal(query.parts[1], PF_SQL_USER);
    assert_int_equal(query.parts[2], PF_SQL_NAME);
    assert_int_equal(query.parts[3], PF_SQL_USER);
}

static void limits(void **state)
{
    static char text[PF_SQL_QUERY_MAX + 2];
    struct pf_sql_query query;
    struct pf_err err = {0};

    (void)state;
    for (size_t i = 0; i < PF_SQL_PARAMETERS; i++)
        memcpy(text + 6 * i, ":user ", 7);
    assert_int_equal(pf_sql_query_parse(pf_bytes_of(text), PF_SQL_POSTGRESQL, &query, &err), PF_OK);
    assert_non_null(strstr(query.text, "$16"));
    memcpy(text + 6 * PF_SQL_PARAMETERS, ":user", 6);
    assert_int_equal(pf_sql_query_parse(pf_bytes_of(text), PF_SQL_POSTGRESQL, &query, &err), PF_CONFIG);
    memset(text, ' ', sizeof text - 1);
    memcpy(text, ":user", 5);
    assert_int_equal(pf_sql_query_parse(pf_bytes_from(text, PF_SQL_QUERY_MAX), PF_SQL_SQLITE, &query, &err), PF_OK);
    assert_string_equal(query.text, "?");
    assert_int_equal(pf_sql_query_parse(pf_bytes_from(text, PF_SQL_QUERY_MAX + 1), PF_SQL_SQLITE, &query, &err),
                     PF_CONFIG);
    assert_int_equal(pf_sql_query_parse(pf_bytes_from(":user\0", 6), PF_SQL_SQLITE, &query, &err), PF_CONFIG);
    assert_int_equal(pf_sql_query_parse(pf_bytes_from(":user'\0'", 8), PF_SQL_SQLITE, &query, &err), PF_CONFIG);
}

static void mistakes_say_where_and_what_is_known(void **state)
{
    struct pf_sql_query query;
    struct pf_err err = {0};

    (void)state;
    pf_sql_query_parse(PF_LIT("SELECT :usr"), PF_SQL_SQLITE, &query, &err);
    assert_non_null(strstr(err.log, "octet 8"));
    assert_non_null(strstr(err.log, ":user, :name and :domain"));
    pf_sql_query_parse(PF_LIT("SELECT 'x"), PF_SQL_SQLITE, &query, &err);
    assert_non_null(strstr(err.log, "octet 8, a string that has no end"));
}

static void names_are_cut_at_the_last_at(void **state)
{
    static const char *const names[][3] = {
        {"anna", "anna", ""}, {"anna@x", "anna", "x"}, {"a@b@c", "a@b", "c"}, {"@x", "", "x"}, {"a@", "a", ""}};
    struct pf_bytes parts[PF_SQL_PARTS];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        pf_sql_split(pf_bytes_of(names[i][0]), parts);
        for (size_t part = 0; part < 3; part++)
            assert_true(pf_bytes_equal(parts[part], pf_bytes_of(names[i][part])));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(each_database_has_its_strings_and_comments), T(parameters_stand_for_their_parts), T(limits),
        T(mistakes_say_where_and_what_is_known),       T(names_are_cut_at_the_last_at),
    };

    return RUN(tests);
}
