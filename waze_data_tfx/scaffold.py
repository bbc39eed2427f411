"""Fork a template: copy its files under the user's name. Called by `waze-tfx new`; never overwrites anything."""

import re
import shutil
from pathlib import Path

from .errors import UserError, unknown_name

PACKAGE = Path(__file__).resolve().parent
TEMPLATES = PACKAGE / "templates"
CONFIGS = PACKAGE / "configs"
LEFT_OUT = ("__init__.py", "__pycache__")


def templates() -> list[str]:
    """Return the names of the templates: folders that have a config of the same name."""
    return sorted(p.name for p in TEMPLATES.iterdir() if p.is_dir() and (CONFIGS / f"{p.name}.yaml").is_file())


def summaries() -> dict[str, str]:
    """Return what each template is, by name: the first line of its config's header."""
    return {name: _first_line(CONFIGS / f"{name}.yaml").removeprefix("#").strip() for name in templates()}


def create(target: Path, template: str) -> list[Path]:
    """Copy config, code, test and data of `template` to the folder `target`, whose name becomes the pipeline's.

    Raises:
        UserError: for a name that cannot be one, an unknown template, or a folder that is not empty.
    """
    name = target.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(
            f"new {name}: expected lower-case letters, digits and _, beginning with a letter (it becomes a module name)"
        )
    if template not in templates():
        raise UserError(f"--template {template}: {unknown_name('template', template, templates())}")
    if target.is_dir() and any(target.iterdir()):
        raise UserError(f"{target}: is not empty; nothing was written", hint="choose another name, or remove the folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: the folder cannot be made: {error.strerror}", hint="choose another place") from error
    written = [
        _write(target / "config.yaml", _renamed((CONFIGS / f"{template}.yaml").read_text("utf-8"), template, name, config=True))
    ]
    for source in sorted((TEMPLATES / template).iterdir()):
        if source.name in LEFT_OUT:
            continue
        destination = target / _renamed_file(source.name, template, name)
        if source.suffix in (".py", ".md"):
            written.append(_write(destination, _renamed(source.read_text("utf-8"), template, name, config=False)))
        else:
            shutil.copyfile(source, destination)
            written.append(destination)
    return written


def _renamed(text: str, template: str, name: str, *, config: bool) -> str:
    """Put the fork's name where the template's stands: pipeline name, module names and paths."""
    if config:
        text = text.replace(f"../templates/{template}/", "").replace(f"configs/{template}.yaml", f"{name}/config.yaml")
        text = re.sub(rf"(?m)^name: {template}\b", f"name: {name}", text)
        text = re.sub(r"(?m)^root: .*\n", "", text)
        text = text.replace("configs/schema.json", "the schema").replace(
            "$schema=schema.json", f"$schema={CONFIGS / 'schema.json'}"
        )
    text = re.sub(rf"(?<![a-z0-9]){template}_(features|model|schema|data|trips\.sql)\b", rf"{name}_\1", text)
    return re.sub(rf"\btest_{template}\b", f"test_{name}", text)


def _renamed_file(file: str, template: str, name: str) -> str:
    """Return `taxi_model.py`, `test_taxi.py` or `make_taxi_data.py` under the fork's name."""
    return re.sub(rf"(?<![a-z0-9]){template}(?=_|\.py$)", name, file)


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline()


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
