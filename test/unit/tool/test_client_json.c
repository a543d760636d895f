#include "unit/cm.h"

#include "tool/client_json.h"

#include <stdlib.h>

static struct pf_client_json json;
static FILE *file;
static char *text;
static size_t len;

static void begin(void)
{
    file = open_memstream(&text, &len);
    assert_non_null(file);
    pf_client_json_begin(&json, file);
}

static void is(const char *expected)
{
    pf_client_json_end(&json);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void members_have_commas_between(void **state)
{
    begin();
    is("{}\n");
    begin();
    pf_client_json_text(&json, "a", "b");
    pf_client_json_number(&json, "n", UINT64_MAX);
    pf_client_json_bool(&json, "t", true);
    pf_client_json_text(&json, "nothing", NULL);
    is("{\"a\":\"b\",\"n\":18446744073709551615,\"t\":true,\"nothing\":null}\n");
    (void)state;
}

static void text_of_strangers_is_escaped(void **state)
{
    begin();
    pf_client_json_bytes(&json, "x", PF_LIT("\"\\\n\0\x1b\x7f"));
    pf_client_json_bytes(&json, "y", PF_LIT("\xc3\xa4\xff\xc2\x9b"));
    is("{\"x\":\"\\\"\\\\\\u000a\\u0000\\u001b\\u007f\",\"y\":\"\xc3\xa4\\ufffd\\u009b\"}\n");
    (void)state;
}

static void lists_hold_objects(void **state)
{
    begin();
    pf_client_json_list(&json, "none");
    pf_client_json_list_end(&json);
    pf_client_json_list(&json, "two");
    for (unsigned i = 0; i < 2; i++) {
        pf_client_json_next(&json);
        pf_client_json_number(&json, "i", i);
        pf_client_json_close(&json);
    }
    pf_client_json_list_end(&json);
    pf_client_json_time(&json, "at", 1700000000);
    pf_client_json_time(&json, "never", 0);
    pf_client_json_ms(&json, "then", 1700000000007);
    is("{\"none\":[],\"two\":[{\"i\":0},{\"i\":1}],\"at\":\"2023-11-14T22:13:20Z\",\"never\":null,"
       "\"then\":\"2023-11-14T22:13:20.007Z\"}\n");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(members_have_commas_between), T(text_of_strangers_is_escaped),
                                       T(lists_hold_objects)};

    return RUN(tests);
}
