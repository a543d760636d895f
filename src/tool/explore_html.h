/* HTML as plain text, for mail that has no other: words and paragraphs, and where links lead.
 *
 * No rendering: styles, tables' columns, forms and pictures are not there. A link says its address
 * behind its words when the words are not that address, because that is what a reader must know of it.
 * Nothing is ever fetched. */
#ifndef POSTFACH_TOOL_EXPLORE_HTML_H
#define POSTFACH_TOOL_EXPLORE_HTML_H

/* From g_malloc, not yet safe for a terminal. `html` is UTF-8. */
char *pf_explore_html(const char *html);

#endif
