# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Fitting all heads in one pass over the rows, compiled: logistic regression for many rows, without the GIL.

Minimised for each topic, and for the tones together, is what scikit-learn's ``LogisticRegression`` minimises,

    |w|^2 / 2 + C * sum of the rows' log-losses,

but that the intercept counts as the weight of one more feature that is 1 in every row. With a sigmoid for a topic and a
softmax for the tones, let ``p`` be the probabilities of a row and ``t`` its truth. At the minimum
``w = -C * sum of g * x`` with ``g = p - t``. The method is dual coordinate ascent in its proximal form (S. Shalev-Shwartz
and T. Zhang, 2013; for logistic regression H.-F. Yu, F.-L. Huang and C.-J. Lin, 2011): every row keeps the ``g`` that it
has put into ``w``; in its turn it takes that out and puts in the one that is right for what the other rows say. The
stages for one row:

1. gather: decision values, all outputs of a feature lying side by side, so that one look serves all heads;
2. solve: z + C |x|^2 p(z) = what z would be without this row, by Newton's method;
3. scatter: put the change of ``g`` into ``w``, where there is one worth the while.

Rows are taken in an order that is random but always the same. Every row moves the intercepts, so they waver most: what is
given are their means over the last pass.
"""

from libc.math cimport expf, fabsf
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define STANCE_PREFETCH(address) __builtin_prefetch(address, 1)
    /* Sixteen numbers at a time, of which the compiler makes as few instructions as the machine allows. */
    typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
    static inline void add_scaled(float* to, const float* from, float value) {
        *(Lanes*)to += value * *(const Lanes*)from;
    }
    #else
    #define STANCE_PREFETCH(address)
    static void add_scaled(float* to, const float* from, float value) {
        for (int j = 0; j < 16; j++) to[j] += value * from[j];
    }
    #endif
    """
    void prefetch "STANCE_PREFETCH"(const void* address) noexcept nogil
    void add_scaled(float* to, const float* source, float value) noexcept nogil

__all__ = ["fit"]

cdef enum:
    LANES = 16       # outputs that are added up at a time, in registers; their weights fill one line of the cache
    AHEAD = 12       # features by which fetching from memory runs ahead
    NEXT = 2         # the same where a feature fills several lines
    NEWTON_STEPS = 24
    LONGEST_STEP = 2  # of a decision value


cdef inline float sigmoid(float value) noexcept nogil:
    return 1 / (1 + expf(-value))


cdef float solve_topic(float decision, float before, float step) noexcept nogil:
    """Give the p of z + step * p(z) = decision + step * before, where p is the sigmoid."""
    cdef float high = decision + step * before, low = high - step, target = high, value = decision
    cdef float p = 0, error
    cdef int i
    for i in range(NEWTON_STEPS):
        p = sigmoid(value)
        error = value + step * p - target
        if fabsf(error) < 1e-3:
            break
        if error > 0:
            high = value
        else:
            low = value
        value -= error / (1 + step * p * (1 - p))
        if not low < value < high:
            value = (low + high) / 2
    return p


cdef bint solve_topics(const float* decisions, const float* truth, Py_ssize_t n, float strength, float length,
                       float close, float* residuals, float* change) noexcept nogil:
    """Give a row the residuals that are right, and what they change of the weights; say whether any did."""
    cdef float before, p
    cdef Py_ssize_t j
    cdef bint is_moved = False
    for j in range(n):
        before = residuals[j] + truth[j]
        if fabsf(sigmoid(decisions[j]) - before) > close:
            p = solve_topic(decisions[j], before, strength * length)
            change[j] = -strength * (p - before)
            residuals[j] = p - truth[j]
            is_moved = True
    return is_moved


cdef void softmax(const float* decisions, Py_ssize_t n, float* p) noexcept nogil:
    cdef float most = decisions[0], total = 0
    cdef Py_ssize_t j
    for j in range(1, n):
        most = max(most, decisions[j])
    for j in range(n):
        p[j] = expf(decisions[j] - most)
        total += p[j]
    for j in range(n):
        p[j] /= total


cdef bint solve_tones(const float* decisions, Py_ssize_t n, float strength, float length, float close, float* before,
                      float* change, float* values, float* p) noexcept nogil:
    """Do the same for the tones, which share a softmax; here `before` holds the probabilities themselves.

    They are the p of z + step * p(z) = decisions + step * before, for all z together.
    """
    cdef float step = strength * length, error, along, bent, shorter, largest = 0
    cdef Py_ssize_t j
    cdef int i
    softmax(decisions, n, p)
    for j in range(n):
        values[j] = decisions[j]
        largest = max(largest, fabsf(p[j] - before[j]))
    if largest <= close:
        return False
    for i in range(NEWTON_STEPS):
        # The derivative is a diagonal, 1 + step * p, less step times the product of p with itself: Sherman and Morrison.
        along, bent, largest = 0, 0, 0
        for j in range(n):
            error = values[j] + step * p[j] - decisions[j] - step * before[j]
            along += p[j] * error / (1 + step * p[j])
            bent += p[j] * p[j] / (1 + step * p[j])
        along *= step / (1 - step * bent)
        for j in range(n):
            error = values[j] + step * p[j] - decisions[j] - step * before[j]
            change[j] = (error + along * p[j]) / (1 + step * p[j])
            largest = max(largest, fabsf(change[j]))
        # Short steps cannot run away; the equation has one solution and each step leads down to it.
        shorter = min(1, LONGEST_STEP / largest) if largest > 0 else 1
        for j in range(n):
            values[j] -= shorter * change[j]
        softmax(values, n, p)
        if largest < 1e-3:
            break
    for j in range(n):
        change[j] = -strength * (p[j] - before[j])
        before[j] = p[j]
    return True


cdef inline bint is_changed(const float* change) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(LANES):
        if change[j] != 0:
            return True
    return False


cdef void gather(const float* weights, Py_ssize_t stride, const int32_t* columns, const float* values, Py_ssize_t n,
                 float* sums) noexcept nogil:
    """Add up the weights of a row's features."""
    cdef float total[LANES]
    cdef Py_ssize_t k, j
    if stride == LANES:  # one line of outputs, which stays in registers
        memcpy(total, sums, sizeof(total))
        for k in range(n):
            prefetch(weights + columns[k + AHEAD if k + AHEAD < n else k] * stride)
            add_scaled(total, weights + columns[k] * stride, values[k])
        memcpy(sums, total, sizeof(total))
        return
    for k in range(n):
        for j in range(stride // LANES):
            prefetch(weights + columns[k + NEXT if k + NEXT < n else k] * stride + LANES * j)
            add_scaled(sums + LANES * j, weights + columns[k] * stride + LANES * j, values[k])


cdef void scatter(float* weights, Py_ssize_t stride, const int32_t* columns, const float* values, Py_ssize_t n,
                  const float* change) noexcept nogil:
    """Add a change to the weights of a row's features, a line of outputs where there is any."""
    cdef float add[LANES]
    cdef Py_ssize_t k, j
    for j in range(stride // LANES):
        if is_changed(change + LANES * j):
            memcpy(add, change + LANES * j, sizeof(add))
            for k in range(n):
                add_scaled(weights + columns[k] * stride + LANES * j, add, values[k])


cdef inline uint64_t next_random(uint64_t* state) noexcept nogil:
    """Xorshift (G. Marsaglia, 2003)."""
    state[0] ^= state[0] << 13
    state[0] ^= state[0] >> 7
    state[0] ^= state[0] << 17
    return state[0]


def fit(const float[::1] data not None, const int32_t[::1] indices not None, const int64_t[::1] indptr not None,
        const float[:, ::1] topics not None, const float[:, ::1] tones not None, const float[::1] counts not None,
        const float[:, ::1] given not None, Py_ssize_t n_features, double topic_strength, double tone_strength, int passes, double tolerance):
    """Fit all heads.

    Parameters
    ----------
    data, indices, indptr : buffers
        The features, a sparse matrix by rows.
    topics : buffer of float32, shape (n_rows, n_topics)
        The truth of each topic: 0, 1, or a probability between.
    tones : buffer of float32, shape (n_rows, n_tones)
        The truth of each tone, 1 in all; or 0 in all in a row without a tone.
    counts : buffer of float32, shape (n_rows,)
        How many rows each row counts as.
    given : buffer of float32, shape (n_rows, n_topics + n_tones) or (0, n_topics + n_tones)
        Decision values that each row has from elsewhere, to which the heads' own are added; no row for none.
    n_features : int
    topic_strength, tone_strength : float
        C of the topics and of the tones.
    passes : int
        The most passes over the rows.
    tolerance : float
        A probability nearer than this to the one that its row has put into the weights is left as it is; it ends when a
        pass leaves all as they are.

    Returns
    -------
    ndarray of float32, shape (n_features + 1, n_topics + n_tones)
        The weights, those of the topics first; the last row holds the intercepts.
    """
    cdef Py_ssize_t n_rows = indptr.shape[0] - 1, n_topics = topics.shape[1]
    cdef Py_ssize_t n_tones = tones.shape[1]
    cdef Py_ssize_t stride = (n_topics + n_tones + LANES - 1) // LANES * LANES
    cdef Py_ssize_t i, j, k, row, begin, end
    cdef float[:, ::1] weights = _zeros(n_features + 1, stride)
    cdef int32_t[::1] order = np.arange(n_rows, dtype=np.int32)
    cdef float[::1] lengths = np.empty(n_rows, dtype=np.float32)
    cdef const unsigned char[::1] has_tone = np.asarray(tones).any(axis=1).view(np.uint8)
    # What each row has put into the weights: its probabilities less the truth.
    cdef float[:, ::1] residuals = _zeros(n_rows, stride)
    cdef double[::1] means = np.empty(stride)
    cdef float* z = <float*>malloc(4 * stride * sizeof(float))
    cdef float* change = z + stride
    cdef float* p = z + 2 * stride
    cdef float* values = z + 3 * stride
    cdef float* w = &weights[0, 0]
    cdef float* g
    cdef float value, close = tolerance
    cdef Py_ssize_t moved
    cdef bint is_moved, is_given = given.shape[0] > 0
    cdef int done = 0
    cdef uint64_t state = <uint64_t>0x9E3779B97F4A7C15
    if z == NULL:
        raise MemoryError
    with nogil:
        for i in range(n_rows):
            value = 1
            for k in range(indptr[i], indptr[i + 1]):
                value += data[k] * data[k]
            lengths[i] = value
        while done < passes:
            done += 1
            moved = 0
            means[:] = 0
            for i in range(n_rows - 1, 0, -1):
                j = <Py_ssize_t>(next_random(&state) % <uint64_t>(i + 1))
                order[i], order[j] = order[j], order[i]
            for i in range(n_rows):
                row = order[i]
                g = &residuals[row, 0]
                begin, end = indptr[row], indptr[row + 1]
                # 1. Gather.
                for j in range(stride):
                    z[j] = w[n_features * stride + j]
                    means[j] += z[j]
                    change[j] = 0
                if is_given:
                    for j in range(n_topics + n_tones):
                        z[j] += given[row, j]
                if begin < end:
                    gather(w, stride, &indices[begin], &data[begin], end - begin, z)
                # 2. Solve.
                is_moved = solve_topics(z, &topics[row, 0] if n_topics else NULL, n_topics,
                                        <float>topic_strength * counts[row], lengths[row], close, g, change)
                if has_tone[row]:
                    for j in range(n_tones):  # for the time of this stage the probabilities themselves
                        g[n_topics + j] += tones[row, j]
                    if solve_tones(z + n_topics, n_tones, <float>tone_strength * counts[row], lengths[row], close,
                                   g + n_topics, change + n_topics, values, p):
                        is_moved = True
                    for j in range(n_tones):
                        g[n_topics + j] -= tones[row, j]
                # 3. Scatter.
                if not is_moved:
                    continue
                moved += 1
                if begin < end:
                    scatter(w, stride, &indices[begin], &data[begin], end - begin, change)
                for j in range(stride):
                    w[n_features * stride + j] += change[j]
            if not moved:
                break
        for j in range(stride):
            w[n_features * stride + j] = <float>(means[j] / n_rows)
    free(z)
    return np.asarray(weights)[:, :n_topics + n_tones]


def _zeros(Py_ssize_t n_rows, Py_ssize_t stride):
    """Give zeros whose rows begin at a line of the cache."""
    room = np.zeros(n_rows * stride + LANES, dtype=np.float32)
    first = -room.ctypes.data // 4 % LANES
    return room[first : first + n_rows * stride].reshape(n_rows, stride)
