"""Command line, a thin layer over `kernels.runs.api`.

    diffuse-ui lab | serve | simulate | train | sample | probability | validate | models

Exit codes: 0 done, 1 numerical failure, 2 bad input, 130 interrupted. An error is one message on stderr. With
`--json` one object goes to stdout and nothing else; progress goes to stderr.
"""

import sys

import typer

import kernels
from diffuse_ui.commands.models import models_app
from diffuse_ui.commands.options import BrowserOption, ModelOption, PortOption
from diffuse_ui.commands.output import exit_codes
from diffuse_ui.commands.sample import probability, sample, simulate, validate
from diffuse_ui.commands.train import train
from diffuse_ui.compile_cache import keep_compiled

__all__ = ["app", "main"]

app = typer.Typer(
    name="diffuse-ui",
    help="Draw an event on the trajectories of a dynamical system; what happens then, and how likely is it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (sample, probability, simulate, train, validate):
    app.command()(command)
app.add_typer(models_app, name="models")


@app.command()
def serve(model: ModelOption = "lorenz63", port: PortOption = 5006, browser: BrowserOption = True) -> None:
    """Serve the app as a page to this machine; each window is a session of its own."""
    with exit_codes():
        kernels.load_model(model)
        from diffuse_ui.app import HOST, make_page, serve as serve_page

        typer.echo(f"diffuse-ui at http://{HOST}:{port}/   (Ctrl-C ends it)", err=True)
        serve_page(lambda: make_page(model), port=port, show=browser)  # Panel calls functions, not partials


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, port: PortOption = 8888, browser: BrowserOption = True) -> None:
    """Open JupyterLab on the first notebook. Further options go to JupyterLab."""
    from diffuse_ui.jupyter import open_lab

    with exit_codes():
        open_lab(port=port, browser=browser, extra=list(context.args))


def main() -> None:
    """Entry point of the command `diffuse-ui`."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue]
    keep_compiled()
    app()


if __name__ == "__main__":
    main()
