"""Where `hand4whole estimate` writes, and whether it may: asked before anything is loaded."""

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
    """What `--json` and `--overlay` name."""

    json: Path | None       # a file
    overlay: Path | None    # a folder

    def overlay_path(self, source: ImageSource) -> Path:
        """The picture, or the video, that is drawn over a source."""
        return self.overlay / (f'{source.stem}_overlay.mp4' if source.is_video else f'{source.stem}.png')

    def check(self, sources: Sequence[ImageSource]) -> None:
        """Raises OutputError, in one line, unless all can be written, and nothing that is there is lost."""
        inputs = {output_files.path_identity(source.path) for source in sources}
        if self.json is not None:
            output_files.check_output_file(self.json, inputs, is_results_file, '--json')
        if self.overlay is None:
            return
        option = f'--overlay {printable_path(self.overlay)}'
        if os.path.isfile(self.overlay):
            raise OutputError(f'{option} is a file; name a folder')
        if self.json is not None and output_files.is_inside(self.overlay, self.json):
            raise OutputError(f'--json {printable_path(self.json)} cannot be a file: --overlay makes it a folder')
        for folder in {source.folder for source in sources} - {None}:
            if output_files.is_same_path(self.overlay, folder):
                raise OutputError(f'{option} is read as an input, and what is drawn would be read the next time; name '
                                  f'another folder, such as {printable_path(self.overlay / "overlay")}')
        output_files.check_output_folder(self.overlay, option)
        for source in sources:
            path = self.overlay_path(source)
            if self.json is not None and output_files.is_same_path(self.json, path):
                raise OutputError(f'--json {printable_path(self.json)} is where an overlay goes; name another file')
            if os.path.lexists(path):
                output_files.check_output_file(path, inputs, option='--overlay:')
