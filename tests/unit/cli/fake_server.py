"""Stands where `python -m backend` and `python -m gateway` do, under either name, and keeps a diary of what befell it.

FAKE_<NAME> in the environment says what it does besides: die, refuse, load (never ready), leave (end while serving),
stay (unmoved by SIGTERM).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

LOOK_S = 0.02


def main(name: str) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port-file", "--port_file", type=Path, required=True)
    port_file: Path = parser.parse_known_args()[0].port_file
    behaviour, ended = os.environ.get(f"FAKE_{name.upper()}", "serve"), threading.Event()

    def on_sigterm(_number: int, _frame: object) -> None:
        note(name, "told to end")
        ended.set()

    threading.Thread(target=watch_input, args=(ended,), daemon=True).start()
    signal.signal(signal.SIGTERM, on_sigterm)
    note(name, "started")
    if behaviour == "refuse":
        print(f"{name}: port 7 is busy", file=sys.stderr)
        return 2
    if behaviour != "load":
        port = json.dumps({"port": 7, "http_port": 8}) if name == "gateway" else "7"
        draft = port_file.with_suffix(".tmp")
        draft.write_text(port, encoding="utf-8")
        draft.replace(port_file)
    if behaviour == "leave":
        print("out of memory", file=sys.stderr)
        return 5
    while not ended.wait(LOOK_S) or behaviour == "stay":
        pass
    note(name, "ended")
    return 0


def watch_input(ended: threading.Event) -> None:
    """Whoever started this holds the other end; when it is gone, so are we."""
    sys.stdin.read()
    ended.set()


def note(name: str, what: str) -> None:
    with Path("diary").open("a", encoding="utf-8") as diary:
        diary.write(f"{name} {what}\n")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).stem))
