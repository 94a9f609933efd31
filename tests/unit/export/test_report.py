"""The reports: every figure in report.json, and one page that needs nothing but itself."""

from __future__ import annotations

import html.parser
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from export.manifest import write_manifest
from export.options import GateRules, Precision, ServerFacts
from export.report import print_report, verdict_text
from export.report_files import write_reports
from export.run import Exported
from export.serving_files import ServingFiles
from export.version_facts import variant_words
from tests.unit.export.gate.made import baseline, content, variant

VOID = {"meta", "br", "path", "use"}


class Page(html.parser.HTMLParser):
    """Collects texts, attributes and what isn't closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(folder: Path, facts: dict[str, Any]) -> Page:
    write_reports(folder, facts)
    read = Page((folder / "report.html").read_text())
    assert read.open == []
    return read


STEPS = (
    baseline(),
    variant(1.5, 0.4, 0.002, name="structured:0.5"),
    variant(2.0, 0.2, 0.004, name="structured:0.5, bf16"),
)


def test_the_page_shows_verdict_table_pictures_and_how_to_serve(tmp_path: Path) -> None:
    shown = page(tmp_path, content(*STEPS))
    assert "passed: 2.00 x faster and 5.00 x smaller; accuracy -0.40 points" in shown.text
    assert "5.00 x smaller on disk" in shown.text
    assert "latency, batch 32" in shown.text
    assert "Widths before and after pruning" in shown.text
    assert "serving_image" in shown.text
    assert "tensorflow_model_server" in shown.text
    assert sum(tag == "svg" for tag, _ in shown.tags) == 5


def test_the_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    shown = page(tmp_path, content(*STEPS))
    text = (tmp_path / "report.html").read_text()
    assert not {tag for tag, _ in shown.tags} & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"@import|url\((?!#)", text)
    for _, attributes in shown.tags:
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href"}:
                assert value is not None
                assert value.startswith("#")


def test_every_picture_says_its_content_in_words(tmp_path: Path) -> None:
    shown = page(tmp_path, content(*STEPS))
    figures = [attributes for tag, attributes in shown.tags if tag == "figure"]
    assert len(figures) == 5
    assert all(attributes["role"] == "img" for attributes in figures)
    assert "float32: batch 1 0.1 ms, batch 32 1 ms" in str(figures[0]["aria-label"])


def test_pictures_do_not_share_identifiers_and_follow_the_pages_colour(tmp_path: Path) -> None:
    shown = page(tmp_path, content(*STEPS))
    names = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
    assert len(names) == len(set(names))
    text = (tmp_path / "report.html").read_text()
    assert "currentColor" in text
    for reference in re.findall(r'(?:url\(|xlink:href=")#([^")]+)', text):
        assert reference in names


def test_what_users_wrote_is_escaped(tmp_path: Path) -> None:
    shown = page(tmp_path, content(*STEPS))
    assert "the <b>bold</b> note" in shown.text
    assert "it isn't <known>" in shown.text
    named = page(tmp_path, content(baseline(), variant(name="<i>&")))
    assert not [tag for tag, _ in named.tags if tag in {"b", "i", "known"}]


def test_float32_alone_has_nothing_to_judge(tmp_path: Path) -> None:
    shown = page(tmp_path, content(baseline()))
    assert "Nothing was changed, so there was nothing to judge." in shown.text
    assert "Speed-up" not in shown.text


def test_a_forced_version_says_so_on_top(tmp_path: Path) -> None:
    forced = content(baseline(), variant(0.5, 1.0), rules=GateRules(is_forced=True))
    assert "refused, published by --force: slower than float32" in page(tmp_path, forced).text


def test_a_tflite_version_names_the_servers_flag(tmp_path: Path) -> None:
    facts = content(baseline(), variant(), precision=Precision.TFLITE_INT8)
    assert "--prefer_tflite_model" in page(tmp_path, facts).text


def test_report_json_has_export_jsons_content_and_how_it_was_measured(tmp_path: Path) -> None:
    facts = content(*STEPS)
    write_manifest(tmp_path, facts)
    write_reports(tmp_path, facts)
    report = json.loads((tmp_path / "report.json").read_text())
    measuring = report.pop("measuring")
    assert report == json.loads((tmp_path / "export.json").read_text())
    assert measuring["confidence"] == 0.95


def test_the_same_facts_make_the_same_page(tmp_path: Path) -> None:
    facts = content(*STEPS)
    write_reports(tmp_path, facts)
    first = (tmp_path / "report.html").read_text()
    write_reports(tmp_path, facts)
    assert (tmp_path / "report.html").read_text() == first


def printed(exported: Exported) -> str:
    out = io.StringIO()
    print_report(exported, Console(file=out, width=200))
    return out.getvalue()


def test_the_terminal_shows_steps_verdict_notes_and_paths(tmp_path: Path) -> None:
    files = ServingFiles((tmp_path / "models.config",), frozenset(), ("a serving note",))
    text = printed(Exported(tmp_path / "3", content(*STEPS), files))
    assert "0.20 MB (5.00x)" in text
    assert "passed: 2.00 x faster and 5.00 x smaller; accuracy -0.40 points" in text
    assert "paid:   accuracy -0.40 points" in text
    assert "note: the <b>bold</b> note" in text
    assert f"published {tmp_path / '3'}" in text
    assert f"wrote {tmp_path / 'models.config'}" in text


def test_a_dry_run_says_that_nothing_was_published(tmp_path: Path) -> None:
    text = printed(Exported(None, content(baseline()), ServingFiles((), frozenset(), ())))
    assert "a dry run: nothing was published" in text
    assert "report.html" not in text


def test_a_variants_name_says_all_that_was_asked_for() -> None:
    plain = content(baseline(), variant(), prune=None)
    assert variant_words(plain) == "bfloat16"
    whole = content(baseline(), variant(), server=ServerFacts(is_xla=True))
    assert variant_words(whole) == "bfloat16, structured:0.5, xla"


@pytest.mark.parametrize(("speed", "style"), [(2.0, "green"), (0.5, "yellow")])
def test_the_verdicts_colour_is_its_meaning(speed: float, style: str) -> None:
    facts = content(baseline(), variant(speed, 1.0), rules=GateRules(is_forced=True))
    assert verdict_text(facts["verdict"]).style == style
