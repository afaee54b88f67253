"""From decision values to probabilities and labels, as `stance.decision.DecisionRule`, or why there are none."""

from libc.math cimport NAN, exp
from libc.stdint cimport int32_t, uint8_t

from stance._folding cimport Py_UNICODE_ISSPACE, PyUnicode_READ, Text
from stance._tables cimport NONE
from stance._work cimport Columns

cdef enum:  # the places of `stance.results.REASONS`
    ANSWERED, EMPTY, NO_WORDS, TOO_LITTLE_KNOWN, UNFAMILIAR

cdef struct Rule:
    Py_ssize_t n_topics, n_tones, most_topics
    double fallback, min_known, max_mean_idf
    const double* slope
    const double* offset
    const double* tone_matrix
    const double* tone_offset
    const double* thresholds


cdef inline void decide(const Rule* rule, const Text* text, Columns out) noexcept nogil:
    """Fill the probabilities, topics, tone and reason of one text; the other columns are there."""
    cdef Py_ssize_t i
    out.tone[0] = NONE
    for i in range(rule.most_topics):
        out.topics[i] = NONE
    out.reason[0] = why_not(rule, text, out)
    if out.reason[0] != ANSWERED:
        for i in range(rule.n_topics + rule.n_tones):
            out.probabilities[i] = NAN
        return
    for i in range(rule.n_topics):
        out.probabilities[i] = 1.0 / (1.0 + exp(-(rule.slope[i] * out.decisions[i] + rule.offset[i])))
    if rule.n_tones:
        out.tone[0] = softmax(rule, out.decisions + rule.n_topics, out.probabilities + rule.n_topics)
    choose_topics(rule, out.probabilities, out.topics)


cdef inline uint8_t why_not(const Rule* rule, const Text* text, Columns out) noexcept nogil:
    """Say why there is no ground for an answer, if there is none."""
    cdef Py_ssize_t i
    if out.n_tokens[0] == 0:
        for i in range(text.length):
            if not Py_UNICODE_ISSPACE(PyUnicode_READ(text.kind, text.data, i)):
                return NO_WORDS
        return EMPTY
    if out.known[0] == 0 or out.known[0] < rule.min_known:
        return TOO_LITTLE_KNOWN
    return UNFAMILIAR if out.mean_idf[0] > rule.max_mean_idf else ANSWERED


cdef inline int32_t softmax(const Rule* rule, const double* decisions, double* p) noexcept nogil:
    """Fill the probabilities of the tones and give the most probable."""
    cdef Py_ssize_t i, j, best = 0
    cdef double largest = 0, total = 0
    for i in range(rule.n_tones):
        p[i] = rule.tone_offset[i]
        for j in range(rule.n_tones):
            p[i] += rule.tone_matrix[i * rule.n_tones + j] * decisions[j]
        largest = p[i] if i == 0 or p[i] > largest else largest
    for i in range(rule.n_tones):
        p[i] = exp(p[i] - largest)
        total += p[i]
    for i in range(rule.n_tones):
        p[i] /= total
        if p[i] > p[best]:
            best = i
    return <int32_t>best


cdef inline void choose_topics(const Rule* rule, const double* p, int32_t* topics) noexcept nogil:
    """Fill in the topics that reach their threshold, most probable first, or the one that falls back."""
    cdef Py_ssize_t i, n = 0, best = 0
    cdef int32_t j
    for j in range(<int32_t>rule.n_topics):
        if p[j] > p[best]:
            best = j
        if p[j] < rule.thresholds[j]:
            continue
        i = min(n, rule.most_topics - 1)
        if n == rule.most_topics and (n == 0 or p[j] <= p[topics[i]]):
            continue
        while i > 0 and p[j] > p[topics[i - 1]]:
            topics[i] = topics[i - 1]
            i -= 1
        topics[i] = j
        n = min(n + 1, rule.most_topics)
    if n == 0 and rule.most_topics and p[best] >= rule.fallback:
        topics[0] = <int32_t>best
