"""`web`: the model in a browser, from one file."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking


def web(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    flavour: Annotated[
        str, typer.Option(metavar="NAME", help="The flavour inside the page; default: int8.")
    ] = "",
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Only fetch LiteRT.js (make setup does this); needs no run.")
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Also serve it here and on the phone until Ctrl-C.")
    ] = False,
    serial: Annotated[
        str | None, typer.Option(metavar="SERIAL", help="The phone to use if several are connected.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one offline page that runs the model in a browser.

    Camera, single pictures, or a folder of classes, which is scored as photos does. The page holds the model,
    its contract and LiteRT.js, asks no network for anything, and checks itself on the golden vectors whenever
    it is opened. Needs an exported run. Writes try.html. With --serve, http://localhost:8017 shows it, on a
    connected phone too, whose camera it can then use.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.web import litert_js
        from export.web import web as pages
        from pipeline.core import runs
        from pipeline.core.errors import UsageError

        if serial and not serve:
            raise UsageError("--serial only makes sense with --serve", "add --serve, or omit --serial")
        if fetch:
            if run_name or run_option or flavour or serve:
                raise UsageError("--fetch makes no page, so it takes no run and no other option", "omit them")
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
        result = {"run": run.name, "flavour": made.flavour, "size_bytes": made.size_bytes}
        if serve:
            _serve(terminal, made.path, serial, result)
        else:
            terminal.finish(result, [str(made.path)])


def _serve(terminal: Terminal, page: Path, serial: str | None, result: dict[str, Any]) -> None:
    """Serves the page until Ctrl-C, which is its regular end."""
    from export.android.adb import connect
    from export.web import serve as serving
    from pipeline.core.errors import PhoneError, ToolError

    with terminal.unwinding("stopping", "run the command again to serve the page"), ExitStack() as stack:
        server = stack.enter_context(serving.listen(page))
        try:
            stack.enter_context(serving.on_phone(connect.connect(serial), server, terminal))
        except (PhoneError, ToolError) as error:
            if serial:
                raise
            terminal.warn(f"only this computer can open it: {error.message}; {error.hint}")
        url = serving.url(server)
        with suppress(KeyboardInterrupt):
            terminal.finish({**result, "url": url}, [url])
            server.serve_forever()
