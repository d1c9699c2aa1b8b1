"""The commands `sample`, `probability`, `simulate` and `validate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

import kernels
from diffuse_ui.commands.options import (
    EstimatorOption,
    EventOption,
    GivenOption,
    GuidanceOption,
    JsonOption,
    ModelOption,
    OutputOption,
    SamplerOption,
    SamplesOption,
    ScheduleOption,
    SeedOption,
    StepsOption,
    WhenOption,
)
from diffuse_ui.commands.output import (
    exit_codes,
    follow,
    in_one_line,
    print_answer,
    refuse,
    require_output,
    write_somewhere,
    write_whole,
)
from diffuse_ui.style import numbers
from kernels.diffusion.schedules import DEFAULT_SCHEDULE
from kernels.files import parse_json, read_text
from kernels.probability.registry import ESTIMATORS
from kernels.samplers.registry import DEFAULT_SAMPLER
from kernels.trajectories.datasets import write_dataset

__all__ = ["probability", "sample", "simulate", "validate"]

OF_ONE_NUMBER = ("method", "guidance", "num_samples", "num_steps", "ode_steps", "sampler", "schedule")


def _spec(
    model: str, event: str | None, given: str | None, estimator: str, **choices: Any
) -> "kernels.RunSpec":
    chosen = None if estimator == "none" else estimator
    return kernels.RunSpec(model=model, event=event, given=given, estimator=chosen, **choices)


def _probability_words(estimate: Any) -> str:
    value = numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])
    sign = "" if value.startswith("<") else "= "
    parts = numbers.error_parts(estimate.value, estimate.sampling_error, estimate.record_error)
    about = "; ".join(
        [
            f"95 %: {numbers.span(estimate.interval)}",
            *([parts] if parts else []),
            f"{estimate.method}, {estimate.status}",
        ]
    )
    beside = [f"{ESTIMATORS[found.method].label}: {found.words}" for found in estimate.beside]
    return "\n".join([f"P {sign}{value}   ({about})", estimate.message, *beside])


def sample(
    model: ModelOption = "lorenz63",
    event: EventOption = None,
    given: GivenOption = None,
    when: WhenOption = None,
    method: Annotated[str, typer.Option(help="guided (approximate), or exact.")] = "guided",
    guidance: GuidanceOption = "moment_matching",
    estimator: EstimatorOption = "auto",
    num_samples: SamplesOption = 512,
    num_steps: StepsOption = 80,
    seed: SeedOption = 0,
    sampler: SamplerOption = DEFAULT_SAMPLER,
    schedule: ScheduleOption = DEFAULT_SCHEDULE,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw trajectories, given an event if one is named, and write them to a file."""
    with exit_codes():
        spec = _spec(
            model,
            event,
            given,
            estimator,
            method=method,
            guidance=guidance,
            num_samples=num_samples,
            num_steps=num_steps,
            seed=seed,
            sampler=sampler,
            schedule=schedule,
            when=when,
        )
        if output is not None:
            require_output(output)
        last = follow(kernels.stream(spec), lambda snapshot: snapshot.progress, as_json)
        written, trouble = (None, None) if output is None else _write(last, spec, output)
        count = 0 if last.dataset is None else last.dataset.sizes["sample"]
        estimate = last.probability
        document = {"model": model, "event": event, "num_samples": count, "output": written and str(written)}
        document["probability"] = None if estimate is None else estimate.to_dict()
        caveats = [] if last.dataset is None else [last.dataset.attrs.get("caveats", "")]
        document["ensemble"] = ensemble = None if last.dataset is None else last.dataset.attrs["ensemble"]
        kept = "; name a file with --output to keep them" if output is None else ""
        words = f"{count} trajectories" + (f" in {written}" if written else kept)
        print_answer(
            document,
            as_json,
            lambda: "\n".join(
                filter(None, [words, *(caveats if estimate is None else [_probability_words(estimate)])])
            ),
        )
        if trouble is not None:
            where = f"the trajectories are in {written}" if written else "the trajectories are lost"
            raise OSError(f"{output} cannot be written ({in_one_line(trouble)}); {where}.") from trouble
        if method == "exact" and event is not None and ensemble != "exact":
            raise kernels.NumericalError(
                "no trajectory was found to meet the event, so there is no exact ensemble: "
                f"what was drawn is {ensemble}, and approximate."
            )


def _write(
    last: "kernels.Snapshot", spec: "kernels.RunSpec", output: Path
) -> tuple[Path | None, Exception | None]:
    """Write the trajectories; return the written path and the error at `output`, if any."""
    from diffuse_ui.export.files import annotated
    from diffuse_ui.work.store import Result

    result = Result(spec, last, {}, 0.0)
    return write_somewhere(lambda path: write_dataset(annotated(result), path), output)


def probability(
    context: typer.Context,
    event: Annotated[str, typer.Option("--event", "-e", help="The event, as in: max(x) > 0.9")],
    model: ModelOption = "lorenz63",
    given: GivenOption = None,
    when: WhenOption = None,
    method: Annotated[
        str,
        typer.Option(help=f"Estimator: {', '.join(ESTIMATORS)}."),
    ] = "auto",
    by: Annotated[
        str | None,
        typer.Option(
            help="Of a record with seasons: the probability of each month, season, hour or weekday."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Of a record with seasons: another --when to compare with, as in: co2 == 380"),
    ] = None,
    guidance: GuidanceOption = "moment_matching",
    num_samples: Annotated[
        int,
        typer.Option(
            "--num-samples",
            "-n",
            help="Trajectories, paths, or chains at each level; of auto, the measure of what it may spend.",
        ),
    ] = 512,
    num_steps: StepsOption = 80,
    ode_steps: Annotated[
        int | None,
        typer.Option(
            help="Network evaluations for a direct sample, and in subset simulation; the model's own unless given."
        ),
    ] = None,
    seed: SeedOption = 0,
    sampler: SamplerOption = DEFAULT_SAMPLER,
    schedule: ScheduleOption = DEFAULT_SCHEDULE,
    as_json: JsonOption = False,
) -> None:
    """Estimate the probability of an event: the number the app shows for the same choices."""
    import jax

    with exit_codes():
        if by is not None or against is not None:
            refuse(context, OF_ONE_NUMBER, "with --by or --against")
            _by_season(by, against, model, event, given=given, when=when, seed=seed, as_json=as_json)
            return
        records = kernels.estimate(
            jax.random.key(seed),
            model,
            event,
            given=given,
            when=when,
            method=method,
            num_samples=num_samples,
            num_steps=ode_steps,
            path_steps=num_steps,
            guidance=guidance,
            sampler=sampler,
            schedule=schedule,
        )
        estimate = follow(records, lambda record: record.fraction, as_json).probability
        document = estimate.to_dict() | {
            "event": str(kernels.parse_event(event)),
            "model": model,
            "seed": seed,
        }
        print_answer(document, as_json, lambda: _probability_words(estimate))


def _by_season(
    by: str | None, against: str | None, model: str, event: str, *, when: str | None, **choices: Any
) -> None:
    """Print probabilities by season, or of two conditions."""
    from diffuse_ui.commands.by import print_by, print_contrast

    if by is not None and against is not None:
        raise ValueError("`--by` and `--against` are two questions. Ask one of them.")
    if by is not None:
        print_by(by, model, event, when=when, **choices)
    else:
        print_contrast((when or "", against or ""), model, event, **choices)


def simulate(
    system: Annotated[str, typer.Argument(help="Name of a dynamical system.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .nc (NetCDF) or .zarr.")],
    num_samples: SamplesOption = 1000,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Simulate trajectories of a dynamical system."""
    import jax

    with exit_codes():
        require_output(output)
        dataset = kernels.get_system(system).simulate(jax.random.key(seed), num_samples=num_samples)
        write_whole(lambda path: write_dataset(dataset, path), output)
        document = {"system": system, "num_samples": num_samples, "seed": seed, "output": str(output)}
        print_answer(document, as_json, lambda: f"{num_samples} trajectories of {system} in {output}")


def validate(
    spec: Annotated[Path, typer.Argument(help="JSON file of a run, as the app exports it.")],
    as_json: JsonOption = False,
) -> None:
    """Check a run's file: its fields, its model, its event. Draws nothing."""
    from diffuse_ui.state.state import State

    with exit_codes():
        words = "{path} is no JSON ({error})."
        run = kernels.RunSpec.from_dict(parse_json(read_text(spec, words), words, path=spec))
        state = State(model=run.model)
        state.load()
        state.from_spec(run)
        if state.error:
            raise ValueError(state.error)
        meaning = "no event" if state.event is None else state.event.describe()
        caveats = [] if state.event is None else state.event.caveats(state.layout)
        document = {"valid": True, "event": state.text or None, "model": state.model_name, "meaning": meaning}
        print_answer(
            document | {"caveats": list(caveats)}, as_json, lambda: "\n".join([f"valid: {meaning}", *caveats])
        )
