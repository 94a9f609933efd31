"""The variants that the export sitting makes of each model, as the command line spells them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RATIO: Final = 0.5
MULTIPLE: Final = 16
_CUT: Final = ("--prune", f"structured:{RATIO:g}", "--prune-multiple", str(MULTIPLE))


@dataclass(frozen=True, slots=True)
class Variant:
    """`flags` of `tidegate export`, beside those that all variants have."""

    key: str
    flags: tuple[str, ...]

    @property
    def is_pruned(self) -> bool:
        """Fine-tuned, so it takes as long as that."""
        return "--prune" in self.flags


FLOAT32: Final = "float32"
PRUNED: Final = f"structured:{RATIO:g}"
PRUNED_INT8: Final = f"{PRUNED} + tflite-int8"
VARIANTS: Final = (
    Variant(FLOAT32, ()),
    *(Variant(name, ("--precision", name)) for name in ("bfloat16", "int8", "tflite-int8", "tflite-dynamic")),
    Variant(PRUNED, _CUT),
    *(Variant(f"{PRUNED} + {name}", (*_CUT, "--precision", name)) for name in ("tflite-int8", "bfloat16")),
)
