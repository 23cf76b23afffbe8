"""`hand4whole weights`: what is there of the published weights and body models, how to get the rest, does it fit."""

from __future__ import annotations

from pathlib import Path

from ..apps.errors import WorkFailed
from .options import EXIT_FAILURE, EXIT_SUCCESS, HelpFormatter, UsageError, add_command, open_store


def add_weights_command(commands) -> None:
    """Add the command and its kinds."""
    summary = 'Published weights and body models: what is there, how to get the rest, does it fit.'
    command = commands.add_parser(
        'weights', help=summary, description=summary, formatter_class=HelpFormatter,
        epilog='in this order:\n'
               '  hand4whole weights list       what the full pipeline needs, from where, under which licence\n'
               '  hand4whole weights fetch      download what needs no login, and say how to get the rest\n'
               '  hand4whole weights convert    make .npz files of body models that come as .pkl\n'
               '  hand4whole weights verify     read everything, run the network once')
    kinds = command.add_subparsers(dest='kind', metavar='KIND', required=True)
    for add in (_add_list, _add_fetch, _add_verify, _add_convert):
        add(kinds).add_argument(
            '--folder', type=Path, default=None, metavar='FOLDER',
            help='where the files are, in any sub-folders; else $HAND4WHOLE_WEIGHTS, else '
                 '$XDG_DATA_HOME/hand4whole_ros or ~/.local/share/hand4whole_ros')


def _add_list(kinds):
    return add_command(kinds, 'list', _run_list,
                    'Every file: what for, from where, licence, size, whether it is there.',
                    examples=['hand4whole weights list', 'hand4whole weights list --folder ~/models'])


def _add_fetch(kinds):
    command = add_command(
        kinds, 'fetch', _run_fetch,
        'Download files, going on where an earlier try broke off; for those behind a login, say how to get them.',
        examples=['hand4whole weights fetch', 'hand4whole weights fetch wilor_final.ckpt'])
    command.add_argument('names', nargs='*', metavar='NAME',
                         help='as hand4whole weights list shows them; without any, all that the full pipeline needs')
    return command


def _add_verify(kinds):
    command = add_command(
        kinds, 'verify', _run_verify,
        'Read everything that is there, name for name, and run the network once on a picture.',
        examples=['hand4whole weights verify', 'hand4whole weights verify --renew'])
    command.add_argument('--renew', action='store_true',
                         help='files were replaced on purpose: record their checksums anew')
    return command


def _add_convert(kinds):
    command = add_command(
        kinds, 'convert', _run_convert,
        'Make an .npz of a pickled body model, without running anything that is in the pickle.',
        examples=['hand4whole weights convert', 'hand4whole weights convert MANO_RIGHT.pkl',
         'hand4whole weights convert MANO_LEFT.pkl --output models/MANO_LEFT.npz'])
    command.add_argument('files', nargs='*', type=Path, metavar='FILE.pkl',
                         help='without any, all body models in the folder that have no .npz yet')
    command.add_argument('--output', type=Path, metavar='FILE.npz', help='else beside the pickle')
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
