"""The report on a model as a file: figures of its fidelity and of its margins."""

import base64
import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

import kernels
from diffuse_ui.commands.output import write_whole
from diffuse_ui.figures.margins import margins_figure
from diffuse_ui.figures.report import report_figure

__all__ = ["has_margins", "write_report"]

ENDINGS = (".png", ".pdf", ".svg", ".html")
DPI = 160
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }}
img {{ width: 100%; }}
@media screen and (prefers-color-scheme: dark) {{ body {{ background: #14171a; color: #e6e9ec; }} }}
@media print {{ body {{ margin: 0; }} figure {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
{figures}
</body>
</html>
"""


def has_margins(model: kernels.Model) -> bool:
    """Whether there are margins to show: of a model of a record that was trained with them."""
    return model.standardizer.margins is not None and model.training_data is not None


def write_report(model: kernels.Model, output: Path) -> None:
    """Write the figures of a model: fidelity, where the card has a full report, and margins.

    Args:
        model: one with either.
        output: .png (one above the other), .pdf (a page each), .html, or .svg of the one that there is.

    Raises:
        ValueError: another ending, a folder that does not exist, a card without a full report, or two figures for .svg.
    """
    if output.suffix not in ENDINGS or not output.absolute().parent.is_dir():
        raise ValueError(
            f"`output` must end with {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, in a folder that exists; got {output}."
        )
    makers: dict[str, Callable[..., Figure]] = {}
    if "one_point" in (model.card.get("fidelity") or {}) or not has_margins(model):
        makers["fidelity"] = report_figure
    if has_margins(model):
        makers["margins"] = margins_figure
    if output.suffix == ".svg" and len(makers) > 1:
        raise ValueError(
            f"`output` must end with .html, .pdf or .png for {' and '.join(makers)}; .svg holds one."
        )
    if output.suffix == ".html":
        text = _page(model, makers)
        write_whole(lambda path: path.write_text(text, encoding="utf-8"), output)
        return
    figures = [make(model) for make in makers.values()]
    if output.suffix == ".pdf":
        write_whole(lambda path: _save_pages(figures, path), output)
    elif len(figures) == 1:
        write_whole(lambda path: figures[0].savefig(path, dpi=DPI), output)
    else:
        write_whole(lambda path: _save_stacked(figures, path), output)


def _save_pages(figures: list[Figure], path: Path) -> None:
    with PdfPages(path) as pages:
        for figure in figures:
            pages.savefig(figure)


def _save_stacked(figures: list[Figure], path: Path) -> None:
    """Save figures of equal width one above the other."""
    from matplotlib.image import imsave

    pictures = []
    for figure in figures:
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba()))
    width = max(picture.shape[1] for picture in pictures)
    paper = pictures[0][0, 0]
    padded = []
    for picture in pictures:
        full = np.broadcast_to(paper, (picture.shape[0], width, 4)).copy()
        full[:, : picture.shape[1]] = picture
        padded.append(full)
    imsave(path, np.concatenate(padded), dpi=DPI)


def _page(model: kernels.Model, makers: dict[str, Callable[..., Figure]]) -> str:
    """Page with figures that follow the reader's theme on a screen, and are light on paper."""
    figures = "\n".join(_figure(model, kind, make) for kind, make in makers.items())
    described = html.escape(str(model.card.get("description", "")))
    return PAGE.format(title=html.escape(f"Report on {model.name}"), description=described, figures=figures)


def _figure(model: kernels.Model, kind: str, make: Callable[..., Figure]) -> str:
    light, dark = (_data(make(model, dark=dark)) for dark in (False, True))
    return (
        f'<figure><picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img alt="{kind} of {html.escape(model.name)}" src="{light}"></picture></figure>'
    )


def _data(figure: Any) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"
