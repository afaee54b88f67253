"""Adding up rows of weights, which is most of what is computed."""

from libc.stdint cimport int16_t, int32_t

cdef extern from *:
    """
    /* Where the machine has AVX2, twice as many steps are done at once, with the same sums. */
    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) \\
        && !defined(__SANITIZE_ADDRESS__)
    #define CLONES __attribute__((target_clones("avx2", "default")))
    #else
    #define CLONES
    #endif

    /* Add rows of weights, each times a number, to the sums: two rows and four labels together. */
    #define ADD_ROWS(name, type) \\
        CLONES static void name(double *__restrict sums, const type *const *rows, const double *times, \\
                                Py_ssize_t n_rows, Py_ssize_t n) { \\
            for (Py_ssize_t i = 0; i < n_rows; i += 2) { \\
                const type *__restrict one = rows[i], *__restrict two = rows[i + 1 < n_rows ? i + 1 : i]; \\
                double by_one = times[i], by_two = i + 1 < n_rows ? times[i + 1] : 0.0; \\
                Py_ssize_t j = 0; \\
                for (; j + 4 <= n; j += 4) \\
                    for (int k = 0; k < 4; k++) sums[j + k] += by_one * one[j + k] + by_two * two[j + k]; \\
                for (; j < n; j++) sums[j] += by_one * one[j] + by_two * two[j]; \\
            } \\
        }
    ADD_ROWS(add_rows16, int16_t)
    ADD_ROWS(add_rows32, int32_t)
    """
    void add_rows16(
        double* sums, const int16_t** rows, const double* times, Py_ssize_t n_rows, Py_ssize_t n
    ) noexcept nogil
    void add_rows32(
        double* sums, const int32_t** rows, const double* times, Py_ssize_t n_rows, Py_ssize_t n
    ) noexcept nogil
