"""What fuzzing found worth keeping (tests/fuzz/corpus) still does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fuzz
from tests.fuzz.machine import run

CORPUS = Path(fuzz.__file__).parent / "corpus"


@pytest.mark.parametrize("kept", sorted(path.name for path in CORPUS.iterdir()))
def test_an_input_of_the_corpus_breaks_nothing(kept: str) -> None:
    run((CORPUS / kept).read_bytes())


def test_the_corpus_is_there_and_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]
    assert 10 <= len(sizes) < 50
    assert sum(sizes) < 100_000
