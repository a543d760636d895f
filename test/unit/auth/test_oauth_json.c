#include "unit/cm.h"

#include "auth/oauth_json.h"

static bool parses(const char *text)
{
    json_t *object = pf_oauth_json(pf_bytes_of(text));
    bool is = object != NULL;

    json_decref(object);
    return is;
}

static void one_object_and_nothing_else(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "[]",
                                      "7",
                                      "\"x\"",
                                      "null",
                                      "{}{}",
                                      "{} x",
                                      "{",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{\"a\":1,\"a\":1}",
                                      "{\"a\":{\"b\":1,\"b\":2}}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":1e999}",
                                      "{\"a\":99999999999999999999}"};

    (void)state;
    assert_true(parses("{}"));
    assert_true(
        parses(" {\"a\": [1, \"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"]} \n"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parses(bad[i]));
}

static void depth_is_bounded(void **state)
{
    char text[100];

    (void)state;
    for (int depth = 1; depth <= PF_OAUTH_DEPTH_MAX + 1; depth++) {
        char *at = text + snprintf(text, sizeof text, "{\"a\":");

        memset(at, '[', (size_t)depth - 1);
        memset(at + depth - 1, ']', (size_t)depth - 1);
        snprintf(at + 2 * (depth - 1), 3, "%s", depth == 1 ? "1}" : "}");
        assert_true(parses(text) == (depth <= PF_OAUTH_DEPTH_MAX));
    }
}

static bool decodes(const char *in, const char *wanted, size_t cap)
{
    unsigned char room[64];
    struct pf_span span = {room, 0, cap};

    return pf_oauth_base64url(pf_bytes_of(in), &span) &&
           pf_bytes_equal(pf_span_bytes(&span), pf_bytes_of(wanted));
}

/* RFC 4648 section 10 without padding, and section 3.5. */
static void base64url_has_one_spelling(void **state)
{
    static const char *const bad[] = {"Z",    "Zg==", "Zg=",  "Zh",   "Zm9=", "Zm9vY",
                                      "Zm 9", "Zm+v", "Zm/v", "====", "A===", "\n"};

    (void)state;
    assert_true(decodes("", "", 0));
    assert_true(decodes("Zg", "f", 1));
    assert_true(decodes("Zm8", "fo", 2));
    assert_true(decodes("Zm9v", "foo", 3));
    assert_true(decodes("Zm9vYmE", "fooba", 5));
    assert_true(decodes("-_-_", "\xfb\xff\xbf", 3));
    assert_false(decodes("Zm9vYmE", "fooba", 4));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned char room[64];
        struct pf_span span = {room, 0, sizeof room};

        assert_false(pf_oauth_base64url(pf_bytes_of(bad[i]), &span));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(one_object_and_nothing_else), T(depth_is_bounded),
                                       T(base64url_has_one_spelling)};

    return RUN(tests);
}
