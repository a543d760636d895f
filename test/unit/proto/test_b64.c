#include "unit/cm.h"

#include "proto/b64.h"

static bool decodes(const char *text, const char *octets, size_t len)
{
    unsigned char room[64];
    struct pf_span out = {room, 0, sizeof room};

    return pf_b64_decode(pf_bytes_of(text), &out) && out.len == len && memcmp(room, octets, len) == 0;
}

static bool refused(const char *text, size_t len)
{
    unsigned char room[64];
    struct pf_span out = {room, 0, sizeof room};

    return !pf_b64_decode(pf_bytes_from(text, len), &out) && out.len == 0;
}

static void auth_022_the_vectors_of_rfc_4648_pass(void **state)
{
    static const char *const vectors[][2] = {{"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},
                                             {"foo", "Zm9v"},    {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        unsigned char room[16];
        struct pf_span out = {room, 0, sizeof room};

        assert_true(decodes(vectors[i][1], vectors[i][0], strlen(vectors[i][0])));
        assert_true(pf_b64_encode(pf_bytes_of(vectors[i][0]), &out));
        assert_int_equal(out.len, strlen(vectors[i][1]));
        assert_memory_equal(room, vectors[i][1], out.len);
    }
    assert_true(decodes("AGFsaWNlAHNlY3JldA==", "\0alice\0secret", 13));
    assert_true(decodes("+/+/", "\xfb\xff\xbf", 3));
}

static void auth_013_what_is_not_base64_is_refused(void **state)
{
    static const char *const bad[] = {"Z",     "Zg",    "Zg=",   "Zg===",     "=Zg=",      "Z=g=",   "====",
                                      "Zm9v=", "Zm9v ", " Zm9v", "Zm 9v===",  "Zg==Zg==",  "Zm9-",   "Zm9_",
                                      "Zm9\n", "Zm9v\r", "Zm9vZm8", "*",      "Zm9v====",  "Zm8=Zm9v"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(refused(bad[i], strlen(bad[i])));
    assert_true(refused("Zm9\0", 4));
    for (unsigned c = 0; c < 256; c++) {
        char text[] = {'Z', (char)c, '9', 'v'};
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';

        assert_int_equal(refused(text, 4), !letter);
    }
}

static void auth_014_bits_that_stand_for_nothing_are_zero(void **state)
{
    (void)state;
    assert_true(refused("Zh==", 4));
    assert_true(refused("Zm9=", 4));
    assert_true(refused("Zv==", 4));
    assert_true(decodes("Zg==", "f", 1));
    assert_true(decodes("Zm8=", "fo", 2));
}

static void encoding_is_all_or_nothing(void **state)
{
    unsigned char room[7];
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    assert_false(pf_b64_encode(PF_LIT("abcd"), &out));
    assert_int_equal(out.len, 0);
    assert_true(pf_b64_encode(PF_LIT("abc"), &out));
    assert_false(pf_b64_encode(PF_LIT("a"), &out));
    assert_true(pf_b64_encode(PF_LIT(""), &out));
    assert_int_equal(out.len, 4);
}

static void every_triple_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 70000; i += 7) {
        unsigned char in[3] = {(unsigned char)(i >> 9), (unsigned char)(i >> 3), (unsigned char)(i * 37)};
        unsigned char text[4], back[3];
        size_t len = 1 + i % 3;
        struct pf_span t = {text, 0, 4}, b = {back, 0, 3};

        assert_true(pf_b64_encode(pf_bytes_from(in, len), &t));
        assert_true(pf_b64_decode(pf_span_bytes(&t), &b));
        assert_int_equal(b.len, len);
        assert_memory_equal(back, in, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(auth_022_the_vectors_of_rfc_4648_pass), T(auth_013_what_is_not_base64_is_refused),
        T(auth_014_bits_that_stand_for_nothing_are_zero), T(encoding_is_all_or_nothing),
        T(every_triple_comes_back),
    };

    return RUN(tests);
}
