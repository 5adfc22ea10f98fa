"""A blend's curve says the same as text, JSON and page, and escapes what it quotes."""

from __future__ import annotations

import json

import msgspec

from train_teacher.blending.curve import BlendCurve, BlendPoint
from train_teacher.blending.text import render_blend, render_blend_json, render_blend_page

POINTS = tuple(
    BlendPoint(alpha=alpha, validation=0.1 + alpha / 2, validation_50=0.7, retained=0.5 - alpha / 4)
    for alpha in (0.0, 0.5, 1.0)
)
CURVE = BlendCurve(
    run="<b>run</b>",
    trained="best.pth",
    points=POINTS,
    chosen=0.5,
    reason="given by --alpha",
    validation_data="val.json",
    validation_images=12,
    retained_data="<i>other</i>.json",
    retained_images=30,
    output=None,
    seconds=1.0,
)


def test_every_point_and_the_choice_are_told() -> None:
    text = render_blend(CURVE)
    assert "  0.5  0.350  0.700     0.375  -                       chosen" in text
    assert "chosen    alpha 0.5: given by --alpha" in text
    assert "--output DIR writes the chosen one" in text
    told = json.loads(render_blend_json(CURVE))
    assert [p["retained"] for p in told["points"]] == [0.5, 0.375, 0.25]
    assert told["chosen"] == 0.5


def test_without_other_images_it_says_that_forgetting_was_not_looked_at() -> None:
    text = render_blend(msgspec.structs.replace(CURVE, retained_data=None))
    assert "was not measured" in text


def test_the_page_draws_both_curves_and_escapes_names() -> None:
    page = render_blend_page(CURVE)
    assert page.count("<polyline") == 2
    assert "<b>run" not in page
    assert "<i>other" not in page
    assert "given by --alpha" in page
