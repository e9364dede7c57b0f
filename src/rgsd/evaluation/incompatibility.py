"""Why not METRA (section 3 of the paper): four metrics of its latent space, from a trained phi and policy.

| metric | claim of the paper that it tests |
|---|---|
| reward over a cycle | a cyclic motion in local coordinates comes back to where it began, and so earns nothing |
| fraction of phi explained by travel, by time | position dominates the latent; time makes contour lines of it |
| violations | time makes phi jump by more than the constraint allows |
| drift | METRA goes on reshaping the space in which the references had their directions (`Metra.drift`) |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.evaluation.rollouts import (
    Simulate,
    SkillController,
    chunks,
    clip_states,
    observe_frames,
    roll_out,
    standing,
    with_noise,
)
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.metra import Metra
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import sample_uniform

SHORTEST_CYCLE = 0.25
"""No gait of the bodies here repeats itself faster, s."""


@dataclass
class Visited:
    """States of L rollouts of T frames, as phi is shown them."""

    phi: Tensor
    """(L, T, d)."""
    root: Tensor
    """(L, T, 2) since the start, m."""
    standing: Tensor
    """(L, T) bool, False from the first fall on."""


def measure(
    method: Metra, policy: SkillPolicy, library: MotionLibrary, simulate: Simulate, num_latents: int, num_envs: int
) -> dict[str, Any]:
    """All metrics of one trained run.

    Args:
        method: with the run's phi.
        policy: the run's, deterministic here.
        library: the references.
        simulate: makes the physics.
        num_latents: L, random skills from the standing pose whose states are looked at.
        num_envs: environments at a time.

    Returns:
        JSON-able: `cycles` by clip (`cycle`) and `cycle_fraction`, the mean of their fractions; `travel_fraction`,
        `time_fraction`; `violations`, `step_length`, `longest_step` of the rollouts and `reference_violations`;
        `drift`.
    """
    cycles = {name: cycle(method, library, clip) for clip, name in enumerate(library.names)}
    fractions = [found["fraction"] for found in cycles.values() if found["fraction"] is not None]
    found = visit(method, policy, simulate, num_latents, num_envs)
    steps = found.phi.diff(dim=1).norm(dim=-1)[found.standing[:, 1:]]
    along = torch.cat([_along(method, library, clip).diff(dim=0).norm(dim=-1) for clip in range(len(library))])
    return {
        "cycles": cycles,
        "cycle_fraction": sum(fractions) / len(fractions) if fractions else None,
        **explained(found),
        "violations": float((steps > 1.0).double().mean()),
        "step_length": float(steps.mean()),
        "longest_step": float(steps.max()),
        "reference_violations": float((along > 1.0).double().mean()),
        "drift": method.drift(),
    }


def cycle(method: Metra, library: MotionLibrary, clip: int) -> dict[str, Any]:
    """What METRA pays for one perfect cycle of a reference, from its frame 0 to the frame most like it.

    Rewards telescope, so no unit z earns more than `net` = |phi(s_T) - phi(s_0)|, whatever lies between; `length` is
    the way that phi goes, the sum of |phi(s') - phi(s)|. `fraction` = net / length is 1 for a straight line and 0 for a
    closed loop; None where phi does not move. `seconds` is T, `curve` (T + 1,) the |phi(s_t) - phi(s_0)| over `length`.
    """
    last = cycle_length(library, clip)
    phi = _along(method, library, clip)[: last + 1]
    length = float(phi.diff(dim=0).norm(dim=-1).sum())
    away = (phi - phi[0]).norm(dim=-1)
    moves = length > 1e-6
    return {
        "seconds": last * library.body.control_dt,
        "net": float(away[-1]),
        "length": length,
        "fraction": float(away[-1]) / length if moves else None,
        "curve": (away / length).tolist() if moves else None,
    }


def cycle_length(library: MotionLibrary, clip: int) -> int:
    """Frames until a clip's local state is most like its first, in units of the physical floors; at least 0.25 s."""
    states = observe(clip_states(library, clip)) / ObservationLayout(library.body).floors().to(library.device)
    first = min(round(SHORTEST_CYCLE / library.body.control_dt), len(states) - 1)
    return first + int((states[first:] - states[0]).norm(dim=-1).argmin())


def _along(method: Metra, library: MotionLibrary, clip: int) -> Tensor:
    """phi (T, d) along a reference, whose start is place and time 0."""
    states = clip_states(library, clip)
    root = states.body_pos[:, 0, :2]
    seconds = torch.arange(len(root), device=root.device) * library.body.control_dt
    return method.embed(observe(states), root - root[:1], seconds)


def visit(method: Metra, policy: SkillPolicy, simulate: Simulate, num_latents: int, num_envs: int) -> Visited:
    """Roll the deterministic policy out from the standing pose under uniform latents, and embed what it visits."""
    body, generator = policy.body, torch.Generator().manual_seed(0)
    device = method.library.device
    latents = sample_uniform(num_latents, policy.latent_dim, generator).to(device)
    frames = round(body.discovery_seconds * body.control_hz) + 1
    seconds = torch.arange(frames, device=device) * body.control_dt
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for part in chunks(num_latents, num_envs):
        z = latents[part]
        start = with_noise(standing(body, len(z), device), generator)
        nobody = torch.zeros(len(z), dtype=torch.long, device=device)
        batch = roll_out(simulate, body, SkillController(policy, z), start, frames, nobody)
        root = batch.root_pos[..., :2]
        phi = method.embed(observe_frames(batch.states), root, seconds.expand(len(z), -1))
        columns.append((phi, root - root[:, :1], batch.fell.cumsum(dim=1) == 0))
    return Visited(*(torch.cat(column) for column in zip(*columns, strict=True)))


def explained(found: Visited) -> dict[str, float | None]:
    """Fractions of the variance of phi(s_t) - phi(s_0) over all states that stand.

    `travel_fraction`: of a linear map from the root's displacement (R^2 of least squares). `time_fraction`: between the
    means of the frames of one time (the correlation ratio eta^2). None where phi does not vary. They may overlap: a
    body that walks straight on has both.
    """
    moved, keep = (found.phi - found.phi[:, :1]).double(), found.standing
    points = moved[keep] - moved[keep].mean(dim=0)
    total = float(points.square().sum())
    if total < 1e-12:
        return {"travel_fraction": None, "time_fraction": None}
    root = found.root[keep].double()
    root = root - root.mean(dim=0)
    # the least-squares fit's own sum of squares; lstsq of gelsd bears a body that never moved
    fit = root @ torch.linalg.lstsq(root.cpu(), points.cpu(), driver="gelsd").solution.to(root.device)
    weight = keep.double().unsqueeze(-1)
    counts = weight.sum(dim=0).clamp(min=1)
    means = (moved * weight).sum(dim=0) / counts - moved[keep].mean(dim=0)
    between = float((means.square() * weight.sum(dim=0)).sum())
    return {"travel_fraction": float(fit.square().sum()) / total, "time_fraction": between / total}
