"""Words: which of them a text has, in every script."""

import sys
import unicodedata

import pytest

from server.core.workspaces.words import (
    _MARKS,
    _RUN,
    MAX_CHARS,
    MAX_MARKS,
    MAX_TEXT_CHARS,
    MAX_WORDS,
    words,
)

TEXTS = {
    "English": ("The river's banks, 2027!", ("the", "river", "banks", "2027")),
    "German": ("Die STRASSE an der Straße", ("die", "strasse", "an", "der")),
    "Turkish": ("ışık İstanbul", ("ışık", "i̇stanbul")),
    "Greek": ("Σίσυφος ΣΊΣΥΦΟΣ", ("σίσυφοσ",)),
    "Russian": ("Ёжик и ёЖИК", ("ёжик",)),
    "Hindi": ("नमस्ते, दुनिया", ("नमस्ते", "दुनिया")),
    "Arabic": ("السلام عليكم", ("السلام", "عليكم")),
    "Arabic with its vowels": ("كَتَبَ", ("كَتَبَ",)),
    "Hebrew": ("שלום עולם", ("שלום", "עולם")),
    "Korean": ("한국어 문장", ("한국어", "문장")),
    "Chinese": ("中文字。我", ("中文", "文字", "我")),
    "Japanese": ("ｶﾀｶﾅとkanji", ("カタ", "タカ", "カナ", "ナと", "kanji")),
    "Thai": ("ไทย", ("ไท", "ทย")),
    "Amharic": ("ሰላም ለዓለም", ("ሰላም", "ለዓለም")),
    "two forms of one": ("ﬁne fine ｆｉｎｅ", ("fine",)),
    "an accent of its own": ("cafe\u0301 caf\u00e9", ("café",)),
    "what is joined by signs": ("a_long-name@example.com", ("long", "name", "example", "com")),
    "no words": ("❤️ … !!! a b", ()),
    "nothing": ("", ()),
}


@pytest.mark.parametrize(("text", "found"), TEXTS.values(), ids=TEXTS)
def test_a_text_has_these_words_and_no_others(text, found):
    assert words(text) == found


EVERY = [chr(point) for point in range(sys.maxunicode + 1)]


def test_letters_marks_and_digits_are_parts_of_words_and_nothing_else_is():
    parts = {one for one in EVERY if unicodedata.category(one)[0] in "LMN"}
    assert {one for one in EVERY if _RUN.fullmatch(one)} == parts


def test_every_mark_of_unicode_is_known():
    assert set(_MARKS) == {one for one in EVERY if unicodedata.category(one)[0] == "M"}


def test_a_text_without_other_letters_has_the_same_words_beside_one_that_has_some():
    text = "Plain-words, 2 or 3 of them_here: x" + "".join(map(chr, range(128)))
    assert words(text + " é") == words(text)


def test_a_word_that_is_too_long_is_not_found_and_one_that_is_not_is():
    longest = "x" * MAX_CHARS
    assert words(f"{longest}x {longest}") == (longest,)


def test_of_a_text_with_very_many_words_the_first_are_found():
    text = " ".join(f"word{number}" for number in range(MAX_WORDS + 5))
    assert words(text) == tuple(f"word{number}" for number in range(MAX_WORDS))


def test_a_text_is_read_so_far_and_no_further():
    assert words("x " * (MAX_TEXT_CHARS // 2) + "end") == ()
    assert words("x " * (MAX_TEXT_CHARS // 2 - 2) + "end") == ("end",)
    grows = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
    assert "end" in words(grows * 100 + " end")
    assert "end" not in words(grows * (MAX_TEXT_CHARS // 10) + " end")


def test_of_marks_that_are_heaped_on_one_letter_so_many_are_read_and_no_more():
    most = "\u0327" * MAX_MARKS
    assert words(f"a{most}") == ("a" + most,)
    assert words(f"a{most}\u0301\u0323 end") == ("a" + most, "end")
