from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Arm(_message.Message):
    __slots__ = ("name", "version", "has_version", "weight_percent", "calls", "errors")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HAS_VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    has_version: bool
    weight_percent: float
    calls: int
    errors: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., has_version: _Optional[bool] = ..., weight_percent: _Optional[float] = ..., calls: _Optional[int] = ..., errors: _Optional[int] = ...) -> None: ...

class Replica(_message.Message):
    __slots__ = ("upstream", "address", "up", "in_flight", "versions")
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    upstream: str
    address: str
    up: bool
    in_flight: int
    versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, upstream: _Optional[str] = ..., address: _Optional[str] = ..., up: _Optional[bool] = ..., in_flight: _Optional[int] = ..., versions: _Optional[_Iterable[int]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("name", "version", "batching", "reason", "poisoned_lanes", "poisoned_s")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BATCHING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POISONED_LANES_FIELD_NUMBER: _ClassVar[int]
    POISONED_S_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    batching: str
    reason: str
    poisoned_lanes: int
    poisoned_s: float
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., batching: _Optional[str] = ..., reason: _Optional[str] = ..., poisoned_lanes: _Optional[int] = ..., poisoned_s: _Optional[float] = ...) -> None: ...

class ModelStatus(_message.Message):
    __slots__ = ("name", "upstream", "versions_mode", "promoted_version", "has_promoted_version", "configured_version", "labels", "arms", "replicas", "batching", "rollout", "calls", "errors", "mean_batch_rows", "signatures")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_MODE_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    HAS_PROMOTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    BATCHING_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    MEAN_BATCH_ROWS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    upstream: str
    versions_mode: str
    promoted_version: int
    has_promoted_version: bool
    configured_version: int
    labels: _containers.ScalarMap[str, int]
    arms: _containers.RepeatedCompositeFieldContainer[Arm]
    replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    batching: str
    rollout: Rollout
    calls: int
    errors: int
    mean_batch_rows: float
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, name: _Optional[str] = ..., upstream: _Optional[str] = ..., versions_mode: _Optional[str] = ..., promoted_version: _Optional[int] = ..., has_promoted_version: _Optional[bool] = ..., configured_version: _Optional[int] = ..., labels: _Optional[_Mapping[str, int]] = ..., arms: _Optional[_Iterable[_Union[Arm, _Mapping]]] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., batching: _Optional[str] = ..., rollout: _Optional[_Union[Rollout, _Mapping]] = ..., calls: _Optional[int] = ..., errors: _Optional[int] = ..., mean_batch_rows: _Optional[float] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "uptime_s", "config_path", "models", "problems")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    CONFIG_PATH_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    version: str
    uptime_s: float
    config_path: str
    models: _containers.RepeatedCompositeFieldContainer[ModelStatus]
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., config_path: _Optional[str] = ..., models: _Optional[_Iterable[_Union[ModelStatus, _Mapping]]] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("model", "from_version", "to_version", "phase", "percent", "steps_percent", "hold_s", "reason", "started_unix_s", "updated_unix_s", "error_margin_ratio", "keep_old")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    STEPS_PERCENT_FIELD_NUMBER: _ClassVar[int]
    HOLD_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    UPDATED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    ERROR_MARGIN_RATIO_FIELD_NUMBER: _ClassVar[int]
    KEEP_OLD_FIELD_NUMBER: _ClassVar[int]
    model: str
    from_version: int
    to_version: int
    phase: str
    percent: float
    steps_percent: _containers.RepeatedScalarFieldContainer[float]
    hold_s: float
    reason: str
    started_unix_s: float
    updated_unix_s: float
    error_margin_ratio: float
    keep_old: bool
    def __init__(self, model: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., phase: _Optional[str] = ..., percent: _Optional[float] = ..., steps_percent: _Optional[_Iterable[float]] = ..., hold_s: _Optional[float] = ..., reason: _Optional[str] = ..., started_unix_s: _Optional[float] = ..., updated_unix_s: _Optional[float] = ..., error_margin_ratio: _Optional[float] = ..., keep_old: _Optional[bool] = ...) -> None: ...

class StartRolloutRequest(_message.Message):
    __slots__ = ("model", "to_version", "steps_percent", "hold_s", "error_margin_ratio", "keep_old")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    STEPS_PERCENT_FIELD_NUMBER: _ClassVar[int]
    HOLD_S_FIELD_NUMBER: _ClassVar[int]
    ERROR_MARGIN_RATIO_FIELD_NUMBER: _ClassVar[int]
    KEEP_OLD_FIELD_NUMBER: _ClassVar[int]
    model: str
    to_version: int
    steps_percent: _containers.RepeatedScalarFieldContainer[float]
    hold_s: float
    error_margin_ratio: float
    keep_old: bool
    def __init__(self, model: _Optional[str] = ..., to_version: _Optional[int] = ..., steps_percent: _Optional[_Iterable[float]] = ..., hold_s: _Optional[float] = ..., error_margin_ratio: _Optional[float] = ..., keep_old: _Optional[bool] = ...) -> None: ...

class RolloutRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class RolloutList(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[Rollout]
    def __init__(self, rollouts: _Optional[_Iterable[_Union[Rollout, _Mapping]]] = ...) -> None: ...
