# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Counting for training, compiled: the loops of `stance.counting` over characters, tokens and pairs, without the GIL.

Each function gives what the Python code of the same step in `stance.counting` gives. The stages:

1. `read`: fold each character as the scoring kernel does, give each new token the next number, write down the numbers;
2. `spell`: the same for the subwords of each token;
3. `count`: numbers of a row into sorted columns with counts;
4. `pair_frequency`: in how many texts each pair of kept words stands;
5. `subword_frequency`: in how many texts each subword stands;
6. `weigh`: the weighted words, pairs and subwords of each text.
"""

from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from stance._folding cimport folded, is_irregular, put_utf8

import numpy as np

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    uint32_t PyUnicode_READ(int kind, const void* data, Py_ssize_t index) noexcept nogil
    object PyUnicode_DecodeUTF8(const char* data, Py_ssize_t length, const char* errors)

__all__ = ["count", "pair_frequency", "read", "spell", "subword_frequency", "weigh"]

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define lowest_bit(bits) __builtin_ctzll(bits)
    #define STANCE_PREFETCH(address) __builtin_prefetch(address)
    #else
    #define STANCE_PREFETCH(address)
    static int lowest_bit(unsigned long long bits) {
        int place = 0;
        while (!(bits >> place & 1)) place++;
        return place;
    }
    #endif
    """
    int lowest_bit(uint64_t bits) noexcept nogil
    void prefetch "STANCE_PREFETCH"(const void* address) noexcept nogil

cdef enum:
    NONE = -1
    AHEAD = 6     # tokens by which fetching from memory runs ahead
    SLICE = 4096  # texts that are read at a time, before other threads are asked for the GIL again


cdef inline uint64_t mix(uint64_t key) noexcept nogil:
    key ^= key >> 32
    key *= <uint64_t>0xd6e8feb86659fd93
    key ^= key >> 32
    key *= <uint64_t>0xd6e8feb86659fd93
    return key ^ (key >> 32)


# Strings numbered in the order in which they are first met. ------------------------------------------------------------

cdef class _Numbering:
    """A growing hash table: open addressing, a power of two of slots, each the number of a string or NONE."""

    cdef uint8_t* blob          # the strings as UTF-8, one after the other
    cdef Py_ssize_t size, room  # of the blob, used and there
    cdef int64_t* ends          # string i ends before blob[ends[i]]
    cdef uint64_t* hashes
    cdef int32_t* slots
    cdef Py_ssize_t count, places  # of strings, met and there is room for; twice as many slots
    cdef uint64_t mask

    def __cinit__(self):
        self.room, self.places = 1 << 12, 1 << 9
        self.mask = 2 * self.places - 1
        self.blob = <uint8_t*>malloc(self.room)
        self.ends = <int64_t*>malloc(self.places * sizeof(int64_t))
        self.hashes = <uint64_t*>malloc(self.places * sizeof(uint64_t))
        self.slots = <int32_t*>malloc((self.mask + 1) * sizeof(int32_t))
        if self.blob == NULL or self.ends == NULL or self.hashes == NULL or self.slots == NULL:
            raise MemoryError
        memset(self.slots, 0xFF, (self.mask + 1) * sizeof(int32_t))

    def __dealloc__(self):
        free(self.blob)
        free(self.ends)
        free(self.hashes)
        free(self.slots)

    cdef int32_t number(self, const uint8_t* data, Py_ssize_t length) noexcept nogil:
        """Give the number of a string, a new one where it was not met before; NONE where memory ran out."""
        cdef uint64_t value = <uint64_t>0xcbf29ce484222325, slot
        cdef Py_ssize_t i, start
        cdef int32_t found
        for i in range(length):
            value = (value ^ data[i]) * <uint64_t>0x100000001b3
        value = mix(value)
        slot = value & self.mask
        while True:
            found = self.slots[slot]
            if found == NONE:
                break
            if self.hashes[found] == value:
                start = self.ends[found - 1] if found else 0
                if self.ends[found] - start == length and memcmp(self.blob + start, data, length) == 0:
                    return found
            slot = (slot + 1) & self.mask
        if self.count == self.places:
            if self.more_places() < 0:
                return NONE
            slot = value & self.mask
            while self.slots[slot] != NONE:
                slot = (slot + 1) & self.mask
        if self.size + length > self.room and self.more_room(length) < 0:
            return NONE
        memcpy(self.blob + self.size, data, length)
        self.size += length
        found = <int32_t>self.count
        self.ends[found] = self.size
        self.hashes[found] = value
        self.slots[slot] = found
        self.count += 1
        return found

    cdef int more_room(self, Py_ssize_t wanted) noexcept nogil:
        cdef Py_ssize_t room = 2 * self.room + wanted
        cdef uint8_t* blob = <uint8_t*>realloc(self.blob, room)
        if blob == NULL:
            return -1
        self.blob, self.room = blob, room
        return 0

    cdef int more_places(self) noexcept nogil:
        cdef Py_ssize_t places = 2 * self.places, i
        cdef uint64_t mask = 2 * <uint64_t>places - 1, slot
        cdef int64_t* ends
        cdef uint64_t* hashes
        cdef int32_t* slots
        if places > 1 << 30:  # numbers are of 32 bits
            return -1
        ends = <int64_t*>realloc(self.ends, places * sizeof(int64_t))
        if ends == NULL:
            return -1
        self.ends = ends
        hashes = <uint64_t*>realloc(self.hashes, places * sizeof(uint64_t))
        if hashes == NULL:
            return -1
        self.hashes = hashes
        slots = <int32_t*>malloc((mask + 1) * sizeof(int32_t))
        if slots == NULL:
            return -1
        memset(slots, 0xFF, (mask + 1) * sizeof(int32_t))
        for i in range(self.count):
            slot = hashes[i] & mask
            while slots[slot] != NONE:
                slot = (slot + 1) & mask
            slots[slot] = <int32_t>i
        free(self.slots)
        self.slots, self.mask, self.places = slots, mask, places
        return 0

    cdef list strings(self):
        cdef Py_ssize_t i, start = 0
        cdef list found = []
        for i in range(self.count):
            found.append(PyUnicode_DecodeUTF8(<const char*>self.blob + start, self.ends[i] - start, "surrogatepass"))
            start = self.ends[i]
        return found


# 1. Texts to tokens. ---------------------------------------------------------------------------------------------------

cdef struct Text:
    int kind
    const void* data
    Py_ssize_t length


cdef struct Buffer:
    uint8_t* bytes
    Py_ssize_t capacity


cdef inline int grow(Buffer* buffer, Py_ssize_t wanted) noexcept nogil:
    cdef uint8_t* larger
    if wanted <= buffer.capacity:
        return 0
    larger = <uint8_t*>realloc(buffer.bytes, 2 * wanted)
    if larger == NULL:
        return -1
    buffer.bytes, buffer.capacity = larger, 2 * wanted
    return 0


cdef Py_ssize_t number_tokens(const Text* text, _Numbering tokens, Buffer* buffer, int32_t* stream) noexcept nogil:
    """Write down the numbers of one text's tokens and give how many there are, or NONE where memory ran out."""
    cdef Py_ssize_t i, length = 0, characters = 0, n = 0
    cdef uint32_t character
    for i in range(text.length + 1):
        if i < text.length:
            character = folded(PyUnicode_READ(text.kind, text.data, i))
            if character:
                if length + 4 > buffer.capacity and grow(buffer, length + 4) < 0:
                    return NONE
                length += put_utf8(buffer.bytes + length, character)
                characters += 1
                continue
        if characters >= 2:
            stream[n] = tokens.number(buffer.bytes, length)
            if stream[n] == NONE:
                return NONE
            n += 1
        length = 0
        characters = 0
    return n


def read(tuple texts not None):
    """Number the tokens of `texts` in the order in which they are first met.

    Parameters
    ----------
    texts : tuple of str
        A tuple, so that nobody can change it meanwhile.

    Returns
    -------
    tokens : list of str
        Every token once; token i has the number i.
    stream : ndarray of int32
        The numbers of the tokens of all texts one after the other.
    bounds : ndarray of int64, shape (n_texts + 1,)
    """
    cdef Py_ssize_t n_texts = len(texts), first, i, n, room, used = 0
    cdef _Numbering tokens = _Numbering()
    cdef Text views[SLICE]
    cdef Buffer buffer
    cdef list kept
    cdef int64_t[::1] bounds = np.zeros(n_texts + 1, dtype=np.int64)
    # A token and what parts it from the next are three characters or more: there is room for the most there can be.
    # Memory that is never written to costs nothing.
    room = 1
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"expected a text of type str, but got {type(text).__name__}")
        # Lower-casing U+0130 makes two characters of one, of which the second is no word character.
        room += PyUnicode_GET_LENGTH(text) // 2 + 1
    numbers = np.empty(room, dtype=np.int32)
    cdef int32_t[::1] stream = numbers
    buffer.bytes, buffer.capacity = NULL, 0
    try:
        if grow(&buffer, 256) < 0:
            raise MemoryError
        for first in range(0, n_texts, SLICE):
            kept = []
            n = min(SLICE, n_texts - first)
            for i in range(n):
                text = texts[first + i]
                if type(text) is not str:  # of a type that is a kind of str
                    text = str.__str__(text)
                    kept.append(text)
                # Two characters are lower-cased by their neighbours or become two: str.lower does those texts.
                if is_irregular(text):
                    text = text.lower()
                    kept.append(text)
                views[i].kind = PyUnicode_KIND(text)
                views[i].data = PyUnicode_DATA(text)
                views[i].length = PyUnicode_GET_LENGTH(text)
            with nogil:
                for i in range(n):
                    room = number_tokens(&views[i], tokens, &buffer, &stream[0] + used)
                    if room == NONE:
                        with gil:
                            raise MemoryError
                    used += room
                    bounds[first + i + 1] = used
    finally:
        free(buffer.bytes)
    return tokens.strings(), numbers[:used].copy(), np.asarray(bounds)


# 2. Tokens to subwords. ------------------------------------------------------------------------------------------------

def spell(list tokens not None, int shortest, int longest):
    """Number the subwords of `tokens`, which are those of `stance.features.subwords`; the result is that of `read`."""
    cdef Py_ssize_t n_tokens = len(tokens), i, j, length, size, start, room = 0, used = 0
    cdef _Numbering subwords = _Numbering()
    cdef int64_t[::1] bounds = np.zeros(n_tokens + 1, dtype=np.int64)
    cdef int kind, size_of_gram
    cdef const void* data
    cdef Buffer buffer
    cdef int64_t* at
    longest_token = max(map(len, tokens), default=0)
    for token in tokens:
        for size_of_gram in range(shortest, longest + 1):
            room += max(PyUnicode_GET_LENGTH(token) + 3 - size_of_gram, 1)
    numbers = np.empty(max(room, 1), dtype=np.int32)
    cdef int32_t[::1] stream = numbers
    cdef int64_t[::1] places = np.empty(longest_token + 3, dtype=np.int64)
    buffer.bytes, buffer.capacity = NULL, 0
    at = &places[0]
    try:
        if grow(&buffer, 4 * <Py_ssize_t>longest_token + 2) < 0:
            raise MemoryError
        for i in range(n_tokens):
            token = tokens[i]
            kind, data, length = PyUnicode_KIND(token), PyUnicode_DATA(token), PyUnicode_GET_LENGTH(token)
            with nogil:
                # The token with its spaces as UTF-8; character j begins at byte at[j].
                buffer.bytes[0] = 32
                at[0] = 0
                size = 1
                for j in range(length):
                    at[j + 1] = size
                    size += put_utf8(buffer.bytes + size, PyUnicode_READ(kind, data, j))
                at[length + 1] = size
                buffer.bytes[size] = 32
                length += 2
                at[length] = size + 1
                for size_of_gram in range(shortest, longest + 1):
                    for start in range(max(length - size_of_gram + 1, 1)):
                        size = min(start + size_of_gram, length)
                        stream[used] = subwords.number(buffer.bytes + at[start], at[size] - at[start])
                        if stream[used] == NONE:
                            with gil:
                                raise MemoryError
                        used += 1
                    if size_of_gram >= length:
                        break  # that was the whole token: longer ones would repeat it
            bounds[i + 1] = used
    finally:
        free(buffer.bytes)
    return subwords.strings(), numbers[:used].copy(), np.asarray(bounds)


# 3. Counting in rows: a dense counter, and a map of what was counted that gives the columns in order. ------------------------

cdef class _Counter:
    """Counts of columns, all 0 between two rows.

    Bit `column` of `map` is set where the column was counted, and bit i of `index` where the i-th 64 bits of `map` have
    one set, so that a row's columns are found in ascending order without sorting.
    """

    cdef int32_t* counts
    cdef uint64_t* map
    cdef uint64_t* index
    cdef Py_ssize_t n_index

    def __cinit__(self, Py_ssize_t n_columns):
        self.n_index = n_columns // 4096 + 1
        self.counts = <int32_t*>calloc(n_columns + 1, sizeof(int32_t))
        self.map = <uint64_t*>calloc(64 * self.n_index, sizeof(uint64_t))
        self.index = <uint64_t*>calloc(self.n_index, sizeof(uint64_t))
        if self.counts == NULL or self.map == NULL or self.index == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.counts)
        free(self.map)
        free(self.index)

    cdef inline void add(self, int32_t column, int32_t count) noexcept nogil:
        if self.counts[column] == 0:
            self.map[column >> 6] |= <uint64_t>1 << (column & 63)
            self.index[column >> 12] |= <uint64_t>1 << (column >> 6 & 63)
        self.counts[column] += count

    cdef inline Py_ssize_t take(self, int32_t* columns) noexcept nogil:
        """Write down the columns counted, ascending, and give how many they are; their counts are still there."""
        cdef Py_ssize_t i, word, n = 0
        for i in range(self.n_index):
            while self.index[i]:
                word = 64 * i + lowest_bit(self.index[i])
                self.index[i] &= self.index[i] - 1
                while self.map[word]:
                    columns[n] = <int32_t>(64 * word + lowest_bit(self.map[word]))
                    self.map[word] &= self.map[word] - 1
                    n += 1
        return n


def count(const int32_t[::1] stream not None, const int64_t[::1] bounds not None, Py_ssize_t n_columns):
    """Count the numbers of each row.

    Returns
    -------
    counts : ndarray of float32
    columns : ndarray of int32
        Ascending within a row.
    starts : ndarray of int64
        The three arrays of a sparse matrix by rows.
    """
    cdef Py_ssize_t n_rows = bounds.shape[0] - 1, row, i, n, used = 0
    found, places = _room_for(stream.shape[0])
    cdef float[::1] counts = found
    cdef int32_t[::1] columns = places
    cdef int64_t[::1] starts = np.zeros(n_rows + 1, dtype=np.int64)
    cdef _Counter counter = _Counter(n_columns)
    with nogil:
        for row in range(n_rows):
            for i in range(bounds[row], bounds[row + 1]):
                counter.add(stream[i], 1)
            n = counter.take(&columns[used])
            for i in range(used, used + n):
                counts[i] = <float>counter.counts[columns[i]]
                counter.counts[columns[i]] = 0
            used += n
            starts[row + 1] = used
    return found[:used], places[:used], np.asarray(starts)


def _room_for(Py_ssize_t n):
    """Give two arrays with room for at most `n` numbers; memory that is never written to costs nothing."""
    return np.empty(n + 1, dtype=np.float32), np.empty(n + 1, dtype=np.int32)


# 4. Pairs of kept words: a table of keys, first word << 32 | second word. ------------------------------------------------

cdef struct Pair:
    int64_t key      # NONE where the slot is free
    int32_t value    # in how many texts it stands, or its column
    int32_t last     # the last row that had it


cdef class _Pairs:
    """A growing hash table of pairs."""

    cdef Pair* slots
    cdef uint64_t mask
    cdef Py_ssize_t count

    def __cinit__(self, Py_ssize_t expected):
        cdef uint64_t size = 1 << 10
        while size < 2 * <uint64_t>expected:
            size *= 2
        self.slots = <Pair*>malloc(size * sizeof(Pair))
        if self.slots == NULL:
            raise MemoryError
        memset(self.slots, 0xFF, size * sizeof(Pair))
        self.mask = size - 1

    def __dealloc__(self):
        free(self.slots)

    cdef inline Pair* find(self, int64_t key) noexcept nogil:
        """Give the slot of a pair, a free one where it is not there."""
        cdef uint64_t slot = mix(<uint64_t>key) & self.mask
        while self.slots[slot].key != NONE and self.slots[slot].key != key:
            slot = (slot + 1) & self.mask
        return &self.slots[slot]

    cdef inline void expect(self, const int32_t* stream, Py_ssize_t n, const int32_t* place) noexcept nogil:
        """Fetch the slot of the pair that comes some tokens later, of the n that are left."""
        cdef int64_t first, second
        if n > AHEAD + 1:
            first, second = place[stream[AHEAD]], place[stream[AHEAD + 1]]
            if first >= 0 and second >= 0:
                prefetch(&self.slots[mix(<uint64_t>(first << 32 | second)) & self.mask])

    cdef Pair* add(self, int64_t key) noexcept nogil:
        """Give the slot of a pair, a new one with the value 0 where it was not there; NULL where memory ran out."""
        cdef Pair* pair = self.find(key)
        if pair.key == NONE:
            if 2 * <uint64_t>self.count > self.mask:
                if self.more_slots() < 0:
                    return NULL
                pair = self.find(key)
            pair.key, pair.value, pair.last = key, 0, NONE
            self.count += 1
        return pair

    cdef int more_slots(self) noexcept nogil:
        cdef Pair* old = self.slots
        cdef uint64_t size = self.mask + 1, i
        cdef Pair* slots = <Pair*>malloc(2 * size * sizeof(Pair))
        if slots == NULL:
            return -1
        memset(slots, 0xFF, 2 * size * sizeof(Pair))
        self.slots, self.mask = slots, 2 * size - 1
        for i in range(size):
            if old[i].key != NONE:
                self.find(old[i].key)[0] = old[i]
        free(old)
        return 0


def pair_frequency(const int32_t[::1] stream not None, const int64_t[::1] bounds not None,
                   const int64_t[::1] rows not None, const int32_t[::1] place not None, int min_df):
    """Find the pairs of neighbouring kept words that stand in enough texts.

    Parameters
    ----------
    stream, bounds : buffers
        Those of `read`.
    rows : buffer of int64
        The texts to look at, each once.
    place : buffer of int32, shape (n_tokens,)
        The place of each token among the kept words, -1 where it is not kept.
    min_df : int

    Returns
    -------
    keys : ndarray of int64
        The pairs in no order, as ``first << 32 | second``.
    frequency : ndarray of int64
        In how many of the texts each stands.
    """
    cdef _Pairs pairs = _Pairs(0)
    cdef Pair* pair
    cdef Py_ssize_t i, j, end, n = 0
    cdef int64_t last, here
    cdef uint64_t slot
    with nogil:
        for i in range(rows.shape[0]):
            last = NONE
            end = bounds[rows[i] + 1]
            for j in range(bounds[rows[i]], end):
                pairs.expect(&stream[j], end - j, &place[0])
                here = place[stream[j]]
                if last >= 0 and here >= 0:
                    pair = pairs.add(last << 32 | here)
                    if pair == NULL:
                        with gil:
                            raise MemoryError
                    if pair.last != i:
                        pair.last = <int32_t>i
                        pair.value += 1
                last = here
        for slot in range(pairs.mask + 1):
            n += pairs.slots[slot].key != NONE and pairs.slots[slot].value >= min_df
    cdef int64_t[::1] keys = np.empty(n, dtype=np.int64)
    cdef int64_t[::1] frequency = np.empty(n, dtype=np.int64)
    n = 0
    with nogil:
        for slot in range(pairs.mask + 1):
            if pairs.slots[slot].key != NONE and pairs.slots[slot].value >= min_df:
                keys[n], frequency[n] = pairs.slots[slot].key, pairs.slots[slot].value
                n += 1
    return np.asarray(keys), np.asarray(frequency)


# 5. Subwords of the texts' tokens. ---------------------------------------------------------------------------------------

cdef inline void add_subwords(_Counter counter, const int32_t* stream, Py_ssize_t n, const int64_t* starts,
                              const int32_t* subwords, const float* counts) noexcept nogil:
    """Count the subwords of a row's tokens."""
    cdef Py_ssize_t i, k
    for i in range(n):
        if i + AHEAD < n:
            k = starts[stream[i + AHEAD]]
            prefetch(&subwords[k])
            prefetch(&counts[k])
        for k in range(starts[stream[i]], starts[stream[i] + 1]):
            counter.add(subwords[k], <int32_t>counts[k])


def subword_frequency(const int32_t[::1] stream not None, const int64_t[::1] bounds not None,
                      const int64_t[::1] rows not None, const float[::1] spelling_counts not None,
                      const int32_t[::1] spelling_columns not None, const int64_t[::1] spelling_starts not None,
                      Py_ssize_t n_subwords):
    """Count in how many of some texts each subword stands.

    Parameters
    ----------
    stream, bounds, rows : buffers
        As for `pair_frequency`.
    spelling_counts, spelling_columns, spelling_starts : buffers
        How often each subword stands in each token, as `count` gives it.
    n_subwords : int

    Returns
    -------
    frequency : ndarray of int64
    squares : ndarray of float64
        The sum over the texts of the square of count / root of the number of tokens.
    """
    cdef _Counter counter = _Counter(n_subwords)
    cdef int64_t[::1] frequency = np.zeros(n_subwords, dtype=np.int64)
    cdef double[::1] squares = np.zeros(n_subwords)
    cdef int32_t[::1] columns = np.empty(n_subwords + 1, dtype=np.int32)
    cdef Py_ssize_t i, k, n, n_tokens
    cdef float value
    cdef double root
    if not spelling_columns.shape[0]:
        return np.asarray(frequency), np.asarray(squares)
    with nogil:
        for i in range(rows.shape[0]):
            n_tokens = bounds[rows[i] + 1] - bounds[rows[i]]
            add_subwords(counter, &stream[0] + bounds[rows[i]], n_tokens, &spelling_starts[0], &spelling_columns[0],
                         &spelling_counts[0])
            n = counter.take(&columns[0])
            root = sqrt(<double>n_tokens)
            for k in range(n):
                value = <float>(counter.counts[columns[k]] / root)
                counter.counts[columns[k]] = 0
                frequency[columns[k]] += 1
                squares[columns[k]] += <double>value * <double>value
    return np.asarray(frequency), np.asarray(squares)


# 6. All features of some texts. ------------------------------------------------------------------------------------------

def weigh(const int32_t[::1] stream not None, const int64_t[::1] bounds not None, const int64_t[::1] rows not None,
          const int32_t[::1] place not None, const int64_t[::1] keys not None, const double[::1] idf not None,
          const double[::1] sublinear not None, const float[::1] spelling_counts not None,
          const int32_t[::1] spelling_columns not None, const int64_t[::1] spelling_starts not None,
          const double[::1] units not None):
    """Give the features of some texts: words, pairs, subwords.

    Parameters
    ----------
    stream, bounds, rows, place : buffers
        As for `pair_frequency`; here a text may come more than once.
    keys : buffer of int64, shape (n_pairs,)
        The kept pairs.
    idf : buffer of float64, shape (n_words + n_pairs,)
    sublinear : buffer of float64
        At i what a term that stands i times counts, for as many times as any term stands in a text.
    spelling_counts, spelling_columns, spelling_starts : buffers
        As for `subword_frequency`, of the kept subwords alone.
    units : buffer of float64, shape (n_subwords,)

    Returns
    -------
    values, columns, starts : ndarrays
        The three arrays of a sparse matrix by rows.
    """
    cdef Py_ssize_t n_rows = rows.shape[0], n_terms = idf.shape[0], n_words = n_terms - keys.shape[0]
    cdef Py_ssize_t i, j, k, n, n_tokens, begin, used = 0, room = 0
    cdef _Pairs pairs = _Pairs(keys.shape[0])
    cdef _Counter terms = _Counter(n_terms)
    cdef _Counter grams = _Counter(units.shape[0])
    cdef Pair* pair
    cdef int64_t last, here
    cdef double norm, root, value
    cdef bint has_subwords = spelling_columns.shape[0] > 0
    for i in range(keys.shape[0]):
        pairs.add(keys[i]).value = <int32_t>(n_words + i)  # there is room for all of them
    with nogil:
        for i in range(n_rows):
            for j in range(bounds[rows[i]], bounds[rows[i] + 1]):
                room += 2
                if has_subwords:
                    room += spelling_starts[stream[j] + 1] - spelling_starts[stream[j]]
    found, places = _room_for(room)
    cdef float[::1] values = found
    cdef int32_t[::1] columns = places
    cdef int64_t[::1] starts = np.zeros(n_rows + 1, dtype=np.int64)
    with nogil:
        for i in range(n_rows):
            begin = bounds[rows[i]]
            n_tokens = bounds[rows[i] + 1] - begin
            last = NONE
            for j in range(begin, begin + n_tokens):
                pairs.expect(&stream[j], begin + n_tokens - j, &place[0])
                here = place[stream[j]]
                if here >= 0:
                    terms.add(<int32_t>here, 1)
                    if last >= 0:
                        pair = pairs.find(last << 32 | here)
                        if pair.key != NONE:
                            terms.add(pair.value, 1)
                last = here
            n = terms.take(&columns[used])
            norm = 0
            for k in range(used, used + n):
                value = sublinear[terms.counts[columns[k]]] * idf[columns[k]]
                norm += value * value
            norm = sqrt(norm)
            for k in range(used, used + n):
                values[k] = <float>(sublinear[terms.counts[columns[k]]] * idf[columns[k]] / norm)
                terms.counts[columns[k]] = 0
            used += n
            if has_subwords and n_tokens:
                add_subwords(grams, &stream[begin], n_tokens, &spelling_starts[0], &spelling_columns[0],
                             &spelling_counts[0])
                n = grams.take(&columns[used])
                root = sqrt(<double>n_tokens)
                for k in range(used, used + n):
                    value = <float>(grams.counts[columns[k]] / root)
                    values[k] = <float>(value * units[columns[k]])
                    grams.counts[columns[k]] = 0
                    columns[k] += <int32_t>n_terms
                used += n
            starts[i + 1] = used
    return found[:used], places[:used], np.asarray(starts)
