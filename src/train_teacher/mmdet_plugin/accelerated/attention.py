"""Attention modules that keep less for the backward pass.

Each class takes an existing module's place by its `__class__`: parameters and names stay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmdet.models.utils.vlfuse_helper import MAX_CLAMP_VALUE, BiMultiHeadAttention
from torch import Tensor


class TeacherMultiheadAttention(MultiheadAttention):
    """mmcv's attention without the attention weights, which mmcv asks for and throws away.

    Not asked for, PyTorch computes the same through scaled_dot_product_attention and keeps no
    (heads, queries, keys) tensors for the backward pass.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        identity: Tensor | None = None,
        query_pos: Tensor | None = None,
        key_pos: Tensor | None = None,
        attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor:
        """Attend from queries to keys; arguments and result as in mmcv.

        Args:
            query: (N, queries, channels), batch first unless the module says otherwise.
            key: (N, keys, channels); None takes the query.
            value: (N, keys, channels); None takes the key.
            identity: added to the result; None takes the query.
            key_pos: added to the key; None takes `query_pos` where that fits.
            attn_mask: (queries, keys) or (N * heads, queries, keys), True where not to look.
            key_padding_mask: (N, keys), True where there is no key.
            **kwargs: unused.

        Returns:
            (N, queries, channels).
        """
        key = query if key is None else key
        value = key if value is None else value
        identity = query if identity is None else identity
        if key_pos is None and query_pos is not None and query_pos.shape == key.shape:
            key_pos = query_pos
        query = query if query_pos is None else query + query_pos
        key = key if key_pos is None else key + key_pos
        if self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        output = self.attn(
            query=query,
            key=key,
            value=value,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
        )[0]
        output = output.transpose(0, 1) if self.batch_first else output
        return identity + self.dropout_layer(self.proj_drop(output))  # type: ignore[no-any-return]


class TeacherBiAttention(BiMultiHeadAttention):
    """mmdet's image-text attention with the four tensors of weights it needs instead of ten.

    Left out, because they change nothing: the subtraction of the maximum (softmax does it), the
    clamps except in fp16, and the mask of the text, which mmdet turns into the same constant for
    every token (vlfuse_helper.py:203-207) and which cancels in the softmax.
    """

    def forward(
        self,
        vision: Tensor,
        lang: Tensor,
        attention_mask_v: Tensor | None = None,
        attention_mask_l: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attend from the image to the text and back.

        Args:
            vision: (N, points, channels).
            lang: (N, tokens, channels).
            attention_mask_v: (N, points), True where there is no image.
            attention_mask_l: (N, tokens); has no effect, as in mmdet.

        Returns:
            (N, points, channels) and (N, tokens, channels).
        """
        query = self._heads(self.v_proj(vision))
        # mmdet scales the image's side, a thousand times as large.
        key = self._heads(self.l_proj(lang) * self.scale)
        scores = query @ key.transpose(-1, -2)
        if scores.dtype == torch.float16:
            scores = scores.clamp(-MAX_CLAMP_VALUE, MAX_CLAMP_VALUE)
        to_text = scores.softmax(-1)
        back = scores.transpose(-1, -2)
        if attention_mask_v is not None:
            back = back.masked_fill(attention_mask_v[:, None, None], float("-inf"))
        to_image = back.softmax(-1)
        seen_text = self._dropped(to_text) @ self._heads(self.values_l_proj(lang))
        seen_image = self._dropped(to_image) @ self._heads(self.values_v_proj(vision))
        return (
            self.out_v_proj(seen_text.transpose(1, 2).flatten(2)),
            self.out_l_proj(seen_image.transpose(1, 2).flatten(2)),
        )

    def _heads(self, features: Tensor) -> Tensor:
        return features.view(*features.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _dropped(self, weights: Tensor) -> Tensor:
        return F.dropout(weights, p=self.dropout, training=self.training)
