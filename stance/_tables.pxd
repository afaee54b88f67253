"""Look-up tables of strings and of pairs of words, made so that a search has hardly a branch to guess.

A table is a power of two of buckets, each one line of memory with room for five keys. A string of up to 7 bytes is its
own key; of a longer one the key is a hash, and its bytes are compared afterwards. Where there is no table yet, the sorted
strings and pairs are searched by bisection; and for ever where a file was made so that its keys crowd in one place.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memchr, memcmp, memcpy

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
    #if defined(__SSE2__)
    #include <emmintrin.h>
    static inline int equal_keys(const uint64_t *keys, uint64_t key) {
        __m128i both = _mm_set1_epi64x((long long)key);
        __m128i one = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)keys), both);
        __m128i two = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(keys + 2)), both);
        one = _mm_and_si128(one, _mm_shuffle_epi32(one, 0xB1));
        two = _mm_and_si128(two, _mm_shuffle_epi32(two, 0xB1));
        return _mm_movemask_pd(_mm_castsi128_pd(one)) | _mm_movemask_pd(_mm_castsi128_pd(two)) << 2
               | (keys[4] == key) << 4;
    }
    #else
    static inline int equal_keys(const uint64_t *keys, uint64_t key) {
        int bits = 0;
        for (int i = 0; i < 5; i++) bits |= (int)(keys[i] == key) << i;
        return bits;
    }
    #endif

    /* For strings of 0 to 7 bytes: which bits of a word of memory are theirs. */
    static const uint64_t BITS_OF[8] = {
        0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff
    };
    """
    void* new_table(size_t size) noexcept nogil
    int equal_keys(const uint64_t* keys, uint64_t key) noexcept nogil
    void PREFETCH(const void* address) noexcept nogil
    int trailing_zeros(uint64_t bits) noexcept nogil
    const uint64_t BITS_OF[8]

cdef enum:
    NONE = -1
    ROOM = 5
    TOGETHER = 32        # keys that are inserted together
    CROWD = 256          # buckets that a search may go through; among random keys it is a dozen
    LINE = 64            # bytes that come from memory together
    LONG = 8             # bytes from which on a key is a hash


cdef struct Bucket:      # LINE bytes
    uint64_t keys[ROOM]  # filled from the first on; 0 is no key
    int32_t rows[ROOM + 1]   # the last is NONE, for a key that is not here

cdef struct Table:
    void* memory         # NULL where there is no table yet
    Bucket* buckets
    uint64_t mask
    int shift            # of a hash, to get the place of a bucket

cdef struct Strings:
    Table table
    const uint8_t* blob  # sorted strings with line feeds between
    const uint32_t* starts   # where each begins, and where one more would
    Py_ssize_t count, longest

cdef struct Pairs:
    Table table
    const uint32_t* sorted   # two rows of words each
    Py_ssize_t count
    uint8_t* filter      # bits, set where a pair is known: most pairs met are not, and need no look into the table


cdef inline uint64_t hashed(uint64_t key) noexcept nogil:
    """Multiply by the golden ratio (D. Knuth, 1973): the uppermost bits depend on all of the key."""
    return key * <uint64_t>0x9e3779b97f4a7c15


cdef inline uint64_t load(const uint8_t* data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, 8)
    return word


cdef inline uint64_t short_key(const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the key of a string of up to 7 bytes: the bytes and the length; 8 bytes are read."""
    return load(data) & BITS_OF[length] | <uint64_t>length << 56


cdef inline uint64_t key_of(const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the key of a string; 8 bytes before and behind it may be read. Without a branch up to 16 bytes."""
    cdef uint64_t short = short_key(data, length & 7)
    cdef uint64_t long = (load(data) * <uint64_t>0xd6e8feb86659fd93 ^ load(data + length - 8)) + <uint64_t>length
    cdef Py_ssize_t i
    for i in range(8, length - 8, 8):
        long = (hashed(long) ^ long >> 32) + load(data + i)
    cdef uint64_t is_long = -<uint64_t>(length >= LONG)  # all bits or none
    return (long | <uint64_t>1 << 63) & is_long | short & ~is_long


cdef inline uint64_t place_of_key(const Table* table, uint64_t key) noexcept nogil:
    """Give the bucket where the search for a key begins, which is fetched from memory."""
    cdef uint64_t place = hashed(key) >> table.shift
    PREFETCH(&table.buckets[place])
    return place


cdef inline int32_t find_key(const Table* table, uint64_t key, uint64_t place) noexcept nogil:
    """Give the row of an equal key in the first bucket that has one, or NONE; `place` is `place_of_key`."""
    cdef const Bucket* bucket
    cdef int32_t row
    while True:
        bucket = &table.buckets[place]
        row = bucket.rows[trailing_zeros(equal_keys(bucket.keys, key) | 1 << ROOM)]
        if bucket.keys[ROOM - 1] * <uint64_t>(row == NONE) == 0:  # found, or there is room: one branch
            return row
        place = (place + 1) & table.mask


cdef inline bint is_string(const Strings* strings, int32_t row, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Say whether a string is that of a row; its length must be at least `LONG`."""
    cdef const uint8_t* other = strings.blob + strings.starts[row]
    cdef Py_ssize_t i
    if strings.starts[row + 1] - strings.starts[row] != length + 1:
        return False
    for i in range(0, length - 8, 8):
        if load(other + i) != load(data + i):
            return False
    return load(other + length - 8) == load(data + length - 8)


cdef inline int32_t find_long(const Strings* strings, uint64_t key, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the row of a string whose key is a hash, or NONE, by comparing the bytes of all with that key."""
    cdef uint64_t place = hashed(key) >> strings.table.shift
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


cdef inline int32_t bisect_string(const Strings* strings, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the row of a string, or NONE, without a table."""
    cdef Py_ssize_t low = 0, high = strings.count, middle, size
    cdef int order
    while low < high:
        middle = (low + high) // 2
        size = strings.starts[middle + 1] - strings.starts[middle] - 1
        order = memcmp(strings.blob + strings.starts[middle], data, min(size, length))
        if order < 0 or order == 0 and size < length:
            low = middle + 1
        else:
            high = middle
    size = strings.starts[low + 1] - strings.starts[low] - 1 if low < strings.count else -1
    return <int32_t>low if size == length and memcmp(strings.blob + strings.starts[low], data, length) == 0 else NONE


cdef inline int32_t find_string(const Strings* strings, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Give the row of a string, or NONE."""
    cdef uint64_t key
    if strings.table.memory == NULL:
        return bisect_string(strings, data, length)
    key = key_of(data, length)
    if length >= LONG:
        return find_long(strings, key, data, length)
    return find_key(&strings.table, key, place_of_key(&strings.table, key))


cdef inline int32_t bisect_pair(const Pairs* pairs, uint64_t wanted) noexcept nogil:
    """Give the row of a pair with this key, or NONE, without a table."""
    cdef Py_ssize_t low = 0, high = pairs.count, middle
    cdef uint64_t found
    while low < high:
        middle = (low + high) // 2
        found = pair_key(pairs.sorted[2 * middle], pairs.sorted[2 * middle + 1])
        if found < wanted:
            low = middle + 1
        elif found > wanted:
            high = middle
        else:
            return <int32_t>middle
    return NONE


cdef inline bint may_be_pair(const Pairs* pairs, uint64_t key) noexcept nogil:
    """Say whether a pair may be known; False is certain."""
    cdef uint64_t bit = hashed(key) >> (pairs.table.shift - 5)
    return pairs.filter[bit >> 3] >> (bit & 7) & 1


cdef inline int build_table(Table* table, Py_ssize_t count) noexcept nogil:
    """Make an empty table for a number of keys; -1 where memory is short."""
    cdef int bits = 2
    cdef Py_ssize_t i
    while 2 * ROOM * (<Py_ssize_t>1 << bits) < 3 * count:
        bits += 1
    table.memory = new_table((((<size_t>1) << bits) + 1) * sizeof(Bucket))
    if table.memory == NULL:
        return -1
    table.buckets = <Bucket*>(<char*>table.memory + LINE - <size_t>table.memory % LINE)
    table.mask = ((<uint64_t>1) << bits) - 1
    table.shift = 64 - bits
    for i in range(<Py_ssize_t>1 << bits):
        table.buckets[i].rows[ROOM] = NONE
    return 0


cdef inline int insert(Table* table, const uint64_t* keys, Py_ssize_t row, Py_ssize_t count) noexcept nogil:
    """Insert the keys of some rows, `row` the first, which may be many together: their buckets come at the same time.

    Give 0, or -1 where the keys crowd.
    """
    cdef uint64_t place
    cdef Bucket* bucket
    cdef Py_ssize_t i
    cdef int j, n_full
    for i in range(count):
        PREFETCH(&table.buckets[hashed(keys[i]) >> table.shift])
    for i in range(count):
        place = hashed(keys[i]) >> table.shift
        bucket = &table.buckets[place]
        n_full = 0
        while bucket.keys[ROOM - 1]:
            n_full += 1
            if n_full == CROWD:
                return -1
            place = (place + 1) & table.mask
            bucket = &table.buckets[place]
        j = 0
        while bucket.keys[j]:
            j += 1
        bucket.keys[j], bucket.rows[j] = keys[i], <int32_t>(row + i)
    return 0


cdef inline int check_strings(Strings* strings, const uint8_t* blob, Py_ssize_t size, Py_ssize_t count) except -1:
    """Note where strings begin; raise ValueError unless they are in order, each once, and none is empty."""
    cdef Py_ssize_t row, start = 0, stop, before = 0, length = 0
    cdef const uint8_t* end
    cdef uint32_t* starts
    cdef int order
    if size >= <int64_t>1 << 32 or count >= <int64_t>1 << 31:
        raise ValueError
    starts = <uint32_t*>malloc((count + 1) * sizeof(uint32_t))
    if starts == NULL:
        raise MemoryError
    strings.blob, strings.starts, strings.count = blob, starts, count
    for row in range(count):
        end = <const uint8_t*>memchr(blob + start, 10, size - start) if start < size else NULL
        stop = end - blob if end != NULL else size
        if stop <= start:
            raise ValueError
        order = memcmp(blob + before, blob + start, min(length, stop - start)) if row else -1
        if order > 0 or order == 0 and length >= stop - start:
            raise ValueError
        starts[row] = <uint32_t>start
        before, length, start = start, stop - start, stop + 1
        strings.longest = max(strings.longest, length)
    starts[count] = <uint32_t>start
    if start != size + (count > 0):  # there are more strings than `count`, or fewer
        raise ValueError
    return 0


cdef inline int check_pairs(Pairs* pairs, const uint32_t* stored, Py_ssize_t count, Py_ssize_t n_words) except -1:
    """Note where pairs are; raise ValueError unless they are in order, each once, and name words that there are."""
    cdef Py_ssize_t row
    cdef uint64_t key, before = 0
    if count >= <int64_t>1 << 31 or n_words + count >= <int64_t>1 << 31:
        raise ValueError
    pairs.sorted, pairs.count = stored, count
    for row in range(count):
        if stored[2 * row] >= n_words or stored[2 * row + 1] >= n_words:
            raise ValueError
        key = pair_key(<int32_t>stored[2 * row], <int32_t>stored[2 * row + 1])
        if key <= before:
            raise ValueError
        before = key
    return 0


cdef inline int build_strings(Strings* strings) noexcept nogil:
    """Make the table of strings that were checked; -1 where memory is short or the keys crowd."""
    cdef Py_ssize_t row, length
    cdef const uint8_t* data
    cdef uint8_t copy[2 * MARGIN + LONG]
    cdef uint64_t keys[TOGETHER]
    if build_table(&strings.table, strings.count) < 0:
        return -1
    for row in range(strings.count):
        data, length = strings.blob + strings.starts[row], strings.starts[row + 1] - strings.starts[row] - 1
        if length < LONG:  # what stands before and behind it may be no memory
            memcpy(copy + MARGIN, data, length)
            data = copy + MARGIN
        keys[row % TOGETHER] = key_of(data, length)
        if row % TOGETHER == TOGETHER - 1 or row == strings.count - 1:
            if insert(&strings.table, keys, row - row % TOGETHER, row % TOGETHER + 1) < 0:
                return -1
    return 0


cdef inline int build_pairs(Pairs* pairs) noexcept nogil:
    """Make the table and the filter of pairs that were checked; -1 where memory is short or the keys crowd."""
    cdef Py_ssize_t row
    cdef uint64_t bit
    cdef uint64_t keys[TOGETHER]
    if build_table(&pairs.table, pairs.count) < 0:
        return -1
    pairs.filter = <uint8_t*>calloc(4 * (pairs.table.mask + 1), 1)
    if pairs.filter == NULL:
        return -1
    for row in range(pairs.count):
        keys[row % TOGETHER] = pair_key(<int32_t>pairs.sorted[2 * row], <int32_t>pairs.sorted[2 * row + 1])
        bit = hashed(keys[row % TOGETHER]) >> (pairs.table.shift - 5)
        pairs.filter[bit >> 3] |= <uint8_t>(1 << (bit & 7))
        if row % TOGETHER == TOGETHER - 1 or row == pairs.count - 1:
            if insert(&pairs.table, keys, row - row % TOGETHER, row % TOGETHER + 1) < 0:
                return -1
    return 0
