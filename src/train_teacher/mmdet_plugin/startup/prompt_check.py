"""Check before training that every class has a token in the prompts that will be used."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.model.many_classes import ChunkedGroundingDINO
from train_teacher.mmdet_plugin.runner_access import unwrapped


@HOOKS.register_module()
class PromptCheckHook(Hook):
    """Stops a run in which a class would have no token, before anything is trained."""

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        """Check the prompts of training and of validation.

        Raises:
            UserError: some class would have no token.
        """
        model = unwrapped(runner)
        if not isinstance(model, ChunkedGroundingDINO):
            return
        train = runner.train_loop.dataloader.dataset
        names = train.metainfo["classes"]
        model.check_prompts(names, one_prompt=_names_all_classes(train))
        if runner.val_loop is not None:
            names = runner.val_loop.dataloader.dataset.metainfo["classes"]
            model.check_prompts(names, one_prompt=model.chunked_size == 0)


def _names_all_classes(dataset: Any) -> bool:
    """Return whether every image comes with all classes; with ODVG files each has its own."""
    return len(dataset) > 0 and "text" in dataset.get_data_info(0)
