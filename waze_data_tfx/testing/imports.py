"""How the worker imports TensorFlow, Beam and TFT in half the time. Called by `worker`, nowhere else.

What a fit of a few rows never uses is either imported when it is first asked for (TensorFlow's public API, module by
module), or refused while the rest is imported (optional clients and formats of Beam), or stood in for where a name is taken
from it (Keras 2, beartype, Beam's own runner). Whatever was refused or stood in for can be imported afterwards, by the user's
code for example. Measured with tensorflow 2.21, apache-beam 2.77, tensorflow-transform 1.21.
"""

import dis
import importlib
import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

LAZY = "tensorflow._api.v2."
LAZY_TOO = {"dill", "grpc", "httplib2", "opt_einsum", "pydot", "yaml"}
"""Taken by Beam, TensorFlow and TFT as a whole, for what is not done here."""
LAZY_SERVICES = re.compile(r"apache_beam\.portability\.api\..*_pb2_grpc")
LAZY_OPS = re.compile(r"tensorflow\.\w+(\.\w+)*\.gen_\w+_ops")
"""Wrappers of operations; modules that take one by name when they are imported have it executed at once."""
RAW_OPS = f"{LAZY}raw_ops"
EAGER = "tensorflow._api.v2.__operators__"
"""Importing it gives tensors their operators."""
REFUSED = (
    *("google.cloud", "apache_beam.io.gcp.bigquery", "apitools", "pymongo", "bson"),  # optional for Beam
    *("apache_beam.internal.dill_pickler", "apache_beam.io.gcp.gcsfilesystem"),  # too
    *("h5py", "scipy"),  # optional for TensorFlow's old copy of Keras
    *("IPython", "cv2", "sklearn"),  # optional for Keras
    "tf_keras.src.optimizers",  # TensorFlow imports it for what it registers, which `import tf_keras` does too
)
HELD = {"__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"}
"""What a module has before it is executed; asked for by `import`, and of all modules by `inspect`."""
KERAS = "tensorflow_transform.keras_lib"
BEARTYPE, RUNNER = "beartype", "apache_beam.runners.portability.fn_api_runner"


def import_all() -> None:
    """Import everything that a request needs. To be called before anything has imported TensorFlow or Beam."""
    sys.meta_path[:0] = [_Pandas, _Lazily]
    refused: dict[str, Any] = dict.fromkeys(REFUSED)  # importing them raises ImportError
    stand_ins = {module.__name__: module for module in (*_beartype(), _runner(), _pydot())}
    sys.modules.update(refused)
    sys.modules.update(stand_ins)
    sys.modules[KERAS] = _keras_lib()
    import apache_beam.io.gcp.pubsub  # Beam asks for it whenever it writes a file

    for name in ("numpy.ma", "pyarrow.compute", f"{__package__}.jobs"):  # pyarrow asks for the first when it gets an array
        importlib.import_module(name)
    _know_types()
    _Pandas.may_be_found = True
    for name in (*refused, *stand_ins):
        del sys.modules[name]
    setattr(sys.modules["tensorflow_transform.nodes"], "pydot", importlib.import_module("pydot"))  # noqa: B010
    for module in (apache_beam.pipeline, apache_beam.utils.interactive_utils):
        module.is_in_ipython = lambda: False  # Beam finds out by importing IPython
    deprecation = importlib.import_module("tensorflow.python.util.deprecation")
    setattr(deprecation, "_PRINT_DEPRECATION_WARNINGS", False)  # noqa: B010  TensorFlow would inspect every call for a log nobody sees


class _Pandas:
    """Finds pandas where a line of Python imports it, once the worker has started; Beam and pyarrow's C++ do without it."""

    may_be_found = False

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "pandas":
            return None
        if not (cls.may_be_found and _is_import_line(sys._getframe(1))):
            raise ModuleNotFoundError(f"{name} is not imported now", name=name)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PandasLoader(spec.loader)
        return spec


def _know_types() -> None:
    """Let tfx_bsl know its three types without pandas, which pyarrow asks for any other."""
    import pyarrow
    import tensorflow
    from tfx_bsl.tfxio import tensor_adapter

    other = tensor_adapter._ArrowTypeToTfDtype
    known = {pyarrow.int64(): tensorflow.int64, pyarrow.float32(): tensorflow.float32}
    tensor_adapter._ArrowTypeToTfDtype = lambda kind: known[kind] if kind in known else other(kind)


def _is_import_line(frame: FrameType | None) -> bool:
    """Return whether Python code imports, by statement or importlib, and not an extension that was called from it."""
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    if frame is None:
        return False
    in_importlib = frame.f_code.co_filename == importlib.__file__
    return in_importlib or frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_NAME"]


class _Lazily:
    """Finds the modules of TensorFlow's public API and has them executed when an attribute is first read."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        loader = _loader(name)
        spec = PathFinder.find_spec(name, path, target) if loader else None
        if loader and spec and spec.loader:
            spec.loader = loader(spec.loader)
        return spec


def _loader(name: str) -> type["_LazyLoader"] | None:
    if name == RAW_OPS:
        return _RawOpsLoader
    lazy = name in LAZY_TOO or LAZY_SERVICES.match(name) or LAZY_OPS.fullmatch(name) or (name.startswith(LAZY) and name != EAGER)
    return _LazyLoader if lazy else None


class _LazyLoader(Loader):
    """As importlib.util.LazyLoader, which refuses modules that put a wrapper in their place, as those of compat.v1 do."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__class__ = _LazyModule


class _PandasLoader(_LazyLoader):
    """Loads pandas at once; pyarrow, which looked for it before, looks again, and knows a Series when it is given one."""

    def exec_module(self, module: ModuleType) -> None:
        import pyarrow

        self._loader.exec_module(module)
        _ = pyarrow.lib._pandas_api.pd


class _RawOpsLoader(_LazyLoader):
    """Gives tf.raw_ops one operation at a time; it is a list of `from MODULE import NAME`, of more modules than TFT needs."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        source = self._loader.get_source(module.__name__)  # type: ignore[attr-defined]
        homes = {name: home for home, name in re.findall(r"^from (\S+) import (\w+) #", source, re.MULTILINE)}

        def __getattr__(name: str) -> Any:
            if name not in homes:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            setattr(module, name, getattr(importlib.import_module(homes[name]), name))
            return getattr(module, name)

        module.__class__ = ModuleType
        module.__dict__.update(__getattr__=__getattr__, __dir__=lambda: list(homes))


class _LazyModule(ModuleType):
    """A module that is executed, and from then on an ordinary one, when an attribute is first read."""

    def __getattribute__(self, name: str) -> Any:
        if name in HELD:
            return super().__getattribute__(name)
        loader = super().__getattribute__("__spec__").loader
        super().__setattr__("__class__", ModuleType)
        loader.exec_module(self)
        return getattr(self, name)


def _beartype() -> list[ModuleType]:
    """Return what Beam takes from beartype, which compares type hints when a pipeline is checked; ours is not."""
    package, door, roar = (ModuleType(name) for name in (BEARTYPE, f"{BEARTYPE}.door", f"{BEARTYPE}.roar"))
    package.door, package.roar = door, roar  # type: ignore[attr-defined]
    door.is_subhint = _is_subhint  # type: ignore[attr-defined]
    roar.BeartypeDoorException = TypeError  # type: ignore[attr-defined]
    return [package, door, roar]


def _is_subhint(hint: Any, of: Any) -> bool:
    if isinstance(hint, type) and isinstance(of, type):
        return issubclass(hint, of)
    from beartype.door import is_subhint
    from beartype.roar import BeartypeDoorException

    try:
        return is_subhint(hint, of)
    except BeartypeDoorException as exc:
        raise TypeError(str(exc)) from exc


def _runner() -> ModuleType:
    """Return what TFT takes from Beam's own runner: a class that its options are looked up by."""
    module = ModuleType(RUNNER)
    module.FnApiRunner = type("FnApiRunner", (), {})  # type: ignore[attr-defined]
    return module


def _pydot() -> ModuleType:
    """Return what TFT names in annotations."""
    module = ModuleType("pydot")
    module.Dot = module.Node = object  # type: ignore[attr-defined]
    return module


class _LazyKeras(ModuleType):
    """What TFT sees as `tf_keras`: the real one, imported when it is asked for more than the base of a class."""

    def __getattr__(self, name: str) -> Any:
        import tf_keras

        return getattr(tf_keras, name)


class _NoModel:
    """Base of tft.TransformFeaturesLayer in place of tf_keras.Model."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("tft.TransformFeaturesLayer: a feature test has no Keras layers of tf.Transform")


def _keras_lib() -> ModuleType:
    keras = _LazyKeras("tf_keras")
    keras.Model = _NoModel  # type: ignore[attr-defined]
    keras.utils = SimpleNamespace(register_keras_serializable=lambda package: lambda layer: layer)  # type: ignore[attr-defined]
    module = ModuleType(KERAS)
    module.tf_keras = keras  # type: ignore[attr-defined]
    return module
