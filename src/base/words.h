/* Words: what a person reads, in the person's language.
 *
 * An error is a sentence, written where it happened by the code that knows most, in English. A program
 * whose errors a person reads has a catalogue (tool/words.def): pf_words_catalogue gives the sentence of
 * the person's language for an English one, a printf format for a format with the same directives in the
 * same order, or the English one itself. pf_fail asks it for each of its formats; rooms that put words
 * into a format ask for those. Programs without a catalogue, as the server's, speak English; nothing is
 * asked of the system for it, and no file is read. */
#ifndef POSTFACH_BASE_WORDS_H
#define POSTFACH_BASE_WORDS_H

const char *pf_words(const char *english) __attribute__((format_arg(1)));

/* What the program gives, where it has a catalogue; any thread may ask it. */
const char *pf_words_catalogue(const char *english) __attribute__((format_arg(1), visibility("hidden")));

/* For words in a table, which pf_words is asked for later: check/words.t finds them by this. */
#define PF_WORDS(english) english

#endif
