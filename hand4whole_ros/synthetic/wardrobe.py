"""Appearance of people in scenes: skin, hair and clothes of many kinds as vertex colours, and the offset of cloth and
hair from the skin; sometimes a body of one plain colour, as in mesh viewers."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from .. import skeleton
from ..body import anny_rig
from ..geometry.mesh import vertex_normals
from . import appearance
from .figure import PosableBody, body_faces, reference_t_pose, vertex_joints

PLAIN = 0.12        # share of the bodies with one colour
_FIELDS = 96


@dataclass(frozen=True)
class Outfit:
    """Appearance of one person, for anny's vertices."""

    colors: np.ndarray          # (V, 3) float32 sRGB from 0 to 1
    surface_offsets: np.ndarray | None   # (V, 3) float32 m off the skin in anny's rest pose
    plain: bool


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Any outfit."""
    if rng.random() < PLAIN:
        return Outfit(_sample_plain_outfit(rng), None, True)
    skin, hair = _sample_skin_color(rng), _hair_colour(rng)
    parts, cuts = _parts(), _garment_cuts()
    colors = np.empty((3, len(vertex_joints())), np.float32)    # columns are processed far faster than rows of three
    colors[:] = _color_column(skin)
    colors[:, parts['palm']] *= _color_column((1.05, 1.0, 0.98))
    colors[:, parts['cheeks']] *= _color_column((1.04, 0.95, 0.95))
    colors *= 1 + rng.uniform(0.01, 0.06) * _smooth_noise(rng)
    varnish = np.array((0.95, 0.75, 0.72)) if rng.random() < 0.8 else rng.random(3)
    colors[:, parts['nails']] = _color_column(0.6 * skin + 0.4 * varnish)
    colors[:, parts['lips']] = _color_column(skin * (0.82, 0.58, 0.58))
    off = np.zeros(colors.shape[1], np.float32)

    sleeve = rng.choice([0.15, 0.55, 0.75, 1.2, 1.7, 1.93], p=[0.08, 0.2, 0.2, 0.12, 0.2, 0.2])
    leg = rng.choice([0.5, 0.9, 1.6, 2.0], p=[0.12, 0.13, 0.1, 0.65])
    neck = cuts['neck'] - rng.uniform(-0.03, 0.03)
    shirt = np.minimum(neck, 0.26 * (sleeve - cuts['arm']))
    waist = cuts['waist'] - rng.uniform(-0.12, 0.08)
    layers = [(np.minimum(-waist, 0.42 * (leg - cuts['leg'])), rng.uniform(0, 0.022) * (rng.random() < 0.7))]
    upper = (np.minimum(shirt, waist + 0.02), rng.uniform(0, 0.030) * (rng.random() < 0.8))
    layers = [*layers, upper] if rng.random() < 0.85 else [(shirt, upper[1])]      # else overalls, a dress
    if rng.random() < 0.85:
        layers.append((-cuts['ankle'] - rng.uniform(-0.03, 0.03), 0.004))
    if rng.random() < 0.03:
        layers.append((0.26 * (cuts['arm'] - 1.97), 0.0015))       # gloves
    for distance, loose in layers:
        inside = np.clip(0.5 + distance / 0.022, 0, 1).astype(np.float32)
        cloth = _cloth(rng, skin)
        colors += inside * (cloth - colors)
        if loose:
            folds = loose * (1 + 0.6 * _smooth_noise(rng))
            off = np.maximum(off, inside * np.clip(distance / 0.05 + 0.4, 0.3, 1) * folds)
    bald = rng.random() < 0.12
    if not bald:
        high = rng.choice([0.004, 0.012, 0.025, 0.045], p=[0.3, 0.35, 0.25, 0.1])
        scalp = parts['scalp'] if rng.random() < 0.6 else parts['long']
        colors[:, scalp] = hair[:, None] * (1 + 0.12 * _smooth_noise(rng)[scalp])
        off[scalp] = np.maximum(high * (1 + 0.5 * _smooth_noise(rng)[scalp]), 0.002)
    if rng.random() < 0.2:
        colors[:, parts['beard']] = _color_column(0.35 * skin + 0.65 * hair)
    colors[:, parts['brows']] = _color_column(0.25 * skin + 0.75 * hair)
    colors[:, parts['lashes']] = _color_column(0.35 * skin)
    colors[:, parts['mouth']] = _color_column(skin * 0.3)
    colors[:, parts['eyes']] = _color_column((0.93, 0.92, 0.90))
    colors[:, parts['iris']] = _color_column(appearance.IRIS_COLORS[rng.integers(3)])
    colors[:, parts['pupil']] = _color_column((0.03, 0.03, 0.03))
    np.clip(colors, 0.01, 1, out=colors)
    return Outfit(colors.T, (off * _rest_normals()).T, False)


def _color_column(colour):
    return np.asarray(colour, np.float32)[:, None]


def _sample_plain_outfit(rng):
    """One colour: a skin's, a grey, or anything pale; sometimes with darker clothes in the same plain style."""
    kind = rng.random()
    colour = _sample_skin_color(rng) if kind < 0.5 else np.full(3, rng.uniform(0.3, 0.9)) if kind < 0.75 else \
        np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.4, 0.95)))
    colors = np.empty((len(vertex_joints()), 3), np.float32)
    colors[:] = colour
    if rng.random() < 0.3:
        cuts = _garment_cuts()
        body = np.minimum(cuts['neck'], 0.26 * (rng.choice([0.6, 1.9]) - cuts['arm'])) > 0
        colors[body] = rng.random(3) * 0.8 + 0.1
    return colors


def _sample_skin_color(rng):
    position = rng.uniform(0, len(appearance.SKIN_COLORS) - 1.001)
    low = int(position)
    skin = appearance.SKIN_COLORS[low] + (position - low) * (
        appearance.SKIN_COLORS[low + 1] - appearance.SKIN_COLORS[low]
    )
    return np.clip(skin * rng.normal(1, 0.04) * rng.normal(1, 0.02, 3), 0.05, 1)


def _hair_colour(rng):
    if rng.random() < 0.06:
        return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.9)))
    return np.clip(appearance.HAIR_COLORS[rng.integers(len(appearance.HAIR_COLORS))] * rng.uniform(0.7, 1.3), 0, 1)


def _cloth(rng, skin):
    """(3, 1) or (3, V): one colour, stripes, checks, a gradient, blotches, or a print on the chest."""
    colour, other = (np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.06, 0.97)),
                              np.float32) for _ in range(2))
    if rng.random() < 0.06:
        colour = (skin * rng.uniform(0.85, 1.1)).astype(np.float32)     # skin-coloured clothes are not rare
    kind = rng.random()
    if kind < 0.5:
        return colour[:, None]
    vertices, _ = reference_t_pose()
    if kind < 0.78:
        axis = vertices[:, 1] if rng.random() < 0.65 else vertices[:, 0]
        mix = _stripe_wave(axis, rng)
        if kind > 0.70:
            mix = mix * _stripe_wave(vertices[:, 0] + vertices[:, 2], rng)
    elif kind < 0.84:
        mix = np.clip((vertices[:, 1] + 0.6) / 1.2 * rng.uniform(0.6, 1.5), 0, 1)
    elif kind < 0.93:
        mix = np.clip(0.5 + rng.uniform(0.5, 3) * _smooth_noise(rng), 0, 1)
    else:
        chest = vertices - (rng.uniform(-0.06, 0.06), rng.uniform(0.05, 0.25), 0)
        mix = ((np.abs(chest[:, 0]) < rng.uniform(0.03, 0.12)) & (np.abs(chest[:, 1]) < rng.uniform(0.02, 0.1))
               & (chest[:, 2] > 0)).astype(float)
    return colour[:, None] + mix.astype(np.float32) * (other - colour)[:, None]


def _stripe_wave(along, rng):
    return np.clip(0.5 + 2.5 * np.sin(along * (2 * np.pi / rng.uniform(0.03, 0.2))) + rng.uniform(-1, 1), 0, 1)


def _smooth_noise(rng):
    """(V,) float32 smooth noise over the skin, about -1 to 1."""
    fields = _fields()
    chosen = rng.integers(len(fields), size=3)
    return (fields[chosen[0]] + fields[chosen[1]] - fields[chosen[2]]) * np.float32(0.6)


@lru_cache(maxsize=1)
def _fields():
    rng = np.random.default_rng(0)
    vertices, _ = reference_t_pose()
    waves = rng.normal(0, 1, (_FIELDS, 3)) * np.geomspace(4, 90, _FIELDS)[:, None]
    return np.cos(waves @ vertices.T + rng.uniform(0, 2 * np.pi, (_FIELDS, 1))).astype(np.float32)


@lru_cache(maxsize=1)
def _rest_normals():
    """(3, V) float32 normals of the mean adult in anny's rest pose, SMPL-X's axes."""
    reference = PosableBody({name: torch.tensor([value], dtype=torch.float64)
                        for name, value in anny_rig.REFERENCE_ADULT.items()})
    return np.ascontiguousarray(vertex_normals(reference.rest_vertices, body_faces()).T.astype(np.float32))


@lru_cache(maxsize=1)
def _parts():
    """Vertex ids of the parts with a colour of their own."""
    masks = dict(appearance.skin_regions())
    vertices, joints = reference_t_pose()
    names = np.array(skeleton.JOINT_NAMES)[vertex_joints()]
    head = joints[skeleton.JOINT['head']]
    behind = np.isin(names, ('head', 'neck')) & (vertices[:, 2] < head[2] - 0.02) & (vertices[:, 1] > head[1] - 0.10)
    masks['long'] = masks['scalp'] | behind
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}


@lru_cache(maxsize=1)
def _garment_cuts():
    """(V,) float32 each: values that bound clothes. neck, waist, ankle in metres; arm and leg 0 to 2, from shoulder or
    hip over elbow or knee to wrist or ankle."""
    neck, waist, ankle, arm = appearance.garment_distances()
    vertices, joints = reference_t_pose()
    names = np.array(skeleton.JOINT_NAMES)[vertex_joints()]
    hands = np.isin(vertex_joints(), np.r_[25:55]) | np.char.endswith(names, 'wrist')
    arm = np.where(hands, np.maximum(arm, 1.97 + np.abs(vertices[:, 0]) - abs(joints[20, 0])), arm)
    heights = [joints[skeleton.JOINT[f'left_{name}'], 1] for name in ('hip', 'knee', 'ankle')]
    leg = np.interp(-vertices[:, 1], -np.array(heights), (0.0, 1.0, 2.0))
    return {name: values.astype(np.float32) for name, values in
            (('neck', neck), ('waist', waist), ('ankle', ankle), ('arm', arm), ('leg', leg))}
