# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Scoring in one pass, compiled: text to tokens to terms to decision values to labels, without NumPy or the GIL.

The same sums as `stance.scoring`, whose docstring has the formula. A text is read in chunks of tokens, and each chunk
goes through the stages side by side, so that the memory that a stage needs is already on its way (`PREFETCH`):

1. fold: lower-case each character and find the tokens, writing them as UTF-8 into a buffer, with their keys;
2. look up the words, 3. the pairs of neighbouring words, and 4. the subwords of unknown words;
5. count the terms met, in a small table;

and when the text ends

6. add up: (1 + ln count) * idf * weights over the terms, their norm beside it, and the subwords of known words;
7. decide: calibrate, apply the thresholds, or say why there is no answer.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport NAN, log, sqrt
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from stance._folding cimport (
    BLOCK, MARGIN, Text, fold, grow, is_ascii, is_one_character, next_character, view_text, word_bits,
)
from stance._rule cimport ANSWERED, Rule, decide
from stance._sums cimport add_rows16, add_rows32
from stance._tables cimport (
    LINE, LONG, NONE, PREFETCH, Pairs, Strings, build_pairs, build_strings, find_key, find_long, is_string, key_of,
    may_be_pair, new_table, pair_key, place_of_key, short_key, trailing_zeros,
)
from stance._work cimport CHUNK, Columns, Term, Token, Work, clear, count_term, free_work, new_work

__all__ = ["Kernel"]

cdef enum:
    FEW = 32          # counts whose weights are kept
    SHORT = 4096      # characters: for so few the GIL is kept
    LARGE = 65_536    # bytes of working memory that are not kept
    LAY_OUT_AFTER = 64    # texts: from then on it pays to add up the subwords of every known word
    LARGEST_SUM = 65_536  # 16-bit weights that a 32-bit sum can hold

cdef double ONES[CHUNK + 1]

cdef struct Reader:
    Py_ssize_t block, end    # in the buffer: where the next block begins, and where the text ends
    Py_ssize_t start         # where the token began that reaches into the next block
    bint is_inside           # whether there is one

cdef struct Records:         # all that a term adds, side by side: idf, weights, and of a word its subwords' weights
    const uint8_t* first     # of the words, then of the pairs; NULL until it pays to lay them out
    const uint8_t* subwords
    Py_ssize_t word_stride, pair_stride, subword_stride

cdef inline void prefetch_record(const uint8_t* record, Py_ssize_t size) noexcept nogil:
    """Fetch a record of up to two lines; the machine guesses what follows in longer ones."""
    PREFETCH(record)
    if size > LINE:
        PREFETCH(record + LINE)


cdef class Kernel:
    """The tables and weights of a model, ready to score.

    Parameters
    ----------
    contents : stance.storage.Contents
        What a model file holds; its arrays are used where they lie.
    reasons : tuple
        `stance.results.REASONS`.

    Raises
    ------
    ValueError
        The vocabulary is out of order or a number is out of its range: `Parameters.check` says what.
    """

    cdef list views          # these keep the memory of the arrays
    cdef tuple topics, tones, labels, reasons
    cdef Strings words, subwords
    cdef Pairs pairs
    cdef const int16_t* weights
    cdef const int16_t* subword_weights
    cdef const double* idf
    cdef const double* weight_scale
    cdef const double* subword_scale
    cdef const double* intercept
    cdef double unknown_idf
    cdef Rule rule
    cdef int shortest, longest
    cdef Py_ssize_t n_words, n_pairs, n_subwords, n_labels, cooperative, tense
    cdef void* records_memory
    cdef Records records
    cdef Py_ssize_t n_seen
    cdef double weight_of_count[FEW]  # 1 + ln count
    cdef Work* spare            # the working memory of the last single text

    def __cinit__(self, contents not None, tuple reasons not None):
        header = contents.header
        self.views = []
        self.topics, self.tones, self.reasons = contents.topics, contents.tones, reasons
        self.labels = self.topics, self.tones
        self.n_labels = len(contents.labels)
        self.n_words, self.n_pairs, self.n_subwords = contents.n_words, contents.n_pairs, contents.n_subwords
        self.cooperative = self.tense = NONE
        if "cooperative" in self.tones and "tense" in self.tones:
            self.cooperative = len(self.topics) + self.tones.index("cooperative")
            self.tense = len(self.topics) + self.tones.index("tense")
        for i in range(CHUNK):
            ONES[i] = 1.0
        for count in range(1, FEW):
            self.weight_of_count[count] = 1.0 + log(<double>count)
        self.unknown_idf = header["unknown_idf"]
        self.shortest, self.longest = header["subword_lengths"]
        arrays = contents.arrays
        self.weights = <const int16_t*>self.address(arrays["weights"])
        self.subword_weights = <const int16_t*>self.address(arrays["subword_weights"])
        self.idf = self.numbers(arrays["idf"], 1e-100)
        self.weight_scale = self.numbers(arrays["weight_scale"], -1e100)
        self.subword_scale = self.numbers(arrays["subword_scale"], -1e100)
        self.intercept = self.numbers(arrays["intercept"], -1e100)
        self.rule = Rule(
            len(self.topics), len(self.tones), min(len(self.topics), header["max_topics"]), header["fallback"],
            header["min_known"], header["max_mean_idf"],
            self.numbers(arrays["topic_slope"], -1e100), self.numbers(arrays["topic_offset"], -1e100),
            self.numbers(arrays["tone_matrix"], -1e100), self.numbers(arrays["tone_offset"], -1e100),
            self.numbers(arrays["thresholds"], 0),
        )
        build_strings(&self.words, <const uint8_t*>self.address(arrays["words"]), len(arrays["words"]), self.n_words)
        build_strings(
            &self.subwords, <const uint8_t*>self.address(arrays["subwords"]), len(arrays["subwords"]), self.n_subwords
        )
        build_pairs(&self.pairs, <const uint32_t*>self.address(arrays["pairs"]), contents.n_pairs, self.n_words)

    def __dealloc__(self):
        free(self.words.table.memory)
        free(self.words.starts)
        free(self.subwords.table.memory)
        free(self.subwords.starts)
        free(self.pairs.table.memory)
        free(self.pairs.filter)
        free(self.records_memory)
        free_work(self.spare)

    cdef const void* address(self, array) except? NULL:
        cdef Py_buffer buffer
        view = memoryview(array)
        self.views.append(view)
        PyObject_GetBuffer(view, &buffer, PyBUF_SIMPLE)
        PyBuffer_Release(&buffer)  # the view still holds it
        return buffer.buf

    cdef const double* numbers(self, array, double least) except? NULL:
        """Give the address of numbers that are all from `least` to 1e100."""
        cdef const double* found = <const double*>self.address(array)
        cdef Py_ssize_t i
        for i in range(len(array)):
            if not (least <= found[i] <= 1e100):
                raise ValueError
        return found

    def score(self, tuple texts not None):
        """Score texts; the GIL is not held meanwhile.

        Parameters
        ----------
        texts : tuple of str
            A tuple, so that nobody can change it meanwhile.

        Returns
        -------
        tuple of bytearray
            The columns of `stance.results.Answers` in its order, rows first, without padding.
        """
        cdef Py_ssize_t n_texts = len(texts), i
        cdef int failed = 0
        cdef list kept = []
        cdef Columns columns
        cdef Text* views = <Text*>malloc(max(n_texts, 1) * sizeof(Text))
        cdef Work* work = new_work(self.n_labels)
        cdef Records records
        try:
            if views == NULL or work == NULL:
                raise MemoryError
            decisions, probabilities = bytearray(8 * n_texts * self.n_labels), bytearray(8 * n_texts * self.n_labels)
            topics, tones, reasons = bytearray(4 * n_texts * self.rule.most_topics), bytearray(4 * n_texts), bytearray(n_texts)
            known, mean_idf, n_tokens = bytearray(8 * n_texts), bytearray(8 * n_texts), bytearray(8 * n_texts)
            columns = Columns(
                <double*><char*>decisions, <double*><char*>probabilities, <int32_t*><char*>topics,
                <int32_t*><char*>tones, <uint8_t*><char*>reasons, <double*><char*>known, <double*><char*>mean_idf,
                <int64_t*><char*>n_tokens,
            )
            for i in range(n_texts):
                view_text(texts[i], &views[i], kept)
            self.lay_out(n_texts)
            records = self.records
            with nogil:
                for i in range(n_texts):
                    if self.score_one(&views[i], work, &records, columns) < 0:
                        failed = 1
                        break
                    columns = Columns(
                        columns.decisions + self.n_labels, columns.probabilities + self.n_labels,
                        columns.topics + self.rule.most_topics, columns.tone + 1, columns.reason + 1, columns.known + 1,
                        columns.mean_idf + 1, columns.n_tokens + 1,
                    )
            if failed:
                raise MemoryError
        finally:
            free(views)
            free_work(work)
        return decisions, probabilities, topics, tones, reasons, known, mean_idf, n_tokens

    def classify(self, text):
        """Score one text.

        Parameters
        ----------
        text : str

        Returns
        -------
        tuple
            What `stance.results.Classification.of` takes.
        """
        cdef Text view
        cdef list kept = []
        cdef int failed
        self.lay_out(1)
        view_text(text, &view, kept)
        cdef Work* work = self.spare
        self.spare = NULL  # another thread takes its own
        if work == NULL:
            work = new_work(self.n_labels)
            if work == NULL:
                raise MemoryError
        cdef Records records = self.records
        if view.length < SHORT:
            failed = self.score_one(&view, work, &records, work.one)
        else:
            with nogil:
                failed = self.score_one(&view, work, &records, work.one)
        try:
            if failed < 0:
                raise MemoryError
            return self.named(&work.one)
        finally:
            free_work(self.spare)
            self.spare = NULL
            if work.buffer.capacity > LARGE:
                free_work(work)
            else:
                self.spare = work

    cdef tuple named(self, const Columns* one):
        """Name the labels of one text."""
        cdef double score = NAN
        cdef Py_ssize_t i
        cdef list given = []
        if one.reason[0] != ANSWERED:
            return (), None, NAN, one.known[0], self.reasons[one.reason[0]], ((), ()), b""
        for i in range(self.rule.most_topics):
            if one.topics[i] == NONE:
                break
            given.append(self.topics[one.topics[i]])
        if self.tense != NONE:
            score = one.probabilities[self.cooperative] - one.probabilities[self.tense]
        tone = self.tones[one.tone[0]] if one.tone[0] != NONE else None
        return tuple(given), tone, score, one.known[0], None, self.labels, (<char*>one.probabilities)[:8 * self.n_labels]

    cdef int lay_out(self, Py_ssize_t n_texts) except -1:
        """Lay out the records of the terms, once so many texts were scored that it pays."""
        cdef Py_ssize_t row, j, size = sizeof(double) + (self.n_labels + 1) // 2 * sizeof(int32_t)
        cdef Records records
        cdef uint8_t* record
        cdef Work* work
        if self.records.first != NULL:
            return 0
        self.n_seen += n_texts
        if self.n_seen < LAY_OUT_AFTER or self.words.longest * (self.longest - self.shortest + 1) >= LARGEST_SUM:
            return 0
        records.pair_stride = (size + LINE - 1) // LINE * LINE
        records.word_stride = (size + self.n_labels * sizeof(int32_t) + LINE - 1) // LINE * LINE
        records.subword_stride = (self.n_labels * sizeof(int16_t) + LINE - 1) // LINE * LINE
        self.records_memory = new_table(
            self.n_words * records.word_stride + self.n_pairs * records.pair_stride
            + self.n_subwords * records.subword_stride + LINE
        )
        work = new_work(self.n_labels)
        if work == NULL or self.records_memory == NULL or grow(&work.buffer, self.words.longest + BLOCK) < 0:
            free_work(work)
            free(self.records_memory)
            self.records_memory = NULL
            raise MemoryError
        work.gram_weights, work.gram_stride = <const uint8_t*>self.subword_weights, self.n_labels * sizeof(int16_t)
        records.first = record = <uint8_t*>self.records_memory + LINE - <size_t>self.records_memory % LINE
        for row in range(self.n_words + self.n_pairs):
            (<double*>record)[0] = self.idf[row]
            memcpy(record + sizeof(double), self.weights + row * self.n_labels, self.n_labels * sizeof(int16_t))
            if row >= self.n_words:
                record += records.pair_stride
                continue
            self.add_word(work, <int32_t>row)
            for j in range(self.n_labels):
                (<int32_t*>(record + size))[j] = <int32_t>work.grams[j]
            record += records.word_stride
        records.subwords = record
        for row in range(self.n_subwords):
            memcpy(record, self.subword_weights + row * self.n_labels, self.n_labels * sizeof(int16_t))
            record += records.subword_stride
        free_work(work)
        self.records = records
        return 0

    cdef void add_word(self, Work* work, int32_t row) noexcept nogil:
        """Add up the subwords of a known word alone."""
        cdef Py_ssize_t length = self.words.starts[row + 1] - self.words.starts[row] - 1
        memset(work.grams, 0, self.n_labels * sizeof(double))
        memset(work.buffer.bytes, 32, MARGIN)
        memcpy(work.buffer.bytes + MARGIN, self.words.blob + self.words.starts[row], length)
        work.buffer.bytes[MARGIN + length] = 32
        self.meet_subwords(work, MARGIN - 1, length + 2)
        self.find_subwords(work)
        self.add_subwords(work)

    cdef int score_one(self, const Text* text, Work* work, const Records* records, Columns out) noexcept nogil:
        """Take one text through all stages; -1 where memory is short."""
        cdef Py_ssize_t n_found, n_long, n_pairs, i
        cdef uint64_t key
        cdef Reader reader = Reader(0, fold(text, &work.buffer), 0, False)  # 1.
        cdef int64_t n = 0, n_known = 0
        cdef int32_t last = NONE, row
        cdef Token* token
        if reader.end < 0:
            return -1
        clear(work, self.n_labels)
        if records.first != NULL:
            work.gram_weights, work.gram_stride = records.subwords, records.subword_stride
        else:
            work.gram_weights = <const uint8_t*>self.subword_weights
            work.gram_stride = self.n_labels * sizeof(int16_t)
        while reader.block <= reader.end:
            n_found = self.read_tokens(&reader, work)
            n += n_found
            n_pairs = n_long = 0
            for i in range(n_found):  # 2.
                token = &work.tokens[i]
                token.row = find_key(&self.words.table, token.key, token.place)
                work.long_tokens[n_long] = i
                n_long += token.length >= LONG
            for i in range(n_long):
                token = &work.tokens[work.long_tokens[i]]
                if token.row != NONE and not is_string(&self.words, token.row, work.buffer.bytes + token.start, token.length):
                    token.row = find_long(&self.words, token.key, work.buffer.bytes + token.start, token.length)
            for i in range(n_found):
                row = work.tokens[i].row
                if row == NONE or records.first == NULL:  # 4.
                    self.meet_subwords(work, work.tokens[i].start - 1, work.tokens[i].length + 2)
                else:
                    prefetch_record(records.first + row * records.word_stride, records.word_stride)
                key = pair_key(last, row)
                work.pairs[n_pairs] = key
                n_pairs += (last != NONE) & (row != NONE) & may_be_pair(&self.pairs, key)
                last = row
            for i in range(n_pairs):
                work.pair_places[i] = place_of_key(&self.pairs.table, work.pairs[i])
            for i in range(n_found):  # 5.
                token = &work.tokens[i]
                if token.row != NONE:
                    n_known += 1
                    if count_term(work, token.row) < 0:
                        return -1
            self.find_subwords(work)
            for i in range(n_pairs):  # 3. and 5.
                row = find_key(&self.pairs.table, work.pairs[i], work.pair_places[i])
                if row != NONE:
                    row += <int32_t>self.n_words
                    if records.first != NULL:
                        prefetch_record(self.record_of(records, row), records.pair_stride)
                    if count_term(work, row) < 0:
                        return -1
            self.add_subwords(work)
        out.n_tokens[0] = n
        out.known[0] = <double>n_known / n if n else 0.0
        out.mean_idf[0] = self.add_up(work, records, n, out.decisions) + (n - n_known) * self.unknown_idf  # 6.
        out.mean_idf[0] = out.mean_idf[0] / n if n else self.unknown_idf
        decide(&self.rule, text, out)
        return 0

    cdef Py_ssize_t read_tokens(self, Reader* reader, Work* work) noexcept nogil:
        """Find the next tokens of a folded text, as many as there is room for, and give their number."""
        cdef Py_ssize_t n_found = 0, place
        cdef uint64_t bits, edges
        cdef Token* token
        while reader.block <= reader.end and n_found <= CHUNK - BLOCK // 2:
            bits = word_bits(work.buffer.bytes + reader.block)
            edges = bits ^ (bits << 1 | reader.is_inside)  # the bits where a token begins or has just ended
            while edges:
                place = reader.block + trailing_zeros(edges)
                edges &= edges - 1
                reader.is_inside = not reader.is_inside
                if reader.is_inside:
                    reader.start = place
                elif place - reader.start > 1 and not is_one_character(work.buffer.bytes + reader.start, place - reader.start):
                    token = &work.tokens[n_found]
                    token.start, token.length = reader.start, place - reader.start
                    token.key = key_of(work.buffer.bytes + token.start, token.length)
                    token.place = place_of_key(&self.words.table, token.key)
                    n_found += 1
            reader.block += BLOCK
        return n_found

    cdef void meet_subwords(self, Work* work, Py_ssize_t start, Py_ssize_t size) noexcept nogil:
        """Note the subwords of a token, which stands in the buffer with a space before and after it."""
        cdef const uint8_t* data = work.buffer.bytes + start
        cdef bint is_simple = self.longest < LONG and is_ascii(data, size)  # a character is a byte, no key is a hash
        cdef Py_ssize_t first, stop, characters
        cdef Token* gram
        cdef int length
        if self.n_subwords == 0:
            return
        for length in range(self.shortest, self.longest + 1):
            first = stop = characters = 0
            if is_simple:
                stop = min(length, size)
            while not is_simple and characters < length and stop < size:
                stop = next_character(data, stop, size)
                characters += 1
            while True:
                if work.n_grams == CHUNK:
                    self.find_subwords(work)
                    self.add_subwords(work)
                gram = &work.grams_met[work.n_grams]
                gram.start, gram.length = start + first, stop - first
                gram.key = short_key(data + first, stop - first) if is_simple else key_of(data + first, stop - first)
                gram.place = place_of_key(&self.subwords.table, gram.key)
                work.n_grams += 1
                if stop == size:
                    break
                first = first + 1 if is_simple else next_character(data, first, size)
                stop = stop + 1 if is_simple else next_character(data, stop, size)
            if first == 0:
                break  # the first n-gram was the whole token with its spaces: longer ones would repeat it

    cdef void find_subwords(self, Work* work) noexcept nogil:
        """Look up the subwords that were met; what they add must have been added before."""
        cdef Py_ssize_t i
        cdef int32_t row
        cdef const Token* gram
        for i in range(work.n_grams):
            gram = &work.grams_met[i]
            row = find_key(&self.subwords.table, gram.key, gram.place)
            if row != NONE and gram.length >= LONG:
                row = find_long(&self.subwords, gram.key, work.buffer.bytes + gram.start, gram.length)
            work.gram_rows[work.n_gram_rows] = <const int16_t*>(work.gram_weights + row * work.gram_stride)
            PREFETCH(work.gram_rows[work.n_gram_rows])
            work.n_gram_rows += row != NONE
        work.n_grams = 0

    cdef void add_subwords(self, Work* work) noexcept nogil:
        add_rows16(work.grams, work.gram_rows, ONES, work.n_gram_rows, self.n_labels)
        work.n_gram_rows = 0

    cdef inline const uint8_t* record_of(self, const Records* records, int32_t row) noexcept nogil:
        cdef Py_ssize_t word = min(row, self.n_words)
        return records.first + word * records.word_stride + (row - word) * records.pair_stride

    cdef double add_up(self, Work* work, const Records* records, int64_t n, double* decisions) noexcept nogil:
        """Turn the terms of a text into decision values, and give the sum of the idf of its known words."""
        cdef Py_ssize_t start = 1, i, n_terms, n_words, j
        cdef const Term* term
        cdef const uint8_t* record
        cdef double idf, value, norm = 0, idf_sum = 0, root = 1.0 / sqrt(<double>n) if n else 0.0
        while start < work.n_terms:
            n_terms = min(CHUNK, work.n_terms - start)
            n_words = 0
            for i in range(n_terms):
                term = &work.terms[start + i]
                value = self.weight_of_count[term.count] if term.count < FEW else 1.0 + log(<double>term.count)
                if records.first == NULL:
                    idf = self.idf[term.row]
                    work.rows16[i] = self.weights + term.row * self.n_labels
                else:
                    record = self.record_of(records, term.row)
                    idf = (<const double*>record)[0]
                    record += sizeof(double)
                    work.rows16[i] = <const int16_t*>record
                    work.rows32[n_words] = <const int32_t*>record + (self.n_labels + 1) // 2
                    work.times32[n_words] = <double>term.count
                    n_words += term.row < self.n_words
                idf_sum += idf * term.count if term.row < self.n_words else 0.0
                value *= idf
                work.times16[i] = value
                norm += value * value
            add_rows16(work.sums, work.rows16, work.times16, n_terms, self.n_labels)
            add_rows32(work.grams, work.rows32, work.times32, n_words, self.n_labels)
            start += n_terms
        norm = 1.0 / sqrt(norm) if norm > 0 else 0.0
        for j in range(self.n_labels):
            decisions[j] = (self.intercept[j] + work.sums[j] * norm * self.weight_scale[j]
                            + work.grams[j] * root * self.subword_scale[j])
        return idf_sum
