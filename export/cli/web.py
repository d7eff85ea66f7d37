"""`web`: the model in a browser, from one file."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def web(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    flavour: Annotated[
        str, typer.Option(metavar="NAME", help="The flavour inside the page; default: int8.")
    ] = "",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Only fetch LiteRT.js (make setup does this); needs no run.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one offline page that runs the model in a browser.

    Camera, single pictures, or a folder of classes, which is scored as photos does. The page holds the model,
    its contract and LiteRT.js, asks no network for anything, and checks itself on the golden vectors whenever
    it is opened. Needs an exported run. Writes try.html.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.web import litert_js
        from export.web import web as pages
        from pipeline.core import runs
        from pipeline.core.errors import UsageError

        if fetch:
            if run_name or run_option or flavour:
                raise UsageError("--fetch makes no page, so it takes no run and no flavour", "omit them")
            fetched = litert_js.fetch()
            words = "fetched" if fetched else "already there"
            terminal.say("LiteRT.js", f"{litert_js.VERSION}, {words}: {litert_js.ARCHIVE}")
            terminal.finish({"fetched": fetched, "archive": str(litert_js.ARCHIVE)})
            return
        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            made = pages.make(run, flavour)
        current = "" if made.fresh else " (up to date)"
        terminal.say("page", f"{made.size_bytes / 1e6:.1f} MB with the {made.flavour} model inside{current}")
        terminal.finish(
            {"run": run.name, "flavour": made.flavour, "size_bytes": made.size_bytes}, [str(made.path)]
        )
