"""A stand-in for kernels.events and kernels.runs until they land."""
import dataclasses, re, sys, types, time
import numpy as np, jax, jax.numpy as jnp
import kernels
from kernels.trajectories import to_dataset
from kernels.systems import get_system

N = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
BOX = re.compile(rf"box\((\w+), *\[({N}), *({N})\], *\[({N}), *({N})\]\)(?: (passes|stays|avoids))?")
THR = re.compile(rf"(max|min)\((\w+)\) *(>|<) *({N})")

@dataclasses.dataclass(frozen=True)
class Event:
    text: str
    def __str__(self): return self.text
    def __and__(self, o): return Event(f"{self.text} and {o.text}")
    def describe(self):
        if m := BOX.fullmatch(self.text):
            v, a, b, lo, hi, mode = m.groups()
            w = {"passes": "passes through", "stays": "stays in", "avoids": "avoids"}[mode or "passes"]
            return f"{v} {w} {lo} … {hi} between time {a} and {b}"
        if m := THR.fullmatch(self.text):
            return f"the {'maximum' if m[1]=='max' else 'minimum'} of {m[2]} is {'above' if m[3]=='>' else 'below'} {m[4]}"
        return self.text
    def parameters(self): return {}
    def with_parameters(self, p): return self
class EventSyntaxError(ValueError): pass
def parse_event(text):
    text = text.strip()
    for part in text.split(" and "):
        if not BOX.fullmatch(part) and not THR.fullmatch(part):
            raise EventSyntaxError(f"unexpected input in line 1, column 5\n  {text}\n      ^\ndid you mean 'max'?")
    return Event(text)
@dataclasses.dataclass(frozen=True)
class Program:
    text: str
    layout: object
    def holds(self, x, p):
        out = True
        for i, part in enumerate(self.text.split(" and ")):
            if m := BOX.fullmatch(part):
                k = self.layout.index(m[1]); t0, t1, lo, hi = map(float, m.groups()[1:5])
                w = jnp.asarray((self.layout.times >= t0) & (self.layout.times <= t1))
                inside = (x[:, k] >= lo) & (x[:, k] <= hi)
                h = {"passes": jnp.any(inside & w), "stays": jnp.all(inside | ~w), "avoids": ~jnp.any(inside & w)}[m[6] or "passes"]
            else:
                m = THR.fullmatch(part); s = x[:, self.layout.index(m[2])]
                s = s.max() if m[1] == "max" else s.min()
                h = s > float(m[4]) if m[3] == ">" else s < float(m[4])
            out = out & h
        return out
@dataclasses.dataclass(frozen=True)
class Constraint:
    program: Program
    parameters: tuple = ()
def compile_event(event, layout):
    for part in str(event).split(" and "):
        m = BOX.fullmatch(part); v = m[1] if m else THR.fullmatch(part)[2]
        layout.index(v)
    return Constraint(Program(str(event), layout))

@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    model: object; event: object = None; given: object = None; method: str = "exact"; estimator: str | None = "auto"
    num_samples: int = 512; num_steps: int = 80; seed: int = 0
    def to_dict(self): return dataclasses.asdict(self)
    @classmethod
    def from_dict(cls, d): return cls(**d)
@dataclasses.dataclass(frozen=True)
class Snapshot:
    stage: str; progress: float; message: str; dataset: object = None; probability: object = None
@dataclasses.dataclass(frozen=True)
class Probability:
    value: float; standard_error: float; interval: tuple; ess: float = 100; pareto_k: float = .3; method: str = "subset_simulation"
    status: str = "ok"; message: str = "Two independent halves agree; the error bar can be trusted."; num_calls: int = 0
    diagnostics: dict = dataclasses.field(default_factory=dict)
    def to_dict(self): return dataclasses.asdict(self)
class NumericalError(RuntimeError): pass
@dataclasses.dataclass(frozen=True)
class Model:
    layout: object; card: dict; name: str = "lorenz63"; system: str = "lorenz63"
def load_model(name):
    if name != "lorenz63": raise ValueError(f"`model` must be one of lorenz63; got {name!r}.")
    return Model(get_system("lorenz63").layout, {"description": "Lorenz-63, state divided by 20"})
def draw(spec, n, seed):
    ds = get_system("lorenz63").simulate(jax.random.key(seed), num_samples=40000)
    x = np.asarray(ds.state.values); ev = parse_event(spec.event) if spec.event else None
    ok = np.ones(len(x), bool)
    if ev is not None:
        con = compile_event(ev, load_model("lorenz63").layout)
        ok = np.asarray(jax.vmap(lambda a: con.program.holds(a, ()))(x))
    return x, ok
def stream(spec):
    x, ok = draw(spec, 0, spec.seed + 5)
    p = ok.mean(); lay = load_model("lorenz63").layout
    good, bad = x[ok], x[~ok]
    n = spec.num_samples
    def data(a, s, kind):
        return to_dataset(a, lay, attrs={"ensemble": kind}, weight=np.ones(len(a)), satisfied=s, constraint=np.ones(len(a)), guided=np.ones(len(a), bool))
    if spec.event is None:
        for k in range(8): time.sleep(.2); yield Snapshot("done" if k == 7 else "exact", (k+1)/8, "drawing", data(x[:n*(k+1)//8], np.ones(n*(k+1)//8, bool), "unconditional"))
        return
    for k in range(4):
        time.sleep(.3); m = n * (k+1)//8; h = int(m*.85)
        a = np.concatenate([good[:h], bad[:m-h]]); s = np.arange(len(a)) < len(good[:h])
        yield Snapshot("guided", (k+1)/12, f"drawing guided trajectories, {m} of {n//2}", data(a, s, "guided"))
    if spec.method == "guided" and spec.estimator is None:
        yield Snapshot("done", 1.0, "done", data(a, s, "guided")); return
    est = Probability(p, max(p*.05,1e-5), (p*.9, p*1.1))
    for k in range(8):
        time.sleep(.3); m = n*(k+1)//8
        yield Snapshot("exact", (5+k)/14, f"moving chains at level {k+1}", data(good[:m], np.ones(len(good[:m]), bool), "exact"), est if k > 3 else None)
    yield Snapshot("done", 1.0, "done", data(good[:n], np.ones(len(good[:n]), bool), "exact"), est)
def event_probability(key, model, event, *, given=None, method="auto", num_samples=512, num_steps=None):
    _, ok = draw(types.SimpleNamespace(event=str(event)), 0, 17)
    p = ok.mean(); se = (p*(1-p)/num_samples)**.5
    return Probability(p, se, (p-2*se, p+2*se), method=method)
def backdrop(model, *, num_samples, seed=0):
    ds = get_system("lorenz63").simulate(jax.random.key(seed), num_samples=num_samples)
    return ds.assign_attrs(source="simulator")
def weighted_quantiles(values, weights, q): return np.quantile(values, q, axis=0)
def install():
    for k, v in list(globals().items()):
        if k in kernels._HOMES: setattr(kernels, k, v)
    kernels.available_models = lambda: ("lorenz63",)
    m = types.ModuleType("kernels.statistics"); m.weighted_quantiles = weighted_quantiles; sys.modules["kernels.statistics"] = m
install()
