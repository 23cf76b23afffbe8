"""The command that installs a library that is missing: this package is on no index that its name could be given to."""

from __future__ import annotations

import shlex

#: Project -> version, of libraries whose absence is reported; as in setup.cfg.
VERSIONS = {
    'ai-edge-litert': '==2.3.0',
    'anny': '==0.6.2',
    'av': '>=17',
    'dexi-rs': '==0.4.1',
    'matplotlib': '',
    'mediapipe': '==0.10.21',
    'mujoco': '>=3.4',
    'opencv-python-headless': '>=4.9,<5',
    'pillow-heif': '',
    'pycocotools': '',
    'ray': '>=2.40',
    'rosbags': '==0.11.9',
    'smplx': '==0.1.28',
    'torch': '>=2.6',
    'trimesh': '',
    'viser': '==1.1.1',
    'warp-lang': '',
}


class MissingLibrary(ModuleNotFoundError):
    """A library of an extra that is not installed. The message says what for, and what to run."""


def missing_synthetic(error: ModuleNotFoundError) -> MissingLibrary:
    """What an import says that needs the extra synthetic."""
    return MissingLibrary(f'drawn people need the extra synthetic: {error.name} is not installed; run: '
                          + install_command('anny', 'warp-lang'), name=error.name)


def install_command(*projects: str) -> str:
    """'pip install ...' for a shell, with the versions that this package needs. KeyError for other projects."""
    return ' '.join(('pip install', *(shlex.quote(project + VERSIONS[project]) for project in projects)))
