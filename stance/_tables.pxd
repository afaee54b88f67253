"""Look-up tables of strings and of pairs of words, made so that a search has hardly a branch to guess.

A table is a power of two of buckets, each one line of memory with room for five keys. A string of up to 7 bytes is its
own key; of a longer one the key is a hash, and its bytes are compared afterwards.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memcmp, memcpy

from stance._folding cimport MARGIN

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define PREFETCH(address) __builtin_prefetch(address)
    #define trailing_zeros(bits) __builtin_ctzll(bits)
    #else
    #define PREFETCH(address) ((void)0)
    static inline int trailing_zeros(uint64_t bits) { int n = 0; while (!(bits & 1)) { bits >>= 1; n++; } return n; }
    #endif

    /* Memory for a table, all zero; a large one in large pages where the system has them, which are found faster. */
    #if defined(__linux__)
    #include <sys/mman.h>
    #define LARGE_PAGE ((size_t)1 << 21)
    static void *new_table(size_t size) {
        size_t whole = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
        void *memory = size < LARGE_PAGE / 2 ? NULL : aligned_alloc(LARGE_PAGE, whole);
        if (memory == NULL) return calloc(size, 1);
        madvise(memory, whole, MADV_HUGEPAGE);
        return memset(memory, 0, size);
    }
    #else
    static void *new_table(size_t size) { return calloc(size, 1); }
    #endif

    /* A bit for each of five keys, set where it is equal; no branch. */
    static inline int equal_keys(const uint64_t *keys, uint64_t key) {
        int bits = 0;
        for (int i = 0; i < 5; i++) bits |= (int)(keys[i] == key) << i;
        return bits;
    }
    """
    void* new_table(size_t size) noexcept nogil
    int equal_keys(const uint64_t* keys, uint64_t key) noexcept nogil
    void PREFETCH(const void* address) noexcept nogil
    int trailing_zeros(uint64_t bits) noexcept nogil

cdef enum:
    NONE = -1
    ROOM = 5
    TOGETHER = 32        # keys that are inserted together
    LINE = 64            # bytes that come from memory together
    LONG = 8             # bytes from which on a key is a hash


cdef struct Bucket:      # LINE bytes
    uint64_t keys[ROOM]  # filled from the first on; 0 is no key
    int32_t rows[ROOM]
    int32_t unused

cdef struct Table:
    void* memory
    Bucket* buckets
    uint64_t mask

cdef struct Strings:
    Table table
    const uint8_t* blob  # sorted strings with line feeds between
    uint32_t* starts     # where each begins, and where one more would
    Py_ssize_t longest

cdef struct Pairs:
    Table table
    uint8_t* filter      # bits, set where a pair is known: most pairs met are not, and need no look into the table


cdef inline uint64_t mixed(uint64_t key) noexcept nogil:
    key = (key ^ (key >> 32)) * <uint64_t>0x9e3779b97f4a7c15
    return key ^ (key >> 32)


cdef inline uint64_t load(const uint8_t* data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, 8)
    return word


cdef inline uint64_t short_key(const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the key of a string of up to 7 bytes: the bytes and the length; 8 bytes are read."""
    return load(data) & ((<uint64_t>1 << (8 * length)) - 1) | <uint64_t>length << 56


cdef inline uint64_t key_of(const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the key of a string; 8 bytes before and behind it may be read. Without a branch up to 16 bytes."""
    cdef uint64_t short = short_key(data, length & 7)
    cdef uint64_t long = (load(data) * <uint64_t>0xd6e8feb86659fd93 ^ load(data + length - 8)) + <uint64_t>length
    cdef Py_ssize_t i
    for i in range(8, length - 8, 8):
        long = mixed(long) ^ load(data + i)
    return long | <uint64_t>1 << 63 if length >= LONG else short


cdef inline uint64_t place_of_key(const Table* table, uint64_t key) noexcept nogil:
    """Give the bucket where the search for a key begins, which is fetched from memory."""
    cdef uint64_t place = mixed(key) & table.mask
    PREFETCH(&table.buckets[place])
    return place


cdef inline int32_t find_key(const Table* table, uint64_t key, uint64_t place) noexcept nogil:
    """Give the row of the first equal key, or NONE; `place` is `place_of_key`."""
    cdef const Bucket* bucket
    cdef int hits
    while True:
        bucket = &table.buckets[place]
        hits = equal_keys(bucket.keys, key)
        if hits:
            return bucket.rows[trailing_zeros(hits)]
        if bucket.keys[ROOM - 1] == 0:
            return NONE
        place = (place + 1) & table.mask


cdef inline bint is_string(const Strings* strings, int32_t row, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    cdef uint32_t start = strings.starts[row]
    return strings.starts[row + 1] - start == length + 1 and memcmp(strings.blob + start, data, length) == 0


cdef inline int32_t find_long(const Strings* strings, uint64_t key, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the row of a string whose key is a hash, or NONE, by comparing the bytes of all with that key."""
    cdef uint64_t place = mixed(key) & strings.table.mask
    cdef const Bucket* bucket
    cdef int i
    while True:
        bucket = &strings.table.buckets[place]
        for i in range(ROOM):
            if bucket.keys[i] == key and is_string(strings, bucket.rows[i], data, length):
                return bucket.rows[i]
        if bucket.keys[ROOM - 1] == 0:
            return NONE
        place = (place + 1) & strings.table.mask


cdef inline uint64_t pair_key(int32_t first, int32_t second) noexcept nogil:
    return (<uint64_t>first << 32 | <uint32_t>second) + 1


cdef inline bint may_be_pair(const Pairs* pairs, uint64_t key) noexcept nogil:
    """Say whether a pair may be known; False is certain."""
    cdef uint64_t hashed = mixed(key)
    return pairs.filter[hashed >> 3 & (4 * pairs.table.mask + 3)] >> (hashed >> 61) & 1


cdef inline int build_table(Table* table, Py_ssize_t count) except -1:
    cdef uint64_t n_buckets = 4
    while 2 * ROOM * n_buckets < 3 * <uint64_t>count:
        n_buckets *= 2
    if count >= <int64_t>1 << 31:
        raise ValueError
    table.memory = new_table((n_buckets + 1) * sizeof(Bucket))
    if table.memory == NULL:
        raise MemoryError
    table.buckets = <Bucket*>(<char*>table.memory + LINE - <size_t>table.memory % LINE)
    table.mask = n_buckets - 1
    return 0


cdef inline void insert(Table* table, const uint64_t* keys, Py_ssize_t row, Py_ssize_t count) noexcept nogil:
    """Insert the keys of some rows, `row` the first, which may be many together: their buckets come at the same time."""
    cdef uint64_t place
    cdef Bucket* bucket
    cdef Py_ssize_t i
    cdef int j
    for i in range(count):
        PREFETCH(&table.buckets[mixed(keys[i]) & table.mask])
    for i in range(count):
        place = mixed(keys[i]) & table.mask
        bucket = &table.buckets[place]
        while bucket.keys[ROOM - 1]:
            place = (place + 1) & table.mask
            bucket = &table.buckets[place]
        j = 0
        while bucket.keys[j]:
            j += 1
        bucket.keys[j], bucket.rows[j] = keys[i], <int32_t>(row + i)


cdef inline int build_strings(Strings* strings, const uint8_t* blob, Py_ssize_t size, Py_ssize_t count) except -1:
    """Fill a table; raise ValueError unless the strings are in order, each once, and none is empty."""
    cdef Py_ssize_t row, start = 0, end, before = 0, length = 0
    cdef uint8_t copy[2 * MARGIN + LONG]
    cdef uint64_t keys[TOGETHER]
    cdef int order
    if size >= <int64_t>1 << 32:
        raise ValueError
    build_table(&strings.table, count)
    strings.blob = blob
    strings.starts = <uint32_t*>malloc((count + 1) * sizeof(uint32_t))
    if strings.starts == NULL:
        raise MemoryError
    for row in range(count):
        end = start
        while end < size and blob[end] != 10:
            end += 1
        if row:
            order = memcmp(blob + before, blob + start, min(length, end - start))
            if order > 0 or (order == 0 and length >= end - start):
                raise ValueError
        before, length = start, end - start
        if length == 0:
            raise ValueError
        strings.longest = max(strings.longest, length)
        strings.starts[row] = <uint32_t>start
        if length < LONG:  # what stands before and behind it may be no memory
            memcpy(copy + MARGIN, blob + start, length)
            keys[row % TOGETHER] = key_of(copy + MARGIN, length)
        else:
            keys[row % TOGETHER] = key_of(blob + start, length)
        if row % TOGETHER == TOGETHER - 1 or row == count - 1:
            insert(&strings.table, keys, row - row % TOGETHER, row % TOGETHER + 1)
        start = end + 1
    strings.starts[count] = <uint32_t>start
    if start != size + (count > 0):  # there are more strings than `count`, or fewer
        raise ValueError
    return 0


cdef inline int build_pairs(Pairs* pairs, const uint32_t* stored, Py_ssize_t count, Py_ssize_t n_words) except -1:
    """Fill a table; raise ValueError unless the pairs are in order, each once, and name words that there are."""
    cdef Py_ssize_t row
    cdef uint64_t key, hashed, before = 0
    cdef uint64_t keys[TOGETHER]
    build_table(&pairs.table, count)
    pairs.filter = <uint8_t*>calloc(4 * pairs.table.mask + 4, 1)
    if pairs.filter == NULL:
        raise MemoryError
    for row in range(count):
        if stored[2 * row] >= n_words or stored[2 * row + 1] >= n_words:
            raise ValueError
        key = pair_key(<int32_t>stored[2 * row], <int32_t>stored[2 * row + 1])
        if key <= before:
            raise ValueError
        before = key
        hashed = mixed(key)
        pairs.filter[hashed >> 3 & (4 * pairs.table.mask + 3)] |= 1 << (hashed >> 61)
        keys[row % TOGETHER] = key
        if row % TOGETHER == TOGETHER - 1 or row == count - 1:
            insert(&pairs.table, keys, row - row % TOGETHER, row % TOGETHER + 1)
    return 0
