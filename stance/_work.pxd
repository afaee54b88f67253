"""The working memory of one call, and the counting of terms in it."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from stance._folding cimport Buffer, grow

cdef enum:
    CHUNK = 256         # tokens that go through the stages together
    FEW_SLOTS = 512    # of the table of terms at first


cdef struct Columns:    # where the answers for one text go
    double* decisions
    double* probabilities
    int32_t* topics
    int32_t* tone
    uint8_t* reason
    double* known
    double* mean_idf
    int64_t* n_tokens

cdef struct Work:
    Buffer buffer                         # the folded text
    Py_ssize_t starts[CHUNK + 1]          # where tokens begin in it
    Py_ssize_t ends[CHUNK + 1]            # and end
    uint64_t keys[CHUNK]                  # of the tokens, and where the search for them begins
    uint64_t places[CHUNK]
    int32_t rows[CHUNK + 1]               # of the tokens, from the second on; before them the last one of the last chunk
    Py_ssize_t some[CHUNK + 1]            # some of the tokens
    int32_t known[CHUNK + 1]              # the rows of the known ones
    uint64_t pairs[CHUNK + 1]             # keys, and where the search for them begins
    uint64_t pair_places[CHUNK + 1]
    uint64_t grams[CHUNK]                 # likewise
    uint64_t gram_places[CHUNK]
    Py_ssize_t n_grams, n_gram_rows, n_new_words, n_new
    const int16_t* gram_rows[CHUNK + 1]   # weights to be added up: of subwords,
    const int16_t* new_rows[2 * CHUNK + 1]    # of terms that were met for the first time, first words, then pairs,
    const double* new_idf[2 * CHUNK + 1]
    const int32_t* word_rows[CHUNK]       # and of the subwords of known words
    uint32_t* seen                        # a table of terms, row + 1 in a slot, and how often each was met
    int64_t* counts
    int32_t* repeated                     # the terms that were met more than once
    uint64_t n_terms, n_repeated, mask, few_slots
    double* sums                          # n_labels, up to a multiple of 8: weights of terms added up
    double* gram_sums                     # and of subwords
    double norm, idf_sum                  # of the terms, squared; of all known tokens
    Columns one                           # a row of the answers, and what it points at
    int32_t tone
    uint8_t reason
    double mean_idf, share_known
    int64_t n_tokens


cdef inline Work* new_work(Py_ssize_t n_labels) noexcept:
    """Give working memory, or NULL where memory is short."""
    cdef Work* work = <Work*>calloc(1, sizeof(Work))
    cdef Py_ssize_t width = (n_labels + 7) // 8 * 8
    cdef double* numbers
    if work == NULL:
        return NULL
    numbers = <double*>calloc(5 * width, sizeof(double))
    work.sums, work.few_slots = numbers, FEW_SLOTS
    if numbers == NULL or grow(&work.buffer, 1024) < 0 or make_room(work, 0) < 0:
        free_work(work)
        return NULL
    work.gram_sums = numbers + width
    work.one = Columns(
        numbers + 2 * width, numbers + 3 * width, <int32_t*>(numbers + 4 * width), &work.tone, &work.reason,
        &work.share_known, &work.mean_idf, &work.n_tokens,
    )
    return work


cdef inline void free_work(Work* work) noexcept:
    if work != NULL:
        free(work.buffer.bytes)
        free(work.seen)
        free(work.counts)
        free(work.repeated)
        free(work.sums)
        free(work)


cdef inline void clear(Work* work, Py_ssize_t n_labels) noexcept nogil:
    """Forget the last text."""
    work.n_terms = work.n_repeated = 0
    work.norm = work.idf_sum = 0
    work.mask = work.few_slots - 1
    memset(work.seen, 0, work.few_slots * sizeof(uint32_t))
    memset(work.sums, 0, 2 * ((n_labels + 7) // 8 * 8) * sizeof(double))


cdef inline int make_room(Work* work, uint64_t more) noexcept nogil:
    """Make room for more terms, so that at most half of the slots will hold one; -1 where memory is short."""
    cdef uint64_t before = work.mask + 1 if work.seen != NULL else 0, after = max(before, <uint64_t>FEW_SLOTS), place, i
    cdef uint32_t* old = work.seen
    cdef int64_t* old_counts = work.counts
    cdef void* repeated
    while 2 * (work.n_terms + more) > after:
        after *= 2
    if after == before:
        return 0
    repeated = realloc(work.repeated, after // 2 * sizeof(int32_t))
    if repeated == NULL:
        return -1
    work.repeated = <int32_t*>repeated
    work.seen, work.counts = <uint32_t*>calloc(after, sizeof(uint32_t)), <int64_t*>calloc(after, sizeof(int64_t))
    work.mask = after - 1
    if work.seen != NULL and work.counts != NULL:
        for i in range(before):
            if old[i]:
                place = slot_of(work, old[i])
                work.seen[place], work.counts[place] = old[i], old_counts[i]
    free(old)
    free(old_counts)
    return 0 if work.seen != NULL and work.counts != NULL else -1


cdef inline uint64_t slot_of(const Work* work, uint32_t term) noexcept nogil:
    """Give the slot of a term, or the free one where it belongs."""
    cdef uint64_t place = (term * <uint32_t>0x9e3779b1) >> 8 & work.mask
    while work.seen[place] * <uint32_t>(work.seen[place] != term):  # one branch, which is hardly ever taken
        place = (place + 1) & work.mask
    return place


cdef inline bint count_term(Work* work, int32_t row) noexcept nogil:
    """Count a term, for which there must be room, and say whether it is new."""
    cdef uint32_t term = <uint32_t>row + 1
    cdef uint64_t place = slot_of(work, term)
    cdef bint is_new = work.seen[place] == 0
    cdef int64_t count = work.counts[place] * (not is_new) + 1
    work.seen[place], work.counts[place] = term, count
    work.n_terms += is_new
    work.repeated[work.n_repeated] = row
    work.n_repeated += count == 2
    return is_new


cdef inline int64_t count_of(const Work* work, int32_t row) noexcept nogil:
    return work.counts[slot_of(work, <uint32_t>row + 1)]
