"""What is installed and under which name.

The four content folders at the top level are importable under the one package: a TFX pipeline names a component by its
dotted path, which must mean the same on every worker.
"""

from setuptools import find_packages, setup

HOMES = {"components": "components", "pipelines": "pipelines", "templates": "templates", "configs": "configs"}

BASE = [
    "filelock>=3.12",
    "jinja2>=3.1",
    "numpy",
    "pydantic>=2.7,<3",
    "python-dateutil>=2.8",
    "rich>=13",
    "ruamel.yaml>=0.18",
    "typer>=0.12",
    "tzdata",
]
TFX = [
    "apache-beam==2.77.*",
    "duckdb",
    "google-crc32c",
    "isal",
    "keras>=3",
    "ml-metadata==1.17.*",
    "pyarrow>=18",
    "pyfarmhash",
    "pytz",
    "sqlglot",
    "tensorflow==2.21.*",
    "tensorflow-transform==1.21.*",
    "tf-agents==0.19.0",
    "tf-keras==2.21.*",
    "tfx==1.21.0",
]
GCP = [
    "google-cloud-bigquery",
    "google-cloud-bigquery-storage",
    "google-cloud-storage",
]
DEV = [
    "build",
    "hypothesis",
    "import-linter",
    "ipykernel",
    "mypy",
    "nbclient",
    "nbformat",
    "psutil",
    "pytest",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "scikit-learn",
]


def packages() -> dict[str, str]:
    """Return every package of the distribution and the folder that holds it."""
    found = {"waze_data_tfx": "waze_data_tfx"}
    library = find_packages("waze_data_tfx", exclude=[pattern for home in HOMES for pattern in (home, f"{home}.*")])
    found.update({f"waze_data_tfx.{p}": f"waze_data_tfx/{p.replace('.', '/')}" for p in library})
    for name, folder in HOMES.items():
        found[f"waze_data_tfx.{name}"] = folder
        found.update({f"waze_data_tfx.{name}.{p}": f"{folder}/{p.replace('.', '/')}" for p in find_packages(folder)})
    return found


PACKAGES = packages()

setup(
    name="waze-data-tfx",
    version="0.1.0",
    description="Config + preprocessing_fn + model builder -> a complete TFX pipeline",
    python_requires=">=3.11,<3.12",
    packages=sorted(PACKAGES),
    package_dir=PACKAGES,
    package_data={
        "waze_data_tfx.configs": ["*.yaml", "schema.json", "env/*.yaml", "lab/*.yaml"],
        "waze_data_tfx.templates": ["*/*"],
        "waze_data_tfx.components": ["*/README.md"],
        "waze_data_tfx.report": ["*.j2", "*.css"],
    },
    install_requires=BASE,
    extras_require={"tfx": TFX, "gcp": GCP, "dev": DEV},
    entry_points={
        "console_scripts": ["waze-tfx=waze_data_tfx.cli:main"],
        "pytest11": ["waze_data_tfx.testing.plugin=waze_data_tfx.testing.plugin"],  # so named, `-p` does not register it twice
    },
)
