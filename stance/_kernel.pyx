# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Scoring in one pass, compiled: text to tokens to terms to decision values to labels, without NumPy or the GIL.

The same sums as `stance.scoring`, whose docstring has the formula. A text is read in chunks of tokens, and each chunk
goes through the stages side by side, so that the memory that a stage needs is already on its way (`PREFETCH`):

1. fold: lower-case each character and find the tokens, writing them as UTF-8 into a buffer, with their keys;
2. look up the words, 3. the subwords of unknown words, and 4. the pairs of neighbouring words;
5. count the terms met, in a small table, and 6. add up the weights of those that are new;

and when the text ends

7. put right the sums for the terms that were met more than once, and divide by the norm;
8. decide: calibrate, apply the thresholds, or say why there is no answer.

The first texts are looked up by bisection in the model file as it lies there (`plain`), which needs no preparation.
When it pays, look-up tables are built and all that a term adds is laid out side by side in memory (`ready`). Where memory
does not suffice for that, or a file was made so that its keys crowd, it stays at bisection.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.object cimport PyObject_GenericSetAttr
from libc.math cimport NAN, log, sqrt
from libc.stdint cimport INT32_MAX, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from stance._folding cimport (
    BLOCK, MARGIN, Text, fold, grow, size_of_character, view_text, word_bits,
)
from stance._rule cimport ANSWERED, Rule, decide
from stance._sums cimport add_rows16, add_rows32, add_times
from stance._tables cimport (
    LINE, NONE, PREFETCH, ROOM, Bucket, Strings, Table, build_pairs, build_strings, check_pairs, check_strings, key_of,
    new_table, place_of_key, trailing_zeros,
)
from stance._terms cimport (
    Lookup, Rows, add_subwords, find_subwords, idf_of, look_up_pairs, look_up_words, meet_subwords, sift_pairs,
    weights_of,
)
from stance._work cimport CHUNK, Columns, Work, clear, count_of, count_term, free_work, make_room, new_work

__all__ = ["Kernel"]

cdef enum:
    FEW = 32              # counts whose logarithm is kept
    SHORT = 4096          # characters: for so few the GIL is kept, and a longer text counts as so many more
    LARGE = 65_536        # bytes of working memory that are not kept
    READY_AFTER = 32      # texts: from then on it pays to build tables

cdef double LARGEST = 1e60  # that of `stance.storage`

cdef struct Reader:
    Py_ssize_t block, end    # in the buffer: where the next block begins, and where the text ends
    Py_ssize_t start         # where the token began that reaches into the next block
    uint64_t is_inside       # whether there is one

cdef inline void prefetch_text(const Text* text) noexcept nogil:
    """Fetch the beginning of a text; the machine guesses what follows."""
    cdef Py_ssize_t i
    for i in range(min(text.length * text.kind // LINE + 1, 8)):
        PREFETCH(<const uint8_t*>text.data + i * LINE)


cdef class Kernel:
    """The tables and weights of a model, ready to score.

    Parameters
    ----------
    contents : stance.storage.Contents
        What a model file holds; its arrays are used where they lie.
    reasons : tuple
        `stance.results.REASONS`.
    kind : type
        `stance.results.Classification`.
    explain : callable
        What each answer keeps beside its text: `stance.scoring.Scorer.explain`.

    Raises
    ------
    ValueError
        The vocabulary is out of order or a number is out of its range: `Parameters.check` says what.
    """

    cdef list views          # these keep the memory of the arrays
    cdef tuple topics, tones, labels, reasons
    cdef list alone          # each topic in a tuple of its own
    cdef type kind
    cdef object explain
    cdef Bucket empty[2]     # the tables of `plain`
    cdef Lookup plain, ready
    cdef const Lookup* lookup    # the one that is used
    cdef void* records
    cdef const double* weight_scale
    cdef const double* subword_scale
    cdef const double* intercept
    cdef double unknown_idf
    cdef Rule rule
    cdef Py_ssize_t n_labels, cooperative, tense, n_seen
    cdef bint has_tried      # to build tables
    cdef double log_of[FEW]
    cdef Work* spare         # the working memory of the last single text

    def __cinit__(self, contents not None, tuple reasons not None, type kind not None, explain not None):
        settings, arrays = contents.settings, contents.arrays
        cdef Py_ssize_t stride = len(contents.labels) * sizeof(int16_t)
        cdef Py_ssize_t n_words = contents.n_words
        self.views = []
        self.topics, self.tones, self.reasons, self.kind = contents.topics, contents.tones, reasons, kind
        self.explain = explain
        self.labels = self.topics, self.tones
        self.alone = [(topic,) for topic in self.topics]
        self.n_labels = len(contents.labels)
        self.cooperative = self.tense = NONE
        if "cooperative" in self.tones and "tense" in self.tones:
            self.cooperative = len(self.topics) + self.tones.index("cooperative")
            self.tense = len(self.topics) + self.tones.index("tense")
        for count in range(1, FEW):
            self.log_of[count] = log(<double>count)
        self.unknown_idf = settings["unknown_idf"]
        self.plain.shortest, self.plain.longest = settings["shortest_subword"], settings["longest_subword"]
        self.plain.n_labels = self.n_labels
        self.weight_scale = self.numbers(arrays["weight_scale"], -LARGEST)
        self.subword_scale = self.numbers(arrays["subword_scale"], -LARGEST)
        self.intercept = self.numbers(arrays["intercept"], -LARGEST)
        self.rule = Rule(
            len(self.topics), len(self.tones), min(len(self.topics), settings["max_topics"]), settings["fallback"],
            settings["min_known"], settings["max_mean_idf"],
            self.numbers(arrays["topic_slope"], -LARGEST), self.numbers(arrays["topic_offset"], -LARGEST),
            self.numbers(arrays["tone_matrix"], -LARGEST), self.numbers(arrays["tone_offset"], -LARGEST),
            self.numbers(arrays["thresholds"], 0),
        )
        idf = <const uint8_t*>self.numbers(arrays["idf"], 1 / LARGEST)
        weights = <const uint8_t*>self.address(arrays["weights"])
        self.plain.of_words = Rows(weights, idf, stride, sizeof(double))
        self.plain.of_pairs = Rows(weights + n_words * stride, idf + n_words * sizeof(double), stride, sizeof(double))
        self.plain.of_grams = Rows(<const uint8_t*>self.address(arrays["subword_weights"]), NULL, stride, 0)
        check_strings(
            &self.plain.words, <const uint8_t*>self.address(arrays["words"]), len(arrays["words"]), n_words
        )
        check_strings(
            &self.plain.grams, <const uint8_t*>self.address(arrays["subwords"]), len(arrays["subwords"]),
            contents.n_subwords,
        )
        check_pairs(&self.plain.pairs, <const uint32_t*>self.address(arrays["pairs"]), contents.n_pairs, n_words)
        self.empty[0].rows[ROOM] = self.empty[1].rows[ROOM] = NONE
        self.plain.words.table = self.plain.grams.table = self.plain.pairs.table = Table(NULL, &self.empty[0], 1, 63)
        self.lookup = &self.plain

    def __dealloc__(self):
        free(<void*>self.plain.words.starts)
        free(<void*>self.plain.grams.starts)
        self.free_tables()
        free_work(self.spare)

    cdef void free_tables(self) noexcept:
        free(self.ready.words.table.memory)
        free(self.ready.grams.table.memory)
        free(self.ready.pairs.table.memory)
        free(self.ready.pairs.filter)
        free(self.records)
        self.records = NULL
        self.ready = self.plain

    cdef const void* address(self, array) except? NULL:
        cdef Py_buffer buffer
        view = memoryview(array)
        self.views.append(view)
        PyObject_GetBuffer(view, &buffer, PyBUF_SIMPLE)
        PyBuffer_Release(&buffer)  # the view still holds it
        return buffer.buf

    cdef const double* numbers(self, array, double least) except? NULL:
        """Give the address of numbers that are all from `least` to `LARGEST`."""
        cdef const double* found = <const double*>self.address(array)
        cdef Py_ssize_t i
        for i in range(len(array)):
            if not (least <= found[i] <= LARGEST):
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
        cdef Py_ssize_t n_texts = len(texts), n_short = n_texts, i
        cdef int failed = 0
        cdef list kept = []
        cdef Columns columns
        cdef Text* views = <Text*>malloc((n_texts + 1) * sizeof(Text))
        cdef Work* work = new_work(self.n_labels)
        cdef const Lookup* lookup
        try:
            if views == NULL or work == NULL:
                raise MemoryError
            decisions, probabilities = bytearray(8 * n_texts * self.n_labels), bytearray(8 * n_texts * self.n_labels)
            topics = bytearray(4 * n_texts * self.rule.most_topics)
            tones, reasons = bytearray(4 * n_texts), bytearray(n_texts)
            known, mean_idf, n_tokens = bytearray(8 * n_texts), bytearray(8 * n_texts), bytearray(8 * n_texts)
            columns = Columns(
                <double*><char*>decisions, <double*><char*>probabilities, <int32_t*><char*>topics,
                <int32_t*><char*>tones, <uint8_t*><char*>reasons, <double*><char*>known, <double*><char*>mean_idf,
                <int64_t*><char*>n_tokens,
            )
            for i in range(n_texts):
                text = view_text(texts[i], &views[i])
                if text is not texts[i]:
                    kept.append(text)
                n_short += views[i].length // SHORT
            views[n_texts] = Text(1, True, <const void*>views, 0)  # is fetched, and not read
            lookup = self.best_lookup(n_short)
            with nogil:
                for i in range(n_texts):
                    prefetch_text(&views[i + 1])
                    if self.score_one(&views[i], work, lookup, columns) < 0:
                        failed = 1
                        break
                    columns = Columns(
                        columns.decisions + self.n_labels, columns.probabilities + self.n_labels,
                        columns.topics + self.rule.most_topics, columns.tone + 1, columns.reason + 1, columns.known + 1,
                        columns.mean_idf + 1, columns.n_tokens + 1,
                    )
            if failed:
                raise MemoryError
        except MemoryError:
            raise MemoryError(f"there is no room to score {n_texts} texts at a time: pass fewer or shorter ones") from None
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
        Classification
        """
        cdef Text view
        cdef int failed
        cdef str kept = view_text(text, &view)
        cdef const Lookup* lookup = self.best_lookup(1 + view.length // SHORT)
        cdef Work* work = self.spare
        self.spare = NULL  # another thread takes its own
        if work == NULL:
            work = new_work(self.n_labels)
            if work == NULL:
                raise MemoryError("there is no room to score a text")
        if view.length < SHORT:
            failed = self.score_one(&view, work, lookup, work.one)
        else:
            with nogil:
                failed = self.score_one(&view, work, lookup, work.one)
        try:
            if failed < 0:
                raise MemoryError(f"there is no room to score a text of {view.length} characters: split it")
            return self.wrapped(self.named(&work.one, text))
        finally:
            free_work(self.spare)
            self.spare = NULL
            if failed < 0 or work.buffer.capacity > LARGE:
                free_work(work)
            else:
                self.spare = work

    cdef object wrapped(self, tuple answer):
        """Do what `Classification.of` does."""
        cdef object one = self.kind.__new__(self.kind)
        PyObject_GenericSetAttr(one, "_answer", answer)
        return one

    cdef tuple named(self, const Columns* one, object text):
        """Name the labels of one text."""
        cdef double score = NAN
        cdef Py_ssize_t i
        cdef tuple given = ()
        if one.reason[0] != ANSWERED:
            reason = self.reasons[one.reason[0]]
            return (), None, NAN, one.known[0], reason, ((), ()), b"", text, self.explain
        for i in range(self.rule.most_topics):
            if one.topics[i] == NONE:
                break
            given = given + self.alone[one.topics[i]] if i else self.alone[one.topics[i]]
        if self.tense != NONE:
            score = one.probabilities[self.cooperative] - one.probabilities[self.tense]
        tone = self.tones[one.tone[0]] if one.tone[0] != NONE else None
        values = (<char*>one.probabilities)[:8 * self.n_labels]
        return given, tone, score, one.known[0], None, self.labels, values, text, self.explain

    cdef const Lookup* best_lookup(self, Py_ssize_t n_short) noexcept:
        """Give what to look up terms in for so many short texts more; build the tables when they pay."""
        self.n_seen += n_short
        if not self.has_tried and self.n_seen >= READY_AFTER:
            self.has_tried = True
            self.free_tables()
            if (build_strings(&self.ready.words) < 0 or build_strings(&self.ready.grams) < 0
                    or build_pairs(&self.ready.pairs) < 0 or self.lay_out() < 0):
                self.free_tables()
            else:
                self.lookup = &self.ready
        return self.lookup

    cdef int lay_out(self) noexcept:
        """Lay out what each term adds in a record of its own, as few lines of memory as can be; -1 if memory is short.

        Of a word: the sum of its subwords' weights (32 bits each), its weights (16 bits), its idf. Of a pair: weights
        and idf. Of a subword: weights.
        """
        cdef Py_ssize_t n_words = self.plain.words.count, n_pairs = self.plain.pairs.count, row, j
        cdef Py_ssize_t width = (self.n_labels + 3) // 4 * 4  # so that all is aligned
        cdef Py_ssize_t of_pair = width * sizeof(int16_t) + sizeof(double), of_word = of_pair + width * sizeof(int32_t)
        cdef Py_ssize_t of_gram = (self.n_labels + 7) // 8 * 8 * sizeof(int16_t)
        cdef uint8_t* record
        cdef double largest = 0
        cdef Work* work = new_work(self.n_labels)
        of_pair, of_word, of_gram = (
            (of_pair + LINE - 1) // LINE * LINE, (of_word + LINE - 1) // LINE * LINE, (of_gram + LINE - 1) // LINE * LINE
        )
        self.records = new_table(n_words * of_word + n_pairs * of_pair + self.plain.grams.count * of_gram + 2 * LINE)
        if work == NULL or self.records == NULL or grow(&work.buffer, self.plain.words.longest + BLOCK) < 0:
            free_work(work)
            return -1
        record = <uint8_t*>self.records + LINE - <size_t>self.records % LINE
        self.ready.of_grams = Rows(record, NULL, of_gram, 0)
        for row in range(self.plain.grams.count):
            memcpy(record, weights_of(&self.plain.of_grams, <int32_t>row), self.n_labels * sizeof(int16_t))
            record += of_gram
        self.ready.word_sums = record
        record += width * sizeof(int32_t)
        self.ready.of_words = Rows(record, record + width * sizeof(int16_t), of_word, of_word)
        for row in range(n_words):
            memcpy(record, weights_of(&self.plain.of_words, <int32_t>row), self.n_labels * sizeof(int16_t))
            (<double*>(record + width * sizeof(int16_t)))[0] = idf_of(&self.plain.of_words, <int32_t>row)[0]
            self.add_word(work, <int32_t>row)
            for j in range(self.n_labels):
                largest = max(largest, work.gram_sums[j], -work.gram_sums[j])
                (<int32_t*>record)[j - width] = <int32_t>min(max(work.gram_sums[j], -INT32_MAX), INT32_MAX)
            record += of_word
        record -= width * sizeof(int32_t)
        self.ready.of_pairs = Rows(record, record + width * sizeof(int16_t), of_pair, of_pair)
        for row in range(n_pairs):
            memcpy(record, weights_of(&self.plain.of_pairs, <int32_t>row), self.n_labels * sizeof(int16_t))
            (<double*>(record + width * sizeof(int16_t)))[0] = idf_of(&self.plain.of_pairs, <int32_t>row)[0]
            record += of_pair
        if largest * CHUNK > INT32_MAX:  # a chunk of them may not fit: then words are taken apart each time
            self.ready.word_sums = NULL
        free_work(work)
        return 0

    cdef void add_word(self, Work* work, int32_t row) noexcept nogil:
        """Add up the subwords of a known word alone."""
        cdef const Strings* words = &self.ready.words
        cdef Py_ssize_t length = words.starts[row + 1] - words.starts[row] - 1
        memset(work.gram_sums, 0, self.n_labels * sizeof(double))
        memset(work.buffer.bytes, 32, MARGIN)
        memcpy(work.buffer.bytes + MARGIN, words.blob + words.starts[row], length)
        work.buffer.bytes[MARGIN + length] = 32
        meet_subwords(work, &self.ready, MARGIN - 1, length + 2)
        find_subwords(work, &self.ready)
        add_subwords(work, &self.ready)

    cdef int score_one(self, const Text* text, Work* work, const Lookup* lookup, Columns out) noexcept nogil:
        """Take one text through all stages; -1 where memory is short."""
        cdef Reader reader = Reader(0, fold(text, &work.buffer), 0, 0)  # 1.
        cdef Py_ssize_t n_found, n_known, n_pairs
        cdef int64_t n = 0, n_known_in_all = 0
        if reader.end < 0:
            return -1
        clear(work, self.n_labels)
        work.rows[0] = NONE
        while reader.block <= reader.end:
            n_found = self.read_tokens(&reader, work, lookup)
            n_known = look_up_words(work, lookup, n_found)  # 2. and 3.
            n_pairs = sift_pairs(work, lookup, n_found)
            work.rows[0] = work.rows[n_found]
            if make_room(work, n_known + n_pairs) < 0:
                return -1
            self.count_words(work, lookup, n_known)  # 5.
            n_pairs = look_up_pairs(work, lookup, n_pairs)  # 4.
            find_subwords(work, lookup)
            self.count_pairs(work, lookup, n_pairs)
            if lookup.word_sums != NULL:  # 6.
                add_rows32(work.gram_sums, work.word_rows, n_known, self.n_labels)
            work.idf_sum += self.add_terms(work, 0, work.n_new_words)
            add_subwords(work, lookup)
            self.add_terms(work, work.n_new_words, work.n_new)
            n += n_found
            n_known_in_all += n_known
        self.repeat_terms(work, lookup)  # 7.
        self.divide(work, n, out.decisions)
        out.n_tokens[0] = n
        out.known[0] = <double>n_known_in_all / n if n else 0.0
        out.mean_idf[0] = (work.idf_sum + (n - n_known_in_all) * self.unknown_idf) / n if n else self.unknown_idf
        decide(&self.rule, text, out)  # 8.
        return 0

    cdef Py_ssize_t read_tokens(self, Reader* reader, Work* work, const Lookup* lookup) noexcept nogil:
        """Find the next tokens of a folded text, as many as there is room for, and give their number."""
        cdef Py_ssize_t n_starts = reader.is_inside, n_ends = 0, n_found = 0, i, start, length
        cdef const uint8_t* data = work.buffer.bytes
        cdef Table table = lookup.words.table
        cdef uint64_t bits, before, edges
        work.starts[0] = reader.start
        while reader.block <= reader.end and n_starts <= CHUNK - BLOCK // 2:
            bits = word_bits(data + reader.block)
            before = bits << 1 | reader.is_inside
            edges = bits & ~before
            while edges:
                work.starts[n_starts] = reader.block + trailing_zeros(edges)
                edges &= edges - 1
                n_starts += 1
            edges = ~bits & before
            while edges:
                work.ends[n_ends] = reader.block + trailing_zeros(edges)
                edges &= edges - 1
                n_ends += 1
            reader.is_inside = bits >> 63
            reader.block += BLOCK
        reader.start = work.starts[n_starts - 1] if n_starts else 0
        for i in range(n_ends):
            start, length = work.starts[i], work.ends[i] - work.starts[i]
            work.starts[n_found], work.ends[n_found] = start, work.ends[i]
            work.keys[n_found] = key_of(data + start, length)
            work.places[n_found] = place_of_key(&table, work.keys[n_found])
            n_found += length > size_of_character(data[start])
        return n_found

    cdef void count_words(self, Work* work, const Lookup* lookup, Py_ssize_t n_known) noexcept nogil:
        """Count the known words, and note what they add to the sums."""
        cdef Rows rows = lookup.of_words
        cdef Py_ssize_t n_new = 0, i
        cdef int32_t row
        for i in range(n_known):
            row = work.known[i]
            work.new_rows[n_new], work.new_idf[n_new] = weights_of(&rows, row), idf_of(&rows, row)
            n_new += count_term(work, row)
        work.n_new_words = n_new

    cdef void count_pairs(self, Work* work, const Lookup* lookup, Py_ssize_t n_known) noexcept nogil:
        """Count the known pairs, and note what they add to the sums."""
        cdef Rows rows = lookup.of_pairs
        cdef Py_ssize_t n_new = work.n_new_words, i
        cdef int32_t row, n_words = <int32_t>lookup.words.count
        for i in range(n_known):
            row = work.known[i]
            work.new_rows[n_new], work.new_idf[n_new] = weights_of(&rows, row), idf_of(&rows, row)
            n_new += count_term(work, n_words + row)
        work.n_new = n_new

    cdef double add_terms(self, Work* work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        """Add up terms that are new, and give the sum of their idf."""
        cdef double idf, norm = 0, idf_sum = 0
        cdef Py_ssize_t i
        for i in range(start, stop):
            idf = work.new_idf[i][0]
            idf_sum += idf
            norm += idf * idf
        work.norm += norm
        add_rows16(work.sums, work.new_rows + start, stop - start, self.n_labels)
        return idf_sum

    cdef void repeat_terms(self, Work* work, const Lookup* lookup) noexcept nogil:
        """Add what terms that were met more than once add on top of what each added when it was new."""
        cdef double logarithm, idf
        cdef const Rows* rows
        cdef int64_t count
        cdef int32_t row
        cdef uint64_t i
        for i in range(work.n_repeated):
            row, count = work.repeated[i], count_of(work, work.repeated[i])
            rows = &lookup.of_words
            if row >= lookup.words.count:
                row, rows = row - <int32_t>lookup.words.count, &lookup.of_pairs
            logarithm, idf = self.log_of[count] if count < FEW else log(<double>count), idf_of(rows, row)[0]
            work.norm += (2 + logarithm) * logarithm * idf * idf  # (1 + ln count)^2 is to stand there instead of 1
            work.idf_sum += (count - 1) * idf if rows == &lookup.of_words else 0.0
            add_times(work.sums, weights_of(rows, row), logarithm, self.n_labels)

    cdef void divide(self, const Work* work, int64_t n, double* decisions) noexcept nogil:
        """Give the decision values: the sums of a text of `n` tokens over their norms."""
        cdef double by_norm = 1.0 / sqrt(work.norm) if work.norm > 0 else 0.0
        cdef double by_root = 1.0 / sqrt(<double>n) if n else 0.0
        cdef Py_ssize_t j
        for j in range(self.n_labels):
            decisions[j] = (self.intercept[j] + work.sums[j] * by_norm * self.weight_scale[j]
                            + work.gram_sums[j] * by_root * self.subword_scale[j])
