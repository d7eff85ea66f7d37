"""What all command lines share, and the options that several verbs take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.core import stages
from pipeline.core.errors import UsageError

if TYPE_CHECKING:
    from pipeline.core.cluster import Cluster
    from pipeline.core.config import Config
    from pipeline.core.progress import ProgressReporter
    from pipeline.core.runs import Run
    from pipeline.core.shards import Shard

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name; default: the newest.")]
RunOption = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Another way to name the run.")]
OnlyRunOption = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="A run's name; default: the newest.")
]
Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG_OR_FOLDER", help="A .toml, a folder, a .csv or .parquet, or a run to repeat."
    ),
]

Name = Annotated[str | None, typer.Option(help="The run's name; default: the source's, without its suffix.")]

# What the pictures and their split depend on: a run keeps to it.
_SPLIT_KEYS = (
    *("data.pictures", "data.held_out", "data.group_copies", "data.group_pattern"),
    *("train.folds", "seed"),
)


def command_line(
    name: str, text: str, verbs: Iterable[Callable[..., None]], renamed: Mapping[str, str] | None = None
) -> typer.Typer:
    """A program with these verbs, each named after its function.

    Args:
        name: The command the user types.
        text: The help text.
        verbs: In the order of the help.
        renamed: Former verbs, each with the command that replaces it.
    """
    app = typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for verb in verbs:
        app.command()(verb)
    for old, command in (renamed or {}).items():
        settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
        app.command(old, hidden=True, context_settings=settings)(_refusal(old, command))
    return app


def _refusal(old: str, command: str) -> Callable[[], None]:
    def refuse() -> None:
        from pipeline.cli.terminal import speaking

        with speaking():
            raise UsageError(f"the command {old} has a new name", command)

    return refuse


def one_of(argument: str | None, option: str | None) -> str | None:
    """The run named by an argument or by `--run`.

    Raises:
        UsageError: The two differ.
    """
    if None not in (argument, option) and argument != option:
        raise UsageError(f"{argument} and --run {option} are both given", "omit one of them")
    return argument if option is None else option


def source_of(source: Path | None, option: str | None, name: str | None) -> tuple[Path, str]:
    """The source to train on, and the run's name. A run means its configuration.

    Args:
        source: A configuration, folder or table; or a run, if no such file or folder exists.
        option: `--run`, a run to repeat.
        name: `--name`, the run's name; default: the source's.

    Raises:
        UsageError: No source, two sources, or no such run.
    """
    from pipeline.core import runs

    if source is None and option is None:
        raise UsageError(
            "no pictures and no run given",
            "give a folder, a configuration or a table, or --run NAME to repeat a run; see --help",
        )
    if source is not None and option is not None:
        raise UsageError(f"{source} and --run {option} are both given", "omit one of them")
    if source is not None and not runs.is_run(source):
        return source, runs.run_name(source) if name is None else name
    run = runs.find(str(source) if option is None else option)
    return run.path(stages.CONFIG), run.name if name is None else name


def of_split(
    source: Path | None, option: str | None, name: str | None, settings: Sequence[str]
) -> tuple[Path, Run, Config]:
    """The source, run and configuration of a verb that keeps to a run's split, if the run exists.

    Args:
        source: As in `source_of`, like `option` and `name`.
        option: `--run`.
        name: `--name`.
        settings: The values of `--set`.

    Raises:
        UsageError: As `source_of`.
        ConfigError: A setting is wrong, or the run was made with another of `_SPLIT_KEYS`.
    """
    from pipeline.core import config as configuration
    from pipeline.core import runs

    source, name = source_of(source, option, name)
    config = configuration.load(source, settings)
    made = runs.RUNS / name / stages.CONFIG
    if source.suffix.lower() != ".toml" and made.is_file():
        # A folder has no settings of its own: those of the run hold, if there is one.
        runs.open_for(name, config, keys=_SPLIT_KEYS[:1])
        source, config = made, configuration.load(made, settings)
    return source, runs.open_for(name, config, keys=_SPLIT_KEYS), config


AllowUnreadable = Annotated[
    str | None,
    typer.Option(metavar="N%", help="Accept up to this share of unreadable files per class; default 10%."),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="K/N", help="Only part K of N, from 1/N to N/N; several machines can each make one."
    ),
]

ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="local:N|tls://HOST:PORT",
        help="Let worker processes of this computer, or those of a Dask scheduler, do what can be divided.",
    ),
]


def part_of(text: str | None) -> Shard | None:
    """The shard that `--shard` names; None without it.

    Raises:
        UsageError: It is none; an empty value, such as that of an unset variable, is not one either.
    """
    from pipeline.core.shards import Shard

    return None if text is None else Shard.parse(text)


def workers(text: str | None, reporter: ProgressReporter) -> AbstractContextManager[Cluster | None]:
    """The workers that `--cluster` names, as `tasks.workers`; None without it."""
    from pipeline.training import tasks

    return nullcontext() if text is None else tasks.workers(text, reporter)


def unreadable_setting(text: str | None) -> list[str]:
    """The `--set` value of `--allow-unreadable`; none without it.

    Raises:
        UsageError: It is not a percentage.
    """
    if text is None:
        return []
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", text.strip())
    if not match or float(match[1]) > 100:
        raise UsageError(
            f"--allow-unreadable {text}: expected a percentage", "for example --allow-unreadable 25%"
        )
    return [f"data.allow_unreadable={round(float(match[1]) / 100, 6)}"]
