"""One table of codes: every failure has its place, texts are cut where TensorFlow Serving cuts them."""

from __future__ import annotations

import grpc
import pytest

from gateway import errors
from gateway.errors import Fate, UpstreamFailed
from gateway.server.status import CODES, MAX_MESSAGE_CHARS, Code, status_of


def subclasses(of: type[errors.Failure]) -> set[type[errors.Failure]]:
    return {of for child in of.__subclasses__() for of in (child, *subclasses(child))}


def test_every_failure_has_a_code_but_those_that_bring_their_own() -> None:
    ours = {each for each in subclasses(errors.Failure) if each.__module__ == errors.__name__}
    assert set(CODES) == ours - {UpstreamFailed}


def test_the_numbers_are_grpcs() -> None:
    assert {code.name: int(code) for code in Code} == {code.name: code.value[0] for code in grpc.StatusCode}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_a_replicas_code_and_words_pass(code: Code) -> None:
    assert status_of(UpstreamFailed(int(code), "its words", Fate.ANSWERED)) == (code, "its words")


def test_a_code_that_grpc_does_not_know_is_unknown() -> None:
    assert status_of(UpstreamFailed(99, "odd", Fate.ANSWERED)) == (Code.UNKNOWN, "odd")


def test_long_texts_are_cut_after_1024_characters_and_say_so() -> None:
    _, kept = status_of(errors.InvalidRequest("x" * MAX_MESSAGE_CHARS))
    _, cut = status_of(errors.InvalidRequest("y" * (MAX_MESSAGE_CHARS + 1)))
    assert kept == "x" * 1024
    assert cut == "y" * 1024 + "...TRUNCATED"
