"""What the nodes of a bandit's graph say of themselves at the end of their line."""

import json
from pathlib import Path

from store_for_test import config_in

from waze_data_tfx.history.metadata import Artifact, Execution
from waze_data_tfx.history.record import Run
from waze_data_tfx.runners import verdicts


def note(folder: Path, node: str, output: str, value: dict[str, object]) -> str:
    file = folder / "value"
    file.write_text(json.dumps(value))
    execution = Execution(1, node, "r", "complete", "", "", {}, {output: (Artifact(1, "String", str(file)),)})
    return verdicts.read(node, execution, config_in(folder), Run("r", str(folder), "eta", "c.yaml")).note


def test_the_resolver_says_which_policy_and_the_copier_which_generation(tmp_path: Path) -> None:
    resolution = {"policy": "eval", "eval_share": 0.9, "reason": "it is worth more", "evidence": {}}
    assert note(tmp_path, "PolicyResolver", "resolution", resolution) == "eval policy: it is worth more"
    registration = {"generation": 2, "is_new": True, "line": "generation 2 is current in /r"}
    assert note(tmp_path, "Copier", "registration", registration) == "generation 2 is current in /r"
