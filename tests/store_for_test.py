"""A real ML Metadata store filled by hand: executions with runs, inputs and outputs, as a run leaves them, in milliseconds."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb

from waze_data_tfx.config import Config
from waze_data_tfx.history.metadata import CACHE_KEY, CACHE_PARTS, History, open_store, read_history

STATE = {"complete": pb.Execution.COMPLETE, "failed": pb.Execution.FAILED, "running": pb.Execution.RUNNING}


def config_in(folder: Path, **parts: Any) -> Config:
    """Return a small config whose root and store lie in `folder`."""
    values = {
        "name": "eta",
        "label": "seconds",
        "root": folder / "output",
        "data": {"input": str(folder / "trips.csv")},
        "features": {"dense": ["miles"]},
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 5}]},
        "push": {"directory": folder / "output" / "serving"},
        "env": {"metadata": {"sqlite": folder / "output" / "metadata.sqlite"}},
    }
    return Config.model_validate({**values, **parts})


@dataclass
class Writer:
    """Puts executions of the config's pipeline into its store."""

    config: Config
    _types: dict[str, int] = field(default_factory=dict)

    def execution(
        self,
        run: str,
        node: str,
        *,
        key: str = "",
        parts: dict[str, Any] | None = None,
        state: str = "complete",
        inputs: dict[str, list[int]] | None = None,
        outputs: dict[str, tuple[str, dict[str, int | str]]] | None = None,
    ) -> int:
        """Register one execution; an output is name -> (artifact type, custom properties) and gets a folder of its own."""
        with open_store(self.config) as store:
            execution = pb.Execution(type_id=_put_type(store, pb.ExecutionType(name=node)), last_known_state=STATE[state])
            execution.custom_properties[CACHE_KEY].string_value = key
            execution.custom_properties[CACHE_PARTS].string_value = json.dumps(parts or {}, default=str)
            pairs = [self._event(a, name, pb.Event.INPUT) for name, ids in (inputs or {}).items() for a in _by_id(store, ids)]
            for name, (kind, properties) in (outputs or {}).items():
                pairs.append(self._event(self._artifact(store, run, node, name, kind, properties), name, pb.Event.OUTPUT))
            contexts = [
                pb.Context(type_id=_put_type(store, pb.ContextType(name=kind)), name=name)
                for kind, name in (("pipeline", "eta"), ("pipeline_run", run), ("node", f"eta.{node}"))
            ]
            id_, _, _ = store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        return id_

    def history(self) -> History:
        return read_history(self.config)

    def _artifact(self, store: MetadataStore, run: str, node: str, name: str, kind: str, properties: dict) -> pb.Artifact:
        assert self.config.root is not None
        folder = self.config.root / "artifacts" / node / name / run
        folder.mkdir(parents=True)
        (folder / "content").write_text(name)
        artifact = pb.Artifact(type_id=_put_type(store, pb.ArtifactType(name=kind)), uri=str(folder))
        for key, value in properties.items():
            setattr(artifact.custom_properties[key], "int_value" if isinstance(value, int) else "string_value", value)
        return artifact

    @staticmethod
    def _event(artifact: pb.Artifact, name: str, kind: int) -> tuple[pb.Artifact, pb.Event]:
        event = pb.Event(type=kind)
        event.path.steps.add().key = name
        event.path.steps.add().index = 0
        return artifact, event


def _by_id(store: MetadataStore, ids: list[int]) -> list[pb.Artifact]:
    return store.get_artifacts_by_id(ids)


def _put_type(store: MetadataStore, type_: Any) -> int:
    put = {
        pb.ExecutionType: store.put_execution_type,
        pb.ContextType: store.put_context_type,
        pb.ArtifactType: store.put_artifact_type,
    }
    return put[type(type_)](type_)
