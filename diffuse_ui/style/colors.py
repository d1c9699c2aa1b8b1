"""Colours of Okabe and Ito, safe for all colour vision, on light and dark.

M. Okabe and K. Ito, "Color universal design" (2008). Shapes and labels always say the same as a colour.
"""

import dataclasses

__all__ = ["DARK", "LIGHT", "Palette", "palette"]


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of one theme.

    Attributes:
        paper, ink, quiet: background, text, and text that stands back.
        grid: thin lines.
        backdrop, hits: curves of the backdrop, and those among them that meet the event.
        accent: the conditional ensemble.
        alarm: words that warn.
        miss: guided curves that do not meet the event.
        box, threshold, tube, region, point, other: what was drawn.
        fan: opacity of the outer and the inner band.
    """

    paper: str
    ink: str
    quiet: str
    grid: str
    backdrop: str
    hits: str
    accent: str
    alarm: str
    miss: str
    box: str
    threshold: str
    tube: str
    region: str
    point: str
    other: str
    fan: tuple[float, float]
    backdrop_alpha: float

    def of(self, kind: str) -> str:
        """Colour of a kind of shape."""
        return self.region if kind == "polygon" else getattr(self, kind, self.other)


LIGHT = Palette(
    paper="#ffffff",
    ink="#1b1f24",
    quiet="#5f6872",
    grid="#e8ebee",
    backdrop="#8b949e",
    hits="#3d454e",
    accent="#0072B2",
    alarm="#B85000",
    miss="#b08a5a",
    box="#009E73",
    threshold="#D55E00",
    tube="#B87F00",
    region="#B3588F",
    point="#5B4FA3",
    other="#6a737d",
    fan=(0.16, 0.30),
    backdrop_alpha=0.16,
)

DARK = Palette(
    paper="#14171a",
    ink="#e6e9ec",
    quiet="#9aa4ae",
    grid="#262b30",
    backdrop="#77818b",
    hits="#c3ccd5",
    accent="#56B4E9",
    alarm="#ff7f2a",
    miss="#b59a70",
    box="#19c394",
    threshold="#ff7f2a",
    tube="#E69F00",
    region="#CC79A7",
    point="#a99df2",
    other="#98a2ac",
    fan=(0.20, 0.36),
    backdrop_alpha=0.20,
)


def palette(dark: bool) -> Palette:
    """The palette of a theme."""
    return DARK if dark else LIGHT
