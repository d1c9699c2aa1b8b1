"""Command line, a thin layer over `kernels.runs.api`.

    diffuse-ui lab | serve | simulate | inspect | train | sample | probability | validate | models

Exit codes: 0 done, 1 numerical failure, 2 bad input, 130 interrupted. An error is one message on stderr. With
`--json` one object goes to stdout and nothing else; progress goes to stderr.
"""

import sys

import typer

import kernels
from diffuse_ui.commands.inspect import inspect
from diffuse_ui.commands.models import models_app
from diffuse_ui.commands.options import AllowOriginOption, BrowserOption, ModelOption, PortOption
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
for command in (sample, probability, simulate, inspect, train, validate):
    app.command()(command)
app.add_typer(models_app, name="models")


@app.command()
def serve(
    model: ModelOption = "lorenz63",
    port: PortOption = 5006,
    browser: BrowserOption = True,
    allow_origin: AllowOriginOption = None,
) -> None:
    """Serve the app as a page to you on this machine; each window is a session of its own.

    The address has a token, without which the page does not open. Behind a hub or proxy give its address as
    --allow-origin, and open the page there with the same ?token=… at the end.
    """
    with exit_codes():
        kernels.load_model(model)
        from diffuse_ui.access import new_token
        from diffuse_ui.app import make_page, serve as serve_page

        serve_page(
            lambda: make_page(model),  # Panel calls functions, not partials
            port=port,
            show=browser,
            token=new_token(),
            allow_origin=allow_origin or (),
            announce=lambda address: typer.echo(f"diffuse-ui at {address}   (Ctrl-C ends it)", err=True),
        )


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, port: PortOption = 8888, browser: BrowserOption = True) -> None:
    """Open JupyterLab on the first notebook. Further options go to JupyterLab."""
    from diffuse_ui.jupyter import open_lab
    from diffuse_ui.serving import require_port

    with exit_codes():
        require_port(port)
        open_lab(port=port, browser=browser, extra=list(context.args))


def main() -> None:
    """Entry point of the command `diffuse-ui`."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue]
    keep_compiled()
    app()


if __name__ == "__main__":
    main()
