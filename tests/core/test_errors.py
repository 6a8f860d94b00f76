"""Codes and refusals."""

import re

import pytest

from server.core.errors import AppError, Code


def test_every_code_has_a_word_of_its_own():
    words = [code.word for code in Code]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_a_word_is_one_for_the_wire(code):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.word)


@pytest.mark.parametrize("word", ["removed", "invalid_key", "not_a_member", "rate_limited"])
def test_words_of_the_wire_stay_as_clients_know_them(word):
    assert word in {code.word for code in Code}


def test_only_what_time_or_a_new_token_can_heal_is_worth_a_retry():
    assert {code for code in Code if code.can_retry} == {
        Code.TOKEN_EXPIRED,
        Code.ROOM_FULL,
        Code.ROOM_LOCKED,
        Code.USER_ID_TAKEN,
        Code.QUEUE_FULL,
        Code.RATE_LIMITED,
        Code.SLOW_READER,
        Code.TOO_MANY_CONNECTIONS,
        Code.SERVER_FULL,
        Code.UNAVAILABLE,
        Code.INTERNAL,
    }


def test_a_refusal_says_why_and_when_to_try_again():
    error = AppError(Code.RATE_LIMITED, "too many; try again in 3 s", 2_500)

    assert (error.code, error.message, error.retry_after_ms) == (
        Code.RATE_LIMITED,
        "too many; try again in 3 s",
        2_500,
    )
    assert str(error) == error.message
    assert AppError(Code.ROOM_FULL, "full").retry_after_ms is None
