"""What the code agrees on, held by reading it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import errors
from tests.support.verbs import ROOT, environment

MODULES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "export").rglob("*.py")])
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md", "android_demo/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
_WORKER = """
import os, sys, time
from pathlib import Path
from tests.support import verbs

class Factory:
    getbasetemp = staticmethod(lambda: Path(sys.argv[1]))

def build(place):
    (place / str(os.getpid())).touch()
    time.sleep(0.5)

print(verbs.made_once(Factory, "shared", build))
"""
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def tracked() -> list[Path]:
    """The files under version control; in an archive without it, none."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # pictures


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_everything_public_says_what_it_is(path):
    tree = tree_of(path)
    if tree.body:
        assert ast.get_docstring(tree), f"{shown(path)} has no header"
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, Definition) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    # The tree of errors is described once, at its head.
    assert [name for name in silent if not hasattr(errors, name)] == []


def test_the_head_of_the_errors_names_every_one_with_its_exit_code():
    head = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.VignetteError):
            assert re.search(rf"\b{name} +{kind.exit_code}  \w", head), name


def speaks(path: Path, node: ast.AST) -> bool:
    """Whether a piece of code prints, prompts or exits."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("print", "input", "breakpoint", "exit", "quit")
    if not isinstance(node, ast.Attribute) or ast.unparse(node) not in (
        "sys.stdout",
        "sys.stderr",
        "sys.exit",
    ):
        return False
    # Muting others is no printing.
    return path.name not in ("quiet.py", "backbones.py") or node.attr == "exit"


def test_only_the_terminal_prints():
    printing = [
        f"{shown(path)}:{node.lineno}"
        for path in MODULES
        if path.name not in ("terminal.py", "packages.py")  # the latter speaks where a console cannot be had
        for node in ast.walk(tree_of(path))
        if speaks(path, node)
    ]
    assert printing == []


def test_only_pictures_and_features_of_pillow_open_picture_files():
    opening = [
        f"{shown(path)}:{node.lineno}"
        for path in MODULES
        if path.name != "decode.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "open"
        and ast.unparse(node.value).endswith("Image")
    ]
    assert opening == []


def raised() -> Iterator[tuple[str, ast.Call, dict[str, ast.expr]]]:
    """Where an error is made, the call, and what the names around it stand for."""
    names = {
        n for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, errors.VignetteError)
    }
    for path in MODULES:
        nodes = list(ast.walk(tree_of(path)))
        named = {
            node.targets[0].id: node.value
            for node in nodes
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{shown(path)}:{node.lineno}", node, named


def literal(node: ast.expr, named: dict[str, ast.expr]) -> bool:
    """Whether words stand here, and not only what came from elsewhere; the system's own do, too."""
    match node:
        case ast.BinOp() | ast.IfExp() | ast.JoinedStr():
            parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
            return any(literal(part, named) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in named:
            return literal(named[name], {})
        case ast.FormattedValue(value=value):
            return ast.unparse(value).endswith(".strerror")
        case ast.Constant(value=str(text)):
            return bool(re.search(r"\w\w", text))
    return False


def test_every_error_has_a_message_in_words():
    found = list(raised())
    assert len(found) > 50
    # One explains many wrong keys and values, put together from words elsewhere.
    without = [where for where, call, named in found if not call.args or not literal(call.args[0], named)]
    assert [where for where in without if not where.startswith("pipeline/core/config.py")] == []


def test_every_error_has_a_hint_where_the_user_can_do_something():
    """Files that are not what they must be are our own fault; all others tell what to do."""
    without = [
        f"{where} {ast.unparse(call.func)}"
        for where, call, _ in raised()
        if len(call.args) < 2
        and ast.unparse(call.func) not in ("ConversionError", "PictureError", "FormatError")
    ]
    # Messages about a value or a row say themselves what is expected.
    excused = ("pipeline/core/config.py", "pipeline/data/dataset.py", "pipeline/data/tables.py")
    assert [entry for entry in without if not entry.startswith(excused)] == []


def test_no_text_names_a_machine():
    """Paths of the machine where this was written, or hosts of a package index."""
    slash = "/"
    patterns = [
        slash + r"(?:work|root|home|Users|mnt)" + slash + r"\w",
        slash + r"tmp" + slash + r"\w",
        r"https?:" + slash * 2 + r"[\w.-]*(?:pypi|pythonhosted|artifactory|nexus|mirror)",
        r"--(?:extra-)?index" + r"-url",
        r"\b(?:10|192\.168)(?:\.\d{1,3}){2,3}\b",
    ]
    found = [
        f"{shown(path)}: {match[0]}"
        for path, text in texts()
        for pattern in patterns
        for match in re.finditer(pattern, text)
    ]
    assert found == []


def test_no_text_is_left_unfinished():
    marks = ["TO" + "DO", "FIX" + "ME", "X" * 3, "<<" * 3 + "<"]
    found = [f"{shown(path)}: {mark}" for path, text in texts() for mark in marks if mark in text]
    # In Markdown a comment is a place that was to be filled; XML has no other way to say why.
    found += [shown(path) for path, text in texts() if path.suffix == ".md" and "<!-" + "- " in text]
    assert found == []


def commands_of(path: Path) -> list[str]:
    """The commands in a document: lines of its shell blocks without comments, and those within the text."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:make|vignette|python -m) [^`]+)`", text)
    return [line for line in [*lines, *inline] if line]


def verbs() -> dict[str, set[str]]:
    """The options of every command, as a document may write it."""
    from typer.main import get_command

    import export.__main__ as exporting
    import pipeline.__main__ as training

    known = {"vignette VERB": {"--help"}}
    for module, main in (("pipeline", training), ("export", exporting)):
        for name, command in get_command(main.app).commands.items():
            options = {option for parameter in command.params for option in parameter.opts}
            known[f"python -m {module} {name}"] = known[f"vignette {name}"] = {*options, "--help"}
    return known


def test_commands_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    known, wrong = verbs(), []
    for path in DOCUMENTS:
        for command in commands_of(path):
            first = re.match(r"(?:make|vignette|python -m (?:pipeline|export)) \w[\w-]*", command)
            if not first:
                continue
            options = set(re.findall(r"(?<!\S)--[a-z-]+", command))
            if first[0].startswith("make "):
                if first[0].removeprefix("make ") not in targets:
                    wrong.append(f"{shown(path)}: {command}")
            elif first[0] not in known or not options <= known[first[0]]:
                wrong.append(f"{shown(path)}: {command}")
    assert wrong == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


def test_every_name_in_the_readme_s_map_is_a_file():
    text = (ROOT / "README.md").read_text("utf-8")
    lines = re.search(r"```text\n(.*?)```", text, re.DOTALL)
    assert lines
    top = folder = ""
    missing = []
    for line in re.sub(r"\([^)]*\)", "", lines[1]).splitlines():
        place = re.match(r"(  )?([\w/-]+/)(?=\s|$)", line)
        if place:
            folder = top + place[2] if place[1] else place[2]
            top = top if place[1] else folder
        names = re.split(r"[,\s]+", line[place.end() if place else 0 :].strip())
        missing += [
            folder + name
            for name in names
            if not list(ROOT.glob(f"{folder}{name}")) + list(ROOT.glob(f"{folder}{name}.*"))
        ]
    assert missing == []


def test_links_in_the_documents_lead_somewhere():
    broken = [
        f"{shown(path)}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))
        if not target.startswith("http") and not (path.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("path", CONFIGS, ids=shown)
def test_ready_configurations_load(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = configuration.load(path)
    assert config.search == {}


def test_the_commented_configuration_is_the_defaults_exactly():
    import tomllib

    path = ROOT / "configs" / "photos.toml"
    config = configuration.load(path)
    defaults = configuration.load(ROOT, [f"data.pictures={config.data.pictures}"])
    assert configuration.flat(config) == configuration.flat(defaults)
    written = tomllib.loads(path.read_text("utf-8"))
    keys = {f"{part}.{key}" for part, values in written.items() if isinstance(values, dict) for key in values}
    keys |= {key for key, value in written.items() if not isinstance(value, dict)}
    assert keys == set(configuration.flat(defaults))


def test_requirements_of_the_package_are_those_of_the_file():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["dependencies"]
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}


def test_the_tests_have_the_optional_packages_of_tables():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lines = (ROOT / "requirements-tables.txt").read_text("utf-8").splitlines()
    wanted = {line.partition("#")[0].strip() for line in lines} - {""}
    assert len(wanted) == 3
    assert wanted <= set(project["dependency-groups"]["dev"])


def test_the_arrows_between_the_modules_hold():
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_make_verbs_take_at_most_three_lines():
    blocks = re.split(r"\n\n+", (ROOT / "Makefile").read_text("utf-8"))
    for block in blocks:
        assert sum(line.startswith("\t") for line in block.splitlines()) <= 3, block


@pytest.mark.parametrize("verb", ["test", "quick"])
def test_the_tests_use_all_cores(verb):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{verb}:.*\n\t.*\$\(PYTEST\)", makefile, re.MULTILINE)
    assert re.search("^PYTEST := .* -m pytest -n auto --dist loadfile ", makefile, re.MULTILINE)


def test_what_takes_longest_begins_first():
    """Otherwise a core would work on it alone at the end."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/journeys", "tests/faults"),
            *("tests/pipeline/core/test_errors.py", "tests/pipeline/data/audit/test_near_duplicates.py"),
            "tests/android_demo/test_app.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = list(dict.fromkeys(line.partition("::")[0] for line in ended.stdout.splitlines() if "::" in line))
    parts = list(dict.fromkeys("/".join(file.split("/")[:2]) for file in files))
    assert parts == ["tests/journeys", "tests/android_demo", "tests/faults", "tests/pipeline"]
    assert files[-1] == "tests/pipeline/core/test_errors.py"  # the only one without a slow test


def test_what_all_workers_need_is_made_once(tmp_path):
    """Two processes ask at the same moment, as two workers do; the first one takes its time."""
    for name in ("gw0", "gw1"):
        (tmp_path / name).mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, tmp_path / name],
            cwd=ROOT,
            env=environment(PYTEST_XDIST_WORKER=name),
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("gw0", "gw1")
    ]
    places = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert places == {str(tmp_path / "shared")}
    assert len(list((tmp_path / "shared").iterdir())) == 1


def test_files_read_in_one_sitting():
    """About four screens; what is longer has two subjects."""
    long = {
        shown(path): text.count("\n") for path, text in texts() if path in MODULES and text.count("\n") > 300
    }
    assert long == {}


# What searches or compares text with a blank in it: never our own sentences, but what other programs print.
FOREIGN_TEXT = {
    "export/android/adb/": "what adb and the phone's shell print",
    "export/android/apk/apk_info.py": "what aapt2 prints",
    "export/android/apk/maven.py": "what Maven prints",
    "export/android/benchmark/readiness.py": "what dumpsys prints",
    "export/bundle/contract.py": "pydantic's message, shown with our own beginning",
    "export/inspection/examiner.py": "LiteRT's ValueError, which nothing else tells from others",
    "pipeline/core/config.py": "pydantic's message, shown with our own beginning",
    "pipeline/data/collect/client.py": "the first line of a cookies file, and what urllib and OpenSSL say",
    "pipeline/data/collect/youtube.py": "what yt-dlp says",
}
SEARCHES = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "find", "rfind", "index", "count", "replace"),
    *("split", "rsplit", "partition", "rpartition", "search", "match", "fullmatch", "sub", "findall"),
    "finditer",
}


def is_sentence(text: object) -> bool:
    return isinstance(text, str) and " " in text.strip() and bool(re.search("[A-Za-z]{2}", text))


def sentence_constants(trees: Iterable[ast.Module]) -> set[str]:
    """The module-level names that stand for text with a blank in it."""
    return {
        node.targets[0].id
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant | ast.JoinedStr)
        and any(is_sentence(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant))
    }


def looked_for(node: ast.AST) -> list[ast.expr]:
    """What a comparison or a search in text looks for."""
    match node:
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn()]):
            return [node.left, *node.comparators]
        case ast.Call(func=ast.Attribute(attr=name)) if name in SEARCHES:
            return node.args[:1]
        case ast.MatchValue():
            return [node.value]
    return []


def sentences_compared() -> Iterator[tuple[str, str]]:
    trees = {path: tree_of(path) for path in MODULES}
    names = sentence_constants(trees.values())
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for part in (part for wanted in looked_for(node) for part in ast.walk(wanted)):
                name = part.id if isinstance(part, ast.Name) else getattr(part, "attr", None)
                if name in names or (isinstance(part, ast.Constant) and is_sentence(part.value)):
                    yield shown(path), ast.unparse(node)
                    break


def test_no_code_branches_on_sentences():
    """A kind is an enum or a class; sentences are made where they are shown."""
    found = {f"{path}: {code}" for path, code in sentences_compared()}
    assert sorted(entry for entry in found if not entry.startswith(tuple(FOREIGN_TEXT))) == []
    assert sorted(key for key in FOREIGN_TEXT if not any(e.startswith(key) for e in found)) == []


# Where `dict[str, Any]` crosses a module's border, and why no type could stand there.
UNTYPED = {
    "pipeline/cli/terminal.py": (1, "the --json document of any verb"),
    "pipeline/core/config.py": (2, "values of any keys of the configuration"),
    "pipeline/core/documents.py": (1, "a JSON object before its form is known"),
    "pipeline/core/grid.py": (1, "values of any searched keys"),
    "pipeline/core/runs.py": (1, "values of keys that a configuration lacks"),
    "pipeline/core/recipes.py": (1, "a recipe as JSON, with the settings of any stage"),
    "pipeline/core/records.py": (1, "a note of any stage, with facts of its own"),
    "pipeline/evaluation/compare.py": (1, "values of any keys in which runs differ"),
    "pipeline/images/views.py": (1, "settings of a recipe"),
    "pipeline/training/experiment.py": (2, "settings of recipes"),
    "pipeline/training/features.py": (1, "settings of a recipe"),
    "pipeline/training/search.py": (1, "values of any searched keys"),
    "export/android/benchmark/app_document.py": (1, "a phone's JSON before its form is known"),
    "export/bundle/contract.py": (1, "the contract as JSON"),
    "export/bundle/verify.py": (1, "a result as JSON"),
    "export/parity/models/foreign.py": (1, "what a limited process sends back"),
}


def borders(tree: ast.Module) -> Iterator[ast.expr]:
    """The types of arguments, results and fields that other modules see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            yield from (one.annotation for one in every if one.annotation)
            yield from [node.returns] if node.returns else []
        elif isinstance(node, ast.ClassDef):
            yield from (field.annotation for field in node.body if isinstance(field, ast.AnnAssign))


def test_documents_that_cross_a_border_have_types():
    found = Counter(
        shown(path)
        for path in MODULES
        for border in borders(tree_of(path))
        if "dict[str, Any]" in ast.unparse(border)
    )
    assert dict(found) == {path: count for path, (count, _) in UNTYPED.items()}
    assert found.total() <= 20


def test_what_no_other_module_uses_is_private():
    """But for the verbs, which are registered, and names that tests use."""
    readers = [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    words = {path: set(re.findall(r"\w+", path.read_text("utf-8"))) for path in readers}
    unused = [
        f"{shown(path)}: {name}"
        for path in MODULES
        for name in public_names(tree_of(path))
        if not any(name in known for other, known in words.items() if other != path)
    ]
    assert unused == []


def public_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        for target in targets:
            name = getattr(target, "name", None) or getattr(getattr(target, "target", target), "id", None)
            if name and not name.startswith("_"):
                yield name
