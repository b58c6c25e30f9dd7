"""Stage 1: parameter and key-point losses on labelled crops."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode
from pear_core.data.records import RecordError
from pear_core.data.shards import Shards
from pear_core.evaluate.synthetic import quick_errors
from pear_core.losses.total import total_loss
from pear_core.model import checkpoint
from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor
from pear_core.model.stem import PretrainedStem
from pear_core.train import parallel
from pear_core.train.auxiliary import aligned_loss, surface_loss, vote_loss
from pear_core.train.batches import TrainingBatch, prefetched
from pear_core.train.config import TrainConfig, TrainConfigError
from pear_core.train.curriculum import plainer
from pear_core.train.expressions import expression_mirror
from pear_core.train.initialise import initialise
from pear_core.train.learner import Learner
from pear_core.train.optimiser import Average, Optimisers
from pear_core.train.state import Run, load_state, save_state, start_from
from pear_core.train.tokens import choose_tokens, keep_at

STATE, LOG, WEIGHTS = "state.pt", "log.jsonl", "model.safetensors"


@dataclass(frozen=True)
class StepResult:
    """Loss of one step and its unweighted terms."""

    loss: float
    terms: dict[str, float]


def new_run(config: TrainConfig) -> Run:
    """Freshly initialised network and optimisers, a function of the seed."""
    torch.manual_seed(config.seed)
    learner = Learner(Regressor(preset(config.model))).to(config.device)
    stem = learner.regressor.backbone.patches
    if config.stem_from >= 0:
        if not isinstance(stem, PretrainedStem):
            raise TrainConfigError(f"stem_from: {config.model} has no pretrained stem")
        stem.learn_from(config.stem_from)
    return Run(learner, Optimisers(learner, config), Average(learner, config.ema))


def train_step(run: Run, ehm: Ehm, batch: TrainingBatch, config: TrainConfig) -> StepResult:
    """One update of the run."""
    run.learner.train()
    place = (config.seed * 1_000_003 + run.step) * parallel.workers() + parallel.rank()
    generator = torch.Generator().manual_seed(place)
    share = keep_at(config.keep, run.progress)
    if share < 1 and config.whole_every > 0 and run.step % config.whole_every == 0:
        share, batch = 1.0, batch[: max(1, len(batch) // 4)]
    kept = choose_tokens(batch.surface[..., 0], share, config.guided, generator)
    if isinstance(batch.picture, Tensor):
        kind = batch.surface[..., 0]
        strip = plainer(batch.picture, kind, run.progress, config.plain, generator)
        batch = replace(batch, picture=strip)
    batch = batch.to(config.device)
    kept = None if kept is None else kept.to(config.device)
    # The flash kernel's backward is slow on CPUs; plain products are a fifth faster per step.
    with sdpa_kernel(SDPBackend.MATH) if config.device == "cpu" else nullcontext():
        half_depth = run.progress < config.half_depth
        apart = run.progress < config.apart
        prediction = run.learner(batch.picture, kept, config.bf16, half_depth, apart)
    parameters, camera = decode(prediction.raw)
    # Kinematics stay in float32: in bf16 they are wrong by a centimetre.
    joints = ehm(parameters).joints
    loss, terms = total_loss(parameters, camera, joints, batch.target, config.weights)
    dense = surface_loss(prediction.cells, batch.surface, kept)
    target = batch.target
    votes = vote_loss(prediction.points, target.joints, target.keypoints, target.confidence)
    aligned = aligned_loss(joints, target.joints, target.valid)
    loss = loss + config.surface * dense + config.votes * votes + config.aligned * aligned
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(run.learner.parameters(), config.clip)
    if torch.isfinite(norm):
        run.optimisers.step(run.step, run.progress)
    else:  # one broken batch must not end a long run
        run.learner.zero_grad(set_to_none=True)
    run.step += 1
    if config.minutes <= 0:
        run.progress = run.step / config.steps
    if run.step % config.meet_every == 0:
        parallel.average_parameters(run.learner)
        if config.minutes > 0:
            run.progress = parallel.mean(run.seconds) / (60 * config.minutes)
    run.average.update(run.learner, run.step)
    terms |= {"surface": dense, "votes": votes, "aligned": aligned, "norm": norm}
    values = {name: float(value.detach()) for name, value in terms.items()}
    return StepResult(float(loss.detach()), values)


def train(config: TrainConfig, body_sha256: str = "") -> Run:
    """Trains to config.steps, resuming what lies in config.out; returns the finished run.

    Writes log.jsonl, state.pt (resume) and model.safetensors (moving average) into config.out.
    """
    torch.set_num_threads(config.threads)
    first = parallel.rank() == 0
    out = Path(config.out)
    if first:
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").write_text(json.dumps(config.to_dict(), indent=1))
    judge = Ehm.from_folder(config.body).restricted(np.zeros(0, dtype=np.int64))
    ehm = deepcopy(judge).to(config.device)
    shards = Shards(Path(config.data))
    if body_sha256 and shards.body_sha256 not in ("", body_sha256):
        raise RecordError(
            f"{config.data}: labels of another body, expected {body_sha256[:12]}, "
            f"found {shards.body_sha256[:12]}"
        )
    if config.stem_from >= 0 and "image" not in shards.batch(range(1)):
        raise TrainConfigError(
            f"stem_from: {config.data} holds features of a stem that does not learn, expected pictures"
        )
    run = new_run(config)
    if (out / STATE).exists():
        load_state(out / STATE, run, config)
    elif config.start:
        start_from(Path(config.start), run)
    else:
        initialise(run.learner.regressor, shards, config.seed, Path(config.encoder))
        run.average = Average(run.learner, config.ema)
    validation = Path(config.validation)
    held_out = Shards(validation) if validation.exists() else None
    log = _Log(out / LOG if first else None)
    log.write({"event": "start", "step": run.step, "records": len(shards)})

    def save() -> None:
        if not first:
            return
        save_state(out / STATE, run, config)
        checkpoint.save(
            out / WEIGHTS, run.learner.regressor, step=run.step, body="free_body",
            body_sha256=body_sha256, weights=run.averaged_weights(), dtype=torch.float16,
        )  # fmt: skip

    def validate() -> None:
        if first and held_out is not None:
            regressor = averaged(run)
            errors = quick_errors(regressor, judge, held_out, config.validation_crops, config.bf16)
            log.write({"event": "validation", "step": run.step, **errors})

    mirror_map = expression_mirror(Path(config.body))
    torch.set_flush_denormal(True)  # second moments of early gradients are denormal, and slow
    try:
        _loop(config, run, ehm, shards, mirror_map, log, save, validate)
    finally:
        torch.set_flush_denormal(False)
    save()
    validate()
    return run


def averaged(run: Run) -> Regressor:
    """A copy of the regressor that carries the moving average, in evaluation mode."""
    regressor = Regressor(run.learner.regressor.config)
    regressor.load_state_dict(run.averaged_weights())
    return regressor.eval()


def _loop(
    config: TrainConfig,
    run: Run,
    ehm: Ehm,
    shards: Shards,
    mirror_map: NDArray[np.int64],
    log: _Log,
    save: Callable[[], None],
    validate: Callable[[], None],
) -> None:
    steps = range(run.step, config.steps)
    saved = logged = time.monotonic()
    recent: list[StepResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[loss]}"),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    hidden = parallel.rank() > 0 or not sys.stderr.isatty()
    with Progress(*columns, transient=True, disable=hidden) as progress:
        task = progress.add_task("stage 1", total=config.steps, completed=run.step, loss="")
        size = config.batch // parallel.workers()
        batches = prefetched(
            shards, config.seed, steps, size, config.flip, mirror_map, parallel.rank()
        )
        before = time.monotonic()
        for batch in batches:
            recent.append(train_step(run, ehm, batch, config))
            run.seconds += time.monotonic() - before
            before = time.monotonic()
            if config.minutes > 0 and run.progress >= 1:
                break
            progress.update(task, completed=run.step, loss=f"loss {recent[-1].loss:.3f}")
            now = time.monotonic()
            if run.step % config.log_every == 0:
                rate = len(recent) * config.batch / (now - logged)
                log.write(
                    {
                        "step": run.step,
                        "progress": round(run.progress, 4),
                        "images_per_second": round(rate, 1),
                        **_means(recent),
                    }
                )
                recent, logged = [], now
            if now - saved > 60 * config.save_minutes:
                save()
                saved = time.monotonic()
            if run.step % config.validate_every == 0:
                validate()
                shards.refresh()
                logged = time.monotonic()


def _means(results: list[StepResult]) -> dict[str, float]:
    names = results[0].terms
    out = {"loss": float(np.mean([r.loss for r in results]))}
    out |= {name: float(np.mean([r.terms[name] for r in results])) for name in names}
    return {name: round(value, 5) for name, value in out.items()}


class _Log:
    """JSON lines, flushed as they come."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def write(self, record: dict[str, Any]) -> None:
        if self.path is None:
            return
        stamp = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        with self.path.open("a") as file:
            file.write(json.dumps(stamp | record) + "\n")
