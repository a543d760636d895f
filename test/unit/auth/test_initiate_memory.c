#include "initiate_bench.h"

/* Each allocation of ours fails once. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static int left = -1; /* before the one that fails; negative: none does */

void *__wrap_malloc(size_t size)
{
    return left >= 0 && left-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return left >= 0 && left-- == 0 ? NULL : __real_calloc(count, size);
}

/* The server's first message of SCRAM, or any text. */
static size_t challenge_for(const struct pf_initiate_told *told, char out[512])
{
    const char *at = told->response.len ? memmem(told->response.at, told->response.len, ",r=", 3) : NULL;

    if (!at)
        return (size_t)snprintf(
            out, 512, "realm=\"x\",nonce=\"abc\",qop=\"auth\",charset=utf-8,algorithm=md5-sess");
    return (size_t)snprintf(
        out, 512, "%.*sx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        (int)(told->response.len - (size_t)(at + 1 - (const char *)told->response.at)), at + 1);
}

/* True when nothing failed. */
static bool run(const char *mechanism, int fails_at)
{
    struct pf_initiate_settings s = {.mechanism = mechanism,
                                     .name = PF_LIT("alice"),
                                     .secret = PF_LIT("wonderland"),
                                     .hostname = HOST};
    struct pf_initiate_told told = {0};
    struct pf_err err = {0};
    struct pf_initiate *client;
    enum pf_initiate_step step = PF_INITIATE_FAILED;
    char challenge[512];

    left = fails_at;
    client = pf_initiate_new(&s, &err);
    if (client)
        step = pf_initiate_step(client, (struct pf_bytes){0}, &told, &err);
    if (step != PF_INITIATE_FAILED) {
        size_t len = challenge_for(&told, challenge);

        step = pf_initiate_step(client, pf_bytes_from(challenge, len), &told, &err);
    }
    left = -1;
    if (step == PF_INITIATE_FAILED)
        assert_int_equal(err.code, PF_NO_MEMORY);
    pf_initiate_free(client);
    return step != PF_INITIATE_FAILED;
}

static void without_memory_it_fails_and_says_so(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "LOGIN"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int n = 0;

        while (!run(names[i], n))
            n++;
        assert_int_equal(n, i < 2 ? 2 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(without_memory_it_fails_and_says_so)};
    return RUN(tests);
}
