"""The one definition of what a word character is and how it is folded, for all compiled modules.

A token of `stance.features` is a run of two or more word characters of ``text.lower()``. Character by character that is
what `folded` gives, but for two characters whose lower case depends on their neighbours or is longer than one
character: a text that holds one of them must go through `str.lower` first (`is_irregular`).
"""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "Python.h":
    uint32_t Py_UNICODE_TOLOWER(uint32_t character) noexcept nogil
    int Py_UNICODE_ISALNUM(uint32_t character) noexcept nogil

cdef extern from *:
    """
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
    """
    const uint8_t ASCII_FOLDED[128]


cdef inline bint is_irregular(str text):
    return not text.isascii() and ("\u0130" in text or "\u03a3" in text)


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
