# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Scoring in one pass, compiled: text to tokens to terms to decision values, without the GIL.

The same sums as `stance.scoring`, whose docstring has the formula. The stages for one text:

1. fold: lower-case each character and find the tokens, writing them as UTF-8 into a buffer;
2. look up: hash each token once, find it in the table of words, and with its neighbour in the table of pairs;
3. count: the terms touched, in a dense counter with a list of what was touched;
4. add up: (1 + ln count) * idf * weights over the terms touched, their norm beside it;
5. subwords: the added-up weights of each token's subwords, kept for known words, looked up for others.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.math cimport log, sqrt
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memset

from stance._folding cimport folded, is_irregular, put_utf8

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    uint32_t PyUnicode_READ(int kind, const void* data, Py_ssize_t index) noexcept nogil

__all__ = ["Kernel"]

cdef enum:
    NONE = -1


# Hash tables: open addressing, a power of two of slots, each the row or NONE. -------------------------------------------

cdef struct Strings:
    # Sorted strings in one blob; string i is blob[starts[i]:starts[i + 1] - 1].
    const uint8_t* blob
    int64_t* starts
    int32_t* slots
    uint64_t mask
    Py_ssize_t count


cdef inline uint64_t mix(uint64_t key) noexcept nogil:
    key ^= key >> 32
    key *= <uint64_t>0xd6e8feb86659fd93
    key ^= key >> 32
    key *= <uint64_t>0xd6e8feb86659fd93
    return key ^ (key >> 32)


cdef inline uint64_t hash_bytes(const uint8_t* data, Py_ssize_t length) noexcept nogil:
    cdef uint64_t value = <uint64_t>0xcbf29ce484222325
    cdef Py_ssize_t i
    for i in range(length):
        value = (value ^ data[i]) * <uint64_t>0x100000001b3
    return mix(value)


cdef inline int32_t find(const Strings* strings, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    cdef uint64_t slot = hash_bytes(data, length) & strings.mask
    cdef int32_t row
    while True:
        row = strings.slots[slot]
        if row == NONE:
            return NONE
        if (strings.starts[row + 1] - strings.starts[row] - 1 == length
                and memcmp(strings.blob + strings.starts[row], data, length) == 0):
            return row
        slot = (slot + 1) & strings.mask


cdef uint64_t table_size(Py_ssize_t count) noexcept:
    cdef uint64_t size = 16
    while size < 2 * <uint64_t>count:
        size *= 2
    return size


cdef class _Table:
    """A table of strings over a blob, and the memory that it owns."""

    cdef Strings strings
    cdef const uint8_t[::1] blob

    def __cinit__(self, const uint8_t[::1] blob not None, Py_ssize_t count):
        cdef Py_ssize_t i, row = 0
        cdef uint64_t slot
        self.blob = blob
        self.strings.count = count
        self.strings.blob = &blob[0] if blob.shape[0] else NULL
        self.strings.mask = table_size(count) - 1
        self.strings.starts = <int64_t*>PyMem_Malloc((count + 1) * sizeof(int64_t))
        self.strings.slots = <int32_t*>PyMem_Malloc((self.strings.mask + 1) * sizeof(int32_t))
        if self.strings.starts == NULL or self.strings.slots == NULL:
            raise MemoryError
        memset(self.strings.slots, 0xFF, (self.strings.mask + 1) * sizeof(int32_t))
        self.strings.starts[0] = 0
        for i in range(blob.shape[0]):
            if blob[i] == 10:
                row += 1
                if row >= count:
                    raise ValueError("more strings than rows")
                self.strings.starts[row] = i + 1
        if count and row != count - 1:
            raise ValueError("fewer strings than rows")
        if not count and blob.shape[0]:
            raise ValueError("more strings than rows")
        self.strings.starts[count] = blob.shape[0] + 1
        for row in range(count):
            slot = hash_bytes(self.strings.blob + self.strings.starts[row],
                              self.strings.starts[row + 1] - self.strings.starts[row] - 1) & self.strings.mask
            while self.strings.slots[slot] != NONE:
                slot = (slot + 1) & self.strings.mask
            self.strings.slots[slot] = <int32_t>row

    def __dealloc__(self):
        PyMem_Free(self.strings.starts)
        PyMem_Free(self.strings.slots)


# Working memory of one thread. --------------------------------------------------------------------------------------

cdef struct Work:
    uint8_t* bytes          # the token being read, as UTF-8
    Py_ssize_t capacity
    int32_t* counts         # how often each term was met, by row
    int32_t* touched        # the rows met
    Py_ssize_t n_touched
    double* sums            # n_labels: the weighted terms added up
    int64_t* grams          # n_labels: the subword weights added up


cdef int grow(Work* work, Py_ssize_t wanted) noexcept nogil:
    cdef uint8_t* larger
    if wanted <= work.capacity:
        return 0
    larger = <uint8_t*>realloc(work.bytes, wanted)
    if larger == NULL:
        return -1
    work.bytes = larger
    work.capacity = wanted
    return 0


cdef struct Text:
    int kind
    const void* data
    Py_ssize_t length


cdef class Kernel:
    """The tables and weights of a model, ready to score.

    Parameters
    ----------
    words, subwords : buffer of uint8
        The sorted strings of each vocabulary with line feeds between.
    n_words, n_subwords : int
    pairs : buffer of uint32, shape (n_pairs, 2)
    idf : buffer of float64, shape (n_words + n_pairs,)
    unknown_idf : float
    weights : buffer of int16, shape (n_words + n_pairs, n_labels)
    weight_scale, subword_scale, intercept : buffer of float64, shape (n_labels,)
    subword_weights : buffer of int16, shape (n_subwords, n_labels)
    shortest, longest : int
        Least and greatest length of a subword in characters.
    """

    cdef _Table words, subwords
    cdef const uint32_t[:, ::1] pairs
    cdef const double[::1] idf, weight_scale, subword_scale, intercept
    cdef const int16_t[:, ::1] weights, subword_weights
    cdef double unknown_idf
    cdef int shortest, longest
    cdef Py_ssize_t n_words, n_terms, n_labels
    cdef int32_t* pair_slots
    cdef uint64_t pair_mask
    cdef int64_t* folded  # (n_words, n_labels): each word's subword weights added up

    def __cinit__(self, words, n_words, const uint32_t[:, ::1] pairs not None, const double[::1] idf not None,
                  double unknown_idf, const int16_t[:, ::1] weights not None, const double[::1] weight_scale not None,
                  subwords, n_subwords, int shortest, int longest, const int16_t[:, ::1] subword_weights not None,
                  const double[::1] subword_scale not None, const double[::1] intercept not None):
        cdef Py_ssize_t i
        cdef uint64_t slot
        self.words = _Table(words, n_words)
        self.subwords = _Table(subwords, n_subwords)
        self.pairs, self.idf, self.unknown_idf = pairs, idf, unknown_idf
        self.weights, self.weight_scale = weights, weight_scale
        self.subword_weights, self.subword_scale, self.intercept = subword_weights, subword_scale, intercept
        self.shortest, self.longest = shortest, longest
        self.n_words = n_words
        self.n_terms = n_words + pairs.shape[0]
        self.n_labels = intercept.shape[0]
        self.pair_mask = table_size(pairs.shape[0]) - 1
        self.pair_slots = <int32_t*>PyMem_Malloc((self.pair_mask + 1) * sizeof(int32_t))
        self.folded = <int64_t*>PyMem_Calloc(max(self.n_words, 1) * self.n_labels, sizeof(int64_t))
        if self.pair_slots == NULL or self.folded == NULL:
            raise MemoryError
        memset(self.pair_slots, 0xFF, (self.pair_mask + 1) * sizeof(int32_t))
        for i in range(pairs.shape[0]):
            slot = mix(<uint64_t>pairs[i, 0] << 32 | pairs[i, 1]) & self.pair_mask
            while self.pair_slots[slot] != NONE:
                slot = (slot + 1) & self.pair_mask
            self.pair_slots[slot] = <int32_t>i
        with nogil:
            for i in range(self.n_words):
                self.add_subwords(self.words.strings.blob + self.words.strings.starts[i],
                                  self.words.strings.starts[i + 1] - self.words.strings.starts[i] - 1,
                                  self.folded + i * self.n_labels)

    def __dealloc__(self):
        PyMem_Free(self.pair_slots)
        PyMem_Free(self.folded)

    def score(self, tuple texts not None, double[:, ::1] decisions not None, double[::1] known not None,
              double[::1] mean_idf not None, int64_t[::1] n_tokens not None):
        """Score each text into a row of the four arrays; the GIL is not held meanwhile.

        Parameters
        ----------
        texts : tuple of str
            A tuple, so that nobody can change it meanwhile.
        decisions : buffer of float64, shape (n_texts, n_labels)
        known, mean_idf : buffer of float64, shape (n_texts,)
        n_tokens : buffer of int64, shape (n_texts,)
        """
        cdef Py_ssize_t n_texts = len(texts), i
        cdef Work work
        cdef int failed = 0
        cdef list kept = []
        cdef Text* views = <Text*>malloc(max(n_texts, 1) * sizeof(Text))
        memset(&work, 0, sizeof(Work))
        try:
            work.counts = <int32_t*>PyMem_Calloc(max(self.n_terms, 1), sizeof(int32_t))
            work.touched = <int32_t*>PyMem_Malloc(max(self.n_terms, 1) * sizeof(int32_t))
            work.sums = <double*>PyMem_Malloc(self.n_labels * sizeof(double))
            work.grams = <int64_t*>PyMem_Malloc(self.n_labels * sizeof(int64_t))
            if (views == NULL or work.counts == NULL or work.touched == NULL or work.sums == NULL
                    or work.grams == NULL or grow(&work, 256) < 0):
                raise MemoryError
            for i in range(n_texts):
                text = texts[i]
                if not isinstance(text, str):
                    raise TypeError(f"expected a text of type str, but got {type(text).__name__}")
                # Two characters are lower-cased by their neighbours or become two: str.lower does those texts.
                if is_irregular(text):
                    text = text.lower()
                    kept.append(text)
                views[i].kind = PyUnicode_KIND(text)
                views[i].data = PyUnicode_DATA(text)
                views[i].length = PyUnicode_GET_LENGTH(text)
            with nogil:
                for i in range(n_texts):
                    if self.score_one(&views[i], &work, &decisions[i, 0], &known[i], &mean_idf[i], &n_tokens[i]) < 0:
                        failed = 1
                        break
            if failed:
                raise MemoryError
        finally:
            free(views)
            free(work.bytes)
            PyMem_Free(work.counts)
            PyMem_Free(work.touched)
            PyMem_Free(work.sums)
            PyMem_Free(work.grams)

    cdef int score_one(self, const Text* text, Work* work, double* decisions, double* known, double* mean_idf,
                       int64_t* n_tokens) noexcept nogil:
        cdef Py_ssize_t i, j, row, length = 0, characters = 0
        cdef int64_t n = 0, n_known = 0
        cdef int32_t last = NONE
        cdef uint32_t character
        cdef double value, norm = 0, idf_sum = 0
        cdef int64_t count
        work.n_touched = 0
        memset(work.sums, 0, self.n_labels * sizeof(double))
        memset(work.grams, 0, self.n_labels * sizeof(int64_t))
        for i in range(text.length + 1):
            # 1. Fold: a word character goes into the buffer, any other ends the token.
            if i < text.length:
                character = folded(PyUnicode_READ(text.kind, text.data, i))
                if character:
                    if length + 4 > work.capacity and grow(work, 2 * work.capacity) < 0:
                        return -1
                    length += put_utf8(work.bytes + length, character)
                    characters += 1
                    continue
            # 2. Look up, and 3. count.
            if characters >= 2:
                n += 1
                row = find(&self.words.strings, work.bytes, length)
                if row != NONE:
                    n_known += 1
                    idf_sum += self.idf[row]
                    self.touch(work, <int32_t>row)
                    if last != NONE:
                        self.touch_pair(work, last, <int32_t>row)
                else:
                    self.add_subwords(work.bytes, length, work.grams)
                last = <int32_t>row
            length = 0
            characters = 0
        # 4. Add up the terms, 5. and the subwords of the known words.
        for i in range(work.n_touched):
            row = work.touched[i]
            count = work.counts[row]
            work.counts[row] = 0
            value = (1.0 + log(<double>count)) * self.idf[row] if count > 1 else self.idf[row]
            norm += value * value
            for j in range(self.n_labels):
                work.sums[j] += value * self.weights[row, j]
            if row < self.n_words:
                for j in range(self.n_labels):
                    work.grams[j] += count * self.folded[row * self.n_labels + j]
        norm = 1.0 / sqrt(norm) if norm > 0 else 0.0
        value = 1.0 / sqrt(<double>n) if n else 0.0
        for j in range(self.n_labels):
            decisions[j] = (self.intercept[j] + work.sums[j] * norm * self.weight_scale[j]
                            + work.grams[j] * value * self.subword_scale[j])
        known[0] = <double>n_known / n if n else 0.0
        mean_idf[0] = (idf_sum + (n - n_known) * self.unknown_idf) / n if n else self.unknown_idf
        n_tokens[0] = n
        return 0

    cdef inline void touch(self, Work* work, int32_t row) noexcept nogil:
        if work.counts[row] == 0:
            work.touched[work.n_touched] = row
            work.n_touched += 1
        work.counts[row] += 1

    cdef inline void touch_pair(self, Work* work, int32_t first, int32_t second) noexcept nogil:
        cdef uint64_t slot = mix(<uint64_t>(<uint32_t>first) << 32 | <uint32_t>second) & self.pair_mask
        cdef int32_t pair
        while True:
            pair = self.pair_slots[slot]
            if pair == NONE:
                return
            if self.pairs[pair, 0] == <uint32_t>first and self.pairs[pair, 1] == <uint32_t>second:
                self.touch(work, <int32_t>self.n_words + pair)
                return
            slot = (slot + 1) & self.pair_mask

    cdef void add_subwords(self, const uint8_t* token, Py_ssize_t length, int64_t* sums) noexcept nogil:
        """Add the weights of a token's subwords; the token is UTF-8 and has a space put before and after it."""
        cdef Py_ssize_t start, end, size, characters, j
        cdef int32_t row
        cdef uint8_t window[4 * 64 + 2]
        cdef int lengths
        if self.subwords.strings.count == 0:
            return
        for lengths in range(self.shortest, self.longest + 1):
            start = -1
            while True:
                # The subword begins at byte `start`, -1 being the space before the token, `length` the one after it.
                size = 0
                characters = 0
                end = start
                while characters < lengths and end <= length:
                    if end == -1 or end == length:
                        window[size] = 32
                        size += 1
                        end += 1
                    else:
                        window[size] = token[end]
                        size += 1
                        end += 1
                        while end < length and (token[end] & 0xC0) == 0x80:
                            window[size] = token[end]
                            size += 1
                            end += 1
                    characters += 1
                row = find(&self.subwords.strings, window, size)
                if row != NONE:
                    for j in range(self.n_labels):
                        sums[j] += self.subword_weights[row, j]
                if end > length:
                    break
                start += 1
                while start < length and start > 0 and (token[start] & 0xC0) == 0x80:
                    start += 1
            if start == -1:
                return  # the first n-gram was the whole token with its spaces: longer ones would repeat it
