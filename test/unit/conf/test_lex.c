#include "unit/conf/told.h"

#include <stdlib.h>

static void control_octets_and_foreign_encodings_are_mistakes(void **state)
{
    (void)state;
    told_bad_bytes(
        PF_LIT("hostname a\0b\nhostn\xe4me x\n\xff\xfe\nrun-as\xc2\xa0vmail\n\trun-as \x7f\n"),
        "1:11: a NUL octet (is this a text file? UTF-16 has such octets: save it as UTF-8)\n"
        "2:6: this is not UTF-8 (save the file as UTF-8, or write \\xNN in quotes)\n"
        "3:1: this is not UTF-8 (save the file as UTF-8, or write \\xNN in quotes)\n"
        "4:7: a no-break space, which looks like a space but is none (write a plain space, or "
        "\\xc2\\xa0 in quotes)\n"
        "5:9: a control character (remove it, or write \\xNN in quotes)\n");
    told_bad("# fine\n# \xc2\x85\nlog { debug yes } # \rx",
             "2:3: a control character (remove it, or write \\xNN in quotes)\n"
             "3:21: a control character (remove it, or write \\xNN in quotes)\n");
}

static void a_bad_line_still_opens_and_closes_blocks(void **state)
{
    (void)state;
    told_bad("l\x01g { debug maybe }\nlog { to nowhere\x02 }\nlog { debug what }\n",
             "1:2: a control character (remove it, or write \\xNN in quotes)\n"
             "2:17: a control character (remove it, or write \\xNN in quotes)\n"
             "3:13: `what` is neither yes nor no\n");
}

static void columns_count_characters(void **state)
{
    (void)state;
    told_bad("log { debug \"j\xc3\xbcrgen \xe2\x82\xac\"; nix 1 }\n",
             "1:13: `j\xc3\xbcrgen \xe2\x82\xac` is neither yes nor no\n"
             "1:25: unknown setting `nix` in `log` (`log` knows to, facility, debug)\n");
    told_bad("\tfoo 1\n", "1:2: unknown setting `foo` (postfach.conf(5) lists all settings)\n");
    told_bad("\xef\xbb\xbf"
             "foo 1\n",
             "1:1: unknown setting `foo` (postfach.conf(5) lists all settings)\n");
}

static void strings_are_closed_on_their_line_and_know_four_escapes(void **state)
{
    (void)state;
    told_bad(
        "hostname \"a\\qb\\x00c\\x1\"\n",
        "1:12: this is no escape (there are \\\" \\\\ \\n and \\xNN; a backslash itself is \\\\)\n"
        "1:15: a value cannot hold a NUL\n"
        "1:20: this is no escape (there are \\\" \\\\ \\n and \\xNN; a backslash itself is \\\\)\n");
    told_bad("mail { path \"/m/%u }\nlog { debug what }\nhostname \"",
             "1:13: the string has no closing quote (a string ends on its line)\n"
             "2:13: `what` is neither yes nor no\n"
             "3:10: the string has no closing quote (a string ends on its line)\n");
    told_bad("hostname \"a\\\"\n",
             "1:10: the string has no closing quote (a string ends on its line)\n");
    told_bad("pid-file \"/a\\\nport-file x",
             "1:10: the string has no closing quote (a string ends on its line)\n"
             "2:11: `x` is not an absolute path (begin with /)\n");
}

static void words_do_not_touch_strings_or_comments(void **state)
{
    (void)state;
    told_bad(
        "pid-file \"/a\"b\nport-file /a\"b c\"\nrun-as a#b\n",
        "1:14: a space is missing behind the string\n"
        "2:13: a quote inside of a word (put the whole word in quotes)\n"
        "3:9: `#` inside of a word (a comment needs a space before it; a word with `#` needs quotes)\n");
}

static void a_backslash_does_not_join_lines(void **state)
{
    (void)state;
    told_bad("hostname \\\nexample.org\n",
             "1:10: `\\` is not a host name (letters, digits, hyphens and dots, as mail.example.org)\n"
             "2:1: unknown setting `example.org` (postfach.conf(5) lists all settings)\n");
}

static void a_line_without_end_is_a_mistake(void **state)
{
    size_t len = 8200;
    unsigned char *text = malloc(len);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', len);
    memcpy(text, "# ", 2);
    memcpy(text + len - 6, "\nfoo 1", 6); /* 8194 octets in the first line */
    told_bad_bytes(pf_bytes_from(text, len),
                   "1:8193: the line is too long (a line has at most 8192 octets)\n"
                   "2:1: unknown setting `foo` (postfach.conf(5) lists all settings)\n");
    text[8192] = '\n';
    told_bad_bytes(pf_bytes_from(text, 8193 + 1),
                   "2:1: unknown setting `a` (postfach.conf(5) lists all settings)\n");
    memcpy(text + 8190, "\xf0\x9f\x98\x80", 4); /* the limit cuts a character in two */
    told_bad_bytes(pf_bytes_from(text, len),
                   "1:8193: the line is too long (a line has at most 8192 octets)\n"
                   "2:1: unknown setting `foo` (postfach.conf(5) lists all settings)\n");
    memset(text, ';', 8190); /* the limit cuts a word in two */
    memcpy(text + 8190, "xyz", 3);
    told_bad_bytes(pf_bytes_from(text, 8193),
                   "1:8193: the line is too long (a line has at most 8192 octets)\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(control_octets_and_foreign_encodings_are_mistakes),
        T(a_bad_line_still_opens_and_closes_blocks),
        T(columns_count_characters),
        T(strings_are_closed_on_their_line_and_know_four_escapes),
        T(words_do_not_touch_strings_or_comments),
        T(a_backslash_does_not_join_lines),
        T(a_line_without_end_is_a_mistake),
    };

    return RUN(tests);
}
