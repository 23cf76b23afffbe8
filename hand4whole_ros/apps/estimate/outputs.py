"""Output paths of `hand4whole estimate`, checked before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...system import output_files
from ...system.output_files import OutputError, printable_path
from .image_sources import ImageSource
from .results_file import is_results_file


@dataclass(frozen=True)
class EstimateOutputs:
    """Paths of `--json`, `--overlay` and `--hands-json`."""

    json: Path | None       # a file
    overlay: Path | None    # a folder
    hands_json: Path | None = None      # a file

    @property
    def _files(self):
        """option -> path of the files of results."""
        named = {'--json': self.json, '--hands-json': self.hands_json}
        return {option: path for option, path in named.items() if path is not None}

    def overlay_path(self, source: ImageSource) -> Path:
        """Path of the overlay, image or video, of a source, if there is a folder for them."""
        assert self.overlay is not None
        return self.overlay / (f'{source.stem}_overlay.mp4' if source.is_video else f'{source.stem}.png')

    def check(self, sources: Sequence[ImageSource]) -> None:
        """Raises OutputError, in one line, unless all can be written without overwriting other files."""
        inputs = {output_files.path_identity(source.path) for source in sources}
        for option, path in self._files.items():
            output_files.check_output_file(path, inputs, is_results_file, option)
        if self.json and self.hands_json and output_files.is_same_path(self.json, self.hands_json):
            raise OutputError(f'--hands-json {printable_path(self.hands_json)} is where --json goes; name another file')
        if self.overlay is None:
            return
        option = f'--overlay {printable_path(self.overlay)}'
        if os.path.isfile(self.overlay):
            raise OutputError(f'{option} is a file; name a folder')
        for name, results in self._files.items():
            if output_files.is_inside(self.overlay, results):
                raise OutputError(f'{name} {printable_path(results)} cannot be a file: --overlay makes it a folder')
        for folder in {source.folder for source in sources}:
            if folder is not None and output_files.is_same_path(self.overlay, folder):
                raise OutputError(f'{option} is read as an input, and what is drawn would be read the next time; name '
                                  f'another folder, such as {printable_path(self.overlay / "overlay")}')
        output_files.check_output_folder(self.overlay, option)
        for source in sources:
            path = self.overlay_path(source)
            for name, results in self._files.items():
                if output_files.is_same_path(results, path):
                    raise OutputError(f'{name} {printable_path(results)} is where an overlay goes; name another file')
            if os.path.lexists(path):
                output_files.check_output_file(path, inputs, option='--overlay:')
