"""How the worker imports TensorFlow, Beam and TFT in little more than half the time. Called by `worker`, nowhere else.

What a fit of a few rows never uses is either imported when it is first asked for (TensorFlow's public API, module by
module), or refused while the rest is imported (optional clients and formats of Beam; Keras 2). Whatever was refused can be
imported afterwards, by the user's code for example. Measured with tensorflow 2.21, apache-beam 2.77, tensorflow-transform 1.21.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

LAZY = "tensorflow._api.v2."
EAGER = "tensorflow._api.v2.__operators__"
"""Importing it gives tensors their operators."""
REFUSED = (
    *("google.cloud", "apache_beam.io.gcp.bigquery", "apitools", "pymongo"),  # optional for Beam
    *("h5py", "scipy"),  # optional for TensorFlow's old copy of Keras
    "tf_keras.src.optimizers",  # TensorFlow imports it for what it registers, which `import tf_keras` does too
)
HELD = {"__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"}
"""What a module has before it is executed; asked for by `import`, and of all modules by `inspect`."""
KERAS = "tensorflow_transform.keras_lib"


def import_all() -> None:
    """Import everything that a request needs. To be called before anything has imported TensorFlow or Beam."""
    sys.meta_path.insert(0, _Lazily)
    refused: dict[str, Any] = dict.fromkeys(REFUSED)  # importing them raises ImportError
    sys.modules.update(refused)
    sys.modules[KERAS] = _keras_lib()
    import apache_beam.io.gcp.pubsub  # Beam asks for it whenever it writes a file

    from . import jobs  # noqa: F401

    for name in refused:
        del sys.modules[name]
    for module in (apache_beam.pipeline, apache_beam.utils.interactive_utils):
        module.is_in_ipython = lambda: False  # Beam finds out by importing IPython


class _Lazily:
    """Finds the modules of TensorFlow's public API and has them executed when an attribute is first read."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(LAZY) or name == EAGER:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _LazyLoader(spec.loader)
        return spec


class _LazyLoader(Loader):
    """As importlib.util.LazyLoader, which refuses modules that put a wrapper in their place, as those of compat.v1 do."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__class__ = _LazyModule


class _LazyModule(ModuleType):
    """A module that is executed, and from then on an ordinary one, when an attribute is first read."""

    def __getattribute__(self, name: str) -> Any:
        if name in HELD:
            return super().__getattribute__(name)
        loader = super().__getattribute__("__spec__").loader
        super().__setattr__("__class__", ModuleType)
        loader.exec_module(self)
        return getattr(self, name)


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
