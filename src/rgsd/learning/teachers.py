"""Whom a warm start clones: open-loop replay, which needs no training, or policies that were trained before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from rgsd.bodies.body import BodyError
from rgsd.envs.observation import ObservationLayout
from rgsd.envs.open_loop_replay import OpenLoopReplay
from rgsd.envs.policy_mirror import PolicyMirror
from rgsd.envs.reference_frames import Lag, ReferenceFrames
from rgsd.learning.policy_files import DESCRIPTION, PolicyError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.mirroring import image_name, mirrored


class Teachers:
    """Says how to get to a reference frame: each clip has its teacher.

    Args:
        library: the clips.
        policies: trackers and policies of latents, who teach the clips that they were trained on, the first one where
            several were; else the clips whose mirror images they were trained on (`rgsd motions
            mirror`); open-loop replay teaches the others.

    Attributes:
        recovers: (M,) bool, of which clips the teacher leads back to the reference from where a student has strayed.
    """

    def __init__(self, library: MotionLibrary, policies: Sequence[SkillPolicy] = ()) -> None:
        self._open_loop_replay = OpenLoopReplay(library)
        kinds = {"reference": TrackingTeacher, "latent": Skilled}
        self._trained: list[TrackingTeacher | Skilled | MirroredTeacher] = [
            kinds[p.condition](p, library) for p in policies
        ]
        known = [policy.clips for policy in policies]
        images = _images_known(known, library)
        if images:
            mirror = PolicyMirror(library.body, library.device)
            clips = [mirrored(motion, mirror.mirror) for motion in library.motions if motion.name in images]
            mirror_images = MotionLibrary(library.body, clips, library.device)
            self._trained += [
                MirroredTeacher(kinds[p.condition](p, mirror_images), mirror_images, library, mirror) for p in policies
            ]
            known += [tuple(name for name in images if image_name(name) in clips) for clips in known]
        knowing = [[n for n, clips in enumerate(known) if name in clips] for name in library.names]
        self._who = torch.tensor([numbers[0] if numbers else -1 for numbers in knowing], device=library.device)
        self.recovers = self._who >= 0

    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """Actions (n, A) in states seen as (n, D), towards the frames (n,) of the clips (n,); beyond a clip's end its
        last frame is meant, in a loop the first ones again.
        """
        action, who = self._open_loop_replay.act(clip, frame), self._who[clip]
        for number, teacher in enumerate(self._trained):
            own = who == number
            action[own] = teacher.act(observation[own], clip[own], frame[own])
        return action


class TrackingTeacher:
    """A trained tracker: shown the frame, it keeps its balance on the way there.

    One that knows its lag is told that of the posture alone, as if its root were where the reference's is: a student of
    latents cannot know where that would be. A student who is a tracker himself shows it his own.

    Args:
        policy: with `condition` "reference"; moved to the library's device.
        library: the clips.
    """

    def __init__(self, policy: SkillPolicy, library: MotionLibrary) -> None:
        self._actor = policy.actor.to(library.device)
        self._library, self._reference = library, ReferenceFrames(library, policy.condition_moments)
        self._size, self._lag = ObservationLayout(library.body).size, Lag(library) if policy.lag else None

    @torch.no_grad()
    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """As in `Teachers`; a student's clock, last in its observation, is left out."""
        frame = self._library.wrapped(clip, frame)
        seen = observation[:, : self._size]
        if self._lag is not None:
            with_lag = self._size + Lag.size_of(self._library.body.num_bodies)
            if observation.shape[1] >= with_lag:
                seen = observation[:, :with_lag]
            else:
                seen = torch.cat((seen, self._lag.in_place(seen, clip, frame - 1)), dim=1)
        return self._actor(seen, self._reference.at(clip, frame)).clamp(-1.0, 1.0)


class Skilled:
    """A policy of latents, given the direction of the clip: it keeps its balance as well, in a phase of its own.

    Args:
        policy: with `condition` "latent" and clips of its own; moved to the library's device.
        library: the clips; those that the policy does not know it is not to be asked for.
    """

    def __init__(self, policy: SkillPolicy, library: MotionLibrary) -> None:
        self._actor = policy.actor.to(library.device)
        unknown = torch.full((policy.latent_dim,), torch.nan)
        directions = [policy.clip_latents.get(name, unknown) for name in library.names]
        self._directions = torch.stack(directions).to(library.device)
        self._size = ObservationLayout(library.body).size

    @torch.no_grad()
    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """As in `Teachers`, whatever the frames; a student's clock, last in its observation, is left out."""
        return self._actor(observation[:, : self._size], self._directions[clip]).clamp(-1.0, 1.0)


class MirroredTeacher:
    """A teacher of the mirror images of some clips: shown each state mirrored, its action is mirrored back.

    Args:
        teacher: of the mirror images.
        images: the mirror images.
        library: all clips; it is to be asked for those alone whose mirror images are among `images`.
        mirror: of states and actions.
    """

    def __init__(
        self, teacher: TrackingTeacher | Skilled, images: MotionLibrary, library: MotionLibrary, mirror: PolicyMirror
    ) -> None:
        self._teacher, self._mirror = teacher, mirror
        places = {image_name(name): place for place, name in enumerate(images.names)}
        self._image = torch.tensor([places.get(name, -1) for name in library.names], device=library.device)

    def act(self, observation: Tensor, clip: Tensor, frame: Tensor) -> Tensor:
        """As in `Teachers`; a student's clock, last in its observation, is left out."""
        action = self._teacher.act(self._mirror.observation(observation), self._image[clip], frame)
        return self._mirror.action(action).clamp(-1.0, 1.0)


def _images_known(known: Sequence[Sequence[str]], library: MotionLibrary) -> list[str]:
    """Clips that nobody knows, though somebody knows their mirror image; `known` are each one's clips."""
    everything = {name for clips in known for name in clips}
    return [name for name in library.names if name not in everything and image_name(name) in everything]


def load_teacher(folder: Path, library: MotionLibrary) -> SkillPolicy:
    """A policy that can teach.

    Args:
        folder: a run, or its policy.
        library: the body that it is to move, and the clips, of which it must know some.

    Raises:
        PolicyError: there is no policy, it is of another body, has a clock, was trained on none of the clips nor a
            mirror image of one, or on a mirror image of a body that has none; the message names the folder and the
            remedy.
    """
    option = f"--trainer.warm-start.teachers {folder}"
    if not any((place / DESCRIPTION).exists() for place in (folder, folder / "policy")):
        raise PolicyError(f"{option}: no policy there; give a run of `rgsd train tracker` on this body")
    policy = SkillPolicy.load(folder, library.body)
    if policy.clock != "none":
        raise PolicyError(
            f"{option}: clock is '{policy.clock}', but a teacher is shown no time; "
            "give a run of `rgsd train tracker` on this body, or a policy that was trained without --env.clock"
        )
    clips = policy.clips if policy.condition == "reference" else tuple(policy.clip_latents)
    images = _images_known([clips], library)
    if images:
        try:
            PolicyMirror(library.body)
        except BodyError as error:
            raise PolicyError(
                f"{option}: it knows {image_name(images[0])}, which by its name is the mirror image of {images[0]}, "
                f"but {error}; rename the clip"
            ) from error
    if not images and not set(clips) & set(library.names):
        known = ", ".join(clips) or f"none ({policy.method} has none)"
        raise PolicyError(
            f"{option}: it was trained on {known}, and of these clips and their mirror images none is trained on here; "
            "choose others by --clips"
        )
    return policy
