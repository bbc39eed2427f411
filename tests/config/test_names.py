"""What columns are called in outputs, files and signatures."""

from waze_data_tfx.config.features import Features
from waze_data_tfx.config.names import argument_names, outputs, vocabulary_file


def test_argument_names_are_identifiers_and_differ() -> None:
    assert argument_names(["_id"]) == {"_id": "arg__id"}
    assert argument_names(["a b", "a_b", "class", "2nd"]) == {"a_b": "a_b", "a b": "a_b_", "class": "class_", "2nd": "arg_2nd"}


def test_outputs_of_every_group() -> None:
    features = Features.model_validate(
        {"dense": {"km": {"indicator": True}}, "bucket": {"km": 3}, "vocabulary": {"city": 2}, "category": {"day": 7}}
    )
    assert list(outputs(features)) == [
        ("km", "features.dense.km"),
        ("km_missing", "features.dense.km"),
        ("km_bucket", "features.bucket.km"),
        ("city_vocabulary", "features.vocabulary.city"),
        ("day_category", "features.category.day"),
    ]


def test_vocabulary_files_have_plain_names() -> None:
    assert [vocabulary_file(c) for c in ("Zone id", "a/b", "été-1.0")] == ["Zone_id", "a_b", "été-1.0"]
