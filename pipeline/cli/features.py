"""`features`: what the backbone makes of the pictures, before any training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def features(
    source: options.Source = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in train.")
    ] = None,
    name: options.Name = None,
    allow_unreadable: options.AllowUnreadable = None,
    run_option: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="With the configuration of this run.")
    ] = None,
    shard: options.ShardOption = None,
    cluster: options.ClusterOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compute the features that train will read.

    Audits and splits the pictures first, as train does. With --shard, computes one part, so that several
    machines that share the folder can work at once; the next command without --shard takes the parts in.
    Run again, it continues.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core.errors import UsageError
        from pipeline.training import extraction, tasks
        from pipeline.training import train as training

        if None not in (shard, cluster):
            raise UsageError(
                "--shard and --cluster are both given", "omit --shard: a cluster does all of them"
            )
        part = options.part_of(shard)
        given = [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        _, run, config = options.of_split(source, run_option, name, given)
        with options.workers(cluster, terminal) as workers:
            if workers:
                tasks.read_pictures(workers, config, terminal)
            with run.locked(warn=terminal.warn):
                table, split = training.prepare(run, config, terminal)
            found = extraction.extract(run, config, table, split, part, terminal, workers)
        for kind in found:
            what = f"{kind.backbone} {kind.frame}, {kind.layer}, {kind.views} views"
            done = f"computed in shard {part}" if part else "cached"
            terminal.say("features", f"{what}: {kind.pictures:,} pictures {done}")
        terminal.finish({"run": run.name, "shard": shard, "features": [asdict(kind) for kind in found]})
