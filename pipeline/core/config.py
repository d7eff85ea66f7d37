"""The configuration: a TOML file, or a folder of pictures, as one frozen, validated tree.

The sections, with their defaults, are in `sections`. A list in place of a single value is a search;
`Config.search` holds those keys, and `grid` lists the combinations.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, get_origin

import tomli_w
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.core import filetypes, grid, urls
from pipeline.core.channels import Channel, Collect, Part
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.sections import Augment, Data, Export, Gate, Head, Model, Train


class Config(Part):
    """Everything a run is made from.

    `search` maps keys such as `head.l2` to the values to try; `renamed` lists the old key names that
    the source still uses.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: Data
    model: Model = Model()
    head: Head = Head()
    augment: Augment = Augment()
    train: Train = Train()
    export: Export = Export()
    gate: Gate = Gate()
    # Not part of a run: the manifest beside the pictures records how they were collected.
    channels: tuple[Channel, ...] = Field(default=(), exclude=True)
    collect: Collect = Field(default=Collect(), exclude=True)
    search: dict[str, tuple[Any, ...]] = Field(default={}, exclude=True)
    renamed: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("channels", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("channels")
    @classmethod
    def _once(cls, value: tuple[Channel, ...]) -> tuple[Channel, ...]:
        lists = [urls.channel_list(channel.channel) for channel in value]
        if len(set(lists)) < len(lists):
            raise ValueError("each channel only once")
        labels = {channel.label for channel in value}
        if len({label.casefold() for label in labels}) < len(labels):
            raise ValueError("labels that differ in more than case")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in self.search:
            if name not in SEARCHABLE:
                raise ValueError(f"{name} takes one value")
        return self

    def grid(self) -> list[tuple[dict[str, Any], Config]]:
        """Every combination of the searched values that gives a different model, with its Config."""
        cells = grid.combinations(self._leaves({}), self.search)
        return [(cell, self.with_values(cell)) for cell in cells]

    def with_values(self, values: Mapping[str, Any]) -> Config:
        """This Config with some keys set to single values, and no search."""
        tree, defaults = self.model_dump(), flat(Config(data=self.data))
        idle = {key: defaults[key] for key in grid.unused(self._leaves(values)) if key in self.search}
        for key, value in {**idle, **values}.items():
            _put(tree, key, value)
        return _validate(tree, {}, "the search")

    @property
    def ignored(self) -> list[str]:
        """The keys that were set but have no effect."""
        leaves, defaults = self._leaves({}), flat(Config(data=self.data))
        idle = set(grid.unused(leaves, self.search)) - set(self.search)
        return [key for key in grid.USED_BY if key in idle and leaves[key] != defaults[key]]

    def _leaves(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return flat(self.model_copy(update={"search": {}})) | dict(values)


SEARCHABLE = (
    *(f"model.{name}" for name in Model.model_fields),
    *(f"head.{name}" for name in Head.model_fields),
    "train.optimizer",
    "train.learning_rate",
    "train.batch_size",
)


# What keys that the previous version lacked are taken for in a run that it made.
ADDED: dict[str, Any] = {"head.depths": 1, "train.preset": "fast"}
# Key names of the previous version, which are still read.
RENAMED = {
    "train.choose": "train.select_best_epoch",
    "train.keep_correct": "train.min_correct_coverage",
}
# Keys of the previous version that have no replacement.
_REMOVED = {"collect.max_kb_s": "remove it: collect.pause_s sets the pause between requests"}
# Another name for the key of the pictures, for a table of them.
_TABLE_KEY, PICTURES_KEY = "data.table", "data.pictures"
TABLES = (".csv", ".tsv", ".txt", ".parquet")
_SOURCES = "give a configuration (.toml), a folder with a folder per class, or a table (.csv, .parquet)"


def load(source: Path, settings: Iterable[str] = (), absent: Mapping[str, Any] | None = None) -> Config:
    """The Config of a TOML file, or the defaults for a folder or table of pictures.

    Args:
        source: A `.toml` file, a folder of pictures, or a table (CSV or Parquet).
        settings: Overrides as on the command line, `key=value`, with the value in TOML (a bare
            word is text). A list of values is a search.
        absent: Values for keys that neither has, other than their defaults.

    Raises:
        ConfigError: A key or value is wrong.
        DataError: There is nothing at `source`.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder", _SOURCES)
    if source.is_file() and source.suffix.lower() == ".toml":
        try:
            tree = tomllib.loads(filetypes.contents(source).decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source}: not TOML: {error}", "fix the line it names") from error
    elif source.is_file() and (kind := filetypes.archive(source)):
        raise filetypes.archive_error(source, kind)
    elif source.is_file() and source.suffix.lower() not in TABLES:
        raise DataError(f"{source} is neither a configuration (.toml) nor a table (.csv, .parquet)", _SOURCES)
    else:
        tree = {"data": {"pictures": str(source)}}
    _take_table(tree, str(source))
    for setting in settings:
        key, found, value = setting.partition("=")
        if not found or not key.strip():
            raise ConfigError(f"--set {setting}: expected key=value", "for example --set train.folds=3")
        key = PICTURES_KEY if key.strip() == _TABLE_KEY else key.strip()
        _put(tree, key, _toml_value(value.strip()))
    for key, value in (absent or {}).items():
        section, name = key.split(".")
        part = tree.setdefault(section, {})
        if isinstance(part, dict):
            part.setdefault(name, value)
    return _validate(tree, _take_lists(tree), str(source))


def dump(config: Config, parts: Collection[str] | None = None) -> str:
    """The effective configuration as TOML, with searched keys as lists; all of it or some sections."""
    tree = config.model_dump(mode="json", include={*parts} if parts is not None else None)
    for key, values in config.search.items():
        _put(tree, key, list(values))
    return tomli_w.dumps(tree)


def differing_keys(one: Config, other: Config) -> list[str]:
    """The keys, such as `head.l2`, in which two configurations differ."""
    first, second = flat(one), flat(other)
    return sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))


def flat(config: Config) -> dict[str, Any]:
    """Every key with its value, e.g. `{"train.folds": 5}`; a searched key has a list."""
    leaves: dict[str, Any] = {}
    for name, value in config.model_dump(mode="json").items():
        if isinstance(value, dict):
            leaves |= {f"{name}.{key}": leaf for key, leaf in value.items()}
        else:
            leaves[name] = value
    return leaves | {key: list(values) for key, values in config.search.items()}


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for name in path:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key}: {name} is a value, not a table", _suggestion(key))
    tree[last] = value


def _take_table(tree: dict[str, Any], where: str) -> None:
    """Gives the key of a table the name of the key of the pictures, which is the same."""
    part = tree.get("data")
    if isinstance(part, dict) and "table" in part:
        if "pictures" in part:
            raise ConfigError(
                f"{where}: {PICTURES_KEY} and {_TABLE_KEY} are two names of one key; both are given",
                f"keep {_TABLE_KEY} for a table, {PICTURES_KEY} for a folder",
            )
        part["pictures"] = part.pop("table")


def _take_renamed(tree: dict[str, Any]) -> tuple[str, ...]:
    """Renames old keys in place; returns the old names."""
    found = []
    for old, new in RENAMED.items():
        section, name = old.split(".")
        part = tree.get(section)
        if isinstance(part, dict) and name in part:
            old_value = part.pop(name)
            part.setdefault(new.split(".")[1], old_value)
            found.append(old)
    return tuple(found)


def _take_lists(tree: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Moves the lists of searchable keys out of the tree, leaving their first values."""
    found: dict[str, tuple[Any, ...]] = {}
    for key in SEARCHABLE:
        section, name = key.split(".")
        part = tree.get(section)
        if not isinstance(part, dict) or not isinstance(part.get(name), list):
            continue
        values = part[name]
        if not values or any(value in values[:at] for at, value in enumerate(values)):
            raise ConfigError(f"{key}: a search needs distinct values. Received: {values}")
        part[name] = values[0]
        if len(values) > 1:
            found[key] = tuple(values)
    return found


def _validate(tree: dict[str, Any], search: dict[str, tuple[Any, ...]], where: str) -> Config:
    for name in ("search", "renamed"):
        if name in tree:
            hint = "to search, give a key a list of values" if name == "search" else _suggestion(name)
            raise ConfigError(f"{where}: unknown key {name}", hint)
    try:
        renamed = _take_renamed(tree)
        config = Config.model_validate({**tree, "search": search, "renamed": renamed})
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        message = f"{where}: " + "; ".join(text for text, _ in problems)
        raise ConfigError(message, next((hint for _, hint in problems if hint), "")) from error
    grid.check(search, [cell for cell, _ in config.grid()] if search else [], where)
    return config


def _explain(problem: Any) -> tuple[str, str]:
    key = ".".join(str(part) for part in problem["loc"] if part not in ("str", "dict[str,str]"))
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}", _REMOVED.get(key) or _suggestion(key)
    if problem["type"] == "missing":
        key = PICTURES_KEY if key == "data" else key
        return f"{key} is missing", f"add it to the file, or give it with --set {key}=..."
    if problem["type"] == "value_error":
        expected = str(problem["ctx"]["error"])
    else:
        expected = problem["msg"].removeprefix("Input should be ")
        expected = f"a number {expected}" if expected.startswith(("greater", "less")) else expected
    received = json.dumps(problem["input"], ensure_ascii=False, default=str)
    if key == "collect.proxy" and "@" in received:
        received = "a URL with credentials, not shown here"
    hint = ""
    if isinstance(problem["input"], list):
        hint = "only these keys can be searched with a list of values: " + ", ".join(SEARCHABLE)
    return f"{key}: expected {expected}. Received: {received}", hint


def _suggestion(key: str) -> str:
    known = list(_known_keys(Config))
    sections = {name.split(".")[0] for name in known}
    near = difflib.get_close_matches(key, [*known, *sorted(sections)], 1, 0.6)
    if not near:
        last = key.rsplit(".", 1)[-1]
        near = [name for name in known if difflib.get_close_matches(last, [name.rsplit(".", 1)[-1]], 1, 0.75)]
    return f"did you mean {near[0]}?" if near else "known keys: " + ", ".join(known)


def _known_keys(part: type[BaseModel], prefix: str = "") -> Iterable[str]:
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and get_origin(inner) is None and issubclass(inner, BaseModel):
            yield from _known_keys(inner, f"{prefix}{name}.")
        elif name not in ("search", "renamed"):
            yield f"{prefix}{name}"
