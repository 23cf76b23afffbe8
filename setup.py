"""Build the ROS interfaces with CMake and ship them in the wheel.

The CMakeLists.txt is the one colcon uses. What it installs goes into the wheel: the generated Python
beside the written modules, libraries and share/ as data files, so that the environment becomes a ROS
prefix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / 'build_support'))

from build_backend import sourced_prefixes  # noqa: E402

NAME = 'hand4whole_ros'


def prefixes_on_path() -> list[Path]:
    """Prefixes of the ROS wheels: those above an entry of sys.path that hold ament_cmake."""
    found = []
    for entry in sys.path:
        for prefix in Path(entry).parents:
            if (prefix / 'share' / 'ament_cmake_core').is_dir():
                found += [prefix] if prefix not in found else []
                break
    return found


def require_compiler():
    """Say what to install where the messages cannot be compiled."""
    missing = []
    if not os.environ.get('CXX') and not any(map(shutil.which, ('c++', 'g++', 'clang++'))):
        missing.append('g++')
    if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
        missing.append(f'python3.{sys.version_info.minor}-dev')
    if missing:
        sys.exit(f'hand4whole_ros compiles its ROS messages and needs {" and ".join(missing)}, which '
                 f'this machine lacks. Run: apt-get install {" ".join(missing)}')


class BuildInterfaces(build_ext):
    """Runs CMake in place of a compiler of extension modules."""

    def run(self):
        require_compiler()
        sourced = sourced_prefixes()
        self.prefixes = sourced or prefixes_on_path()
        self.add_python(NAME, self.cmake(ROOT, NAME))
        # PyPI has neither. A ROS installation has the real tf2_msgs, and the real vision_msgs where somebody wants it.
        for name in ('tf2_msgs', *(() if sourced else ('vision_msgs',))):
            if not any((prefix / 'share' / name).is_dir() for prefix in sourced):
                self.add_python(name, self.cmake(ROOT / 'build_support' / name, name))
        if self.inplace:
            # setuptools leaves data files out of an editable wheel unless asked.
            self.run_command('install_data')

    def cmake(self, source: Path, name: str) -> Path:
        """Configure, build and install into a folder of its own; ship lib/ and share/."""
        work = Path(self.build_temp).resolve() / name
        stage = work / 'stage'
        # An earlier build's cache points into an isolated environment that is gone.
        shutil.rmtree(work, ignore_errors=True)
        generator = ['-G', 'Ninja'] if shutil.which('ninja') else []
        environment = dict(os.environ)
        if sourced_prefixes():
            # An isolated build has lost the PYTHONPATH of the sourced ROS.
            version = f'python{sys.version_info.major}.{sys.version_info.minor}'
            folders = [str(prefix / 'lib' / version / folder) for prefix in self.prefixes
                       for folder in ('site-packages', 'dist-packages')]
            environment['PYTHONPATH'] = os.pathsep.join(
                [p for p in [environment.get('PYTHONPATH', '')] + folders if p])
        for command in (
                ['cmake', '-S', str(source), '-B', str(work), *generator,
                 '-DCMAKE_BUILD_TYPE=Release', '-DBUILD_TESTING=OFF',
                 f'-DCMAKE_INSTALL_PREFIX={stage}', f'-DPython3_EXECUTABLE={sys.executable}',
                 f'-DCMAKE_PREFIX_PATH={";".join(map(str, self.prefixes))}'],
                ['cmake', '--build', str(work), '--parallel', str(os.cpu_count() or 1)],
                ['cmake', '--install', str(work)]):
            subprocess.run(command, check=True, env=environment)
        programs = stage / 'lib' / name
        for program in programs.glob('*'):
            # pip's own console script knows which Python it belongs to.
            program.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/../../bin/{program.name}" "$@"\n')
        for path in sorted(p for p in stage.rglob('*') if p.is_file()):
            relative = path.relative_to(stage)
            if relative.parts[0] == 'lib' and relative.parts[1].startswith('python'):
                continue
            if relative.parts[0] in ('include', 'lib', 'share'):
                self.ship(path, relative.parent)
        return stage

    def add_python(self, name: str, stage: Path):
        """Ship the generated Python package `name`."""
        generated = next(stage.glob(f'lib/python*/*-packages/{name}'), None) \
            or next(stage.glob(f'local/lib/python*/*-packages/{name}'))
        ignored = shutil.ignore_patterns('__pycache__', '*.c')
        if not self.inplace:
            shutil.copytree(generated, Path(self.build_lib, name), dirs_exist_ok=True, ignore=ignored)
        elif name == NAME:
            # Beside the sources, so that the source tree can be imported; only what is generated.
            shutil.rmtree(ROOT / name / 'msg', ignore_errors=True)
            shutil.copytree(generated / 'msg', ROOT / name / 'msg', ignore=ignored)
            for library in generated.glob('*.so'):
                shutil.copy2(library, ROOT / name)
        else:
            site = os.path.relpath(sysconfig.get_path('purelib'), sysconfig.get_path('data'))
            for path in sorted(p for p in generated.rglob('*') if p.suffix in ('.py', '.so')):
                self.ship(path, Path(site, path.relative_to(generated.parent).parent))

    def ship(self, path: Path, folder: Path):
        """Install `path` into `folder` of the environment's prefix."""
        self.distribution.data_files.append((str(folder), [os.path.relpath(path)]))

    def get_outputs(self):
        return []

    def get_output_mapping(self):
        return {}


setup(ext_modules=[Extension('hand4whole_ros._interfaces', [])], data_files=[],
      cmdclass={'build_ext': BuildInterfaces})
