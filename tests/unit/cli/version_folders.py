"""An output folder of two models for the tests of `tidegate versions`, and what they ask of it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from cli.main import main
from export.versions import existing_versions


def two_models(root: Path) -> Path:
    """Two models of versions 1 to 5, the folders empty; nothing but models.config says who uses them."""
    out = root / "out"
    for model in ("digits", "words"):
        for version in range(1, 6):
            (out / model / str(version)).mkdir(parents=True)
    (out / "models.config").write_text(
        'model_config_list {\n  config { name: "digits" base_path: "/models/digits"\n'
        "    model_version_policy { specific { versions: 2 } } }\n"
        '  config { name: "words" base_path: "/models/words" }\n}\n'
    )
    return out


def versions(verb: str, out: Path, *arguments: str | Path) -> Result:
    """What `tidegate versions VERB --out OUT ...` prints and ends with."""
    return CliRunner().invoke(main, ["versions", verb, "--out", str(out), *map(str, arguments)])


def left(out: Path, model: str = "digits") -> set[int]:
    """The versions that are there."""
    return set(existing_versions(out / model))
