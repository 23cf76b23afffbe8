"""`hand4whole weights`: published weights and body models: which are present, how to get the others, checks."""

from __future__ import annotations

from pathlib import Path

from ..apps.errors import WorkFailed
from .options import EXIT_FAILURE, EXIT_SUCCESS, HelpFormatter, UsageError, add_command, open_store


def add_weights_command(commands) -> None:
    """Add the command and its kinds."""
    summary = 'List, download, convert and verify published weights and body models.'
    command = commands.add_parser(
        'weights', help=summary, description=summary, formatter_class=HelpFormatter,
        epilog='in this order:\n'
               '  hand4whole weights list       the files of the full pipeline, their sources and licences\n'
               '  hand4whole weights fetch      download the files without a login; print how to get the others\n'
               '  hand4whole weights convert    convert body models from .pkl to .npz\n'
               '  hand4whole weights verify     read all files, run the network once')
    kinds = command.add_subparsers(dest='kind', metavar='KIND', required=True)
    for add in (_add_list, _add_fetch, _add_verify, _add_convert):
        add(kinds).add_argument(
            '--folder', type=Path, default=None, metavar='FOLDER',
            help='folder of the files, searched with its sub-folders; default: $HAND4WHOLE_WEIGHTS, else '
                 '$XDG_DATA_HOME/hand4whole_ros or ~/.local/share/hand4whole_ros')


def _add_list(kinds):
    return add_command(kinds, 'list', _run_list,
                    'List every file with its purpose, source, licence, size and state.',
                    examples=['hand4whole weights list', 'hand4whole weights list --folder ~/models'])


def _add_fetch(kinds):
    command = add_command(
        kinds, 'fetch', _run_fetch,
        'Download files, resuming interrupted downloads; for those that require a login, print how to get them.',
        examples=['hand4whole weights fetch', 'hand4whole weights fetch wilor_final.ckpt'])
    command.add_argument('names', nargs='*', metavar='NAME',
                         help='as hand4whole weights list prints them; default: all files of the full pipeline')
    return command


def _add_verify(kinds):
    command = add_command(
        kinds, 'verify', _run_verify,
        'Check the names in every file that is present, and run the network once on a picture.',
        examples=['hand4whole weights verify', 'hand4whole weights verify --renew'])
    command.add_argument('--renew', action='store_true',
                         help='record new checksums, after files were replaced on purpose')
    return command


def _add_convert(kinds):
    command = add_command(
        kinds, 'convert', _run_convert,
        'Convert a pickled body model to .npz, without executing anything in the pickle.',
        examples=['hand4whole weights convert', 'hand4whole weights convert MANO_RIGHT.pkl',
         'hand4whole weights convert MANO_LEFT.pkl --output models/MANO_LEFT.npz'])
    command.add_argument('files', nargs='*', type=Path, metavar='FILE.pkl',
                         help='default: all body models in the folder without an .npz')
    command.add_argument('--output', type=Path, metavar='FILE.npz', help='default: beside the pickle')
    return command


def _existing_store(args):
    if args.folder is not None and not args.folder.is_dir():
        raise UsageError(f'--folder {args.folder}: no such folder')
    return open_store(args.folder)


def _run_list(args):
    from ..checkpoints import CheckpointError, command
    try:
        command.list_files(_existing_store(args))
    except CheckpointError as error:
        raise WorkFailed(error) from None
    return EXIT_SUCCESS


def _run_fetch(args):
    from ..checkpoints import CheckpointError, command
    try:
        return EXIT_SUCCESS if command.fetch(open_store(args.folder), args.names) else EXIT_FAILURE
    except CheckpointError as error:
        raise WorkFailed(error) from None
    except ValueError as error:
        raise UsageError(error) from None


def _run_verify(args):
    from ..checkpoints import CheckpointError, command
    try:
        return EXIT_SUCCESS if command.verify(_existing_store(args), args.renew) else EXIT_FAILURE
    except CheckpointError as error:
        raise WorkFailed(error) from None


def _run_convert(args):
    from ..checkpoints import CheckpointError, command
    if args.output is not None and len(args.files) != 1:
        raise UsageError('--output takes exactly one FILE.pkl')
    try:
        command.convert(_existing_store(args), args.files, args.output)
    except CheckpointError as error:
        raise UsageError(error) from None
    return EXIT_SUCCESS
