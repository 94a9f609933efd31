"""Make a model by calling the user's `module:function`, and import the modules that register the user's layers.

Both run the user's code, so both need --trust-model-code. The current directory is importable, as for `python -m`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from export.errors import BadModelFileError

_MODULE_FUNCTION = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


def is_module_function(path: Path) -> bool:
    """Whether this is `module:function` and no file of that name."""
    return bool(_MODULE_FUNCTION.fullmatch(str(path))) and not path.exists()


def check_module_function(path: Path, trust_model_code: bool) -> None:
    """Refuse what can be told without running the user's code. Raises: BadModelFileError."""
    if not trust_model_code:
        raise BadModelFileError(
            f"{path}: a function is a program, and making the model would run it. "
            "If you trust who wrote it, pass --trust-model-code"
        )
    top = str(path).partition(":")[0].partition(".")[0]
    _allow_current_directory()
    if top not in sys.modules and importlib.util.find_spec(top) is None:
        raise BadModelFileError(
            f"{path}: no module named {top!r} in the current directory or among the installed packages; "
            "run from the folder it lies in, or install it"
        )


def load_module_function(path: Path) -> tuple[Any, Path]:
    """Call the function; return the Keras model it made and the module's file. Raises: BadModelFileError."""
    import keras

    module_name, _, name = str(path).partition(":")
    module = import_module(module_name, str(path))
    function = _function(module, name, path)
    try:
        model = function()
    except Exception as error:  # the user's code may raise anything
        raise BadModelFileError(f"{path}: {name}() raised {type(error).__name__}: {_one_line(error)}") from error
    if not isinstance(model, keras.Model):
        raise BadModelFileError(
            f"{path}: {name}() returned {type(model).__module__}.{type(model).__qualname__}; wanted a Keras 3 model "
            "(keras.Model or keras.Sequential)"
        )
    if not getattr(model, "inputs", None):
        raise BadModelFileError(
            f"{path}: {name}() returned a model whose inputs aren't known (a subclassed or unbuilt one). Begin a "
            "Sequential with keras.Input, or return keras.Model(inputs, outputs)"
        )
    return model, Path(module.__file__ or module_name)


def import_module(name: str, where: str) -> ModuleType:
    """Import one of the user's modules. Raises: BadModelFileError, which says whose import failed."""
    _allow_current_directory()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            reason = f"no module named {error.name!r} in the current directory or among the installed packages"
        else:
            reason = f"module {name!r} imports {error.name!r}, which isn't installed"
        raise BadModelFileError(f"{where}: {reason}") from error
    except Exception as error:  # the user's module may raise anything
        raise BadModelFileError(
            f"{where}: importing {name!r} raised {type(error).__name__}: {_one_line(error)}"
        ) from error


def custom_objects(module_names: Sequence[str]) -> dict[str, Any]:
    """Import modules; return the classes and functions they define by name, for models that were saved with them.

    Classes that register themselves need no more than the import. Raises: BadModelFileError.
    """
    found = {}
    for module_name in module_names:
        module = import_module(module_name, f"--import {module_name}")
        for name, value in vars(module).items():
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module.__name__:
                found[name] = value
    return found


def _function(module: ModuleType, name: str, path: Path) -> Callable[[], Any]:
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        what = "has no function" if function is None else "has no callable"
        raise BadModelFileError(f"{path}: module {module.__name__!r} {what} {name!r}{hint}")
    needed = [parameter.name for parameter in _parameters(function) if _is_required(parameter)]
    if needed:
        raise BadModelFileError(
            f"{path}: {name}() needs arguments ({', '.join(needed)}); it is called without any: give them defaults, "
            "or name a function that calls it"
        )
    return function  # type: ignore[no-any-return]  # a module's attributes have no types


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # built in C, without a signature: calling it will tell
        return []


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in variadic


def _allow_current_directory() -> None:
    """Let the user's modules be found, as `python -m` does; it stays so, for they may import more when called."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
