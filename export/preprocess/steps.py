"""The steps as TensorFlow operations, on one row or on a batch of rows alike; no row ever looks at another.

`rank` is that of one row: a tensor of one axis more is a batch. Sources: the operations are TensorFlow's own, so a step
answers as `tf.image` and `tf.io` do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.preprocess.chain import holds_texts, positive_axis
from export.preprocess.schema import (
    Cast,
    CropOrPad,
    DecodeImage,
    ExpandDims,
    LookUp,
    Normalise,
    Part,
    Reshape,
    Resize,
    ReverseChannels,
    Scale,
)

Operation = Callable[[Any, int], Any]  # (tensor, rank of one row) -> tensor


def operation(step: Part) -> tuple[Operation, list[Any]]:
    """The operation of a step, and the look-up tables it needs saved with it."""
    if isinstance(step, LookUp):
        table = _table(step)
        return lambda x, _: table.lookup(_key(step, x)), [table]
    return lambda x, rank: _applied(step, x, rank), []


def _applied(step: Part, x: Any, rank: int) -> Any:
    import tensorflow as tf

    match step:
        case DecodeImage():
            decoded = tf.io.decode_image(x, channels=step.channels, expand_animations=False)
            return tf.ensure_shape(decoded, (None, None, step.channels))
        case Resize():
            return _resized(step, x)
        case CropOrPad():
            return tf.image.resize_with_crop_or_pad(x, step.height, step.width)
        case Scale():
            return tf.cast(x, tf.float32) * step.by + step.offset
        case Normalise():
            return (tf.cast(x, tf.float32) - tf.constant(step.mean)) / tf.constant(step.std)
        case Cast():
            return tf.cast(x, tf.as_dtype(step.dtype))
        case Reshape():
            return tf.reshape(x, tf.concat([tf.shape(x)[: x.shape.rank - rank], step.shape], axis=0))
        case ExpandDims():
            return tf.expand_dims(x, positive_axis(step.axis, rank) + x.shape.rank - rank)
        case ReverseChannels():
            return tf.reverse(x, axis=[-1])
    raise TypeError(f"no operation for {type(step).__name__}")  # a step in the schema that was forgotten here


def _resized(step: Resize, x: Any) -> Any:
    """Resize; bilinear and area make float32 also where nothing changes, which tf.image leaves in its dtype."""
    import tensorflow as tf

    if step.shorter_side is not None:
        size = _with_shorter_side(tf.shape(x)[-3:-1], step.shorter_side)
    else:
        size = [step.height, step.width]
    if step.method != "nearest":
        x = tf.cast(x, tf.float32)
    if step.fit == "pad":
        return tf.image.resize_with_pad(x, step.height, step.width, step.method, step.antialias)
    if step.fit == "crop":
        x = _cropped_to_shape(x, step.height, step.width)
    return tf.image.resize(x, size, step.method, antialias=step.antialias)


def _with_shorter_side(size: Any, shorter_side: int) -> Any:
    """Scale (height, width) in whole numbers so that the shorter is `shorter_side`; the other is rounded down."""
    import tensorflow as tf

    long = tf.cast(size, tf.int64)  # height x side could pass 32 bits
    return tf.cast(long * shorter_side // tf.maximum(tf.reduce_min(long), 1), tf.int32)


def _cropped_to_shape(x: Any, height: int | None, width: int | None) -> Any:
    """Cut out the largest middle part that has the shape height : width."""
    import tensorflow as tf

    assert height is not None and width is not None  # the schema: fit goes with both
    size = tf.cast(tf.shape(x)[-3:-1], tf.int64)
    cut_height = tf.minimum(size[0], tf.maximum(size[1] * height // width, 1))
    cut_width = tf.minimum(size[1], tf.maximum(size[0] * width // height, 1))
    top, left = (size[0] - cut_height) // 2, (size[1] - cut_width) // 2
    return x[..., top : top + cut_height, left : left + cut_width, :]


def _table(step: LookUp) -> Any:
    """A table from entries to indices, filled from constants of the graph when a server loads it."""
    import tensorflow as tf

    entries = step.vocabulary or []
    keys = tf.constant(entries, tf.string if holds_texts(step) else tf.int64)
    values = tf.range(step.first_index, step.first_index + len(entries), dtype=tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values)
    return tf.lookup.StaticHashTable(initializer, default_value=step.out_of_vocabulary)


def _key(step: LookUp, x: Any) -> Any:
    import tensorflow as tf

    return x if holds_texts(step) else tf.cast(x, tf.int64)
