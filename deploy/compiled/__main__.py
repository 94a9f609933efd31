"""Make build/compiled, unless it is up to date: `python -m deploy.compiled`, or `make compiled`."""

from __future__ import annotations

import compileall
import contextlib
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup  # type: ignore[import-untyped]  # it has no type information; one call

from deploy.compiled.modules import COPIED, hot_files
from deploy.compiled.stamp import FOLDER, ROOT, STAMP, digest, is_current

OPTIMISATION = "2"  # of the C compiler


def main() -> None:
    """Exit status 2: something that is needed isn't installed; 1: mypyc or the compiler refused."""
    if is_current():
        print(f"{FOLDER.relative_to(ROOT)} is up to date")
        return
    missing = missing_tools()
    if missing:
        print(f"deploy.compiled: {missing}", file=sys.stderr)
        sys.exit(2)
    made_of = digest()
    FOLDER.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="compiled-", dir=FOLDER.parent) as name:
        folder = Path(name, "new")
        copy(folder)
        print(f"compiling {len(hot_files(ROOT))} modules (one to three minutes)...", flush=True)
        compile_in(folder, Path(name))
        (folder / STAMP).write_text(f"{made_of}\n", encoding="ascii")
        shutil.rmtree(FOLDER, ignore_errors=True)
        folder.rename(FOLDER)
    print(f"written: {FOLDER.relative_to(ROOT)}")


def missing_tools() -> str:
    """What must be installed first, or nothing."""
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler}); install one (Debian: gcc and libc6-dev)"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python.h is missing; install the headers of this Python (Debian: python3-dev)"
    return ""


def copy(folder: Path) -> None:
    """All that a gateway needs, into a new folder."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))


def compile_in(folder: Path, scratch: Path) -> None:
    """Put the extensions beside the sources they are made of. Python then takes the extension."""
    options = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={scratch / 'cache'}"]
    with contextlib.chdir(folder):
        extensions = mypycify(
            [*options, *hot_files(folder)],
            opt_level=OPTIMISATION,
            debug_level="0",
            target_dir=str(scratch / "c"),
            group_name="tidegate",
        )
        setup(
            name="tidegate-compiled",
            packages=[],
            ext_modules=extensions,
            script_args=["--quiet", "build_ext", "--inplace", f"--build-temp={scratch / 'objects'}"],
        )
    shutil.rmtree(folder / "build", ignore_errors=True)
    compileall.compile_dir(folder, quiet=1, stripdir=folder)  # the interpreted rest starts faster


if __name__ == "__main__":
    main()
