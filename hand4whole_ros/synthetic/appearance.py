"""What rendered people look like: skin, hair, face and plain clothes as vertex colours, and the light.

Colours are sRGB from 0 to 1. Regions are found once on the reference adult in the T-pose; anny's vertices
keep their meaning in every phenotype.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .. import skeleton
from .figure import faces, reference_t_pose, vertex_joints

#: Skin from light to dark.
_SKINS = np.array([(0.96, 0.80, 0.69), (0.91, 0.72, 0.58), (0.85, 0.62, 0.47), (0.72, 0.50, 0.36),
                   (0.55, 0.37, 0.26), (0.42, 0.28, 0.20)])
_HAIRS = np.array([(0.07, 0.05, 0.04), (0.16, 0.10, 0.06), (0.30, 0.19, 0.10), (0.45, 0.31, 0.16),
                   (0.55, 0.53, 0.50), (0.72, 0.58, 0.34)])
_IRISES = np.array([(0.25, 0.14, 0.07), (0.20, 0.30, 0.20), (0.22, 0.32, 0.45)])


@dataclass(frozen=True)
class Appearance:
    """How one person looks."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    sleeve: float       # where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist
    beard: bool
    grain_seed: int     # of the unevenness of skin and cloth

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Appearance:
        """A random look whose clothes stand out from the skin."""
        position = rng.uniform(0, len(_SKINS) - 1.001)
        low = int(position)
        skin = _SKINS[low] + (position - low) * (_SKINS[low + 1] - _SKINS[low])
        darker_half = position > 2.5
        hair = _HAIRS[rng.integers(0, 3 if darker_half else len(_HAIRS))]
        shirt = _cloth(rng, 0.25, 0.95)
        while np.abs(shirt - skin).sum() < 0.5:
            shirt = _cloth(rng, 0.25, 0.95)
        trousers = _cloth(rng, 0.1, 0.5)
        return cls(*(tuple(float(c) for c in colour) for colour in (
            skin, hair, _IRISES[0 if darker_half else rng.integers(3)], shirt, trousers,
            _cloth(rng, 0.08, 0.4))), sleeve=float(rng.choice([0.55, 0.7, 1.2, 1.85])),
            beard=bool(rng.random() < 0.2), grain_seed=int(rng.integers(1 << 31)))

    def colors(self) -> np.ndarray:
        """(V, 3) float32 colours of anny's vertices."""
        parts = regions()
        colors = np.tile(np.float32(self.skin), (len(parts['arm']), 1))
        grain = np.random.default_rng(self.grain_seed)
        colors *= 1 + grain.normal(0, 0.015, (len(colors), 1)).astype(np.float32)
        skin = np.array(self.skin)
        colors[parts['palm']] *= np.float32((1.06, 1.0, 0.98))
        colors[parts['cheeks']] *= np.float32((1.04, 0.95, 0.95))
        colors[parts['nails']] = 0.55 * skin + 0.45 * np.array((0.95, 0.75, 0.72))
        colors[parts['lips']] = skin * (0.82, 0.58, 0.58)
        colors[parts['mouth']] = skin * 0.3
        colors[parts['shirt'] & (parts['arm'] < self.sleeve)] = self.shirt
        colors[parts['trousers']] = self.trousers
        colors[parts['shoes']] = self.shoes
        colors[parts['scalp']] = self.hair
        if self.beard:
            colors[parts['beard']] = 0.35 * skin + 0.65 * np.array(self.hair)
        colors[parts['brows']] = 0.25 * skin + 0.75 * np.array(self.hair)
        colors[parts['lashes']] = 0.35 * skin
        colors[parts['eyes']] = (0.93, 0.92, 0.90)
        colors[parts['iris']] = self.iris
        colors[parts['pupil']] = (0.03, 0.03, 0.03)
        return np.clip(colors, 0, 1).astype(np.float32)


def _cloth(rng, low, high):
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.8), rng.uniform(low, high)))


@lru_cache(maxsize=1)
def regions() -> dict[str, np.ndarray]:
    """Masks (V,) of the parts that have their own colour; 'arm' is how far along the arm, else -1."""
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
    shoulder, elbow, wrist = (abs(at[f'left_{name}'][0]) for name in ('shoulder', 'elbow', 'wrist'))
    arm = np.interp(x, (shoulder, elbow, wrist), (0.0, 1.0, 2.0))
    in_arm = np.char.endswith(names, ('shoulder')) | np.char.endswith(names, ('elbow')) | np.char.endswith(
        names, ('wrist'))
    arm = np.where(in_arm, arm, -1.0)
    torso = np.isin(names, ('spine1', 'spine2', 'spine3', 'left_collar', 'right_collar'))
    waist = at['pelvis'][1] + 0.02
    neckline = at['neck'][1] - 0.02 + 0.0 * x
    torso |= np.isin(names, ('pelvis',)) & (vertices[:, 1] > waist)
    ankle = at['left_ankle'][1]
    legs = np.isin(names, ('pelvis', 'left_hip', 'right_hip', 'left_knee', 'right_knee')) & (
        vertices[:, 1] <= waist)
    feet = np.isin(names, ('left_ankle', 'right_ankle', 'left_foot', 'right_foot'))
    fingers = np.array([name[-1].isdigit() and 'spine' not in name for name in names])
    hand = fingers | np.char.endswith(names, 'wrist')
    hand_y = at['left_wrist'][1]
    nails = np.char.endswith(names, '3') & fingers & (vertices[:, 1] > hand_y + 0.003) & ~np.isin(
        names, ('left_thumb3', 'right_thumb3')) & (x > np.array([
            abs(at[n][0]) if n[-1:] == '3' and n in at and 'spine' not in n else np.inf for n in names]) + 0.012)
    return {
        'arm': arm, 'eyes': eyes, 'iris': eyes & (gaze > 0.88), 'pupil': eyes & (gaze > 0.975),
        'brows': face & (np.abs(y - brow_line) < 0.0042) & (np.abs(x - half - 0.001) < 0.019),
        'lashes': face & (np.abs(y - 0.0055) < 0.0022) & (np.abs(x - half) < 0.014) & (z > 0.005),
        'lips': lips, 'mouth': head & (x < 0.025) & (z > -0.06) & _tongue(),
        'cheeks': face & (np.abs(x - 0.038) < 0.018) & (np.abs(y + 0.04) < 0.018),
        'beard': head & (y < -0.052) & (z > -0.05) & ~lips & ~((y > -0.066) & (x < 0.012)),
        'scalp': scalp, 'nails': nails,
        'palm': hand & (vertices[:, 1] < hand_y - 0.004),
        'shirt': (torso & (vertices[:, 1] < neckline)) | in_arm,
        'trousers': legs & (vertices[:, 1] > ankle + 0.02), 'shoes': feet | (legs & (vertices[:, 1] <= ankle + 0.02))}


@lru_cache(maxsize=1)
def _components():
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    triangles = faces()
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
    from ..view.raster import Lighting
    direction = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-1.1, -0.2), rng.uniform(-1.3, -0.6)])
    warmth = rng.uniform(-0.12, 0.12)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    strength = rng.uniform(0.55, 0.95)
    fill = rng.uniform(0.30, 0.55)
    return Lighting(key_direction=tuple(direction / np.linalg.norm(direction)), key=tuple(strength * tint),
                    sky=tuple(fill * (2 - tint)), ground=tuple(0.6 * fill * tint),
                    specular=float(rng.uniform(0.0, 0.08)), rim=float(rng.uniform(0.0, 0.1)))
