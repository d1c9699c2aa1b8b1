"""Training on the user's own data: a file, a few choices, and the losses so far."""

import base64
import html as html_lib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.figures.training import history_figure
from diffuse_ui.style.colors import palette
from diffuse_ui.views.controls.reading_choices import ReadingChoices
from diffuse_ui.views.widgets import QUIET, SMALL, caption, details, html
from diffuse_ui.work.results import words
from diffuse_ui.work.runner import Update
from diffuse_ui.work.session import Session
from diffuse_ui.work.training import Progress, Request

__all__ = ["OwnData"]

_GAPS = {"none": "", "drop their windows": "drop", "interpolate short ones": "interpolate"}
_SIZE = (3.5, 1.9)  # inches, of the losses; then as wide as there is room
ACCEPTED = ".nc,.nc4,.h5,.parquet,.csv,.tsv,.txt,.dat,.gz"
UPLOAD = "Choose a file to upload: a served page reads no paths of the server's disk."
_OF_THE_FIRST = ("num_steps", "preset", "more_steps")  # choices that further steps do without
_ALT = "training and validation loss over steps"


class OwnData:
    """Fold "Train on your own data" in the section Model.

    Args:
        session: of the window.
        choose: takes the name of the model that is to be used.
    """

    def __init__(self, session: Session, choose: Callable[[str], None]) -> None:
        self.session = session
        small = {"size": "small", "sizing_mode": "stretch_width", "margin": (10, 0, 0, 0)}
        self.source = pmui.TextInput(
            label="File", placeholder="observations.nc, .zarr, .csv, .txt, .parquet", **small
        )
        self.upload = pmui.FileInput(label="Upload a file", accept=ACCEPTED, variant="outlined", **small)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.name = pmui.TextInput(label="Name", placeholder="name of the file", **small)
        self.variables = pmui.TextInput(label="Variables", placeholder="all", **small)
        self.positive = pmui.TextInput(
            label="Never negative", placeholder="variables, as in Q, rain", **small
        )
        self.window = pmui.IntInput(label="Window (steps)", value=60, start=2, end=4096, **small)
        self.gaps = pmui.Select(label="Gaps", options=_GAPS, value="", **small)
        self.reading = ReadingChoices()
        self.train = pmui.Button(label="Train", variant="outlined", size="small", sizing_mode="stretch_width")
        self.stop = pmui.Button(
            label="Stop", variant="outlined", color="error", size="small", sizing_mode="stretch_width"
        )
        self.use = pmui.Button(
            label="Use it", size="small", sizing_mode="stretch_width", disable_elevation=True
        )
        self.further = pmui.Button(
            label="Train further", variant="outlined", size="small", sizing_mode="stretch_width"
        )
        self._asked: Request | None = None
        for button in (self.train, self.stop, self.use, self.further):
            button.margin = (8, 0, 4, 0)
        self.facts, self.message = caption(), caption()
        self.understood = html(styles={"overflow-x": "auto", "font-size": SMALL["fontSize"]} | QUIET)
        self.losses, self._drawn = html(), (0, False)
        self.train.on_click(lambda _: self._start())
        self.further.on_click(lambda _: self._go_on())
        self.stop.on_click(lambda _: session.store.stop_training())
        self.use.on_click(lambda _: choose(self._trained().name))
        session.watch(session.store, ["training"], self._update)
        session.watch(session.look, ["dark"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        pair = {"sizing_mode": "stretch_width", "margin": 0, "sx": {"gap": "8px"}}
        return details(
            "Train on your own data",
            self.upload if self.session.served else self.source,
            pmui.Row(self.name, self.variables, **pair),
            pmui.Row(self.window, self.gaps, **pair),
            self.positive,
            self.reading,
            pmui.Row(self.train, self.stop, self.further, self.use, **pair),
            self.facts,
            self.understood,
            self.losses,
            self.message,
        )

    @property
    def request(self) -> Request:
        """Training request made from the fields.

        Raises:
            ValueError: the page is served, and no file was uploaded.
        """
        names, positive = (
            [name.strip() for name in field.value.split(",") if name.strip()]
            for field in (self.variables, self.positive)
        )
        choices = {"window": self.window.value, "gaps": self.gaps.value or None, "variables": names or None}
        if positive:
            choices["positive"] = positive
        choices |= self.reading.choices
        source = self._uploaded() if self.session.served else self.source.value
        return Request(source=source, name=self.name.value, choices=choices)

    def _start(self) -> None:
        try:
            request = self.request
        except ValueError as error:
            self._say(str(error), failed=True)
        else:
            self._asked = request
            self.session.store.train(request)

    def _go_on(self) -> None:
        """Train the finished model for as many steps again."""
        if self._asked is not None:
            told = {name: value for name, value in self._asked.choices.items() if name not in _OF_THE_FIRST}
            steps = max(1, self._trained().step)
            self.session.store.train(
                Request(
                    source=self._asked.source, name=self._asked.name, choices=told | {"more_steps": steps}
                )
            )

    def _uploaded(self) -> str:
        """Path of the uploaded file, written to a folder that ends with the session; ValueError if there is none."""
        if not self.upload.value or not self.upload.filename:
            raise ValueError(UPLOAD)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="diffuse-ui-")
            self.session.at_end(self._folder.cleanup)
        name = PurePosixPath(self.upload.filename.replace("\\", "/")).name
        path = Path(self._folder.name) / (name if name.strip(".") else "upload")
        path.write_bytes(self.upload.value)
        return str(path)

    def _trained(self) -> Progress:
        update = self.session.store.training
        return update.item if update is not None and update.item is not None else Progress(name="")

    def _update(self) -> None:
        update: Update | None = self.session.store.training
        progress, state = self._trained(), "" if update is None else update.state
        self.train.disabled = state == "running"
        self.stop.visible = state == "running"
        self.further.visible = state == "finished" and self._asked is not None
        self.use.visible = state in ("finished", "stopped") and progress.saved
        self.facts.object = progress.facts
        text = html_lib.escape(progress.understood)
        self.understood.object = f'<pre style="margin: 4px 0; font: inherit">{text}</pre>' if text else ""
        self._draw(progress)
        self._update_message(update, progress)

    def _draw(self, progress: Progress) -> None:
        """Draw the losses as an SVG picture, when there are new ones.

        A Bokeh plot that is added late gets the wrong size.
        """
        asked = (len(progress.history), self.session.look.dark)
        if asked == self._drawn:
            return
        self._drawn = asked
        if not progress.history:
            self.losses.object = ""
            return
        figure = history_figure(
            progress.history, num_steps=progress.num_steps, size=_SIZE, dark=self.session.look.dark
        )
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", transparent=True)
        encoded = base64.b64encode(picture.getvalue()).decode()
        self.losses.object = (
            f'<img alt="{_ALT}" style="width: 100%" src="data:image/svg+xml;base64,{encoded}">'
        )

    def _update_message(self, update: Update | None, progress: Progress) -> None:
        text, failed = "", update is not None and update.state == "failed"
        if failed:
            text = words(update.error)
        elif update is not None:
            kept = (
                f"the best so far is kept as {progress.name}" if progress.saved else "nothing was learned yet"
            )
            done = f" {progress.ending[:1].upper()}{progress.ending[1:]}." if progress.ending else ""
            ends = {
                "finished": f"Done: model {progress.name} is saved.{done}",
                "stopped": f"Stopped; {kept}.",
            }
            text = ends.get(update.state, progress.words)
        self._say(text, failed=failed)

    def _say(self, text: str, *, failed: bool = False) -> None:
        look = {"color": palette(self.session.look.dark).alarm} if failed else {"color": "inherit", **QUIET}
        self.message.param.update(
            object=text[:1].upper() + text[1:], styles={"font-size": SMALL["fontSize"], **look}
        )
