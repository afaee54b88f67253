/* Memory that is short at a chosen moment: loaded before the C library by `test_faults`. */
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static long first = -1, last = -1, seen;

/* Let the calls from `from` on fail, `count` of them; both counted from 0. */
void fail(long from, long count) { first = from; last = from + count; seen = 0; }

/* Let none fail any more, and give how many there were. */
long stop(void) { first = last = -1; return seen; }

static int fails(void) {
    long number = seen++;
    if (number < first || number >= last) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }
void *aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
