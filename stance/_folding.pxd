"""From a str to folded UTF-8, and the one definition of what a word character is, for all compiled modules.

A token of `stance.features` is a run of two or more word characters of ``text.lower()``. Character by character that is
what `folded` gives, but for two characters whose lower case depends on their neighbours or is longer than one
character: a text that holds one of them must go through `str.lower` first (`is_irregular`).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    object PyUnicode_FromObject(object text)
    int PyUnicode_KIND(object text)
    int PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    uint32_t PyUnicode_READ(int kind, const void* data, Py_ssize_t index) noexcept nogil
    int Py_UNICODE_ISSPACE(uint32_t character) noexcept nogil
    uint32_t Py_UNICODE_TOLOWER(uint32_t character) noexcept nogil
    int Py_UNICODE_ISALNUM(uint32_t character) noexcept nogil

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "the compiled modules take the first byte of a word in memory for its lowest: here the Python code does it all"
    #endif

    /* The lower-case form of each ASCII word character, 0 for any other character. */
    static const unsigned char ASCII_FOLDED[128] = {
        ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
        ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['_'] = '_',
        ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
        ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
        ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
        ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
        ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g',
        ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
        ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u',
        ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
    };

    /* The loops below have no branches and no aliases, so that the compiler does many steps of them at once. */

    /* Lower-case 16 ASCII characters; what is no word character becomes a space. */
    static inline void fold16(uint8_t *__restrict to, const uint8_t *__restrict from) {
        for (int i = 0; i < 16; i++) {
            uint8_t c = from[i], lower = c | ((uint8_t)((uint8_t)(c - 'A') < 26) << 5);
            uint8_t is_word = ((uint8_t)(lower - 'a') < 26) | ((uint8_t)(c - '0') < 10) | (c == '_');
            to[i] = ' ' ^ ((lower ^ ' ') & (uint8_t)-is_word);
        }
    }

    /* The same for any number; up to 15 bytes more are written. */
    static inline void fold_ascii(uint8_t *to, const uint8_t *from, Py_ssize_t n) {
        uint8_t rest[16] = {0};
        for (; n >= 16; n -= 16, to += 16, from += 16) fold16(to, from);
        for (Py_ssize_t i = 0; i < n; i++) rest[i] = from[i];
        fold16(to, rest);
    }

    /* Narrow 16 characters and fold them, if all are ASCII. */
    #define FOLD_RUN(name, type, beyond) \\
        static inline int name(uint8_t *__restrict to, const type *__restrict from) { \\
            uint8_t narrow[16]; \\
            uint64_t words[2 * sizeof(type)], all = 0; \\
            memcpy(words, from, sizeof(words)); \\
            for (size_t i = 0; i < 2 * sizeof(type); i++) all |= words[i]; \\
            if (all & UINT64_C(beyond)) return 0; \\
            for (int i = 0; i < 16; i++) narrow[i] = (uint8_t)(from[i] & 127); \\
            fold16(to, narrow); \\
            return 1; \\
        }
    FOLD_RUN(fold_run8, uint8_t, 0x8080808080808080)
    FOLD_RUN(fold_run16, uint16_t, 0xff80ff80ff80ff80)

    /* A bit for each of 64 bytes, set where there is no space. */
    #if defined(__SSE2__)
    #include <emmintrin.h>
    static inline uint64_t word_bits(const uint8_t *bytes) {
        uint64_t bits = 0;
        for (int i = 0; i < 4; i++) {
            __m128i sixteen = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
            bits |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8(' '))) << 16 * i;
        }
        return ~bits;
    }
    #else
    static inline uint64_t word_bits(const uint8_t *bytes) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++) bits |= (uint64_t)(bytes[i] != ' ') << i;
        return bits;
    }
    #endif
    """
    const uint8_t ASCII_FOLDED[128]
    void fold_ascii(uint8_t* to, const uint8_t* source, Py_ssize_t n) noexcept nogil
    int fold_run8(uint8_t* to, const uint8_t* source) noexcept nogil
    int fold_run16(uint8_t* to, const uint16_t* source) noexcept nogil
    uint64_t word_bits(const uint8_t* bytes) noexcept nogil

cdef enum:
    BLOCK = 64    # bytes that are looked at together to find where tokens begin and end
    MARGIN = 8    # spaces before the folded text

cdef struct Text:
    int kind
    bint is_ascii
    const void* data
    Py_ssize_t length

cdef struct Buffer:
    uint8_t* bytes
    Py_ssize_t capacity


cdef inline bint is_irregular(str text):
    return not PyUnicode_IS_ASCII(text) and ("\u0130" in text or "\u03a3" in text)


cdef inline uint32_t folded(uint32_t character) noexcept nogil:
    """Give the lower-case form of a word character, 0 for any other character."""
    if character < 128:
        return ASCII_FOLDED[character]
    character = Py_UNICODE_TOLOWER(character)
    return character if Py_UNICODE_ISALNUM(character) else 0


cdef inline Py_ssize_t put_utf8(uint8_t* to, uint32_t character) noexcept nogil:
    """Write a character as UTF-8 (half a surrogate pair as if it were whole) and give the number of bytes, up to 4."""
    if character < 0x80:
        to[0] = <uint8_t>character
        return 1
    if character < 0x800:
        to[0] = <uint8_t>(0xC0 | (character >> 6))
        to[1] = <uint8_t>(0x80 | (character & 0x3F))
        return 2
    if character < 0x10000:
        to[0] = <uint8_t>(0xE0 | (character >> 12))
        to[1] = <uint8_t>(0x80 | ((character >> 6) & 0x3F))
        to[2] = <uint8_t>(0x80 | (character & 0x3F))
        return 3
    to[0] = <uint8_t>(0xF0 | (character >> 18))
    to[1] = <uint8_t>(0x80 | ((character >> 12) & 0x3F))
    to[2] = <uint8_t>(0x80 | ((character >> 6) & 0x3F))
    to[3] = <uint8_t>(0x80 | (character & 0x3F))
    return 4


cdef inline str view_text(text, Text* view):
    """Point at the characters of a text, and give the str that must be kept meanwhile: the text, or one in its place."""
    if not isinstance(text, str):
        raise TypeError(f"expected a text of type str, but got {type(text).__name__}")
    if type(text) is not str:
        text = PyUnicode_FromObject(text)  # whatever its class makes of the methods of str
    if is_irregular(text):
        text = text.lower()
    view.kind = PyUnicode_KIND(text)
    view.is_ascii = PyUnicode_IS_ASCII(text)
    view.data = PyUnicode_DATA(text)
    view.length = PyUnicode_GET_LENGTH(text)
    return text


cdef inline int grow(Buffer* buffer, Py_ssize_t wanted) noexcept nogil:
    cdef uint8_t* larger = <uint8_t*>realloc(buffer.bytes, wanted)
    if larger == NULL:
        return -1
    buffer.bytes, buffer.capacity = larger, wanted
    return 0


cdef inline Py_ssize_t fold(const Text* text, Buffer* buffer) noexcept nogil:
    """Write the text into the buffer from MARGIN on, spaces for all but word characters and around it.

    Gives the place behind it, or -1 where memory is short.
    """
    cdef Py_ssize_t i = 0, end = MARGIN
    cdef uint32_t character
    if buffer.capacity < text.length + 4 * BLOCK and grow(buffer, text.length + 4 * BLOCK) < 0:
        return -1
    memset(buffer.bytes, 32, MARGIN)
    if text.is_ascii:
        fold_ascii(buffer.bytes + MARGIN, <const uint8_t*>text.data, text.length)
        end += text.length
    else:
        while i < text.length:
            if end + 3 * BLOCK > buffer.capacity and grow(buffer, 2 * buffer.capacity) < 0:
                return -1
            if i + 16 <= text.length and (
                text.kind == 1 and fold_run8(buffer.bytes + end, <const uint8_t*>text.data + i)
                or text.kind == 2 and fold_run16(buffer.bytes + end, <const uint16_t*>text.data + i)
            ):
                end += 16
                i += 16
                continue
            for i in range(i, min(i + 16, text.length)):
                character = folded(PyUnicode_READ(text.kind, text.data, i))
                end += put_utf8(buffer.bytes + end, character if character else 32)
            i += 1
    memset(buffer.bytes + end, 32, BLOCK)
    memset(buffer.bytes + end + BLOCK, 32, BLOCK)
    return end


cdef inline Py_ssize_t size_of_character(uint8_t first) noexcept nogil:
    """Give the number of bytes of a character, which the first of them tells."""
    return 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)


cdef inline bint is_ascii(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Say whether some bytes, and up to seven more that stand behind them, are ASCII."""
    cdef uint64_t all = 0, eight
    cdef Py_ssize_t i
    for i in range((size + 7) // 8):
        memcpy(&eight, data + 8 * i, 8)
        all |= eight
    return all & <uint64_t>0x8080808080808080 == 0


cdef inline Py_ssize_t next_character(const uint8_t* data, Py_ssize_t place, Py_ssize_t size) noexcept nogil:
    place += 1
    while place < size and (data[place] & 0xC0) == 0x80:
        place += 1
    return place
