"""Denoising queries made without a host-device sync for the number of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.layers import CdnQueryGenerator
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.level_geometry import image_extents, to_device


def denoising_mask(
    max_boxes: int, groups: int, matching_queries: int, device: torch.device
) -> Tensor:
    """Return the attention mask of the queries, as mmdet's dino_layers.py:503-562.

    Args:
        max_boxes: boxes of the fullest image.
        matching_queries: queries that are matched.

    Returns:
        (queries, queries), True where the row must not attend to the column.
    """
    size = 2 * max_boxes
    groups = groups if size else 0
    # The matched queries are one more group at the end, which everybody may see.
    place = torch.arange(groups * size + matching_queries, device=device)
    group = (place // max(size, 1)).clamp(max=groups)
    return (group[:, None] != group[None, :]) & (group < groups)[None, :]


class TeacherQueryGenerator(CdnQueryGenerator):
    """mmdet's generator of denoising queries, same distribution, no host-device syncs.

    An existing generator becomes one by its `__class__`: its label table stays.
    """

    def generate_dn_label_query(self, gt_labels: Tensor, num_groups: int) -> Tensor:
        """Replace a share of the labels by random ones and embed them.

        mmdet finds the chosen places (`nonzero`) and draws that many labels. The number that chose
        a place is uniform below the threshold, so scaled up it is a uniform label as well.

        Args:
            gt_labels: (boxes,) of the whole batch.

        Returns:
            (boxes * 2 * groups, channels).
        """
        labels = gt_labels.repeat(2 * num_groups)
        share = self.label_noise_scale * 0.5
        if not share:
            return self.label_embedding(labels)  # type: ignore[no-any-return]
        chance = torch.rand(labels.shape, device=labels.device)
        random_labels = (chance * (self.num_classes / share)).long()
        random_labels = random_labels.clamp(max=self.num_classes - 1)
        noisy = torch.where(chance < share, random_labels, labels)
        embedded: Tensor = self.label_embedding(noisy)
        return embedded

    def __call__(
        self, batch_data_samples: Sequence[Any]
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, int]]:
        """Make the denoising queries of a batch.

        Args:
            batch_data_samples: with `gt_instances.bboxes` (boxes, 4), corners in pixels, and
                `gt_instances.labels` (boxes,).

        Returns:
            Label queries (N, queries, channels), box queries (N, queries, 4) before the sigmoid,
            the attention mask and the number of queries and groups.
        """
        truth = [sample.gt_instances for sample in batch_data_samples]
        counts = [len(instances) for instances in truth]
        groups = self.get_num_groups(max(counts))
        labels = torch.cat([instances.labels for instances in truth])
        boxes = torch.cat([instances.bboxes for instances in truth])
        extents = image_extents(
            tuple(tuple(sample.img_shape) for sample in batch_data_samples), boxes.device
        )
        image = to_device(torch.repeat_interleave(torch.tensor(counts)), boxes.device)
        label_queries = self.generate_dn_label_query(labels, groups)
        box_queries = self.generate_dn_bbox_query(boxes / extents[image], groups)
        target = to_device(_places(counts, groups), boxes.device)
        queries = max(counts) * 2 * groups

        def in_rows(values: Tensor) -> Tensor:
            empty = values.new_zeros(len(counts) * queries, values.shape[-1])
            rows = empty.index_copy(0, target, values)
            return rows.view(len(counts), queries, values.shape[-1])

        mask = denoising_mask(max(counts), groups, self.num_matching_queries, boxes.device)
        meta = {"num_denoising_queries": queries, "num_denoising_groups": groups}
        return in_rows(label_queries), in_rows(box_queries), mask, meta


def _places(counts: Sequence[int], groups: int) -> Tensor:
    """Return where each query goes in (N * queries); images with fewer boxes leave gaps."""
    copies = 2 * groups
    widest = max(counts)
    image = torch.repeat_interleave(torch.tensor(counts))
    place = torch.cat([torch.arange(count) for count in counts])
    first = torch.arange(copies)[:, None] * widest
    return (image * (widest * copies) + place + first).view(-1)
