/* Every allocation of a reading fails once: no crash, no leak, one mistake that says so. */
#include "unit/conf/folder.h"
#include "unit/conf/told.h"

#include "conf/memory.h"

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);

static long countdown = -1; /* the allocation that fails; negative: none */

static bool always; /* all behind that one fail, too */

static bool fails(void)
{
    if (always && countdown == 0)
        return true;
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

static void no_report(void *self, const struct pf_conf_mistake *m)
{
    struct told *told = self;

    told->count++;
    assert_string_equal(m->text, "out of memory");
    assert_in_range(m->line, 1, 1000);
    assert_in_range(m->column, 1, 1000);
}

/* Reads with each allocation failing in turn; returns how many there were. */
static long fail_each(struct pf_conf *(*reader)(void *, struct told *), void *what)
{
    for (long n = 0; n < 1000; n++) {
        struct told told = {0};
        struct pf_conf *conf;

        countdown = n;
        conf = reader(what, &told);
        if (countdown >= 0) { /* none failed any more */
            countdown = -1;
            assert_non_null(conf);
            assert_int_equal(told.count, 0);
            pf_conf_free(conf);
            return n;
        }
        countdown = -1;
        assert_null(conf);
        assert_int_equal(told.count, 1);
    }
    return 1000;
}

static struct pf_conf *parse(void *text, struct told *told)
{
    return pf_conf_parse("x", pf_bytes_of(text), no_report, told);
}

static struct pf_conf *read_main(void *folder, struct told *told)
{
    return pf_conf_read(folder_path(folder, "main.conf"), no_report, told);
}

static void every_allocation_of_a_parsing_may_fail(void **state)
{
    static char text[40000];
    size_t len = 0;

    (void)state;
    /* Strings with escapes and long values, so that many chunks are needed. */
    for (int i = 0; i < 15; i++)
        len += (size_t)snprintf(
            text + len, sizeof text - len,
            "listen 127.0.0.1:%d { tls none }\ntls { pair { certificate \"/\\x41%0900d\"; key "
            "\"/%0900d\\\\\" } }\n",
            i + 1, i, i);
    assert_in_range(fail_each(parse, text), 10, 100);
}

/* Whatever comes last of a generation may be what needs a new chunk. */
static void the_last_allocations_may_fail(void **state)
{
    static char text[4096];

    (void)state;
    for (int len = 1; len < 1000; len += 60) {
        snprintf(text, sizeof text,
                 "pid-file /%0*d\nport-file /%0*d\nlisten 127.0.0.1:0 { tls none }\n"
                 "tls { ciphers %0*d; pair { certificate /%0*d; key /k } }\n",
                 len, 1, len, 1, len, 1, len, 1);
        assert_in_range(fail_each(parse, text), 2, 10);
    }
}

/* A second failure is not told again. */
static void out_of_memory_is_told_once(void **state)
{
    struct told told = {0};

    (void)state;
    always = true;
    countdown = 1;
    assert_null(
        pf_conf_parse("x", PF_LIT("pid-file \"/\\x41\"\nport-file \"/\\x41\"\n"), no_report, &told));
    always = false;
    countdown = -1;
    assert_int_equal(told.count, 1);
}

static void every_allocation_of_a_reading_may_fail(void **state)
{
    struct folder f;
    char slashes[900], text[1000];

    (void)state;
    memset(slashes, '/', sizeof slashes - 1); /* long paths, so that they need chunks of their own */
    slashes[sizeof slashes - 1] = 0;
    folder_make(&f);
    folder_write(&f, "main.conf",
                 "include deep.conf\ninclude deep.conf\ninclude deep.conf\ninclude deep.conf\n"
                 "include deep.conf\nhostname a\npid-file \"/\\x41\"\n");
    snprintf(text, sizeof text, "include .%sone.conf\n", slashes);
    folder_write(&f, "deep.conf", text);
    folder_write(&f, "one.conf", "listen 127.0.0.1:0 { tls none }\n");
    assert_in_range(fail_each(read_main, &f), 10, 100);
    folder_remove(&f);
}

/* A full list of mistakes must not hide that memory ran out. */
static void out_of_memory_is_told_even_behind_fifty_mistakes(void **state)
{
    struct told told = {0};
    char text[4096] = "";
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 55; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "x 1\n");
    snprintf(text + len, sizeof text - len, "pid-file \"/\\x41\"");
    countdown = 1; /* the reader itself is there; the string is not */
    assert_null(pf_conf_parse("x", pf_bytes_of(text), told_report, &told));
    countdown = -1;
    assert_int_equal(told.count, 50);
    assert_non_null(strstr(told.text, "56:10: out of memory (nothing is wrong with the file here)\n"));
}

static void pieces_are_apart_aligned_and_empty(void **state)
{
    struct pf_conf_memory *memory = NULL;
    unsigned char *last = NULL;

    (void)state;
    for (size_t size = 1; size < 6000; size += 97) {
        unsigned char *room = pf_conf_memory_take(&memory, size);

        assert_non_null(room);
        assert_int_equal((uintptr_t)room % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(room[i], 0);
        memset(room, 0xff, size);
        assert_ptr_not_equal(room, last);
        last = room;
    }
    assert_null(pf_conf_memory_take(&memory, SIZE_MAX));
    assert_null(pf_conf_memory_take(&memory, SIZE_MAX - 20));
    assert_null(pf_conf_memory_text(&memory, pf_bytes_from("", SIZE_MAX)));
    assert_string_equal(pf_conf_memory_text(&memory, PF_LIT("abc")), "abc");
    assert_string_equal(pf_conf_memory_text(&memory, (struct pf_bytes){0}), "");
    pf_conf_memory_free(memory);
    pf_conf_memory_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_allocation_of_a_parsing_may_fail),
        T(the_last_allocations_may_fail),
        T(out_of_memory_is_told_once),
        T(every_allocation_of_a_reading_may_fail),
        T(out_of_memory_is_told_even_behind_fifty_mistakes),
        T(pieces_are_apart_aligned_and_empty),
    };

    return RUN(tests);
}
