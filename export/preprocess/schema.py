"""The keys of a preprocessing spec, their types and bounds; docs/preprocessing.md explains each for who writes one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_SIDE = 16_384  # of an image, in pixels: a spec with more is a mistake
MAX_STEPS = 32
MAX_INDEX = 2**31 - 1

NumberType = Literal[
    "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "bool"
]  # fmt: skip
RawType = Literal[
    "string", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "bool"
]  # fmt: skip
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Index = Annotated[int, Field(ge=-MAX_INDEX, le=MAX_INDEX)]


def _as_list(value: Any) -> Any:
    """One number stands for all channels."""
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_positive(values: list[float]) -> list[float]:
    if any(value <= 0 for value in values):
        raise ValueError("must be more than 0: it is divided by")
    return values


def _is_vocabulary(values: list[Any]) -> list[Any]:
    if any(isinstance(value, bool) or not isinstance(value, str | int) for value in values):
        raise ValueError("must be texts or whole numbers; put quotes around what YAML takes for something else")
    if len({type(value) for value in values}) > 1:
        raise ValueError("must be all texts or all whole numbers; put quotes around numbers that are texts")
    return values


Numbers = Annotated[list[float], BeforeValidator(_as_list), Field(min_length=1)]
Divisors = Annotated[list[float], BeforeValidator(_as_list), Field(min_length=1), AfterValidator(_is_positive)]
Vocabulary = Annotated[list[Any], Field(min_length=1), AfterValidator(_is_vocabulary)]


class Part(BaseModel):
    """A section of the spec: no unknown keys, no silent conversions, no NaN, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class DecodeImage(Part):
    """Bytes of a JPEG or PNG to (height, width, channels), uint8."""

    channels: Literal[1, 3]


class Resize(Part):
    """An image to another size: `height` and `width`, or its shorter side, the shape kept."""

    height: Side | None = None
    width: Side | None = None
    shorter_side: Side | None = None
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    method: Literal["bilinear", "nearest", "area"] = "bilinear"
    antialias: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Resize:
        has_both = self.height is not None and self.width is not None
        has_any = self.height is not None or self.width is not None
        if not (has_both if self.shorter_side is None else not has_any):
            raise ValueError("wants height and width, or shorter_side alone")
        if self.shorter_side is not None and self.fit != "stretch":
            raise ValueError("fit goes with height and width; after shorter_side use crop_or_pad")
        if self.antialias and self.method != "bilinear":
            raise ValueError(f"antialias has no meaning for method {self.method}")
        return self


class CropOrPad(Part):
    """The middle of an image, zeros added around where it is smaller."""

    height: Side
    width: Side


class Scale(Part):
    """x * by + offset, in float32."""

    by: float
    offset: float = 0.0


class Normalise(Part):
    """(x - mean) / std, in float32; one number, or one for each channel (the last axis)."""

    mean: Numbers
    std: Divisors


class LookUp(Part):
    """Texts or whole numbers to indices: the first entry of the vocabulary is `first_index`, the next one more."""

    vocabulary: Vocabulary | None = None
    file: str | None = None
    entries: Literal["texts", "integers"] = "texts"
    first_index: Index = 1
    out_of_vocabulary: Index = 0

    @model_validator(mode="after")
    def _has_one_source(self) -> LookUp:
        if (self.vocabulary is None) == (self.file is None):
            raise ValueError("wants vocabulary or file, one of them")
        if self.vocabulary is not None and "entries" in self.model_fields_set:
            raise ValueError("entries goes with file; an inline vocabulary shows what it holds")
        return self


class Cast(Part):
    """To another type; a fraction is cut off on the way to whole numbers."""

    dtype: NumberType


class Reshape(Part):
    """Another shape of as many values, the rows left out."""

    shape: list[Side]


class ExpandDims(Part):
    """A new axis of size 1 at `axis`, counted without the rows; -1 is the last."""

    axis: Annotated[int, Field(ge=-8, le=8)]


class ReverseChannels(Part):
    """The last axis the other way round: RGB to BGR."""


class Step(Part):
    """One step: exactly one of these keys."""

    decode_image: DecodeImage | None = None
    resize: Resize | None = None
    crop_or_pad: CropOrPad | None = None
    scale: Scale | None = None
    normalise: Normalise | None = None
    look_up: LookUp | None = None
    cast: Cast | None = None
    reshape: Reshape | None = None
    expand_dims: ExpandDims | None = None
    reverse_channels: ReverseChannels | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Step:
        names = sorted(self.model_fields_set)
        if len(names) != 1:
            raise ValueError(f"a step has one key, got {len(names)}: {', '.join(names)}; write each as its own item")
        if getattr(self, names[0]) is None:
            raise ValueError(f"{names[0]} wants its keys, or {{}} where it has none")
        return self

    @property
    def name(self) -> str:
        """The step's one key."""
        return next(iter(self.model_fields_set))

    @property
    def body(self) -> Part:
        """What stands under the key."""
        part = getattr(self, self.name)
        assert isinstance(part, Part)  # _is_one has seen to it
        return part


class RawInput(Part):
    """One raw input: which input of the model it becomes, what callers send, and the steps between."""

    for_: str | None = Field(default=None, alias="for")
    dtype: RawType | None = None
    shape: list[Side | None] | None = None
    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)]


class ExtraSignature(Part):
    """One signature besides `serving_default`: raw inputs by the names callers use."""

    inputs: Annotated[dict[str, RawInput], Field(min_length=1)]


class SpecFile(Part):
    """The whole file."""

    signatures: Annotated[dict[str, ExtraSignature], Field(min_length=1)]
