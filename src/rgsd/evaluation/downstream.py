"""Goal reaching in style, measured: goals, falls, and whether it looks as it was asked to (docs/tasks.md).

Every environment begins standing and is given a fixed number of goals, or as many as come before it falls. No goal is
left open at the end of a time: that would count the quick ones and leave out the slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.evaluation import frechet
from rgsd.evaluation.intervals import pooled_fraction, student, wilson
from rgsd.learning.networks import Actor
from rgsd.methods.limits import check_limits
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import clip_directions
from rgsd.skills.encoder import Encoder
from rgsd.tasks.goal_env import Decision, GoalEnv
from rgsd.tasks.style import SLOWEST_TRAVEL, Style, same_direction, similarity

TRAVEL_SECONDS = 0.5
"""Time over which a direction of travel is taken, s: long enough that swaying from foot to foot is not travelling."""
OPEN, REACHED, MISSED, FELL = range(4)
"""What became of a goal in a decision."""


@dataclass(frozen=True)
class DownstreamConfig:
    """How much is tried."""

    num_envs: int = 64
    """Environments."""
    goals: int = 6
    """Goals that each is given."""
    seed: int = 0
    """Of starts and goals."""

    def check(self, option: str) -> None:
        """Refuse nothing to try.

        Args:
            option: how the command line calls this configuration, such as --config.

        Raises:
            UsageError: no environments, or no goals.
        """
        check_limits(self, f"{option}.")


@dataclass
class Traces:
    """What the environments did: T decisions of N environments, and every control step of the first C."""

    position: Tensor
    """(T, N, 2) the root where each decision led, m."""
    yaw: Tensor
    """(T, N) the heading there, rad."""
    goal: Tensor
    """(T, N, 2) the goal that the decision went for, m."""
    outcome: Tensor
    """(T, N) long, OPEN, REACHED, MISSED or FELL."""
    counts: Tensor
    """(T, N) bool, whether the environment still had goals to go for."""
    similarity: Tensor
    """(T, N) of the latent with the style's; NaN for the free style."""
    features: Tensor
    """(T, N, F) Frechet features of the state."""
    nearest: Tensor
    """(T, N) long, the clip whose direction is nearest to the state's; -1 without an encoder."""
    qpos: Tensor
    """(S, C, nq) poses of the first environments, for a film."""


class _Watch:
    """Keeps the poses of the first environments, and the last state before any reset."""

    def __init__(self, num_envs: int) -> None:
        self.qpos: list[Tensor] = []
        self.state: BodyState
        self._num_envs = num_envs

    def __call__(self, state: BodyState) -> None:
        self.qpos.append(state.qpos[: self._num_envs].float().clone())
        self.state = state.clone()


@torch.no_grad()
def play(
    env: GoalEnv,
    actor: Actor,
    style: Tensor | None,
    library: MotionLibrary,
    encoder: Encoder | None,
    goals: int,
    filmed: int = 4,
) -> Traces:
    """Let the deterministic policy go for its goals.

    Args:
        env: the field; its episodes must last for all goals.
        actor: chooses latents.
        style: (k, d) latents of the style; None for the free one.
        library: the clips.
        encoder: names the clip that a state is nearest to; may be another run's, so that methods are evaluated alike.
        goals: that each environment is given.
        filmed: C.
    """
    directions = None if encoder is None else clip_directions(encoder, library)
    observation, watch = env.reset(), _Watch(filmed)
    condition = observation.new_zeros(env.num_envs, 0)
    settled = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)
    rows: list[dict[str, Tensor]] = []
    while bool((settled < goals).any()):
        goal, counts = env.field.goal, settled < goals
        decision = env.step(actor(observation, condition), watch)
        observation, state = decision.observation, watch.state
        outcome = _outcome(decision)
        # who has fallen has had his goals: the next episode is not asked for
        settled = torch.where(outcome == FELL, goals, settled + (outcome != OPEN).long())
        seen = None if encoder is None or directions is None else encoder(observe(state)) @ directions.T
        rows.append(
            {
                "position": decision.after,
                "yaw": rotations.yaw(state.body_quat[:, 0]),
                "goal": goal,
                "outcome": outcome,
                "counts": counts,
                "similarity": torch.full_like(decision.progress, torch.nan)
                if style is None
                else similarity(decision.z, style),
                "features": frechet.features(env.body, state).float(),
                "nearest": torch.full_like(settled, -1) if seen is None else seen.argmax(dim=1),
            }
        )
    stacked = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    return Traces(**stacked, qpos=torch.stack(watch.qpos))


def measure(traces: Traces, style: Style, library: MotionLibrary, decision_seconds: float) -> dict[str, Any]:
    """The metrics of docs/tasks.md.

    Args:
        traces: of `play`.
        style: what was asked for.
        library: the clips.
        decision_seconds: how long a latent is held, s.
    """
    counts = traces.counts
    num_envs = counts.shape[1]
    reached, missed, fell = (((traces.outcome == kind) & counts).sum(dim=0) for kind in (REACHED, MISSED, FELL))
    issued, falls = reached + missed + fell, int(fell.sum()) / num_envs
    success, success_ci = pooled_fraction(reached, issued)
    minutes = counts.sum(dim=0) * decision_seconds / 60
    a_minute, a_minute_ci = student(reached / minutes)
    up = counts & (traces.outcome != FELL)
    moves, directions, turns = travels(traces, up, decision_seconds)
    chosen = [library.index(name) for name in style.clips]
    known = bool((traces.nearest >= 0).all()) and not style.free
    as_asked = torch.isin(traces.nearest[up], torch.tensor(chosen, device=up.device)).float()
    frames = library.states[torch.isin(library.clip_of_frame, torch.tensor(chosen, device=library.device))]
    wanted = frechet.features(library.body, frames).float()
    own = frechet.Moments.of(traces.features.transpose(0, 1), up.T)
    return {
        "style": style.name,
        "clips": list(style.clips),
        "num_envs": num_envs,
        "issued": int(issued.sum()),
        "reached": int(reached.sum()),
        "missed": int(missed.sum()),
        "success": success,
        "success_ci": success_ci,
        "goals_per_minute": a_minute,
        "goals_per_minute_ci": a_minute_ci,
        "falls": falls,
        "falls_ci": wilson(falls, num_envs),
        "falls_per_minute": int(fell.sum()) / float(minutes.sum()),
        "minutes": float(minutes.sum()),
        **frechet.measure([own], wanted),
        "style_by_encoder": _mean(as_asked) if known else None,
        "style_by_travel": (
            _mean((moves & same_direction(directions, style.directions)).float()) if len(style.directions) else None
        ),
        "travelling": _mean(moves.float()),
        "turning": _mean(turns[moves].abs().rad2deg()),
        "loops_per_minute": float(_net_turn(traces.yaw, up).abs().sum() / (2 * torch.pi) / minutes.sum()),
        "style_similarity": None if style.free else _mean(traces.similarity[up]),
    }


def travels(traces: Traces, up: Tensor, decision_seconds: float) -> tuple[Tensor, Tensor, Tensor]:
    """How an environment travels, over all windows of half a second that it stands through.

    Args:
        traces: of `play`.
        up: (T, N) bool, decisions that count and end on the feet.
        decision_seconds: how long a latent is held, s.

    Returns:
        (w,) bool, whether it is faster than `SLOWEST_TRAVEL`; (w,) the direction of travel, as an angle to the heading
        in the window's middle, rad; (w,) how fast the heading turns, rad/s.
    """
    window = min(max(round(TRAVEL_SECONDS / decision_seconds), 1), len(up) - 1)
    start, end, middle = slice(0, len(up) - window), slice(window, None), slice(window // 2, window // 2 - window)
    whole = up.unfold(0, window + 1, 1).all(dim=-1)
    way = rotations.seen_from(traces.position[start], traces.yaw[middle], traces.position[end])[whole]
    turn = rotations.wrap_angle(traces.yaw[end] - traces.yaw[start])[whole] / (window * decision_seconds)
    return way.norm(dim=-1) >= SLOWEST_TRAVEL * window * decision_seconds, torch.atan2(way[:, 1], way[:, 0]), turn


def _net_turn(yaw: Tensor, up: Tensor) -> Tensor:
    """(N,) by how much each environment's heading has turned in all, rad, left positive."""
    return (rotations.wrap_angle(yaw[1:] - yaw[:-1]) * (up[1:] & up[:-1])).sum(dim=0)


def _outcome(decision: Decision) -> Tensor:
    outcome = torch.full_like(decision.fell, OPEN, dtype=torch.long)
    for kind, which in ((REACHED, decision.reached), (MISSED, decision.missed), (FELL, decision.fell)):
        outcome[which] = kind
    return outcome


def _mean(values: Tensor) -> float | None:
    return float(values.double().mean()) if len(values) else None
