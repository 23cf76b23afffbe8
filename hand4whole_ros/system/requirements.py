"""The command that installs a missing library: this package is not on an index, so its extras cannot be named."""

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
    'roma': '',
    'rosbags': '==0.11.9',
    'smplx': '==0.1.28',
    'torch': '>=2.6',
    'trimesh': '',
    'viser': '==1.1.1',
    'warp-lang': '',
}


#: Those of the extra networks, as modules and as projects.
NETWORKS = ('torch', 'smplx', 'roma')


class MissingLibrary(ModuleNotFoundError):
    """A library of an extra is not installed. The message gives its purpose and the command to run."""


def missing_networks(error: ModuleNotFoundError, part: str) -> MissingLibrary:
    """The error of an import that needs the extra networks. part: what needs it, 'estimator open'."""
    return MissingLibrary(f'{part} needs the extra networks: {error.name} is not installed; run: '
                          + install_command(*NETWORKS), name=error.name)


def missing_synthetic(error: ModuleNotFoundError) -> MissingLibrary:
    """The error of an import that needs the extra synthetic."""
    return MissingLibrary(f'drawn people need the extra synthetic: {error.name} is not installed; run: '
                          + install_command('anny', 'warp-lang', *NETWORKS), name=error.name)


def describe_missing(error: ModuleNotFoundError) -> str:
    """One line for an import that failed: its own message if it has a remedy, else the command that finds one."""
    if isinstance(error, MissingLibrary):
        return str(error)
    if error.name in NETWORKS:
        return str(missing_networks(error, 'this command'))
    return f'{error.name} is not installed; run hand4whole doctor for the command that installs it'


def install_command(*projects: str) -> str:
    """'pip install ...' for a shell, with the versions that this package needs. KeyError for other projects."""
    return ' '.join(('pip install', *(shlex.quote(project + VERSIONS[project]) for project in projects)))
