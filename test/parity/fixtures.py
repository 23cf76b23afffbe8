"""Reading the fixtures: load(name) and check(fixture, key, array).

A fixture is an .npz; `meta` is a JSON string (how to regenerate inputs, notes).  A small array is stored
under its own key.  A big one is stored as
    <key>@sub    flat C-order array [::stride], float32
    <key>@info   int64: stride, then the shape
    <key>@stats  float64: mean, std, sum of |x|
"""
import json
import os
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def pack(key, value, limit=20000):
    a = value.detach().cpu().numpy() if hasattr(value, 'detach') else np.asarray(value)
    if a.dtype == np.float64:
        a = a.astype(np.float32)
    if a.size <= limit:
        return {key: a}
    stride = -(-a.size // limit)
    while any(s % stride == 0 or stride % s == 0 for s in a.shape if s > 1):     # do not lock onto an axis
        stride += 1
    flat = a.reshape(-1)
    d = flat.astype(np.float64)
    return {key + '@sub': np.ascontiguousarray(flat[::stride]), key + '@info': np.array((stride,) + a.shape, np.int64),
            key + '@stats': np.array([d.mean(), d.std(), np.abs(d).sum()])}


class Fixture(dict):
    @property
    def meta(self):
        return json.loads(str(self['meta']))

    def names(self):
        return sorted({k.split('@')[0] for k in self if k != 'meta'})


def load(name):
    path = name if name.endswith('.npz') else os.path.join(HERE, '..', 'data', 'parity', name + '.npz')
    with np.load(path, allow_pickle=False) as z:
        return Fixture({k: z[k] for k in z.files})


def diff(fixture, key, array):
    """(max abs difference, max abs reference) over the stored samples; raises on a shape mismatch."""
    a = array.detach().cpu().numpy() if hasattr(array, 'detach') else np.asarray(array)
    if key in fixture:
        ref = fixture[key]
        if ref.shape != a.shape:
            raise ValueError(f'{key}: shape {a.shape}, expected {ref.shape}')
    else:
        info = fixture[key + '@info']
        if tuple(info[1:]) != a.shape:
            raise ValueError(f'{key}: shape {a.shape}, expected {tuple(info[1:])}')
        ref, a = fixture[key + '@sub'], a.reshape(-1)[::int(info[0])]
    ref, a = ref.astype(np.float64), a.astype(np.float64)
    return float(np.abs(ref - a).max()), float(np.abs(ref).max())


def check(fixture, key, array, tol=1e-4):
    """tol is relative to the largest reference magnitude."""
    d, m = diff(fixture, key, array)
    if not d <= tol * max(m, 1e-6):
        raise AssertionError(f'{key}: max |diff| {d:.3g} with max |ref| {m:.3g}')
    if key + '@stats' in fixture:
        x = (array.detach().cpu().numpy() if hasattr(array, 'detach') else np.asarray(array)).astype(np.float64)
        ref = fixture[key + '@stats'][2]
        if abs(np.abs(x).sum() - ref) > 10 * tol * ref:
            raise AssertionError(f'{key}: abs-sum {np.abs(x).sum():.6g}, expected {ref:.6g}')
    return d
