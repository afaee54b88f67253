"""Looking up the words, pairs and subwords of a text, and noting what each adds."""

from libc.stdint cimport int16_t, int32_t, uint8_t, uint64_t

from stance._folding cimport is_ascii, next_character
from stance._sums cimport add_rows16
from stance._tables cimport (
    LINE, LONG, NONE, PREFETCH, Pairs, Strings, Table, bisect_pair, bisect_string, find_key, find_long, find_string,
    is_string, may_be_pair, pair_key, place_of_key, short_key,
)
from stance._work cimport CHUNK, Work

cdef struct Rows:            # of weights, and the idf of each
    const uint8_t* weights
    const uint8_t* idf
    Py_ssize_t stride, idf_stride

cdef struct Lookup:          # where a term is found, and what it adds
    Strings words, grams
    Pairs pairs
    Rows of_words, of_pairs, of_grams
    const uint8_t* word_sums # of each word the sum of its subwords' weights, with the stride of words; may be NULL
    int shortest, longest    # subwords, in characters
    Py_ssize_t n_labels


cdef inline const int16_t* weights_of(const Rows* rows, int32_t row) noexcept nogil:
    return <const int16_t*>(rows.weights + row * rows.stride)


cdef inline const double* idf_of(const Rows* rows, int32_t row) noexcept nogil:
    return <const double*>(rows.idf + row * rows.idf_stride)


cdef inline void add_subwords(Work* work, const Lookup* lookup) noexcept nogil:
    add_rows16(work.gram_sums, work.gram_rows, work.n_gram_rows, lookup.n_labels)
    work.n_gram_rows = 0


cdef inline void take_subword(Work* work, const Lookup* lookup, int32_t row) noexcept nogil:
    """Note the weights of a subword, if it is known, and fetch them."""
    work.gram_rows[work.n_gram_rows] = weights_of(&lookup.of_grams, row)
    PREFETCH(work.gram_rows[work.n_gram_rows])
    work.n_gram_rows += row != NONE
    if work.n_gram_rows == CHUNK:
        add_subwords(work, lookup)


cdef inline void find_subwords(Work* work, const Lookup* lookup) noexcept nogil:
    """Look up the subwords that were met."""
    cdef Table table = lookup.grams.table
    cdef Py_ssize_t i
    for i in range(work.n_grams):
        take_subword(work, lookup, find_key(&table, work.grams[i], work.gram_places[i]))
    work.n_grams = 0


cdef inline void meet_subword(Work* work, const Lookup* lookup, uint64_t key, bint is_one) noexcept nogil:
    if work.n_grams == CHUNK:
        find_subwords(work, lookup)
    work.grams[work.n_grams] = key
    work.gram_places[work.n_grams] = place_of_key(&lookup.grams.table, key)
    work.n_grams += is_one


cdef inline void meet_subwords(Work* work, const Lookup* lookup, Py_ssize_t start, Py_ssize_t size) noexcept nogil:
    """Note the subwords of a token, which stands in the buffer with a space before and after it."""
    cdef const uint8_t* data = work.buffer.bytes + start
    cdef Py_ssize_t first, stop, characters
    cdef int length
    if lookup.grams.count == 0:
        return
    if lookup.grams.table.memory != NULL and lookup.longest < LONG and is_ascii(data, size):
        if size < lookup.shortest:  # the whole token with its spaces
            meet_subword(work, lookup, short_key(data, size), True)
        for first in range(size - lookup.shortest + 1):  # a character is a byte, and no key is a hash
            for length in range(lookup.shortest, lookup.longest + 1):
                meet_subword(work, lookup, short_key(data + first, length), first + length <= size)
        return
    for length in range(lookup.shortest, lookup.longest + 1):
        first = stop = characters = 0
        while characters < length and stop < size:
            stop = next_character(data, stop, size)
            characters += 1
        while True:
            take_subword(work, lookup, find_string(&lookup.grams, data + first, stop - first))
            if stop == size:
                break
            first = next_character(data, first, size)
            stop = next_character(data, stop, size)
        if first == 0:
            break


cdef inline Py_ssize_t look_up_words(Work* work, const Lookup* lookup, Py_ssize_t n_found) noexcept nogil:
    """Look up tokens, fetch what the known ones add, meet the others' subwords; give the number of known ones."""
    cdef const uint8_t* data = work.buffer.bytes
    cdef Table table = lookup.words.table
    cdef bint has_no_sums = lookup.word_sums == NULL
    cdef Py_ssize_t n_known = 0, n_some = 0, stride = 0 if has_no_sums else lookup.of_words.stride, i, place
    cdef const uint8_t* sums = lookup.of_words.weights if has_no_sums else lookup.word_sums
    cdef const uint8_t* record
    cdef int32_t row
    for i in range(n_found if table.memory == NULL else 0):
        work.rows[i + 1] = bisect_string(&lookup.words, data + work.starts[i], work.ends[i] - work.starts[i])
    for i in range(n_found if table.memory != NULL else 0):
        row = find_key(&table, work.keys[i], work.places[i])
        work.rows[i + 1] = row
        work.some[n_some] = i
        n_some += work.keys[i] >> 63 & (row != NONE)  # whose key is a hash
    for i in range(n_some):
        place = work.some[i]
        if not is_string(
            &lookup.words, work.rows[place + 1], data + work.starts[place], work.ends[place] - work.starts[place]
        ):
            work.rows[place + 1] = find_long(
                &lookup.words, work.keys[place], data + work.starts[place], work.ends[place] - work.starts[place]
            )
    n_some = 0
    for i in range(n_found):
        row = work.rows[i + 1]
        record = sums + row * stride
        PREFETCH(record)
        PREFETCH(record + LINE)
        work.known[n_known], work.word_rows[n_known] = row, <const int32_t*>record
        n_known += row != NONE
        work.some[n_some] = i
        n_some += (row == NONE) | has_no_sums
    for i in range(n_some):
        place = work.some[i]
        meet_subwords(work, lookup, work.starts[place] - 1, work.ends[place] - work.starts[place] + 2)
    return n_known


cdef inline Py_ssize_t sift_pairs(Work* work, const Lookup* lookup, Py_ssize_t n_found) noexcept nogil:
    """Note the pairs of neighbouring words that may be known, and give their number."""
    cdef Pairs pairs = lookup.pairs
    cdef Py_ssize_t n_pairs = 0, i
    cdef bint has_no_table = pairs.table.memory == NULL
    cdef int32_t last = work.rows[0], row
    for i in range(n_found):
        row = work.rows[i + 1]
        work.pairs[n_pairs] = pair_key(last, row)
        n_pairs += ((last | row) >= 0) & (has_no_table or may_be_pair(&pairs, work.pairs[n_pairs]))  # none is NONE
        last = row
    for i in range(n_pairs):
        work.pair_places[i] = place_of_key(&pairs.table, work.pairs[i])
    return n_pairs


cdef inline Py_ssize_t look_up_pairs(Work* work, const Lookup* lookup, Py_ssize_t n_pairs) noexcept nogil:
    """Look up the pairs, fetch what the known ones add, and give their number."""
    cdef Table table = lookup.pairs.table
    cdef Rows rows = lookup.of_pairs
    cdef Py_ssize_t n_known = 0, i
    cdef int32_t row
    for i in range(n_pairs):
        if table.memory == NULL:
            row = bisect_pair(&lookup.pairs, work.pairs[i])
        else:
            row = find_key(&table, work.pairs[i], work.pair_places[i])
        PREFETCH(weights_of(&rows, row))
        work.known[n_known] = row
        n_known += row != NONE
    return n_known
