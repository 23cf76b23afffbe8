"""Pictures of several rendered people with exact truth: each is rendered alone and laid over the others."""

from dataclasses import dataclass

import numpy as np

from hand4whole_ros.synthetic import backgrounds, drawing, people, visibility

OPPOSITE = {'left': 'right', 'right': 'left'}


@dataclass(frozen=True)
class Seen:
    """One person of a picture."""

    box: np.ndarray             # xywh px around every pixel of the person that is seen
    hands: dict                 # side -> (21, 2) px
    visible: dict               # side -> whether most of the hand is in the picture and nobody stands before it
    share: float                # of the person's own pixels, those seen


def side_by_side(seeds, step, size=720):
    """(picture RGB uint8, [Seen]): people `step` px apart, from left to right and from front to back."""
    width = size + step * (len(seeds) - 1)
    picture = backgrounds.draw_background(np.random.default_rng(seeds[0]), width, size).astype(np.float32)
    seen = []
    covered = np.zeros((size, width), bool)
    for number, seed in reversed(list(enumerate(seeds))):
        picture[:, number * step:number * step + size] = drawing.composite(
            _rendered(seed)[0], picture[:, number * step:number * step + size])
    for number, seed in enumerate(seeds):
        drawn, truth = _rendered(seed)
        mask = np.zeros_like(covered)
        mask[:, number * step:number * step + size] = drawn.alpha > 0.5
        alone = mask.sum()
        mask &= ~covered
        covered |= mask
        rows, columns = np.nonzero(mask)
        low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1
        hands = {side: truth[side] + (number * step, 0) for side in OPPOSITE}
        visible = {}
        for side, keypoints in hands.items():
            x, y = np.clip(keypoints.round().astype(int), 0, (width - 1, size - 1)).T
            visible[side] = bool(mask[y, x].mean() > 0.7)
        seen.append(Seen(np.concatenate([low, high - low]).astype(float), hands, visible, mask.sum() / alone))
    return np.clip(picture, 0, 255).astype(np.uint8), seen


def passing(behind, before, offsets, size=720):
    """Pictures RGB uint8, three times as wide as high, of one person in the middle and, offsets px to the right of that
    one, another in front; None: nobody."""
    background = backgrounds.draw_background(np.random.default_rng(5), 3 * size, size).astype(np.float32)
    background[:, size:2 * size] = drawing.composite(_rendered(behind)[0], background[:, size:2 * size])
    for offset in offsets:
        picture = background.copy()
        if offset is not None:
            place = picture[:, size + offset:2 * size + offset]
            place[:] = drawing.composite(_rendered(before)[0], place)
        yield np.clip(picture, 0, 255).astype(np.uint8)


_kept = {}


def _rendered(seed):
    """The person without a background, and the hands' keypoints in the picture."""
    if seed not in _kept:
        scene = people.sample_person(seed)
        studio = drawing.Studio.of(scene, scene.intrinsics)
        drawn = visibility.body_rasterizer().render(scene.vertices, scene.intrinsics, studio.colors,
                                                    lighting=studio.light)
        hands = map(scene.intrinsics.project, scene.hand_keypoints)
        _kept[seed] = drawn, dict(zip(OPPOSITE, hands))
    return _kept[seed]
