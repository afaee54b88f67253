"""The working memory of one call, and the counting of terms in it."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from stance._folding cimport Buffer, grow

cdef enum:
    CHUNK = 128      # tokens that go through the stages together
    FEW_TERMS = 256  # room for terms at first


cdef struct Token:
    uint64_t key, place       # and the bucket where the search for it begins
    Py_ssize_t start, length  # in the buffer, with a space before and after
    int32_t row

cdef struct Term:
    int64_t count
    int32_t row

cdef struct Columns:         # where the answers for one text go
    double* decisions
    double* probabilities
    int32_t* topics
    int32_t* tone
    uint8_t* reason
    double* known
    double* mean_idf
    int64_t* n_tokens

cdef struct Work:
    Buffer buffer            # the folded text
    Token tokens[CHUNK]
    Token grams_met[CHUNK]
    const int16_t* gram_rows[CHUNK + 1]
    Py_ssize_t n_grams, n_gram_rows
    Py_ssize_t long_tokens[CHUNK + 1]
    uint64_t pairs[CHUNK + 1]       # keys, and where the search for them begins
    uint64_t pair_places[CHUNK + 1]
    const int16_t* rows16[CHUNK + 1]
    const int32_t* rows32[CHUNK + 1]
    double times16[CHUNK + 1]
    double times32[CHUNK + 1]
    Term* terms              # what was met in this text, from the second on
    Py_ssize_t n_terms, most_terms
    int32_t* places          # where each term stands in `terms`: a table of twice as many slots
    uint64_t mask
    const uint8_t* gram_weights  # the subwords' weights, and the bytes from one to the next
    Py_ssize_t gram_stride
    double* sums             # n_labels: the weighted terms added up
    double* grams            # n_labels: the subword weights added up, whole numbers
    Columns one              # a row of the answers, and what it points at
    int32_t tone
    uint8_t reason
    double known, mean_idf
    int64_t n_tokens


cdef inline Work* new_work(Py_ssize_t n_labels) noexcept:
    """Give working memory, or NULL where memory is short."""
    cdef Work* work = <Work*>calloc(1, sizeof(Work))
    cdef double* numbers
    if work == NULL:
        return NULL
    numbers = <double*>calloc(5 * n_labels, sizeof(double))
    work.sums = numbers
    if numbers == NULL or grow(&work.buffer, 1024) < 0 or grow_terms(work, FEW_TERMS) < 0:
        free_work(work)
        return NULL
    work.grams = numbers + n_labels
    work.one = Columns(
        numbers + 2 * n_labels, numbers + 3 * n_labels, <int32_t*>(numbers + 4 * n_labels), &work.tone, &work.reason,
        &work.known, &work.mean_idf, &work.n_tokens,
    )
    return work


cdef inline void free_work(Work* work) noexcept:
    if work != NULL:
        free(work.buffer.bytes)
        free(work.terms)
        free(work.places)
        free(work.sums)
        free(work)


cdef inline void clear(Work* work, Py_ssize_t n_labels) noexcept nogil:
    """Forget the last text."""
    work.n_terms, work.most_terms, work.mask = 1, FEW_TERMS, 2 * FEW_TERMS - 1
    memset(work.places, 0, 2 * FEW_TERMS * sizeof(int32_t))
    memset(work.sums, 0, 2 * n_labels * sizeof(double))


cdef inline int grow_terms(Work* work, Py_ssize_t wanted) noexcept nogil:
    """Make room for a power of two of terms and put those that are there into the new table."""
    cdef Py_ssize_t i
    cdef Term* larger = <Term*>realloc(work.terms, wanted * sizeof(Term))
    cdef int32_t* places
    if larger == NULL:
        return -1
    work.terms = larger
    places = <int32_t*>realloc(work.places, 2 * wanted * sizeof(int32_t))
    if places == NULL:
        return -1
    work.places, work.most_terms, work.mask = places, wanted, 2 * wanted - 1
    memset(places, 0, 2 * wanted * sizeof(int32_t))
    for i in range(1, work.n_terms):
        places[place_of(work, larger[i].row)] = <int32_t>i
    return 0


cdef inline uint64_t place_of(Work* work, int32_t row) noexcept nogil:
    """Give the slot of a term, or the free one where it belongs: there the first of `terms` stands, which is no term."""
    cdef uint64_t place = (<uint32_t>row * <uint32_t>0x9e3779b1) >> 8 & work.mask
    work.terms[0].row = row
    while work.terms[work.places[place]].row != row:
        place = (place + 1) & work.mask
    return place


cdef inline int count_term(Work* work, int32_t row) noexcept nogil:
    """Count a term, without a branch to guess; -1 where memory is short."""
    cdef uint64_t place = place_of(work, row)
    cdef int32_t i = work.places[place]
    cdef bint is_new = i == 0
    i = <int32_t>work.n_terms if is_new else i
    work.places[place] = i
    work.terms[i].row = row
    work.terms[i].count = 1 if is_new else work.terms[i].count + 1
    work.n_terms += is_new
    if work.n_terms == work.most_terms:
        return grow_terms(work, 2 * work.most_terms)
    return 0
