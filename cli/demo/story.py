"""The demo, step by step: train, export, serve, split, batch, roll, kill, measure."""

from __future__ import annotations

import json
import sys
import time

from cli.children import ChildFailed, last_words
from cli.demo.facts import Facts
from cli.demo.load import Load
from cli.demo.places import MODEL, Places
from cli.demo.program import Program, StepFailed
from cli.demo.reference import append_reference, available_versions
from cli.demo.replicas import Servers
from cli.demo.telling import Teller
from loadtests.rows import load_rows

STEP_TIMEOUT_S = 480.0
PROGRESS_OF = ("train", "export")  # what these say goes to the person as it comes
STAND_S = 14.0  # weights stand still: long enough for nearly every key to call
SETTLE_S = 3.0
DEAD_S = 1.5  # how long the killed replica stays away
# Joined rows may take another kernel than lone ones: float32 differs in the last bits, bfloat16 keeps 8 bits.
FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 2e-2


class Story:
    """One run. `tell` speaks to the person, `facts` collects what the summary says."""

    def __init__(self, places: Places, tell: Teller, facts: Facts) -> None:
        self._places = places
        self._tell = tell
        self._facts = facts

    def run(self) -> None:
        """All steps in order. Raises: StepFailed, ChildFailed."""
        places = self._places
        places.make()
        self._train()
        self._export_first_versions()
        with Servers(places) as servers:
            self._serve(servers)
            with Load(places, servers.gateway_port) as load:
                self._split(load)
                self._roll(servers, load)
                self._kill(servers, load)
                self._tell.step("Ending the load and reading every call's record")
                self._facts.load = load.end()
            self._facts.gateway = json.loads(self._tidegate("status", "--state-dir", str(places.state), "--json"))
            self._facts.clean_stop = servers.stop()

    def _train(self) -> None:
        self._tell.step("Training a residual CNN on scikit-learn's handwritten digits (1,797 real images)")
        self._python("train", "-m", "cli.demo.model", str(self._places.root))
        self._python("requests", "-m", "loadtests.digits", "--out", str(self._places.requests))
        self._tell.done()

    def _export_first_versions(self) -> None:
        self._tell.step("Exporting version 1 (float32) with warm-up records and serving configuration")
        self._export(1)
        self._tell.step("Exporting version 2: half of the channels pruned away, fine-tuned, measured against float32")
        # 360 test images tell no single point: four of them are more than one.
        self._export(2, "--prune", "structured:0.5", "--max-accuracy-drop", "0.03", "--version-policy", "specific:1,2")

    def _export(self, version: int, *options: str) -> None:
        places = self._places
        written = self._tidegate(
            "export", str(places.root / "digits.keras"), "--name", MODEL, "--out", str(places.models),
            "--data", str(places.root / "digits.npz"), "--version", str(version), "--json", *options,
        )  # fmt: skip
        self._facts.exports[str(version)] = manifest = json.loads(written)
        self._tell.variant(version, manifest)

    def _serve(self, servers: Servers) -> None:
        self._tell.step("Starting two embedded TensorFlow Serving replicas and the gateway before them")
        servers.start()
        rows = load_rows(self._places.requests)
        for version in (1, 2):
            append_reference(
                self._places.expected, servers.replicas[0].address, MODEL, version, rows, FLOAT32_TOLERANCE
            )
        self._tell.done(f"gateway at 127.0.0.1:{servers.gateway_port}, replicas at "
                        + " and ".join(replica.address for replica in servers.replicas))  # fmt: skip

    def _split(self, load: Load) -> None:
        self._tell.step(f"{load.users} Locust users call through the gateway: 90 % of {load.keys} user keys on version "
                        "1, 10 % on version 2")  # fmt: skip
        load.start()
        load.wait_for_calls(self._places, STAND_S)
        self._tell.done("every reply is compared with the replica's own unjoined answer")

    def _roll(self, servers: Servers, load: Load) -> None:
        self._tell.step("Under that load: exporting version 3 (bfloat16)")
        self._export(3, "--precision", "bfloat16")
        self._tell.step("Rolling version 1 -> 3 over both replicas by steps of 10, 50 and 100 % of users")
        self._rollout(servers, load, to=3, steps="10,50,100", leaves=1)
        self._tell.step("Rolling back 3 -> 1: version 1 was unloaded and must be loaded again")
        self._rollout(servers, load, to=1, steps="50,100", leaves=3)
        time.sleep(SETTLE_S)

    def _rollout(self, servers: Servers, load: Load, to: int, steps: str, leaves: int) -> None:
        load.mark_move(str(to))
        began_s = time.monotonic()
        words = ["rollout", "start", MODEL, "--to", str(to), "--steps", steps, "--hold", "3s"]
        state = json.loads(
            self._tidegate(*words, "--state-dir", str(self._places.state), "--json", may_fail=True) or "{}"
        )
        load.mark_stand()
        loaded = [available_versions(replica.address, MODEL) for replica in servers.replicas]
        if to == 3:
            rows = load_rows(self._places.requests)
            append_reference(self._places.expected, servers.replicas[0].address, MODEL, to, rows, BFLOAT16_TOLERANCE)
            time.sleep(SETTLE_S)
        self._facts.rollouts.append(
            {
                "from": leaves,
                "to": to,
                "phase": state.get("phase", "not started"),
                "reason": state.get("reason", ""),
                "seconds": round(time.monotonic() - began_s, 1),
                "new_loaded_everywhere": all(to in versions for versions in loaded),
                "old_unloaded_everywhere": all(leaves not in versions for versions in loaded),
            }
        )
        self._tell.rollout(self._facts.rollouts[-1])

    def _kill(self, servers: Servers, load: Load) -> None:
        self._tell.step("kill -9 of one replica under load, then it comes back")
        victim = servers.replicas[0]
        began_s = time.monotonic()
        victim.child.kill()
        time.sleep(DEAD_S)
        victim.start()
        problem = ""
        try:
            victim.wait_ready()
            self._wait_until_up(victim.address)
        except (ChildFailed, StepFailed) as error:
            problem = str(error)  # a broken promise, told with all others at the end
        seconds = round(time.monotonic() - began_s, 1)
        time.sleep(SETTLE_S)
        self._facts.replica_kill = {"replica": victim.name, "away_s": seconds, "came_back": not problem}
        self._tell.done(problem or f"{victim.name} was away for {seconds} s and serves again")

    def _wait_until_up(self, address: str) -> None:
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s:
            status = json.loads(self._tidegate("status", "--state-dir", str(self._places.state), "--json"))
            replicas = [replica for model in status["models"] for replica in model["replicas"]]
            if any(replica["address"] == address and replica["up"] and replica["versions"] for replica in replicas):
                return
        raise StepFailed(f"the gateway does not see {address} again")

    def _tidegate(self, *words: str, may_fail: bool = False) -> str:
        return self._python(words[0], "-m", "cli.main", *words, may_fail=may_fail)

    def _python(self, name: str, *arguments: str, may_fail: bool = False) -> str:
        """Run a Python program to its end; its standard output. What it says beside is logged and shown as it comes."""
        log = self._places.logs / f"{name}.log"
        show = self._tell.progress if name in PROGRESS_OF else None
        with Program([sys.executable, *arguments], log, show, show_output=name == "train") as program:
            text, status = program.wait(STEP_TIMEOUT_S)
        if status and not may_fail:
            what = f"`{' '.join(arguments[1:3])} ...` ended with status {status}"
            raise StepFailed(f"{what}:\n{last_words(log)}\n{text[-2000:]}")
        return text
