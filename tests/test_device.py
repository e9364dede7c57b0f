"""Training with the learner on a GPU that is only pretended: no tensor is left on the wrong device.

The tensors are the CPU's, but those that were made or moved "there" are known, say that they lie there, and meet no
tensor from here: what CUDA refuses is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.trainer import Trainer, TrainerConfig
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.ase import AseConfig
from rgsd.methods.calm import CalmConfig
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.lgsd import LgsdConfig
from rgsd.methods.metra import MetraConfig
from rgsd.methods.registry import METHODS
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.physics.on_device import on_device
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import DiscriminatorConfig

HERE, THERE = torch.device("cpu"), torch.device("cuda", 0)
CROSSING = ("copy_", "__getitem__", "_has_compatible_shallow_copy_type")
"""What CUDA, too, lets meet tensors from both sides: copies, indices from the CPU."""


class PretendedGpu(TorchFunctionMode):
    """While it is entered, `THERE` can be used like a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self._there = WeakTensorKeyDictionary()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        there = any(tensor in self._there for tensor in tensors)
        if func == torch.Tensor.device.__get__:
            return THERE if there else HERE
        if func == torch.Tensor.data.__set__:  # pyright: ignore[reportAttributeAccessIssue]
            self.mark_as(args[0], args[1])
            return func(*args, **kwargs)
        if name in ("to", "cpu"):
            return self._move(func, args, kwargs)
        if there and name in ("numpy", "__array__"):
            raise TypeError("can't convert a tensor that lies there to numpy")
        if there and name not in CROSSING and any(t.dim() and t not in self._there for t in tensors):
            raise RuntimeError(f"{name}: tensors from here and from there")
        kwargs.pop("pin_memory", None)
        asked = kwargs.get("device")
        if asked is not None:
            there, kwargs["device"] = torch.device(asked).type == "cuda", HERE
        generator = kwargs.get("generator")
        if generator is not None and (generator.device == THERE) != there:
            raise RuntimeError(f"{name}: a generator from the other side")
        result = func(*args, **kwargs)
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and there and name != "copy_":
                self._mark(leaf, True)
        return result

    def mark_as(self, tensor: torch.Tensor, other: torch.Tensor) -> None:
        """Say of a tensor that it lies where another does."""
        self._mark(tensor, other in self._there)

    def _move(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
        source = args[0]
        there = False if func.__name__ == "cpu" else source in self._there
        asked = [kwargs.get("device"), *args[1:]]
        for word in asked:
            if isinstance(word, torch.device | str):
                there = torch.device(word).type == "cuda"
        local = [HERE if isinstance(word, torch.device | str) else word for word in args[1:]]
        kwargs |= {"device": HERE} if kwargs.get("device") is not None else {}
        moved = func(source, *local, **kwargs)
        if there != (source in self._there):
            moved = moved.clone()
        self._mark(moved, there)
        return moved

    def _mark(self, tensor: torch.Tensor, there: bool) -> None:
        if there:
            self._there[tensor] = True
        else:
            self._there.pop(tensor, None)


class PretendedGenerator(torch.Generator):
    """A generator that says it lies where it was asked to."""

    place: torch.device

    def __new__(cls, device: torch.device | str = HERE) -> PretendedGenerator:
        self = super().__new__(cls, HERE)  # pyright: ignore[reportCallIssue]
        self.place = torch.device(device)
        return self

    def __init__(self, device: torch.device | str = HERE) -> None:
        pass

    @property
    def device(self) -> torch.device:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.place


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendedGpu:
    pretended, make = PretendedGpu(), torch.nn.Parameter.__new__

    def make_parameter(cls: type, data: torch.Tensor, requires_grad: bool = True) -> torch.nn.Parameter:
        parameter = make(cls, data, requires_grad)  # of what lies there, which torch does not tell a mode
        pretended.mark_as(parameter, data)
        return parameter

    monkeypatch.setattr(torch.nn.Parameter, "__new__", make_parameter)
    monkeypatch.setattr(torch, "Generator", PretendedGenerator)
    return pretended


def test_the_pretence_refuses_what_cuda_refuses(gpu: PretendedGpu) -> None:
    here = torch.ones(2)
    with gpu:
        there = torch.zeros(2, device=THERE)
        assert (there + 1).device == there.to("cpu").to(THERE).device == THERE
        assert (there.cpu() + here).device == HERE
        assert (there * torch.tensor(2.0)).device == THERE  # a lone number may come from anywhere
        with pytest.raises(RuntimeError, match="from here and from there"):
            torch.add(there, here)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(2, generator=torch.Generator(HERE), device=THERE)


SMALL = EncoderConfig(latent_dim=3, hidden=(8,))
DISCRIMINATOR = DiscriminatorConfig(hidden=(8,), window=3, updates=2, batch_fraction=0.25)
SETTINGS = {
    "rgsd": RgsdConfig(SMALL, ContrastiveConfig(steps=2, batch=16)),
    "tracker": TrackerConfig(),
    "diayn": DiaynConfig(SMALL),
    "metra": MetraConfig(SMALL, extra=("position", "time"), grounded=True, contrastive=ContrastiveConfig(steps=2)),
    "lgsd": LgsdConfig(SMALL, shortest_gap=0.02, longest_gap=0.04),
    "ase": AseConfig(SMALL, DISCRIMINATOR, longest_skill=5),
    "calm": CalmConfig(SMALL, motion_seconds=0.4, motion_frames=4, discriminator=DISCRIMINATOR),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("bag_of_words")
def test_a_run_trains_saves_and_goes_on_there(
    tiny_library: MotionLibrary, tmp_path: Path, gpu: PretendedGpu, method: str
) -> None:
    def make() -> Trainer:
        library = MotionLibrary(tiny_library.body, tiny_library.motions, THERE)
        physics = on_device(MujocoCpu(library.body, 4, threads=1), THERE)
        env = SkillEnv(library, EnvConfig(discovery_seconds=0.1, clock="elapsed"), physics=physics)
        loop = TrainerConfig(WarmStartConfig(iterations=1, anchor_weight=0.1), horizon=6)
        network = NetworkConfig(actor_hidden=(8,), critic_hidden=(8,))
        built = METHODS[method].build(library, SETTINGS[method], 0)
        return Trainer(env, built, method, network, PpoConfig(epochs=1), loop, tmp_path, 0)

    with gpu:
        first = make()
        assert first.env.state.qpos.device == THERE
        assert first.run(steps=2 * 24)
        again = make()
        assert again.resume()
        assert again.iterate()["Train/mean_reward"] == first.iterate()["Train/mean_reward"]
        assert {p.device for p in again.actor.parameters()} == {THERE}
