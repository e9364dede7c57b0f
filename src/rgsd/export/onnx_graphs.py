"""A policy as ONNX: `actor.onnx` and, of a method with an encoder, `encoder.onnx`; no rgsd is needed to run them.

Each carries its description as metadata, every value of it JSON.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout
from rgsd.errors import UsageError
from rgsd.export.description import describe
from rgsd.learning.checkpoint import write_atomically
from rgsd.learning.networks import Actor
from rgsd.learning.skill_policy import SkillPolicy

ACTOR, ENCODER = "actor.onnx", "encoder.onnx"


class _MeanAction(nn.Module):
    """The deterministic policy, normaliser and clipping included."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, observation: Tensor, z: Tensor) -> Tensor:
        return self.actor(observation, z).clamp(-1.0, 1.0)


def write_onnx(policy: SkillPolicy, folder: Path) -> list[Path]:
    """Write the graphs, float32, for any number N of states at once; returns their files.

    `actor.onnx` takes `observation` (N, D) and `z` (N, d) to `action` (N, A), `encoder.onnx` the observation (N, D or
    more) to `mu` (N, d).

    Raises:
        UsageError: the extra `export` is not installed, or a policy of another kind.
    """
    check_extra()
    about = describe(policy)
    size = ObservationLayout(policy.body).size + (policy.clock != "none")
    observation, z = torch.zeros(2, size), torch.zeros(2, policy.latent_dim)
    files = [folder / ACTOR]
    _write(_MeanAction(policy.actor), {"observation": observation, "z": z}, "action", about, files[0])
    if policy.encoder is not None:
        files.append(folder / ENCODER)
        _write(policy.encoder, {"observation": observation}, "mu", about, files[1])
    return files


def check_extra() -> None:
    """Say how to get what writing ONNX takes, if it is not there.

    Raises:
        UsageError: it is not.
    """
    if missing := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise UsageError(f"export needs {' and '.join(missing)}: install rgsd with its export extra, `rgsd[export]`")


def _write(network: nn.Module, inputs: dict[str, Tensor], output: str, about: dict[str, Any], path: Path) -> None:
    """One graph from `inputs`, whose first axis is free, to `output`."""
    onnx: Any = importlib.import_module("onnx")
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it remarks on packages that nothing here needs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network.eval(),
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes=tuple({0: torch.export.Dim("N")} for _ in inputs),
                dynamo=True,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    assert program is not None  # it is None only where a path is given
    graph = program.model_proto
    _forget_origin(graph)
    onnx.helper.set_model_props(graph, {key: json.dumps(value) for key, value in about.items()})
    onnx.checker.check_model(graph)
    write_atomically(path, partial(Path.write_bytes, data=graph.SerializeToString(deterministic=True)))


def _forget_origin(graph: Any) -> None:
    """Take out what the exporter notes of where the source files lie: the same policy makes the same bytes anywhere."""
    for part in (graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
