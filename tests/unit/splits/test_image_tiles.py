import numpy as np
import pytest

from train_teacher.splits.image_tiles import find_tiles


def sources(names: list[str], size: float = 512.0) -> list[str | None]:
    return find_tiles(names, np.full((len(names), 2), size))


@pytest.mark.parametrize(
    ("form", "places"),
    [
        ("{}_{}.png", ["0_0_512_512", "512_0_1024_512", "0_400_512_912"]),
        ("{}__1__{}.png", ["0___0", "200___0", "200___400"]),
        ("{}__0.5__{}_png.rf.0123456789abcdef0123456789abcdef.jpg", ["0___0", "200___0"]),
        ("{}_{}.jpg", ["r0_c0", "r0_c1", "r1_c3"]),
        ("{}-{}.tif", ["row01_col02", "row02_col02"]),
        ("a/{}_{}.tif", ["x0_y512", "x512_y512"]),
    ],
)
def test_names_that_end_in_a_place_are_tiles_of_their_source(form: str, places: list[str]) -> None:
    names = [form.format(source, place) for source in ("P0003", "P0004") for place in places]

    found = sources(names)

    assert [str(source)[-5:] for source in found] == [
        source for source in ("P0003", "P0004") for _ in places
    ]


def test_a_tile_alone_belongs_to_its_source_when_other_names_prove_the_form() -> None:
    names = [f"P1_{x}_0_{x + 512}_512.png" for x in (0, 512, 1024, 1536)]

    assert sources([*names, "P2_0_0_512_512.png"])[-1] == "P2"


@pytest.mark.parametrize(
    "names",
    [
        [f"cam_2024_01_05_{hour}_{minute}.jpg" for hour in (12, 13) for minute in (10, 20, 45)],
        [f"crop_10_20_{x}_{y}.png" for x, y in ((50, 70), (64, 90), (91, 33), (40, 45))],
        [f"crop_10_20_{x}_8.png" for x in (50, 60, 70, 80)],
        ["a_r0_c0.jpg", "b_r0_c1.jpg", "c_r1_c0.jpg", "d_r1_c1.jpg"],
        ["a_r0_c0.jpg", "a_r0_c1.jpg", "plain.jpg"],
        ["a_r0_c0.jpg", "a_r0_c0.png", "b_r0_c0.jpg", "b_r0_c0.png"],
    ],
)
def test_numbers_that_are_no_places_are_no_tiles(names: list[str]) -> None:
    assert set(sources(names)) == {None}


def test_images_of_many_sizes_are_no_tiles() -> None:
    names = [f"a_r{row}_c{column}.jpg" for row in range(2) for column in range(3)]
    sizes = np.arange(12, dtype=np.float64).reshape(6, 2) + 100

    assert set(find_tiles(names, sizes)) == {None}
    assert set(find_tiles(names, np.full((6, 2), np.nan))) == {"a"}
