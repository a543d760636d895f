#!/usr/bin/env python3
"""Words: every sentence about an error that a person at a client can meet stands in the catalogue, tool/words.def, with
a German one that has the same directives; and nothing stands there that nobody says."""
import glob
import os
import re
import sys

CATALOGUE = "src/tool/words.def"
# What runs in a client; and import, which writes settings for a file, in English.
ROOMS = """src/session/call*.c src/auth/initiate*.c src/sys/dial*.c src/sys/tls_client*.c src/sys/dns_*.c src/sys/loop*.c
 src/conf/mistake.c src/conf/accounts*.c src/conf/lex.c src/conf/value.c src/sys/pool.c src/sys/conn.c src/sys/conn_tls.c src/sys/tls_load.c src/auth/oauth_http.c src/store/mbox/lock.c
 src/store/mbox/dotlock.c src/store/mbox/place.c src/store/mbox/parcel.c src/store/mbox/scan.c src/fetch/*.c src/proto/pop_url*.c src/tool/client*.c src/tool/secret*.c src/tool/look*.c
 src/tool/explore*.c src/tool/fetch*.c src/tool/probe*.c""".split()
# Which argument is a sentence.
SAYS = {"pf_fail": 4, "pf_call_fail": 2, "pf_collect_notice": 2, "pf_initiate_failed": 2, "pf_words": 0, "PF_WORDS": 0,
        "pf_place_trouble": 3, "pf_conn_failed": 2, "pf_tls_file_read": 0, "pf_conf_wrong": 2, "pf_conf_hint": 1, "pf_carry_link_said": 2}
# Helpers of their own file; where what is wrong and a hint are two arguments, one after the other.
LOCAL = {"src/fetch/ledger_file.c": ({"trouble": 2},),
         "src/proto/pop_url.c": ({"wrong": 2},), "src/tool/secret_netrc.c": ({"wrong": 1},),
         "src/fetch/carry_link.c": ({"lost": 1},), "src/fetch/carry_server.c": ({"refused": 2},),
         "src/sys/conn_tls.c": ({"dead": 2},), "src/conf/accounts_check.c": ({"wrong": 2}, {"wrong": 3}),
         "src/conf/accounts_value.c": ({"refuse": 2}, {"refuse": 3}), "src/conf/accounts_read.c": ({"wrong": 2},),
         "src/conf/lex.c": ({"wrong": 2}, {"wrong": 3}), "src/conf/value.c": ({"refuse": 1}, {"refuse": 2})}
TOKEN = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\s+|.""", re.S)
DIRECTIVE = re.compile(r"%(?:%|[-+#0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|j|z|t|L)?[a-zA-Z]|<PRI\w+>)")
LETTER = re.compile(r"[a-z]{2}")
NO_SENTENCES = {"macdef"}  # looked for in a file


def tokens(text):
    return [t for t in TOKEN.findall(text) if not t.isspace() and not t.startswith("/*")]


def literals(words):
    """Texts in an expression, those side by side as one; %<PRIu64> for a directive that is a macro."""
    found, now = [], None
    for word in words:
        if word.startswith('"'):
            now = (now or "") + word[1:-1]
        elif re.fullmatch(r"PRI\w+", word):
            now = (now or "") + f"<{word}>"
        elif now is not None:
            found.append(now)
            now = None
    return found + ([now] if now is not None else [])


def calls(words, names):
    """The argument of each call that `names` tells the place of."""
    for i, word in enumerate(words[:-1]):
        if word not in names or words[i + 1] != "(":
            continue
        depth, arguments = 0, [[]]
        for token in words[i + 1:]:
            depth += token in "([{"
            depth -= token in ")]}"
            if depth == 0:
                break
            if depth == 1 and token == ",":
                arguments.append([])
            else:
                arguments[-1].append(token)
        if names[word] < len(arguments):
            yield arguments[names[word]]


def said():
    """Sentences, and where they are said."""
    found = {}
    for path in sorted({path for room in ROOMS for path in glob.glob(room)}):
        with open(path, encoding="utf-8") as file:
            words = tokens(file.read())
        for argument in [a for names in LOCAL.get(path, ({},)) for a in calls(words, SAYS | names)]:
            if "pf_say" in argument:
                continue  # has its German beside it
            for text in literals(argument):
                if LETTER.search(DIRECTIVE.sub("", text)) and text not in NO_SENTENCES:
                    found.setdefault(text, path)
    with open("include/postfach/verdict.def", encoding="utf-8") as file:
        for text in re.findall(r'^PF_VERDICT\(.*"([^"]*)"\)$', file.read(), re.M):
            found.setdefault(text, "include/postfach/verdict.def")
    return found


def catalogue():
    with open(CATALOGUE, encoding="utf-8") as file:
        words = tokens(file.read())
    pairs = []
    for i, word in enumerate(words):
        if word == "PF_WORDS_ROW":
            end = next(k for k in range(i, len(words)) if words[k] == ")")
            comma = next(k for k in range(i, end) if words[k] == ",")
            pairs.append((literals(words[i + 2:comma])[0], literals(words[comma + 1:end])[0]))
    return pairs


def faults(rows, sentences):
    known = [english for english, _ in rows]
    for english in sorted({e for e in known if known.count(e) > 1}):
        yield f"twice in the catalogue: {english}"
    for english, path in sentences.items():
        if english not in known:
            yield f"{path}: not in the catalogue: {english}"
    for english, german in rows:
        if english not in sentences:
            yield f"nobody says: {english}"
        if DIRECTIVE.findall(english) != DIRECTIVE.findall(german):
            yield f"other directives: {english} / {german}"
        if english.startswith((" ", ":", ";", ",")) and english[0] != german[0] or english == german:
            yield f"is that German? {english} / {german}"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    rows, sentences = catalogue(), said()
    # It must see what is wrong.
    assert len(list(faults([("a %s bc", "ein %d"), ("it is", "es")], {"other one": "x"}))) == 4
    assert len(sentences) > 200, len(sentences)
    found = list(faults(rows, sentences))
    for fault in found:
        print(f"# {fault}")
    print(f"1..1\n{'not ok' if found else 'ok'} 1 - words: {len(rows)} sentences in German")
    sys.exit(bool(found))


main()
