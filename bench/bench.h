/* Bench: what all measuring programs need, a clock and a median.
 *
 * A bench compares ways of doing one thing. It runs them in turns (first,
 * second, first, second, …), so that a machine that grows slower in between
 * is unfair to all alike, and reports the median, so that a disturbed run
 * counts for nothing. Lines that begin with '#' are for people; the others are
 * columns with one space or more between them. */
#ifndef POSTFACH_BENCH_BENCH_H
#define POSTFACH_BENCH_BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_RUNS = 11 }; /* odd, so that one of them is the median */

static inline double bench_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts the values. */
static inline double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, bench_compare);
    return values[count / 2];
}

/* A bench that cannot do its work says why and ends. */
static inline void bench_need(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "not as it should be");
    exit(1);
}

static inline void *bench_memory(size_t size)
{
    void *memory = malloc(size);

    bench_need(memory != NULL, "memory");
    return memory;
}

#endif
