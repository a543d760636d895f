/* Mails as a person reads them, and the files that are made of them. */
#include "unit/cm.h"

#include "tool/explore_html.h"
#include "tool/explore_mime.h"
#include "tool/explore_save.h"

#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void head(const char *text, const char *from, const char *subject, int64_t date)
{
    struct pf_explore_mime_head head;

    pf_explore_mime_head(pf_bytes_of(text), &head);
    assert_string_equal(head.from ? head.from : "(none)", from);
    assert_string_equal(head.subject ? head.subject : "(none)", subject);
    assert_true(head.date == date);
    free(head.from);
    free(head.subject);
}

static void heads_are_decoded(void **state)
{
    (void)state;
    head("From: =?utf-8?q?J=C3=BCrgen_M?= <j@x.example>\r\nSUBJECT: =?iso-8859-1?b?R3L832U=?=\r\n"
         "Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n\r\nFrom: not me\r\n",
         "J\xc3\xbcrgen M",
         "Gr\xc3\xbc\xc3\x9f"
         "e",
         1795338000);
    head("from: j@x.example\nsubject: a\n b\n\tc\n", "j@x.example", "a b c", 0);
    head("Subject: =?utf-8?q?a?=\n =?utf-8?q?b?=\n", "(none)", "ab", 0);
    head("", "(none)", "(none)", 0);
    head("\nSubject: in the body\n", "(none)", "(none)", 0);
    head("Subject: 8 bits: Gr\xfc\xdf"
         "e\n",
         "(none)",
         "8 bits: Gr\xc3\xbc\xc3\x9f"
         "e",
         0);
    head("Subject: \033[2J\nFrom: \"\033]0;x\007\" <a@b>\n", "?]0;x?", "?[2J", 0);
    head("Subject: =?utf-8?q?=1b]0=3bx=07=c2=9b?=\nDate: x\n", "(none)", "?]0;x??",
         0); /* hidden by its coding */
    head("From: <>\nSubject:\n", "<>", "", 0);
}

static struct pf_explore_letter *letter(const char *text)
{
    struct pf_explore_letter *l = pf_explore_letter_of(pf_bytes_of(text));

    assert_non_null(l);
    return l;
}

static void shows(const char *text, const char *expected)
{
    struct pf_explore_letter *l = letter(text);

    assert_string_equal(pf_explore_letter_text(l), expected);
    pf_explore_letter_free(l);
}

static void texts_are_decoded(void **state)
{
    (void)state;
    shows("From: a@b\nTo: c@d\nX: y\nSubject: s\n\nbody\n", "From: a@b\nTo: c@d\nSubject: s\n\nbody\n");
    shows("Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: "
          "quoted-printable\n\n=A4 5=\n,-\n",
          "\n\xe2\x82\xac 5,-\n");
    shows("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6TDtg==\n",
          "\n\xc3\xa4\xc3\xb6");
    shows("\nGr\xfc\xdf"
          "e, not declared\n",
          "\nGr\xc3\xbc\xc3\x9f"
          "e, not declared\n");
    shows("Content-Type: text/plain; charset=no-such\n\nabc\n", "\nabc\n");
    shows("Content-Type: text/plain\n\n\033[31mred\033]0;x\007\n", "\n?[31mred?]0;x?\n");
    shows("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
          "quoted-printable\n\n=1B[2J=C2=9B=00x\n",
          "\n?[2J??x\n");
}

/* What stands behind a NUL, or a CR alone, is shown too. */
static void a_nul_ends_nothing(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *expected;
    } rows[] = {
#define ROW(octets, expected) {octets, sizeof octets - 1, expected}
        ROW("To: a\0b@c\nSubject: one\0two\rthree\r\n four\n\nbefore\0after\nsecond\n",
            "To: a?b@c\nSubject: one?two?three four\n\nbefore?after\nsecond\n"),
        ROW("Content-Type: text/plain; charset=iso-8859-1\n\na\0b\xfc\n", "\na?b\xc3\xbc\n"),
        ROW("\na\0b\xfc\n", "\na?b\xc3\xbc\n"),
        ROW("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: "
            "base64\n\nYQAAAGIA\n",
            "\na?b"),
        ROW("Content-Type: text/html\n\n<p>a\0b</p>c\n", "\n[HTML as plain text]\n\na?b\n\nc\n")};
    struct pf_explore_mime_head head;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pf_explore_letter *l = pf_explore_letter_of(pf_bytes_from(rows[i].octets, rows[i].len));

        assert_non_null(l);
        assert_string_equal(pf_explore_letter_text(l), rows[i].expected);
        pf_explore_letter_free(l);
    }
    pf_explore_mime_head(pf_bytes_from(rows[0].octets, rows[0].len), &head);
    assert_string_equal(head.subject, "one?two?three four");
    free(head.from);
    free(head.subject);
}

static void html_is_read_where_there_is_nothing_else(void **state)
{
    (void)state;
    shows("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplain\n"
          "--b\nContent-Type: text/html\n\n<p>html\n--b--\n",
          "Attachment 1: - (text/html, 7)\n\nplain");
    shows("Content-Type: text/html; charset=utf-8\n\n<p>Hi <b>you</b>\n",
          "\n[HTML as plain text]\n\nHi you\n");
}

static const char with_parts[] = "Subject: two\nContent-Type: multipart/mixed; boundary=b\n\n"
                                 "--b\nContent-Type: text/plain\n\nsee there\n"
                                 "--b\nContent-Type: application/pdf; "
                                 "name=\"../../etc/\033[2Jx.pdf\"\nContent-Disposition: attachment\n"
                                 "Content-Transfer-Encoding: base64\n\nAAEC/f7/DQoK\n"
                                 "--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninside\n"
                                 "--b\nContent-Type: text/plain\nContent-Disposition: attachment; "
                                 "filename*=utf-8''%C3%A4.txt\n\nnot shown\n"
                                 "--b--\n";

static void attachments_are_listed_and_written(void **state)
{
    static const char octets[] = {0, 1, 2, '\xfd', '\xfe', '\xff', '\r', '\n', '\n'};
    struct pf_explore_letter *l = letter(with_parts);
    FILE *file = tmpfile();
    char got[100];
    struct pf_err err = {0};

    (void)state;
    assert_non_null(file);
    assert_int_equal(pf_explore_letter_parts(l), 3);
    assert_non_null(strstr(pf_explore_letter_text(l), "see there"));
    assert_null(strstr(pf_explore_letter_text(l), "not shown"));
    assert_non_null(
        strstr(pf_explore_letter_text(l), "Attachment 1: ../../etc/?[2Jx.pdf (application/pdf, "));
    assert_string_equal(pf_explore_letter_part_name(l, 2), "\xc3\xa4.txt");
    assert_string_equal(pf_explore_letter_part_type(l, 1), "message/rfc822");
    assert_int_equal(pf_explore_letter_write(l, 0, fileno(file), &err), PF_OK);
    assert_int_equal(pread(fileno(file), got, sizeof got, 0), sizeof octets);
    assert_memory_equal(got, octets, sizeof octets);
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    assert_int_equal(pf_explore_letter_write(l, 1, fileno(file), &err), PF_OK);
    memset(got, 0, sizeof got);
    assert_true(pread(fileno(file), got, sizeof got - 1, 0) > 0);
    assert_non_null(strstr(got, "Subject: inner\n\ninside"));
    fclose(file);
    pf_explore_letter_free(l);
}

static void a_disk_that_is_full_is_told(void **state)
{
    struct pf_explore_letter *l = letter(with_parts);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct pf_err err = {0};

    (void)state;
    assert_true(full >= 0);
    assert_int_equal(pf_explore_letter_write(l, 0, full, &err), PF_NO_SPACE);
    close(full);
    pf_explore_letter_free(l);
}

static void what_is_cut_or_broken_is_shown_as_far_as_it_goes(void **state)
{
    GString *deep = g_string_new(NULL);

    (void)state;
    for (size_t len = 0; len < sizeof with_parts; len++) {
        struct pf_explore_letter *l = pf_explore_letter_of(pf_bytes_from(with_parts, len));

        pf_explore_letter_free(
            l); /* what it is does not matter: it ends, and the sanitizers are content */
    }
    for (int i = 0; i < 200; i++)
        g_string_append_printf(deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
    g_string_append(deep, "Content-Type: text/plain\n\ndeep\n");
    pf_explore_letter_free(letter(deep->str));
    g_string_free(deep, TRUE);
}

static void html(const char *in, const char *expected)
{
    char *out = pf_explore_html(in);

    assert_string_equal(out, expected);
    g_free(out);
}

static void html_becomes_text(void **state)
{
    (void)state;
    html("<html><head><title>t</title><style>p{}</style></head><body>a  b\n c<br>d<p>e</p><p>f</body>",
         "a b c\nd\n\ne\n\nf\n");
    html("a &amp; b &lt;c&gt; &#228;&#xE4; &uuml;&nbsp;x &bogus; &",
         "a & b <c> \xc3\xa4\xc3\xa4 \xc3\xbc x &bogus; &\n");
    html("<ul><li>one<li>two</ul>", "* one\n* two\n");
    html("<a href=\"https://evil.example/\">bank.example</a>", "bank.example <https://evil.example/>\n");
    html("<a href=\"http://h/x?y=1&amp;z=2&#38;q=&uuml;&bogus;&\">l</a>",
         "l <http://h/x?y=1&z=2&q=\xc3\xbc&bogus;&>\n");
    html("<a href=\"http://h/?a&amp\">;</a>", "; <http://h/?a&amp>\n"); /* ends in the next words */
    html("<img alt='a &lt; b'>", "[a < b]\n");
    html("<a href='https://x.example/'>https://x.example/</a>", "https://x.example/\n");
    html("<a href=mailto:a@b>a@b</a> <a href='#top'>up</a>", "a@b up\n");
    html("<img alt='Logo' src=x><img src=y>!", "[Logo]!\n");
    html("a<!-- hidden > --><script>if (a < b) x()</script>b", "ab\n");
    html("<pre>a\n  b</pre>c", "a\n  b\nc\n");
    html("1 < 2 <3", "1 < 2 <3\n");
    html("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc\n");
    html("a<style>never ends", "anever ends\n");
    html("&#27;[2J &#0; &#xD800;", "\033[2J &#0; &#xD800;\n"); /* made safe by who shows it */
}

static void html_that_is_broken_ends_soon(void **state)
{
    static const char *const pieces[] = {"<style>",    "<!--", "<a href='", "<p",          "&",
                                         "<a href=x>", "</",   "<td>",      "<script><!--"};

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        GString *in = g_string_new(NULL);
        gint64 begin = g_get_monotonic_time();

        while (in->len < 300000)
            g_string_append(in, pieces[i]);
        g_free(pf_explore_html(in->str));
        assert_true(g_get_monotonic_time() - begin <
                    20 * G_USEC_PER_SEC); /* quadratic would take minutes */
        g_string_free(in, TRUE);
    }
}

static void named(const char *theirs, const char *expected)
{
    char name[PF_EXPLORE_NAME];

    pf_explore_name(theirs, "attachment-1", name);
    assert_string_equal(name, expected);
}

static void names_are_safe(void **state)
{
    char name[PF_EXPLORE_NAME], longer[600];

    (void)state;
    named("report.pdf", "report.pdf");
    named("../../etc/passwd", "passwd");
    named("C:\\Users\\x\\a.doc", "a.doc");
    named("/", "attachment-1");
    named("..", "attachment-1");
    named("", "attachment-1");
    named(".bashrc", "bashrc");
    named("-rf", "rf");
    named("a\033[2Jb\n.txt", "a__2Jb .txt");
    named("x\xe2\x80\xaegpj.exe", "x_gpj.exe");
    named("a:b*c?.txt. ", "a_b_c_.txt");
    named("a;b `id` $(id) &|<>*?!#~'{x}[y].sh", "a_b _id_ __id_ ___________x__y_.sh");
    named(" \t~a b.txt \t", "_a b.txt");
    memset(longer, 'x', sizeof longer);
    memcpy(longer + 590, ".pdf", 5);
    pf_explore_name(longer, "f", name);
    assert_int_equal(strlen(name), PF_EXPLORE_NAME - 1);
    assert_string_equal(name + strlen(name) - 4, ".pdf");
    for (size_t i = 0; i + 3 < 300; i += 2)
        memcpy(longer + i, "\xc3\xa4", 2);
    longer[298] = 0;
    pf_explore_name(longer, "f", name);
    assert_true(g_utf8_validate(name, -1, NULL));
}

static void nothing_is_written_over(void **state)
{
    char folder[] = "/tmp/pf-explore-XXXXXX", path[PF_EXPLORE_PATH], name[PF_EXPLORE_NAME] = "a.tar";
    struct pf_err err = {0};
    struct stat st;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    fd = pf_explore_create("~/a.tar", folder, path, &err);
    assert_true(fd >= 0 && strncmp(path, folder, strlen(folder)) == 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(pf_explore_created(fd, path, true, &err), PF_OK);
    assert_true(stat("a.tar", &st) == 0 && (st.st_mode & 0777) == 0600);
    assert_int_equal(pf_explore_create("a.tar", folder, path, &err), -1);
    assert_int_equal(err.code, PF_PERM);
    pf_explore_name_free(name);
    assert_string_equal(name, "a-2.tar");
    assert_int_equal(symlink("/nowhere", "a-2.tar"), 0); /* leads nowhere, and is there */
    pf_explore_name_free(name);
    assert_int_equal(pf_explore_create("a-2.tar", folder, path, &err), -1);
    fd = pf_explore_create("b", folder, path, &err);
    assert_int_equal(pf_explore_created(fd, path, false, &err), PF_IO);
    assert_int_equal(access("b", F_OK), -1); /* what is not whole is not left */
    assert_int_equal(unlink("a.tar") | unlink("a-2.tar") | chdir("/") | rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(heads_are_decoded),
        T(texts_are_decoded),
        T(a_nul_ends_nothing),
        T(html_is_read_where_there_is_nothing_else),
        T(attachments_are_listed_and_written),
        T(a_disk_that_is_full_is_told),
        T(what_is_cut_or_broken_is_shown_as_far_as_it_goes),
        T(html_becomes_text),
        T(html_that_is_broken_ends_soon),
        T(names_are_safe),
        T(nothing_is_written_over),
    };

    setenv("LC_ALL", "C", 1);
    setlocale(LC_CTYPE, "C.UTF-8");
    pf_explore_mime_begin();
    return RUN(tests);
}
