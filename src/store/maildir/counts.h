/* Counts: what a box asked of the file system, for tests and benchmarks that hold it to its word. */
#ifndef POSTFACH_STORE_MAILDIR_COUNTS_H
#define POSTFACH_STORE_MAILDIR_COUNTS_H

struct pf_maildir_counts {
    unsigned scans;  /* passes over new and cur */
    unsigned stats;  /* message files looked at by name */
    unsigned opens;  /* message files opened */
    unsigned cached; /* listings that came whole from the cache */
    unsigned saves;  /* caches written */
};

#endif
