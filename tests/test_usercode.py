import hashlib
import pickle
import sys
import textwrap

import pytest

from waze_data_tfx.errors import UserCodeError
from waze_data_tfx.usercode import (
    accepts,
    check_class,
    check_function,
    code_files,
    load_function,
    module_files,
    offer,
    user_frame,
)


@pytest.fixture(autouse=True)
def _clean_imports():
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


def test_loaded_function_runs_pickles_by_reference_and_sees_its_siblings(tmp_path):
    write(
        tmp_path,
        trip_features="from trip_units import KM\ndef preprocessing_fn(inputs): return inputs * KM\n",
        trip_units="KM = 3",
    )
    function = load_function(tmp_path / "trip_features.py", "preprocessing_fn")
    assert function(2) == 6
    assert pickle.loads(pickle.dumps(function)) is function
    assert load_function(tmp_path / "trip_features.py", "preprocessing_fn") is function


def test_two_folders_with_siblings_of_one_name_each_get_their_own(tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        write(
            tmp_path / name,
            model="import shared\ndef build_model(inputs, config): return shared.VALUE\n",
            shared=f"VALUE = {value}",
        )
    assert load_function(tmp_path / "a" / "model.py", "build_model")(0, 0) == 1
    assert load_function(tmp_path / "b" / "model.py", "build_model")(0, 0) == 2


def test_changed_file_is_loaded_again(tmp_path):
    file = write(tmp_path, f="def g(): return 1") / "f.py"
    assert load_function(file, "g")() == 1
    file.write_text("def g(): return 2222")
    assert load_function(file, "g")() == 2222


def test_errors_name_file_line_and_the_nearest_function(tmp_path):
    write(tmp_path, broken="x = 1\ndef f(:\n", raises="x = 1\ny = 1 / 0\n", other="def preprocesing_fn(inputs): return {}\n")
    with pytest.raises(UserCodeError, match=r"broken\.py:2: not valid Python"):
        load_function(tmp_path / "broken.py", "f")
    with pytest.raises(UserCodeError, match=r"raises\.py:2: importing raises\.py raised ZeroDivisionError: division by zero"):
        load_function(tmp_path / "raises.py", "f")
    with pytest.raises(UserCodeError, match=r"unknown function 'preprocessing_fn'.*did you mean 'preprocesing_fn'"):
        load_function(tmp_path / "other.py", "preprocessing_fn")
    with pytest.raises(UserCodeError, match="cannot be read"):
        load_function(tmp_path / "absent.py", "f")


def test_check_function_executes_nothing(tmp_path):
    file = write(tmp_path, m="raise RuntimeError('executed')\ndef build_model(inputs, config): ...\n") / "m.py"
    check_function(file, "build_model", (1, 2))


@pytest.mark.parametrize(
    ("source", "n_args", "message"),
    [
        ("\ndef build_model(): ...", (1, 2), r"m\.py:2: build_model: received 0 parameters \(\); expected 1 to 2"),
        ("def build_model(a, b, c): ...", (1, 2), r"m\.py:1: build_model: received 3 parameters \(a, b, c\)"),
        ("def build_model(a, *, b): ...", (1, 1), "'b' has no default and is never passed"),
        ("async def build_model(a): ...", (1, 1), "received async def"),
        ("def build_modle(a): ...", (1, 1), "did you mean 'build_modle'"),
        ("def build_model(a) ...", (1, 1), r"m\.py:1: not valid Python"),
    ],
)
def test_check_function_names_what_is_wrong(tmp_path, source, n_args, message):
    file = write(tmp_path, m=source) / "m.py"
    with pytest.raises(UserCodeError, match=message):
        check_function(file, "build_model", n_args)


@pytest.mark.parametrize("source", ["def f(a): ...", "def f(a, b=1): ...", "def f(*args): ...", "from x import f", "f = 1"])
def test_check_function_accepts(tmp_path, source):
    check_function(write(tmp_path, m=source) / "m.py", "f", (1, 2))


def test_accepts_counts_positional_arguments():
    assert accepts(lambda a, b=1: 0, 2)
    assert not accepts(lambda a: 0, 2)


def test_code_files_follows_local_imports_only(tmp_path):
    write(
        tmp_path,
        main="import os\nimport direct\ndef f():\n    from package.inner import thing\n",
        direct="import main\n",
        unrelated="x = 1",
    )
    write(
        tmp_path / "package",
        __init__="from . import other\n",
        inner="from .deep import x\nimport direct\n",
        other="",
        deep="x = 1",
    )
    files = code_files(tmp_path / "main.py")
    assert sorted(files) == [
        "direct.py",
        "main.py",
        "package/__init__.py",
        "package/deep.py",
        "package/inner.py",
        "package/other.py",
    ]
    assert files["package/deep.py"] == hashlib.sha256(b"x = 1").hexdigest()


def test_module_files_are_those_that_importing_it_runs(tmp_path, monkeypatch):
    write(tmp_path, shared="x = 1", unrelated="", single="import numpy\nimport waze_data_tfx.errors\nimport shared\n")
    write(tmp_path / "mine", __init__="", base="", other="")
    write(tmp_path / "mine" / "agents", __init__="", best="from ..base import Base\nimport shared\nclass Best(Base): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(module_files("single")) == ["shared.py", "single.py"]
    found = module_files("mine.agents.best")
    assert list(found) == ["mine/__init__.py", "mine/agents/__init__.py", "mine/agents/best.py", "mine/base.py", "shared.py"]
    assert found["shared.py"] == hashlib.sha256(b"x = 1").hexdigest()
    assert not {"single", "mine", "shared"} & set(sys.modules), "nothing was imported"


def test_of_an_installed_package_its_own_files_count(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    write(installed, other="", alone="import other\n")
    write(installed / "mine", __init__="import other\nfrom . import base\n", base="")
    monkeypatch.syspath_prepend(installed)
    assert list(module_files("mine")) == ["mine/__init__.py", "mine/base.py"]
    assert list(module_files("alone")) == ["alone.py"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone:Best", "no module 'gone' on Python's path"),
        ("mine.gone:Best", "no module 'mine.gone' on Python's path"),
        ("mine:Bset", "unknown class 'Bset'; known: Best; did you mean 'Best'?"),
        ("math:sqrt", "module 'math': expected a file that ends in .py"),
    ],
)
def test_a_class_that_is_not_there_is_named(name, message, tmp_path, monkeypatch):
    write(tmp_path / "mine", __init__="class Best: ...\ndef f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    check_class("mine:Best")
    check_class("mine.Best")
    with pytest.raises(UserCodeError) as caught:
        check_class(name)
    assert message in caught.value.message


def test_user_frame_is_the_innermost_of_the_first_cause(tmp_path):
    source = """
    def inner():
        raise KeyError("trip_miles")
    def preprocessing_fn(inputs):
        inner()
    """
    function = load_function(write(tmp_path, f=source) / "f.py", "preprocessing_fn")

    def pipeline():
        try:
            function({})
        except KeyError as exc:
            raise RuntimeError("in the pipeline") from exc

    with pytest.raises(RuntimeError) as caught:
        pipeline()
    assert user_frame(caught.value, [tmp_path]) == (str(tmp_path / "f.py"), 3, "inner")
    assert user_frame(caught.value, [tmp_path / "elsewhere"]) is None


def test_user_frame_is_read_from_text_where_the_traceback_has_none(tmp_path):
    file = tmp_path / "f.py"
    error = RuntimeError(f'in user code:\n\n    File "{file}", line 7, in preprocessing_fn  *\n        x = y\n')
    assert user_frame(error, [tmp_path]) == (str(file), 7, "preprocessing_fn")


def test_an_offered_files_module_is_found_by_its_name(tmp_path):
    file = write(tmp_path, my_own_agent="class Greedy: ...\n") / "my_own_agent.py"
    with pytest.raises(UserCodeError, match=r"no module 'my_own_agent' on Python's path"):
        check_class("my_own_agent:Greedy")
    offer(file)
    check_class("my_own_agent:Greedy")
    from my_own_agent import Greedy

    assert Greedy.__module__ == "my_own_agent"
