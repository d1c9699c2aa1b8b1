"""Series of hits that are correlated in time and between members, with a known probability."""

import numpy as np
from scipy import signal, stats


def persistent(generator, shape, efolding):
    """Stationary Gaussian AR(1) series with unit variance along the last axis, an e-folding time in steps."""
    rho = np.exp(-1.0 / efolding)
    noise = generator.standard_normal(shape) * np.sqrt(1 - rho**2)
    noise[..., 0] /= np.sqrt(1 - rho**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -rho], noise, axis=-1))


def records(generator, count, members, times, efolding, probability, shared=0.0):
    """Hits (record, member, time); `shared` is the share of the variance that is common to all members."""
    own = persistent(generator, (count, members, times), efolding)
    common = persistent(generator, (count, 1, times), efolding)
    return np.sqrt(1 - shared) * own + np.sqrt(shared) * common > stats.norm.isf(probability)


def replicated(estimate, hits, probability):
    """Coverage of the 95 % intervals, stated error over the true spread, share and coverage of those called ok.

    Args:
        estimate: hits (member, time) → estimate.
        hits: (record, member, time).
    """
    found = [estimate(one) for one in hits]
    covers = np.array([e.interval[0] <= probability <= e.interval[1] for e in found])
    ok = np.array([e.status == "ok" for e in found])
    stated = np.sqrt(np.mean([e.standard_error**2 for e in found]))
    return {
        "coverage": float(covers.mean()),
        "stated_over_spread": float(stated / np.std([e.value for e in found], ddof=1)),
        "ok": float(ok.mean()),
        "coverage_of_ok": float(covers[ok].mean()) if ok.any() else None,
    }
