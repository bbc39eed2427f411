"""The user's Python files: their functions, the code they consist of, and their lines in a traceback.

Called by `check` and the cache key (by syntax tree alone: nothing is executed), and by features and models, which load the
function. Imports only the standard library. Data files that the code reads, and imports made at run time by
`importlib.import_module`, are not followed.
"""

import ast
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from .errors import UserCodeError, unknown_name

Frame = tuple[str, int, str]
_NOISE = re.compile(
    r"\{\{function_node .*?\}\}|\[\[\{\{node .*?\}\}\]\]|\[Op:[^\]]*\](?: name:)?|\[while running '.*?'\]"
    r"|Graph execution error:|Detected at node .*? defined at \(most recent call last\):|<stack traces unavailable>"
    r"|Error when executing query:|(?s:query:\s+[A-Z]{5,}\b.*)"  # ML Metadata quotes its SQL
)
_SAID_CHARACTERS = 400
_QUOTED_FRAME = re.compile(r'File "([^"]+)", line (\d+), in ([^\s*]+)')
_LIBRARY = Path(__file__).resolve().parent
_folders: list[Path] = []


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """Import the file under a name of its own and return its function `name`; its folder joins sys.path.

    The same file with the same content is imported once per process; the module stays in sys.modules, so that functions
    pickle by reference.

    Raises:
        UserCodeError: the file cannot be read or imported, or has no such function.
    """
    module = _import_file(Path(path).resolve())
    function = getattr(module, name, None)
    if not callable(function):
        known = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
        raise UserCodeError(f"{path}: {unknown_name('function', name, known)}", hint=f"define {name} in {Path(path).name}")
    return function


def offer(path: Path) -> None:
    """Put the file's folder first on sys.path, so that what the config names as MODULE:CLASS is found there."""
    _put_first(Path(path).resolve().parent)


def check_function(path: Path, name: str, n_args: tuple[int, int]) -> None:
    """Check, executing nothing, that the file defines `name` and that it can be called with some number of arguments.

    Args:
        path: the file.
        name: function at the file's top level (a class, an import or an assignment of that name is accepted unchecked).
        n_args: the fewest and the most positional arguments that it will be called with.

    Raises:
        UserCodeError: with file and line.
    """
    tree = _parse(Path(path))
    defined = {n: node for node in tree.body for n in _bound_names(node)}
    if name not in defined:
        functions = [n for n, node in defined.items() if isinstance(node, ast.FunctionDef)]
        raise UserCodeError(f"{path}:1: {unknown_name('function', name, functions)}", hint=f"define {name} in {Path(path).name}")
    node = defined[name]
    if isinstance(node, ast.AsyncFunctionDef):
        raise UserCodeError(f"{path}:{node.lineno}: {name}: expected a plain function; received async def")
    if isinstance(node, ast.FunctionDef):
        _check_signature(path, node, n_args)


def accepts(function: Callable[..., Any], n_args: int) -> bool:
    """Whether the function can be called with `n_args` positional arguments."""
    import inspect

    try:
        inspect.signature(function).bind(*[None] * n_args)
    except TypeError:
        return False
    return True


def code_files(path: Path, *, apart: Collection[Path] = ()) -> dict[str, str]:
    """Return the sha256 of the file and of every file of its folder that it imports, directly or not, by relative path.

    Args:
        path: the file.
        apart: files that are left out, with what only they import.

    Raises:
        UserCodeError: a file cannot be read or parsed.
    """
    path = Path(path).resolve()
    folder, todo, found = path.parent, [path], dict[Path, str]()
    left_out = {file.resolve() for file in apart}
    while todo:
        file = todo.pop()
        if file in found or file in left_out:
            continue
        found[file] = hashlib.sha256(_read(file)).hexdigest()
        todo += _local_imports(file, folder)
    return {file.relative_to(folder).as_posix(): found[file] for file in sorted(found)}


def module_files(name: str) -> dict[str, str]:
    """Return the sha256 of all files of the user's that importing `package.module` runs, by path relative to where it is found.

    Followed as in `code_files`, from the folder on Python's path that holds the module; of an installed package only its own
    files, and this library's never.

    Raises:
        UserCodeError: there is no such module, or a file cannot be read or parsed.
    """
    parts, file = name.split("."), module_file(name)
    root = file.parents[len(parts) - (file.name != "__init__.py")]
    within = root / parts[0] if "site-packages" in root.parts else root
    todo, found = list(_module_files(root, parts)), dict[Path, str]()
    while todo:
        file = todo.pop()
        if (
            file in found
            or file.is_relative_to(_LIBRARY)
            or not (file.is_relative_to(within) or within.with_suffix(".py") == file)
        ):
            continue
        found[file] = hashlib.sha256(_read(file)).hexdigest()
        todo += _local_imports(file, root)
    return {file.relative_to(root).as_posix(): found[file] for file in sorted(found)}


def module_file(name: str) -> Path:
    """Return the file of the module `package.module`, looked for where Python would; imports nothing.

    Raises:
        UserCodeError: there is no such module.
    """
    parts, places = name.split("."), [os.getcwd(), *sys.path]
    spec = None
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), places)
        if spec is None:
            raise UserCodeError(
                f"no module '{'.'.join(parts[: depth + 1])}' on Python's path",
                hint="put the folder that holds it into PYTHONPATH, or install its package",
            )
        places = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UserCodeError(f"module '{name}': expected a file that ends in .py; received {spec.origin if spec else None}")
    return Path(spec.origin).resolve()


def check_class(name: str) -> None:
    """Check, importing nothing, that `package.module:Class` is there.

    Raises:
        UserCodeError: there is no such module, it is not valid Python, or it defines no such name.
    """
    module, _, attribute = name.replace(":", ".").rpartition(".")
    file = module_file(module)
    defined = {n: node for node in _parse(file).body for n in _bound_names(node)}
    if attribute not in defined:
        classes = [n for n, node in defined.items() if isinstance(node, ast.ClassDef)]
        raise UserCodeError(f"{file}:1: {unknown_name('class', attribute, classes)}")


def user_frame(error: BaseException, folders: Iterable[Path]) -> Frame | None:
    """Return (file, line, function) of the innermost frame that lies below one of the folders, the first cause first.

    AutoGraph and Beam put the user's frames into the exception's metadata or its text; those are read where the traceback
    itself holds none.
    """
    roots = [Path(f).resolve() for f in folders]
    chain = list(_causes(error))
    for frames in (_traceback_frames, _autograph_frames, _text_frames):
        for exc in reversed(chain):
            mine = [frame for frame in frames(exc) if _below(frame[0], roots)]
            if mine:
                return mine[-1]
    return None


def located(error: BaseException, path: Path) -> str:
    """Return `file:line` of the error in the user's code, or the file alone where no frame of it is known."""
    frame = user_frame(error, [Path(path).parent])
    return f"{frame[0]}:{frame[1]}" if frame else str(path)


def defined_at(function: Callable[..., Any], path: Path) -> str:
    """Return `file:line` where the function is defined, or the path where that is not known."""
    import inspect

    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else str(path)


def said(error: BaseException) -> str:
    """Return `Type: message`, the first three lines of it as one, without what Beam, TensorFlow and ML Metadata add."""
    lines = _NOISE.sub(" ", str(error).replace("\\n", "\n")).splitlines()
    text = " ".join([" ".join(line.split()) for line in lines if line.strip()][:3])
    short = text if len(text) <= _SAID_CHARACTERS else text[: _SAID_CHARACTERS - 3].rsplit(" ", 1)[0] + "..."
    return f"{type(error).__name__}: {short or '(no message)'}"


def _import_file(path: Path) -> ModuleType:
    source = _read(path)
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    digest = hashlib.sha256(source).hexdigest()
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__waze_digest__", None) == digest:
        return loaded
    _parse(path)
    _put_first(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserCodeError(f"{path}: not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        del sys.modules[name]
        raise UserCodeError(f"{located(exc, path)}: importing {path.name} raised {said(exc)}") from exc
    module.__dict__["__waze_digest__"] = digest
    return module


def _put_first(folder: Path) -> None:
    """Put the folder first on sys.path, and forget modules of other users' folders that its own files shadow."""
    others = [f for f in _folders if f != folder]
    for name, module in sys.modules.copy().items():  # in one step: an import by a thread or a finalizer would break list()
        file = getattr(module, "__file__", None)
        top = name.partition(".")[0]
        shadowed = (folder / f"{top}.py").exists() or (folder / top).is_dir()
        if file and shadowed and any(Path(file).is_relative_to(f) for f in others) and not Path(file).is_relative_to(folder):
            del sys.modules[name]
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    if folder not in _folders:
        _folders.append(folder)
    importlib.invalidate_caches()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UserCodeError(f"{path}: cannot be read: {exc.strerror}") from exc


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(_read(path), filename=str(path))
    except SyntaxError as exc:
        raise UserCodeError(f"{path}:{exc.lineno or 1}: not valid Python: {exc.msg}") from exc
    except ValueError as exc:
        raise UserCodeError(f"{path}:1: not valid Python: {exc}") from exc


def _bound_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (a.asname or a.name.partition(".")[0] for a in node.names)
    elif isinstance(node, ast.Assign):
        yield from (t.id for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.If | ast.Try):
        for inner in (*node.body, *node.orelse):
            yield from _bound_names(inner)


def _check_signature(path: Path, node: ast.FunctionDef, n_args: tuple[int, int]) -> None:
    fewest, most = n_args
    positional = len(node.args.posonlyargs) + len(node.args.args)
    required = positional - len(node.args.defaults)
    keyword_only = [a.arg for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is None]
    wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
    if keyword_only:
        raise UserCodeError(f"{path}:{node.lineno}: {node.name}: '{keyword_only[0]}' has no default and is never passed")
    if required > most or (positional < fewest and node.args.vararg is None):
        names = ", ".join(a.arg for a in (*node.args.posonlyargs, *node.args.args))
        raise UserCodeError(
            f"{path}:{node.lineno}: {node.name}: received {positional} parameters ({names}); expected {wanted} positional"
        )


def _local_imports(file: Path, folder: Path) -> Iterator[Path]:
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(folder, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = folder
            if node.level:
                base = file.parents[node.level - 1] if node.level <= len(file.parents) else folder
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                found = _module_files(base, [*parts, alias.name]) if base.is_relative_to(folder) else iter(())
                yield from found


def _module_files(base: Path, parts: list[str]) -> Iterator[Path]:
    """Yield the files that importing `a.b.c` runs, as far as they lie below `base`."""
    for depth in range(len(parts) + 1):
        place = base.joinpath(*parts[:depth])
        candidates = [place / "__init__.py"] if depth == 0 else [place.with_name(place.name + ".py"), place / "__init__.py"]
        yield from (c for c in candidates if c.is_file())


def _below(file: str, roots: list[Path]) -> bool:
    """Whether a frame's file is one of the user's: not compiled code's relative path, not a library in a folder of theirs."""
    path = Path(file)
    return path.is_absolute() and "site-packages" not in path.parts and any(path.resolve().is_relative_to(r) for r in roots)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    exc: BaseException | None = error
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)


def _traceback_frames(exc: BaseException) -> Iterator[Frame]:
    tb: TracebackType | None = exc.__traceback__
    while tb is not None:
        yield tb.tb_frame.f_code.co_filename, tb.tb_lineno, tb.tb_frame.f_code.co_name
        tb = tb.tb_next


def _autograph_frames(exc: BaseException) -> Iterator[Frame]:
    metadata = getattr(exc, "ag_error_metadata", None)
    for frame in reversed(getattr(metadata, "translated_stack", ())):
        yield frame.filename, frame.lineno, frame.function_name


def _text_frames(exc: BaseException) -> Iterator[Frame]:
    for file, line, function in _QUOTED_FRAME.findall(str(exc)):
        yield file, int(line), function
