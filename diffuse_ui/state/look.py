"""Display settings of one window; no setting here changes a result."""

import param

__all__ = ["MODES", "VIEWS", "Look"]


MODES = ("box", "threshold", "tube", "point", "window")


VIEWS = ("time series", "phase plane")


class Look(param.Parameterized):
    """Display settings of one window: theme, view, drawing mode, selection."""

    mode = param.Selector(objects=list(MODES), doc="what a drag or a click on the curves draws")
    view = param.Selector(objects=list(VIEWS), doc="curves against time, or two variables against each other")
    plane = param.Tuple(("", ""), doc="the two variables of the phase plane; empty for the model's own")
    variables = param.Parameter((), doc="names that were chosen for the canvas; none: the model's own")
    selected = param.Parameter((), doc="positions of the chosen parts, in the order of choosing")
    notice = param.String("", doc="why the last gesture drew nothing")
    display = param.Selector(objects=["both", "curves", "fan"], doc="ensemble as curves, as a fan, or both")
    dark = param.Boolean(False)
    tab = param.String("convergence", doc="which result is shown below the canvas")
    time = param.Number(None, allow_None=True, doc="physical time at which results look; None: the middle")
    warning = param.String(
        "", doc="what this window has to say first, such as a link that cannot be followed"
    )
