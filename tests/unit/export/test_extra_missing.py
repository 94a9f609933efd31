"""Without the packages of `tidegate[export]`: help works, and a call says in one line what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow_serving", "sklearn", "ml_dtypes")
# None in sys.modules is how Python itself marks a module as not to be had.
RUN = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
sys.path.insert(0, "")
{entry}
"""
ENTRIES = {
    "tidegate": "from cli.main import main; main(['export', *sys.argv[1:]])",
    "python -m export": "import runpy; runpy.run_module('export', run_name='__main__', alter_sys=True)",
}


def run(entry: str, without: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN.format(entry=ENTRIES[entry]), ",".join(without), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("entry", ENTRIES)
def test_help_needs_no_extra(entry: str) -> None:
    done = run(entry, PACKAGES, "--help")
    assert done.returncode == 0, done.stderr
    assert "--precision" in done.stdout


@pytest.mark.parametrize("without", [PACKAGES, ("tensorflow",), ("keras",), ("numpy",)], ids=lambda names: names[0])
def test_an_export_says_what_to_install(without: tuple[str, ...]) -> None:
    done = run("tidegate", without, "missing.keras", "--name", "m", "--out", "nowhere")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert without[0] in line
    assert line.endswith("pip install 'tidegate[export]'")
