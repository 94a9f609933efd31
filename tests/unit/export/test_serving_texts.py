"""Batching files: read back by TensorFlow Serving's own definition, whatever the sizes and the machine."""

from __future__ import annotations

from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from export.options import ServerFacts
from export.serving_texts import batching_text, per_model_batching_text
from tests.serving_formats import message

SIZES = st.sets(st.integers(1, 4096), min_size=1, max_size=12).map(sorted)
SERVERS = st.builds(ServerFacts, processors=st.none() | st.integers(1, 512), is_per_model_batching=st.booleans())


@given(SIZES, SERVERS)
def test_the_global_file_says_sizes_threads_and_queue(sizes: list[int], server: ServerFacts) -> None:
    parameters = text_format.Parse(batching_text(sizes, server), message("BatchingParameters"))
    assert list(parameters.allowed_batch_sizes) == sizes
    assert parameters.max_batch_size.value == sizes[-1]
    assert parameters.num_batch_threads.value == server.processors or server.processors is None
    assert parameters.max_enqueued_batches.value >= parameters.num_batch_threads.value >= 1
    assert parameters.batch_timeout_micros.value == 0


@given(SIZES, SERVERS)
def test_a_versions_own_file_leaves_the_threads_to_the_global_one(sizes: list[int], server: ServerFacts) -> None:
    parameters = text_format.Parse(per_model_batching_text(sizes, server), message("BatchingParameters"))
    assert list(parameters.allowed_batch_sizes) == sizes
    assert parameters.max_batch_size.value == sizes[-1]
    assert not parameters.HasField("num_batch_threads") and not parameters.HasField("thread_pool_name")


def test_every_setting_is_explained() -> None:
    for text in (batching_text([1, 8], ServerFacts()), per_model_batching_text([1, 8], ServerFacts())):
        before = ""
        for line in text.splitlines():
            if line and not line.startswith("#"):
                assert before.startswith(("#", "allowed_batch_sizes"))
            before = line


def test_where_the_number_of_threads_is_from_is_said() -> None:
    assert "7: those of the serving machine, as told" in batching_text([1], ServerFacts(processors=7))
    assert "tell the server's by --server-processors" in " ".join(batching_text([1], ServerFacts()).split("\n# "))
