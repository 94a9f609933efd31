"""The page and the picture of the export sitting."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from benchmarks.export_page import markdown
from benchmarks.export_picture import accuracy_ends, faster, smaller, svg
from benchmarks.export_sitting import document
from benchmarks.results import as_json
from benchmarks.samples import Spread
from tests.unit.benchmarks.exports import BASE, CONDITIONS, sitting


def test_the_page_shows_each_goal_with_what_was_reached() -> None:
    page = markdown(CONDITIONS, sitting())
    assert "than the float32 SavedModel's | **3.20** [3.20 to 3.20] | at least 2.5 | met |" in page
    assert (
        "| residual CNN, structured:0.5: times smaller on disk than float32 | **4.00** | at least 3.5 | met |" in page
    )
    assert (
        "| residual CNN, structured:0.5: accuracy lost against float32, in points | **0.50** | at most 1 | met |"
        in page
    )
    assert "beyond the bound | **0** | at most 0 | met |" in page


def test_a_goal_that_could_not_be_measured_says_so() -> None:
    page = markdown(CONDITIONS, replace(sitting(), timed=[]))
    assert "than the float32 SavedModel's | - | at least 2.5 | not measured |" in page


def test_a_row_has_size_accuracy_and_speed_with_their_ratios_to_float32() -> None:
    page = markdown(CONDITIONS, sitting())
    row = "| structured:0.5 |  | 1.000 | **4.00** | 0.900 | 250,000 | 98.50 % [97.5 to 99.0] | -0.50 |"
    assert f"{row} 25000 [22500 to 27500] | **3.20** [3.20 to 3.20] |" in page
    assert (
        "| float32 |  | 4.000 |  | 3.600 | 1,000,000 | 99.00 % [98.0 to 99.5] |  | 80000 [72000 to 88000] |  |" in page
    )


def test_what_was_refused_has_the_gates_numbers_in_brackets_and_its_reason() -> None:
    page = markdown(CONDITIONS, sitting())
    assert "| int8 | **refused** | 1.100 | **3.64** | 0.800 | - |" in page
    assert "(160000) | (0.50) | 200.0 | 70 |" in page
    assert "- int8, refused: it is slower" in page


def test_what_is_not_possible_is_a_row_with_its_reason() -> None:
    page = markdown(CONDITIONS, sitting())
    assert "| tflite-dynamic | **unsupported** | - | - |" in page
    assert "- tflite-dynamic, unsupported: it has no such layer" in page
    assert "Exports: 5; published 3, refused 1, unsupported 1, failed 0." in page


def test_the_page_says_commit_command_machine_data_and_what_was_not_measured() -> None:
    page = markdown(CONDITIONS, sitting())
    for text in ("commit: c0ffee;", "`python -m benchmarks export`", "Abacus", "a GPU", "Data: some rows.", "2.21.0"):
        assert text in page
    assert "not quiet" not in page
    assert "quick trial" not in page


def test_the_page_owns_up_to_a_busy_machine_and_to_a_trial() -> None:
    page = markdown(replace(CONDITIONS, quick=True, others=Spread(0.7, 0.6, 0.8)), sitting())
    assert "kept 0.70 [0.60 to 0.80] cores busy while versions were timed side by side; **it was not quiet**" in page
    assert "**A quick trial**" in page


def test_the_document_holds_every_export_and_every_round() -> None:
    found = document(CONDITIONS, sitting())
    text = as_json(found)
    assert '"status": "unsupported"' in text
    assert '"met": true' in text
    assert len(found["exports"]) == 5  # type: ignore[arg-type]
    assert len(found["side_by_side"]) == 18  # type: ignore[arg-type]


def test_bars_are_ratios_to_float32_side_by_side_or_the_gates_own() -> None:
    outcomes = {one.variant: one for one in sitting().outcomes}
    assert smaller(outcomes["float32"]) == (1.0, "1.00 (4.00 MB)")
    assert smaller(outcomes["structured:0.5"]) == (4.0, "4.00 (1.00 MB)")
    assert faster(outcomes["structured:0.5"], sitting()) == (3.2, "3.20 (25.00 ms)")
    assert faster(outcomes["int8"], sitting()) == (0.5, "0.50 (160.00 ms, gate)")
    assert smaller(outcomes["tflite-dynamic"]) is faster(outcomes["tflite-dynamic"], sitting()) is None


def test_an_accuracy_has_both_ends_of_its_interval_even_when_the_lower_one_is_nothing() -> None:
    assert accuracy_ends(BASE) == (98.0, 99.0, 99.5)
    assert accuracy_ends(replace(BASE, accuracy=0.0, accuracy_low=0.0, accuracy_high=0.1)) == (0.0, 0.0, 10.0)
    assert accuracy_ends(replace(BASE, accuracy=None)) is None


def test_the_picture_names_every_model_and_variant_and_is_the_same_each_time() -> None:
    drawn = svg(sitting())
    texts = {text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert {
        "residual CNN: times smaller on disk",
        "structured:0.5 + tflite-int8",
        "4.00 (1.00 MB)",
        "unsupported",
    } <= texts
    assert svg(sitting()) == drawn
