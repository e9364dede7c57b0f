"""Minibatches deal every transition once, with all its parts together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch

from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.learning.transitions import Recorder


def test_every_transition_is_dealt_once_with_its_own_parts(make_rollout: Callable[..., Rollout]) -> None:
    number = torch.arange(21.0).reshape(7, 3)  # step t of environment n is 3 t + n
    rollout = make_rollout(
        7,
        3,
        observation=number.unsqueeze(2),
        next_observation=number.unsqueeze(2) + 100,
        privileged=number.unsqueeze(2) + 200,
        z=number.unsqueeze(2) + 300,
        source=number.long() + 900,
        action=number.unsqueeze(2).expand(-1, -1, 2),
        mean=-number.unsqueeze(2).expand(-1, -1, 2),
        log_prob=number + 400,
        clip=number.long(),
        frame=number.long() + 500,
        imitation=number % 2 == 0,
    )
    assert rollout.num_samples == 21
    batches = list(rollout.minibatches(number + 700, number + 800, 4, torch.Generator().manual_seed(0)))
    assert [len(batch.clip) for batch in batches] == [6, 6, 6, 3]
    everything = torch.cat([batch.clip for batch in batches])
    assert everything.tolist() != list(range(21))
    assert sorted(everything.tolist()) == list(range(21))
    for batch in batches:
        n = batch.clip.float()
        expected = Minibatch(
            observation=n.unsqueeze(1),
            privileged=n.unsqueeze(1) + 200,
            z=n.unsqueeze(1) + 300,
            source=batch.clip + 900,
            action=n.unsqueeze(1).expand(-1, 2),
            mean=-n.unsqueeze(1).expand(-1, 2),
            log_prob=n + 400,
            advantage=n + 700,
            returns=n + 800,
            clip=batch.clip,
            frame=batch.clip + 500,
            imitation=batch.clip % 2 == 0,
        )
        for f in fields(Minibatch):
            assert torch.equal(getattr(batch, f.name), getattr(expected, f.name)), f.name


def test_steps_are_recorded_along_time(make_rollout: Callable[..., Rollout]) -> None:
    whole = make_rollout(3, 2, log_prob=torch.arange(6.0).reshape(3, 2))
    recorder = Recorder(3)
    for t in range(3):
        recorder.add(**{f.name: getattr(whole, f.name)[t] for f in fields(Rollout)})
    recorded = Rollout(**recorder.rows())
    for f in fields(Rollout):
        assert torch.equal(getattr(recorded, f.name), getattr(whole, f.name)), f.name
