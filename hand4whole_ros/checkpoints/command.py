"""Actions and output of `hand4whole weights list|fetch|verify|convert`, without parsing and exit codes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from . import CheckpointError
from .files import (
    DATASETS,
    ESTIMATOR,
    FILES,
    POSE2POSE_ESTIMATOR,
    TRAINING,
    UNIHOPE_ESTIMATOR,
    WILOR_ESTIMATOR,
    published_file,
)
from .store import FOLDER_VARIABLE, Store

_USE_LABELS = {ESTIMATOR: 'to run the estimator hand4whole_pp',
         POSE2POSE_ESTIMATOR: 'to run the estimator hand4whole',
         WILOR_ESTIMATOR: 'to run the estimator wilor; detector.pt may be missing',
         UNIHOPE_ESTIMATOR: 'to run the estimator unihope; the detector of hands is that of wilor',
         TRAINING: 'besides these, to train CHAM from where its authors started',
         DATASETS: 'besides these, to measure on some data sets (hand4whole evaluate --help) and to train on them'}


def list_files(store: Store) -> None:
    """Print the table: every file, its purpose, its source, and whether it exists."""
    print(f'folder: {store.folder} and its sub-folders; choose with --folder or {FOLDER_VARIABLE}')
    found = store.locate_all()
    for use, purpose in _USE_LABELS.items():
        missing = store.missing(use)
        files = [file for file in FILES if use in file.uses]
        print(f'\n{purpose}: ' + (f'{len(missing)} of {len(files)} missing' if missing else 'all there'))
        for file in files:
            if use != file.uses[0]:
                print(f'  {file.file_names[0]}, see above')
                continue
            print(f'  {file.file_names[0]}\n'
                  f'    what     {file.purpose}\n'
                  f'    origin   {file.page}\n'
                  f'    licence  {file.licence}\n'
                  f'    size     {file.size}\n'
                  f'    state    {_file_status(store, file, found)}')


def _file_status(store, file, found):
    path = next((found[name] for name in file.file_names if name in found), None)
    if path is None:
        return f'missing: hand4whole weights fetch {file.name}' + ('' if file.address else ' prints how to get it')
    if path.name != file.file_names[0]:
        return f'{path}, a pickle: hand4whole weights convert {path}'
    try:
        checksum = store.check(path)
    except CheckpointError as error:
        return str(error)
    return f'{path}, checksum ' + (f'ok ({checksum[:12]}...)' if checksum
                                   else 'not recorded: hand4whole weights verify')


def fetch(store: Store, names: Sequence[str]) -> bool:
    """Download the files of these names, or all that the estimator needs. True if all of them exist afterwards.

    Files that need a login are not downloaded: instead, registration page and destination are printed. ValueError for
    an unknown name, CheckpointError for downloads that failed, once all were tried.
    """
    wanted = [published_file(name) for name in names] or [file for file in FILES if ESTIMATOR in file.uses]
    complete, failures = True, []
    for file in wanted:
        path = store.find(file)
        if path is not None:
            print(f'{file.name}: is there, {path}')
        elif file.address is None:
            complete = False
            print(_download_instructions(store, file))
        else:
            try:
                _download(store, file)
            except CheckpointError as error:
                failures.append(str(error))
    if failures:
        raise CheckpointError('; '.join(failures))
    return complete


def _download(store, file):
    from .fetch import download
    path = store.folder / file.file_names[0]
    print(f'{file.name}: {file.purpose}, {file.size}, from {file.address}\n'
          f'  licence: {file.licence}; by going on you accept it (Ctrl-C stops)')
    checksum = download(file.address, path, file.sha256)
    store.record(path, checksum)
    print(f'  {path}, SHA-256 {checksum}' + (', as published' if file.sha256 else ''))


def _download_instructions(store, file):
    names = ' or '.join(file.file_names)
    return (f'{file.name}: {file.purpose}, cannot be fetched without you\n'
            f'  licence: {file.licence}\n'
            f'  1. {file.page} : {file.instructions}\n'
            f'  2. put {names} into {store.folder}'
            + ('; of a .pkl, hand4whole weights convert makes the .npz' if len(file.file_names) > 1 else ''))


def verify(store: Store, renew: bool = False, config=None) -> bool:
    """Read all existing files, name for name, and run the network once; a line for each file.

    True if no existing file is wrong. renew: record the current checksums of the files. config: dimensions
    of the network, by default those of the published one.
    """
    from ..body.npz_file import BodyModelError
    from ..networks.hand4whole_pp import HAND4WHOLE_PP
    from .verify import verify_file
    config = config or HAND4WHOLE_PP
    found, good, seen = store.locate_all(), True, False
    for file in FILES:
        path = next((found[name] for name in file.file_names if name in found), None)
        if path is None:
            print(f'{"-":8}{file.name}: not there')
            continue
        seen = True
        if path.name != file.file_names[0]:
            print(f'{"PICKLE":8}{path}: hand4whole weights convert {path}')
            good = False
            continue
        try:
            print(f'{"ok":8}{path}: {verify_file(store, file, path, config, renew=renew)}')
        except (CheckpointError, BodyModelError) as error:
            print(f'{"WRONG":8}{error}')
            good = False
    if not seen:
        print(f'no published file is in {store.folder}: hand4whole weights list')
        return False
    missing = store.missing(ESTIMATOR)
    if missing:
        print(f'{"-":8}the network was not run: {", ".join(file.name for file in missing)} missing')
    elif good:
        try:
            good = _run_network(store, config)
        except (CheckpointError, BodyModelError) as error:
            print(f'{"WRONG":8}{error}')
            good = False
    return good


def _run_network(store, config):
    from .hand4whole_pp import load_hand4whole_pp
    from .verify import run_test_image
    start = time.perf_counter()
    network = load_hand4whole_pp(store, config)
    loaded = time.perf_counter()
    wrong = [name for name, value in run_test_image(network).items() if not value.isfinite().all()]
    if wrong:
        print(f'{"WRONG":8}the network runs, but these are not finite: {", ".join(wrong)}')
    else:
        print(f'{"ok":8}the network runs, all outputs are finite (loaded in {loaded - start:.1f} s, '
              f'one pass in {time.perf_counter() - loaded:.1f} s)')
    return not wrong


def convert(store: Store, sources: Sequence[Path], output: Path | None = None) -> None:
    """Make an .npz of each pickle, or of all in the store that have none yet. Raises CheckpointError."""
    from .convert import convert_pickle as convert_one
    found = store.locate_all()
    sources = sources or [found[file.file_names[1]] for file in FILES if len(file.file_names) > 1
                          and file.file_names[1] in found and file.file_names[0] not in found]
    if not sources:
        print(f'nothing to convert: no .pkl without its .npz in {store.folder}')
    for source in sources:
        path, left_out = convert_one(source, output)
        print(f'{path}: written and read back' + (f'; left out, as posing needs none of it: {", ".join(left_out)}'
                                                  if left_out else ''))
