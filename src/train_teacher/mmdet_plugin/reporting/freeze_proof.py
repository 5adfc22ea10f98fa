"""Proof that training changed what it should and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.adapters import is_lora_parameter, lora_config

# The first factor of LoRA has a zero gradient while the second one is zero, that is in the first
# step (Hu et al. 2021, section 4.1); images without boxes give others a zero gradient too.
STEPS_TO_WAIT = 20
HASHING_THREADS = 4


def parameter_digests(model: nn.Module, *, trainable: bool) -> dict[str, str]:
    """Return hex digests by name of the parameters that do, or do not, require a gradient."""
    chosen = {n: p for n, p in model.named_parameters() if p.requires_grad == trainable}
    # Hashing leaves the interpreter free.
    with ThreadPoolExecutor(max_workers=HASHING_THREADS) as threads:
        return dict(zip(chosen, threads.map(_digest, chosen.values()), strict=True))


def _digest(parameter: Tensor) -> str:
    content = parameter.detach().cpu().contiguous().view(torch.uint8).numpy()
    return hashlib.blake2b(content.data, digest_size=16).hexdigest()


class GradientWatch:
    """Records which trainable tensors got a gradient, and which got one that is not all zero.

    Args:
        model: the detector; looked at from now on, until every tensor has been seen.
    """

    def __init__(self, model: nn.Module) -> None:
        """Start watching."""
        trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.absent = set(trainable)
        """Tensors that no backward pass has reached."""
        self.zero = set(trainable)
        """Tensors whose gradients were all zero so far."""
        self._found: dict[str, Tensor] = {}
        self._handles = {
            name: parameter.register_hook(partial(self._note, name))  # type: ignore[no-untyped-call]
            for name, parameter in trainable.items()
        }

    def _note(self, name: str, gradient: Tensor) -> None:
        # A tensor, not a bool: reading it back here would stop a GPU once for every parameter.
        self._found[name] = gradient.detach().any()

    def settle(self) -> None:
        """Record the gradients of the last step; a tensor that was seen is not checked again."""
        for name, found in self._found.items():
            self.absent.discard(name)
            if bool(found):
                self.zero.discard(name)
                self._handles.pop(name).remove()
        self._found.clear()

    def close(self) -> None:
        """Stop watching."""
        for handle in self._handles.values():
            handle.remove()
        self._handles.clear()


class TrainingProof:
    """Digests before training, gradients during it, and the sentence after it."""

    def __init__(self, model: nn.Module) -> None:
        """Take the digests and start watching the gradients."""
        self._has_lora = lora_config(model) is not None
        self.frozen = parameter_digests(model, trainable=False)
        self._trainable = parameter_digests(model, trainable=True)
        self._watch = GradientWatch(model)
        self._steps = 0

    def take_in_joined(self, model: nn.Module) -> None:
        """Watch from now on what was frozen until now and is trained from the next step on.

        Raises:
            UserError: a tensor changed while it was frozen.
        """
        now = parameter_digests(model, trainable=True)
        joined = {name: self.frozen.pop(name) for name in now if name in self.frozen}
        _refuse_changed([name for name, digest in joined.items() if now[name] != digest])
        self._trainable |= joined
        self._watch.close()
        self._watch = GradientWatch(model)
        self._steps = 0

    def after_step(self, warn: Callable[[str], None]) -> None:
        """Check the gradients of the step that was just made.

        Args:
            warn: called with a sentence about problems that do not stop the run.

        Raises:
            UserError: an adapter or full module cannot learn.
        """
        self._steps += 1
        if self._watch.zero and self._steps <= STEPS_TO_WAIT:
            self._watch.settle()
        if self._steps == 1 and self._watch.absent:
            self._dead(self._watch.absent, "are not reached by any gradient", warn)
        elif self._steps == STEPS_TO_WAIT:
            self._watch.close()
            if self._watch.zero:
                what = f"had only zero gradients in {STEPS_TO_WAIT} steps"
                self._dead(self._watch.zero, what, warn)

    def _dead(self, names: Iterable[str], what: str, warn: Callable[[str], None]) -> None:
        dead = sorted(names)
        text = f"{len(dead)} trainable tensors {what}, such as {dead[0]}: they cannot learn."
        if not self._has_lora:
            warn(text)
            return
        raise UserError(
            f"{text} Training was stopped. Name other modules in lora_targets, or leave it out."
        )

    def conclude(self, model: nn.Module) -> str:
        """Return one sentence on the tensors that training changed and did not change.

        Args:
            model: the detector after training.

        Raises:
            UserError: a frozen tensor changed, or one of an adapter did not.
        """
        self._watch.close()
        after = parameter_digests(model, trainable=False)
        _refuse_changed([n for n, digest in self.frozen.items() if after.get(n) != digest])
        now = parameter_digests(model, trainable=True)
        still = [name for name, digest in self._trainable.items() if now.get(name) == digest]
        if still and self._has_lora and self._steps >= STEPS_TO_WAIT:
            raise UserError(
                f"{len(still)} tensors of the adapter did not change in {self._steps} steps, such "
                f"as {still[0]}: this adapter is not what its settings say."
            )
        return self._sentence(still)

    def _sentence(self, still: Iterable[str]) -> str:
        if not self._steps:
            return "no step was made, and nothing changed"
        names = set(self._trainable)
        parts = [f"all {len(self.frozen)} frozen tensors are bit-identical after training"]
        if not self.frozen:
            parts = ["nothing was frozen"]
        lora = {name for name in names if is_lora_parameter(name)}
        kinds = [("LoRA matrices", lora), ("tensors of full modules", names - lora)]
        for label, group in kinds if self._has_lora else [("trainable tensors", names)]:
            moved = len(group - set(still) - self._watch.absent)
            count = f"all {moved}" if moved == len(group) else f"{moved} of {len(group)}"
            parts.append(f"{count} {label} had a gradient and moved")
        return "; ".join(parts)


def _refuse_changed(names: Sequence[str]) -> None:
    if names:
        raise UserError(
            f"{len(names)} tensors that should be frozen changed, such as {names[0]}: "
            "the weights of this run are not what its settings say."
        )
