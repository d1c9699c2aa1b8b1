"""The figure of a model's margins, and the files that hold it."""

import numpy as np
import pytest
from record_models import weather, with_margins

import kernels
from diffuse_ui.commands.report_files import write_report
from diffuse_ui.figures.margins import margins_figure


@pytest.fixture(scope="module")
def model():
    return with_margins(weather(1_500), ("rain", "tmin", "tmax"), partners={"tmax": "tmin"})


def test_each_variable_has_a_row_of_its_law_and_its_tails(model):
    axes = margins_figure(model).axes
    labels = [ax.get_xlabel() for ax in axes]
    assert labels[:2] == ["rain (mm)", "exceeded once in … years"]
    assert {"tmin", "tmax − tmin", "fallen below once in … years"} <= set(labels)
    assert [text.get_text()[:6] for text in axes[1].texts] == ["record", "shape "]
    assert axes[0].texts[0].get_text().endswith("% at 0")
    line = next(line for line in axes[1].lines if len(line.get_xdata()) == 200)
    assert np.all(np.diff(line.get_ydata()) >= 0)
    assert margins_figure(model, dark=True).get_facecolor() != margins_figure(model).get_facecolor()


def test_the_report_of_a_record_shows_them_in_every_format(model, tmp_path):
    for ending, head in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".html", b"<!doct")):
        path = tmp_path / f"report{ending}"
        write_report(model, path)
        assert path.read_bytes().startswith(head)
    assert (tmp_path / "report.html").read_text().count("data:image/svg+xml") == 2
    with pytest.raises(ValueError, match="must end with"):
        write_report(model, tmp_path / "report.jpg")


def test_models_without_margins_are_told_apart(toy, tmp_path):
    with pytest.raises(ValueError, match="no margins to be shown"):
        margins_figure(toy)
    with pytest.raises(ValueError, match="no full report"):
        write_report(toy, tmp_path / "report.png")


def test_two_figures_stand_one_above_the_other(model, tmp_path, monkeypatch):
    from diffuse_ui.commands import report_files

    monkeypatch.setattr(report_files, "report_figure", margins_figure)
    both = kernels.Model(**(vars(model) | {"card": dict(model.card) | {"fidelity": {"one_point": {}}}}))
    write_report(both, tmp_path / "both.png")
    write_report(model, tmp_path / "one.png")
    from matplotlib.image import imread

    assert imread(tmp_path / "both.png").shape[0] == 2 * imread(tmp_path / "one.png").shape[0]
    with pytest.raises(ValueError, match=r"\.svg holds one"):
        write_report(both, tmp_path / "both.svg")
