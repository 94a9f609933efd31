"""What is written about a sitting: document, tables, picture, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.batching_page import markdown
from benchmarks.machine import Busy, other_cores, source_hash
from benchmarks.picture import svg
from benchmarks.results import as_json, document, share_of_direct, write
from benchmarks.samples import summarise
from tests.unit.benchmarks.sittings import CONDITIONS, sample, samples


def test_the_share_is_of_the_direct_call_in_its_better_setting() -> None:
    figures = summarise(samples())
    shares = {entry.subject: share_of_direct(entry, figures, CONDITIONS) for entry in figures}
    assert shares == {"slow": None, "slow-batching": None, "joining": pytest.approx(0.5)}


def test_the_share_is_unknown_without_a_direct_call_of_the_same_server() -> None:
    figures = summarise(samples())
    alone = replace(CONDITIONS, groups={**CONDITIONS.groups, "joining": "b"})
    assert share_of_direct(figures[2], figures, alone) is None


def test_the_table_has_medians_with_least_and_most() -> None:
    page = markdown("Title", CONDITIONS, samples())
    assert "| backend, direct | - | 200 [190 to 210] | **200** [190 to 210] | - | 500 | - + 0.10 | - | - |" in page
    joining = "| gateway joining | 30.0 [30.0 to 30.0] | 20 [10 to 30] | **50** [40 to 60] | 0.50 | 500 |"
    assert f"{joining} 0.01 + 0.01 | 25.0 | - |" in page


def test_the_table_says_commit_command_machine_and_what_was_not_measured() -> None:
    page = markdown("Title", CONDITIONS, samples())
    for text in ("commit: c0ffee;", "python -m benchmarks --rounds 3", "Abacus", "closed loops", "grpcio 1.85.1"):
        assert text in page
    assert "not quiet" not in page


def test_the_table_owns_up_to_a_busy_machine_changed_sources_and_unanswered_calls() -> None:
    source = {**CONDITIONS.source, "changed_since": True}
    some = [replace(entry, answered=990, other_cores=0.7) for entry in samples()]
    page = markdown("Title", replace(CONDITIONS, source=source), some)
    assert "kept 0.70 [0.70 to 0.70] cores busy during the measurements; **it was not quiet**" in page
    assert "c0ffee with changes" in page
    assert "without the whole right reply: 90." in page


def test_the_document_holds_every_sample_and_can_be_read_back() -> None:
    read = json.loads(as_json(document(CONDITIONS, samples())))
    assert len(read["samples"]) == 9
    assert read["summary"][2]["total_us"]["median"] == pytest.approx(50)
    assert read["not_measured"]


def test_the_picture_is_xml_and_its_bars_are_in_proportion() -> None:
    picture = ElementTree.fromstring(svg("A & B", CONDITIONS, summarise(samples())))
    space = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in picture.iter(f"{space}rect") if bar.get("height") == "16"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    slow, batching, joining = (front + upstream for front, upstream in zip(widths[::2], widths[1::2], strict=True))
    assert slow == pytest.approx(2 * batching, rel=0.01)
    assert slow == pytest.approx(4 * joining, rel=0.01)
    texts = [text.text for text in picture.iter(f"{space}text")]
    assert "backend, batching <on>, direct" in texts


def test_files_are_written_by_name_and_leave_no_draft(tmp_path: Path) -> None:
    paths = write(tmp_path / "new", "result", {".json": "{}", ".md": "# x"})
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["result.json", "result.md"]
    assert [path.read_text(encoding="utf-8") for path in paths] == ["{}", "# x"]


def test_the_source_hash_changes_with_the_sources_only(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "a.py").write_text("1", encoding="utf-8")
    first = source_hash(tmp_path)
    (tmp_path / "gateway" / "notes.txt").write_text("not measured", encoding="utf-8")
    assert source_hash(tmp_path) == first
    (tmp_path / "gateway" / "a.py").write_text("2", encoding="utf-8")
    assert source_hash(tmp_path) != first


def test_other_work_is_the_machines_less_the_servers_and_the_generator() -> None:
    before, after = Busy(100.0, 5.0, 10.0), Busy(104.0, 6.0, 12.0)
    assert other_cores(before, after, servers_s=2.0) == pytest.approx(0.5)
    assert other_cores(before, after, servers_s=3.5) == 0


def test_the_picture_of_fronts_shows_them_alone_each_panel_on_its_own_scale() -> None:
    loads = ("64 x 1", "1 x 1")
    some = [sample("joining", 1, us, 500, load) for us, load in zip((30.0, 3000.0), loads, strict=True)]
    picture = ElementTree.fromstring(svg("Fronts", CONDITIONS, summarise(some), fronts=True))
    space = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in picture.iter(f"{space}rect") if bar.get("height") == "16"]
    front_small, rest_small, front_large, rest_large = (float(bar.get("width", "0")) for bar in bars)
    assert front_small == front_large > 0
    assert rest_small == rest_large == 0
