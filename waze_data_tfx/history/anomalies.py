"""What ExampleValidator found, as lines of text. Called by the local runner, which may stop for it, and by the report."""

from pathlib import Path


def anomalies_in(artifact_folder: Path) -> dict[str, list[str]]:
    """Return what ExampleValidator found, by split: `feature: short description; long description`."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    found: dict[str, list[str]] = {}
    for file in sorted(artifact_folder.glob("Split-*/SchemaDiff.pb")):
        anomalies = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        split = file.parent.name.removeprefix("Split-")
        lines = [f"{name}: {info.short_description}; {info.description}" for name, info in anomalies.anomaly_info.items()]
        if anomalies.HasField("dataset_anomaly_info"):
            lines.append(f"dataset: {anomalies.dataset_anomaly_info.description}")
        if lines:
            found[split] = sorted(lines)
    return found
