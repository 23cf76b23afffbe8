"""Appearance of rendered people: skin, hair, face and plain clothes as vertex colours, and the light.

Colours are sRGB from 0 to 1. Regions are computed once on the reference adult in the T-pose; anny's vertices
keep their meaning in every phenotype.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .. import skeleton
from .figure import body_faces, reference_t_pose, vertex_joints

#: Skin from light to dark.
SKIN_COLORS = np.array([(0.96, 0.80, 0.69), (0.91, 0.72, 0.58), (0.85, 0.62, 0.47), (0.72, 0.50, 0.36),
                   (0.55, 0.37, 0.26), (0.42, 0.28, 0.20)])
HAIR_COLORS = np.array([(0.07, 0.05, 0.04), (0.16, 0.10, 0.06), (0.30, 0.19, 0.10), (0.45, 0.31, 0.16),
                   (0.55, 0.53, 0.50), (0.72, 0.58, 0.34)])
IRIS_COLORS = np.array([(0.25, 0.14, 0.07), (0.20, 0.30, 0.20), (0.22, 0.32, 0.45)])


@dataclass(frozen=True)
class Appearance:
    """Appearance of one person."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    sleeve: float       # where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist
    beard: bool
    grain_seed: int     # of the variation of skin and cloth

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Appearance:
        """A random appearance whose clothes contrast with the skin."""
        position = rng.uniform(0, len(SKIN_COLORS) - 1.001)
        low = int(position)
        skin = SKIN_COLORS[low] + (position - low) * (SKIN_COLORS[low + 1] - SKIN_COLORS[low])
        darker_half = position > 2.5
        hair = HAIR_COLORS[rng.integers(0, 3 if darker_half else len(HAIR_COLORS))]
        shirt = _sample_cloth_color(rng, 0.25, 0.95)
        while np.abs(shirt - skin).sum() < 0.5:
            shirt = _sample_cloth_color(rng, 0.25, 0.95)
        trousers = _sample_cloth_color(rng, 0.1, 0.5)
        iris = IRIS_COLORS[0 if darker_half else rng.integers(3)]
        shoes = _sample_cloth_color(rng, 0.08, 0.4)
        return cls(_rgb(skin), _rgb(hair), _rgb(iris), _rgb(shirt), _rgb(trousers), _rgb(shoes),
                   sleeve=float(rng.choice([0.55, 0.7, 1.2, 1.85])), beard=bool(rng.random() < 0.2),
                   grain_seed=int(rng.integers(1 << 31)))

    def colors(self) -> np.ndarray:
        """(V, 3) float32 colours of anny's vertices."""
        parts = skin_regions()
        colors = np.tile(np.array(self.skin, np.float32), (len(parts['eyes']), 1))
        grain = np.random.default_rng(self.grain_seed)
        colors *= 1 + grain.normal(0, 0.015, (len(colors), 1)).astype(np.float32)
        skin = np.array(self.skin)
        colors[parts['palm']] *= np.array((1.06, 1.0, 0.98), np.float32)
        colors[parts['cheeks']] *= np.array((1.04, 0.95, 0.95), np.float32)
        colors[parts['nails']] = 0.55 * skin + 0.45 * np.array((0.95, 0.75, 0.72))
        colors[parts['lips']] = skin * (0.82, 0.58, 0.58)
        colors[parts['mouth']] = skin * 0.3
        neck, above_waist, above_ankle, arm = garment_distances()
        # A forearm and an upper arm are some 0.26 m long.
        for distance, colour in ((np.minimum(neck, 0.26 * (self.sleeve - arm)), self.shirt),
                                 (-above_waist, self.trousers), (-above_ankle, self.shoes)):
            colors += _smooth_edge(distance) * (np.array(colour) - colors)
        colors[parts['scalp']] = self.hair
        if self.beard:
            colors[parts['beard']] = 0.35 * skin + 0.65 * np.array(self.hair)
        colors[parts['brows']] = 0.25 * skin + 0.75 * np.array(self.hair)
        colors[parts['lashes']] = 0.35 * skin
        colors[parts['eyes']] = (0.93, 0.92, 0.90)
        colors[parts['iris']] = self.iris
        colors[parts['pupil']] = (0.03, 0.03, 0.03)
        return np.clip(colors, 0, 1).astype(np.float32)


def _rgb(color) -> tuple[float, float, float]:
    red, green, blue = map(float, color)
    return red, green, blue


def _sample_cloth_color(rng, low, high):
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.8), rng.uniform(low, high)))


@lru_cache(maxsize=1)
def skin_regions() -> dict[str, np.ndarray]:
    """Masks (V,) of the parts of head and hands that have their own colour."""
    vertices, joints = reference_t_pose()
    names = np.array(skeleton.JOINT_NAMES)[vertex_joints()]
    at = {name: joints[index] for name, index in skeleton.JOINT.items()}
    head = np.isin(names, ('head', 'jaw', 'left_eye', 'right_eye'))
    eyes = np.isin(names, ('left_eye', 'right_eye')) & _eyeballs()
    eye = (at['left_eye'] + at['right_eye']) / 2
    # Measured from the middle of the eyes, left and right folded onto each other.
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1] - eye[1], vertices[:, 2] - eye[2]
    half = abs(at['left_eye'][0])
    brow_line = 0.0205 + 0.10 * (x - half) - 9.0 * (x - half) ** 2
    centres = np.where(vertices[:, :1] > 0, at['left_eye'], at['right_eye'])
    outwards = vertices - centres
    gaze = outwards[:, 2] / (np.linalg.norm(outwards, axis=1) + 1e-9)
    ears = (x > 0.066) & (np.abs(y + 0.02) < 0.035) & (z > -0.085)
    hairline = 0.062 - 0.9 * np.clip(-z - 0.01, 0, 0.06) - 0.5 * np.clip(x - 0.03, 0, 0.05)
    scalp = head & ~ears & ((y > hairline) | ((z < -0.075) & (y > -0.055 - 0.3 * np.clip(-z - 0.1, 0, 0.1))))
    face = head & ~eyes & (z > -0.01)
    mouth_line = -0.0705
    lips = face & (x < 0.024) & (np.abs(y - mouth_line) < 0.0095 - 0.22 * x) & (z > 0.0)
    fingers = np.array([name[-1].isdigit() and 'spine' not in name for name in names])
    hand = fingers | np.char.endswith(names, 'wrist')
    last = np.array([skeleton.JOINT[name] if name[-1] == '3' and name != 'spine3' else -1 for name in names])
    beyond = np.where(last >= 0, x - np.abs(joints[last, 0]), -1.0)
    back = vertices[:, 1] > at['left_wrist'][1] + 0.003
    return {
        'eyes': eyes, 'iris': eyes & (gaze > 0.88), 'pupil': eyes & (gaze > 0.975),
        'brows': face & (np.abs(y - brow_line) < 0.0042) & (np.abs(x - half - 0.001) < 0.019),
        'lashes': face & (np.abs(y - 0.0055) < 0.0022) & (np.abs(x - half) < 0.014) & (z > 0.005),
        'lips': lips, 'mouth': head & (x < 0.025) & (z > -0.06) & _tongue(),
        'cheeks': face & (np.abs(x - 0.038) < 0.018) & (np.abs(y + 0.04) < 0.018),
        'beard': head & (y < -0.052) & (z > -0.05) & ~lips & ~((y > -0.066) & (x < 0.012)),
        'scalp': scalp, 'nails': (beyond > 0.012) & back & ~np.char.endswith(names, 'thumb3'),
        'palm': hand & (vertices[:, 1] < at['left_wrist'][1] - 0.004)}


@lru_cache(maxsize=1)
def garment_distances():
    """Signed distances (V,) in metres that bound clothes: from the neck, above the waist and the ankle;
    and the position of each vertex along the arm, 0 at the shoulder, 1 at the elbow, 2 at the wrist."""
    vertices, joints = reference_t_pose()
    at = {name: joints[index] for name, index in skeleton.JOINT.items()}
    names = np.array(skeleton.JOINT_NAMES)[vertex_joints()]
    neck = np.linalg.norm(vertices - (at['neck'] + (0, 0.03, 0.01)), axis=1) - 0.085
    neck[np.isin(names, ('head', 'jaw', 'left_eye', 'right_eye'))] = -1.0
    places = [abs(at[f'left_{name}'][0]) for name in ('shoulder', 'elbow', 'wrist')]
    x = np.abs(vertices[:, 0])
    inside = (x - places[0]) / (places[1] - places[0])
    arm = np.where(x < places[0], inside, np.interp(x, places, (0.0, 1.0, 2.0)))
    return neck, vertices[:, 1] - at['pelvis'][1] - 0.02, vertices[:, 1] - at['left_ankle'][1] - 0.02, arm


def _smooth_edge(distance):
    """Signed distance -> 0 outside to 1 inside, over the size of a triangle, for straight hems."""
    return np.clip(0.5 + distance / 0.022, 0.0, 1.0)[:, None]


@lru_cache(maxsize=1)
def _components():
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    triangles = body_faces()
    edges = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    count = len(vertex_joints())
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    labels = connected_components(graph, directed=False)[1]
    return labels, np.bincount(labels)


def _eyeballs():
    """Vertices of the two smallest separate pieces."""
    labels, sizes = _components()
    return np.isin(labels, np.argsort(sizes)[:2])


def _tongue():
    """Vertices of the second largest separate piece."""
    labels, sizes = _components()
    return labels == np.argsort(sizes)[-2]


def sample_lighting(rng: np.random.Generator):
    """Random indoor light, mostly from above and from the camera's side."""
    from ..rendering.rasterizer import Lighting
    direction = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-1.1, -0.2), rng.uniform(-1.3, -0.6)])
    warmth = rng.uniform(-0.12, 0.12)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    strength = rng.uniform(0.55, 0.95)
    fill = rng.uniform(0.30, 0.55)
    return Lighting(key_direction=tuple(direction / np.linalg.norm(direction)), key=tuple(strength * tint),
                    sky=tuple(fill * (2 - tint)), ground=tuple(0.6 * fill * tint),
                    specular=float(rng.uniform(0.0, 0.08)), rim=float(rng.uniform(0.0, 0.1)))
