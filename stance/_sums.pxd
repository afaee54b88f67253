"""Adding up rows of weights, which is most of what is computed: whole numbers, so in any order the same sums."""

from libc.stdint cimport int16_t, int32_t

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    /* Eight numbers at a time, of which the compiler makes as few instructions as the machine allows. */
    typedef int16_t Eight16 __attribute__((vector_size(16), aligned(2), may_alias));
    typedef int32_t Eight32 __attribute__((vector_size(32), aligned(4), may_alias));
    typedef uint32_t Eight __attribute__((vector_size(32)));
    #define ADD_EIGHT16(total, row) total += (Eight)__builtin_convertvector(*(const Eight16 *)(row), Eight32)
    #define ADD_EIGHT32(total, row) total += (Eight)*(const Eight32 *)(row)
    #else
    typedef uint32_t Eight[8];
    #define ADD_EIGHT16(total, row) for (int k = 0; k < 8; k++) total[k] += (uint32_t)(int32_t)(row)[k]
    #define ADD_EIGHT32(total, row) for (int k = 0; k < 8; k++) total[k] += (uint32_t)(row)[k]
    #endif

    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) \\
        && !defined(__SANITIZE_ADDRESS__)
    #define CLONES __attribute__((target_clones("avx2", "default")))
    #else
    #define CLONES
    #endif

    /* Add rows to the sums, which have room for a multiple of eight numbers. Rows are read in whole eights too: what lies
       behind their end is read and comes to nothing. The sum of all rows must fit into 32 bits. */
    #define ADD_ROWS(name, type, add) \
        static void name(double *sums, const type *const *rows, Py_ssize_t n_rows, Py_ssize_t n) { \
            for (Py_ssize_t j = 0; j < n; j += 8) { \
                Eight total = {0}; \
                for (Py_ssize_t i = 0; i < n_rows; i++) add(total, rows[i] + j); \
                for (int k = 0; k < 8; k++) sums[j + k] += (int32_t)total[k]; \
            } \
        }
    ADD_ROWS(plain_add_rows16, int16_t, ADD_EIGHT16)
    ADD_ROWS(plain_add_rows32, int32_t, ADD_EIGHT32)

    /* The same where the machine has AVX2, for which compilers do not find the best instructions by themselves. */
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    #include <immintrin.h>
    #define LOAD16(row) _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(row)))
    #define LOAD32(row) _mm256_loadu_si256((const __m256i *)(row))
    #define ADD_ROWS_AVX2(name, type, load) \
        __attribute__((target("avx2"))) \
        static void name(double *sums, const type *const *rows, Py_ssize_t n_rows, Py_ssize_t n) { \
            for (Py_ssize_t j = 0; j < n; j += 24) { \
                __m256i one = _mm256_setzero_si256(), two = one, three = one; \
                if (n - j > 16) { \
                    for (Py_ssize_t i = 0; i < n_rows; i++) { \
                        one = _mm256_add_epi32(one, load(rows[i] + j)); \
                        two = _mm256_add_epi32(two, load(rows[i] + j + 8)); \
                        three = _mm256_add_epi32(three, load(rows[i] + j + 16)); \
                    } \
                    add_eight(sums + j + 8, two); \
                    add_eight(sums + j + 16, three); \
                } else if (n - j > 8) { \
                    for (Py_ssize_t i = 0; i < n_rows; i++) { \
                        one = _mm256_add_epi32(one, load(rows[i] + j)); \
                        two = _mm256_add_epi32(two, load(rows[i] + j + 8)); \
                    } \
                    add_eight(sums + j + 8, two); \
                } else { \
                    for (Py_ssize_t i = 0; i < n_rows; i++) one = _mm256_add_epi32(one, load(rows[i] + j)); \
                } \
                add_eight(sums + j, one); \
            } \
        }
    __attribute__((target("avx2"))) static inline void add_eight(double *sums, __m256i total) {
        __m256d low = _mm256_cvtepi32_pd(_mm256_castsi256_si128(total));
        __m256d high = _mm256_cvtepi32_pd(_mm256_extracti128_si256(total, 1));
        _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), low));
        _mm256_storeu_pd(sums + 4, _mm256_add_pd(_mm256_loadu_pd(sums + 4), high));
    }
    ADD_ROWS_AVX2(avx2_add_rows16, int16_t, LOAD16)
    ADD_ROWS_AVX2(avx2_add_rows32, int32_t, LOAD32)
    #define CHOOSE(name) (__builtin_cpu_supports("avx2") ? avx2_##name : plain_##name)
    #else
    #define CHOOSE(name) plain_##name
    #endif
    #define add_rows16(sums, rows, n_rows, n) CHOOSE(add_rows16)(sums, (const int16_t *const *)(rows), n_rows, n)
    #define add_rows32(sums, rows, n_rows, n) CHOOSE(add_rows32)(sums, (const int32_t *const *)(rows), n_rows, n)

    /* Add one row times a number. */
    CLONES static void add_times(double *__restrict sums, const int16_t *__restrict row, double times, Py_ssize_t n) {
        for (Py_ssize_t j = 0; j < n; j++) sums[j] += times * row[j];
    }
    """
    void add_rows16(double* sums, const int16_t** rows, Py_ssize_t n_rows, Py_ssize_t n) noexcept nogil
    void add_rows32(double* sums, const int32_t** rows, Py_ssize_t n_rows, Py_ssize_t n) noexcept nogil
    void add_times(double* sums, const int16_t* row, double times, Py_ssize_t n) noexcept nogil
