"""The command `hand4whole`: parsing, one-line errors and exit codes. The work is done elsewhere.

Exit codes: 0 done, 1 the work failed, 2 the arguments or inputs are wrong, 141 stdout is closed.
"""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import nullcontext
from pathlib import Path

from .. import __version__
from ..apps.errors import WorkFailed
from ..system import memory, signals, standard_streams, threads
from ..system.output_files import OutputError, check_output_file, format_write_error, is_same_path, write_json
from ..system.requirements import describe_missing
from . import evaluate, record, teleop, train, weights
from .options import (
    EXIT_FAILURE,
    EXIT_SUCCESS,
    EXIT_USAGE,
    HelpFormatter,
    UsageError,
    add_command,
    add_estimator_options,
    add_setting_options,
    check_hand_options,
    create_estimator,
    estimator_config,
    guard_signals,
    raise_max_people,
    require_ros,
)


def create_parser() -> argparse.ArgumentParser:
    """The whole command line. torch and ROS are imported only when a command needs them."""
    root = argparse.ArgumentParser(
        prog='hand4whole', formatter_class=HelpFormatter,
        description='Estimates whole-body SMPL-X poses with hands from the images of an ordinary camera.',
        epilog='start here:\n'
               '  hand4whole doctor                             what is installed, what is missing\n'
               '  hand4whole demo                               the node on a played camera\n'
               '  hand4whole weights list                       files of the full pipeline, and their sources\n'
               '  hand4whole estimate photo.jpg --overlay out   draw the pose over a picture\n'
               '  hand4whole run                                the ROS 2 node, if ros2 launch is not installed')
    root.add_argument('--debug', action='store_true', help='show the whole traceback of an error')
    root.add_argument('--version', action='version', version=f'hand4whole {__version__}')
    commands = root.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for add in (
        _add_demo,
        _add_estimate,
        _add_replay,
        _add_play,
        record.add_record_command,
        _add_run,
        _add_view,
        teleop.add_teleop_command,
        evaluate.add_evaluate_command,
        train.add_train_command,
        weights.add_weights_command,
        _add_bench,
        _add_doctor,
    ):
        add(commands)
    return root


def _add_demo(commands):
    command = add_command(
        commands, 'demo', _run_demo, 'Run the node on a played camera; write pictures, a bag and measurements.',
        examples=['hand4whole demo', 'hand4whole demo --output demo_output --seconds 20'])
    command.add_argument('--output', type=Path, default=Path('demo_output'), help='folder to write to')
    command.add_argument('--seconds', type=float, default=16.0, help='duration of the rendered motion, s')


def _run_demo(args):
    if not args.seconds > 0:
        raise UsageError(f'--seconds must be positive, found {args.seconds}')
    require_ros()
    from ..ros.demo import demo
    return EXIT_SUCCESS if demo.run(args.output, args.seconds) else EXIT_FAILURE


def _add_estimate(commands):
    command = add_command(
        commands, 'estimate', _run_estimate,
        'Estimate poses in pictures, folders, videos, cameras or streams, without ROS.',
        examples=['hand4whole estimate photo.jpg --overlay out/',
                  'hand4whole estimate FOLDER --focal 936 --json out.json',
                  'hand4whole estimate clip.mp4 --json out.json --overlay out/',
                  'hand4whole estimate 0 --json out.json              # a camera, until Ctrl-C',
                  'hand4whole estimate rtsp://camera/stream --overlay out/'])
    command.add_argument('inputs', nargs='+', metavar='INPUT',
                         help='picture, folder, video, camera (0 or /dev/video0) or stream (rtsp://, http://)')
    command.add_argument('--json', type=Path, metavar='OUT', help='write the poses: metres, camera optical frame')
    command.add_argument('--hands-json', type=Path, metavar='OUT',
                         help='write the hands without a detected person; not available with hand4whole_pp')
    command.add_argument('--overlay', type=Path, metavar='OUT',
                         help='folder for pictures with mesh and skeleton drawn on them')
    command.add_argument('--focal', type=float, metavar='PX',
                         help='focal length in pixels; without it a field of view of 60 degrees is assumed, whose '
                              'error is an error of all distances')
    add_estimator_options(command)
    raise_max_people(command)


def _run_estimate(args):
    if args.focal is not None and not 0 < args.focal < float('inf'):
        raise UsageError(f'--focal must be a positive number of pixels, found {args.focal}')
    check_hand_options(args)
    if not (args.json or args.overlay or args.hands_json):
        raise UsageError('nothing to write: give --json OUT, --overlay OUT, --hands-json OUT or several of them')
    from ..apps.estimate import image_sources
    try:
        found = image_sources.collect_inputs(args.inputs)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(error) from None
    from ..apps.estimate import estimate
    report = estimate.run(
        found, lambda static: create_estimator(args, static_images=static), args.focal, args.json,
        overlay_folder=args.overlay, hands_path=args.hands_json)
    return EXIT_FAILURE if report.failed or report.missing else EXIT_USAGE if report.unreadable else EXIT_SUCCESS


def _add_replay(commands):
    command = add_command(
        commands, 'replay', _run_replay, 'Process every image of a bag or video; write the results to a new bag.',
        examples=['hand4whole replay BAG --output BAG_WITH_POSES',
                  'hand4whole replay clip.mp4 --focal 936 --output clip --overlay',
                  'hand4whole replay FOLDER_OF_BAGS --output OTHER_FOLDER --workers 4'])
    command.add_argument('input', type=Path, metavar='BAG',
                         help='rosbag2 folder, .mcap, .db3, video, or a folder of them')
    command.add_argument('--output', type=Path, required=True, metavar='OUT',
                         help='the new bag, or the folder of new bags; OUT.partial holds unfinished work, and the same '
                              'command resumes it')
    command.add_argument('--image-topic', metavar='TOPIC', help='topic of the images; default: the only one in the bag')
    command.add_argument('--camera-info-topic', metavar='TOPIC', help='default: camera_info beside the image topic')
    command.add_argument('--frame-id', metavar='FRAME',
                         help='process only images with this frame_id; default: the most common one of the first')
    command.add_argument('--focal', type=float, metavar='PX', help='focal length in pixels, instead of camera_info')
    command.add_argument('--start', type=float, default=0.0, metavar='S', help='start time from the beginning, s')
    command.add_argument('--duration', type=float, metavar='S', help='time from the start to process, s')
    command.add_argument('--markers', action='store_true', help='write the meshes as well, some megabytes per image')
    command.add_argument('--overlay', action='store_true', help='write the images with the people drawn on them')
    command.add_argument('--storage', default='mcap', choices=('mcap', 'sqlite3'), help='storage of the new bag')
    command.add_argument('--workers', type=int, default=1, metavar='N', help='number of processes on this machine')
    command.add_argument('--ray', metavar='ADDRESS', help="run on a Ray cluster: 'auto', 'local' or its address")
    command.add_argument('--params-file', type=Path, metavar='FILE',
                         help="the node's YAML file, for smoothing, hold time, operator and field of view")
    command.add_argument('--force', action='store_true', help='overwrite OUT, and unfinished work with other arguments')
    add_estimator_options(command)


def _run_replay(args):
    for name in ('focal', 'duration'):
        value = getattr(args, name)
        if value is not None and not 0 < value < float('inf'):
            raise UsageError(f'--{name} must be a positive number, found {value}')
    if not 0 <= args.start < float('inf'):
        raise UsageError(f'--start must be a number of seconds from 0 on, found {args.start}')
    if args.workers < 1:
        raise UsageError(f'--workers must be at least 1, found {args.workers}')
    config = estimator_config(args, static_images=True)
    require_ros()
    from ..ros.replay import command
    try:
        return command.run(args, config)
    except ValueError as error:     # A fault of the input or the output, in one line.
        raise UsageError(error) from None


def _add_play(commands):
    command = add_command(
        commands,
        'play',
        _run_play,
        'Publish the messages of a bag, and its time on /clock, if ros2 bag play is not installed.',
        examples=[
            'hand4whole play BAG',
            'hand4whole play BAG --rate 0.5 --loop   # and beside it: '
            'hand4whole run image_topic:=/camera/image_raw use_sim_time:=true',
        ],
    )
    command.add_argument('bag', type=Path, metavar='BAG', help='rosbag2 folder, .mcap or .db3, also compressed')
    command.add_argument('--rate', type=float, default=1.0, metavar='R',
                         help='playback speed, relative to the recording')
    command.add_argument('--loop', action='store_true', help='restart at the end, until interrupted')
    command.add_argument('--start', type=float, default=0.0, metavar='S', help='start time from the beginning, s')
    command.add_argument('--paused', action='store_true', help='start paused; the space bar resumes')
    command.add_argument('--wait-for', metavar='TOPIC', help='start when this topic has a subscriber')
    results = command.add_mutually_exclusive_group()
    results.add_argument('--without-results', action='store_true', default=None,
                         help='omit the topics and TF that an earlier run of the node or of replay wrote; default: '
                              'only if a node publishes poses now')
    results.add_argument('--with-results', action='store_false', dest='without_results', default=None,
                         help='publish these as well, even if a node publishes poses now')


def _run_play(args):
    if not 0 < args.rate < float('inf'):
        raise UsageError(f'--rate must be a positive number, found {args.rate}')
    if not 0 <= args.start < float('inf'):
        raise UsageError(f'--start must be a number of seconds from 0 on, found {args.start}')
    require_ros()
    from ..ros.play import player
    try:
        complete = player.run(args.bag, args.rate, args.loop, args.start, paused=args.paused,
                              wait_for=args.wait_for, without_results=args.without_results)
    except ValueError as error:
        raise UsageError(error) from None
    return EXIT_SUCCESS if complete else EXIT_USAGE


def _add_run(commands):
    command = add_command(
        commands,
        'run',
        _run_node,
        'Run the ROS 2 node with the arguments of estimate.launch.py, if ros2 launch is not installed.',
        examples=[
            'hand4whole run image_topic:=/camera/image_raw estimator:=mediapipe',
            'hand4whole run camera:=0 viewer:=true     # a webcam, without a driver',
            'hand4whole run --show-args',
        ],
    )
    command.add_argument('arguments', nargs='*', metavar='NAME:=VALUE', help='as for ros2 launch; see --show-args')
    command.add_argument('-s', '--show-args', action='store_true', help='list the arguments and leave')


def _run_node(args):
    require_ros()
    with guard_signals() as guard:   # The following imports take seconds.
        memory.configure_malloc()
        from ..ros.node import run, signal_guard
        if args.show_args:
            print(run.launch_arguments.format_arguments())
        else:
            signal_guard.exit_now(run.main(args.arguments, guard))
    return EXIT_SUCCESS


def _add_view(commands):
    command = add_command(
        commands,
        'view',
        _run_view,
        'Show the results of the running node in a browser: the image, people and hands in 3D, rates and delay.',
        examples=[
            'hand4whole view     # and beside it: hand4whole run image_topic:=/camera/image_raw',
            'hand4whole view namespace:=robot viewer_host:=0.0.0.0 viewer_port:=8081',
            'hand4whole view --show-args',
        ],
    )
    command.add_argument('arguments', nargs='*', metavar='NAME:=VALUE', help='see --show-args')
    command.add_argument('-s', '--show-args', action='store_true', help='list the arguments and leave')


def _run_view(args):
    require_ros()
    with guard_signals() as guard:
        from ..ros.node import launch_arguments, signal_guard
        from ..ros.viewer import command
        if args.show_args:
            print(launch_arguments.format_arguments(command.ARGUMENTS))
        else:
            signal_guard.exit_now(command.run(args.arguments, guard))
    return EXIT_SUCCESS


def _add_bench(commands):
    command = add_command(
        commands, 'bench', _run_bench,
        'Measure the time of every stage on this machine; docs/benchmarks/speed.md explains the figures.',
        examples=['hand4whole bench --json figures.json --picture profile.svg', 'hand4whole bench --only node markers',
                  'hand4whole bench --only overload --seconds 300'])
    command.add_argument('--json', type=Path, metavar='OUT', help='write the figures to this file')
    command.add_argument('--picture', type=Path, metavar='OUT.svg', help='write a chart of the time of a frame')
    command.add_argument('--only', nargs='+', metavar='STAGE', default=None,
                         help='network, frame, mediapipe, node, markers, overload, first_pose; default: all')
    command.add_argument('--seconds', type=float, default=20.0, help='duration of stage overload, s')
    command.add_argument('--size', choices=('full', 'tiny'), default='full',
                         help='size of the networks; tiny is for tests')
    add_setting_options(command, 'device')
    command.add_argument('--body-files', type=Path, metavar='FOLDER', default=None,
                         help='folder of the licensed files, searched with its sub-folders; default: as for '
                              'hand4whole weights. Without them a dummy body of the same size is posed')


def _run_bench(args):
    from ..benchmarks import profile_chart, result_rows, run
    from ..estimators import EstimatorUnavailable
    unknown = [stage for stage in args.only or () if stage not in result_rows.STAGES]
    if unknown:
        raise UsageError(f"--only {unknown[0]}: unknown; known are {', '.join(result_rows.STAGES)}")
    if not 1 <= args.seconds <= 86400:
        raise UsageError(f'--seconds must be from 1 to 86400, found {args.seconds}')
    if args.body_files is not None and not args.body_files.is_dir():
        raise UsageError(f'--body-files {args.body_files}: no such folder')
    if args.picture and args.only and not {'network', 'frame'} & set(args.only):
        raise UsageError('--picture draws what stages frame and network measure; name them in --only')
    for path, option in ((args.json, '--json'), (args.picture, '--picture')):
        if path:
            check_output_file(path, option=option)
    if args.json and args.picture and is_same_path(args.json, args.picture):
        raise UsageError(f'--json and --picture are one file, {args.json}; name another for one of them')
    try:
        result = run.run(args.only or result_rows.STAGES, seconds=args.seconds, size=args.size, device=args.device,
                         body_files=args.body_files)
    except EstimatorUnavailable as error:
        raise UsageError(error) from None
    # Files first: the reader of the table may end early.
    undrawn = None
    try:
        if args.json:
            write_json(args.json, result)
        if args.picture:
            profile_chart.write_chart(result, args.picture)
    except OSError as error:
        raise WorkFailed(format_write_error(error.filename or args.json or args.picture, error)) from None
    except result_rows.BenchmarkSkipped as error:
        undrawn = error
    print(result_rows.format_table(result))
    if undrawn is not None:
        return _print_error(f'{undrawn}; see above for why', EXIT_FAILURE)
    if 'interrupted' in result:
        raise KeyboardInterrupt(f'interrupted: without {", ".join(result["interrupted"])}; the other stages are above')
    return EXIT_FAILURE if result['failed'] else EXIT_SUCCESS


def _add_doctor(commands):
    add_command(commands, 'doctor', _run_doctor,
                'Report what is installed and what is missing, with the commands that install it.',
                examples=['hand4whole doctor'])


def _run_doctor(args):
    from ..apps.doctor import report
    return EXIT_SUCCESS if report.print_report() else EXIT_FAILURE


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    try:
        try:
            return _parse_and_run(argv)
        finally:
            standard_streams.flush_stdout()
    except standard_streams.StdoutWriteError as lost:
        return standard_streams.EXIT_READER_CLOSED if lost.reader_gone else _print_error(lost, EXIT_FAILURE)
    except BrokenPipeError:
        if not standard_streams.is_reader_closed():
            raise
        standard_streams.discard_output()
        return standard_streams.EXIT_READER_CLOSED


def _parse_and_run(argv):
    from ..system.progress import log_to_stderr
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):    # File names may exceed the terminal's encoding.
            stream.reconfigure(errors='backslashreplace')
    threads.configure_wait_policy()
    args = create_parser().parse_args(argv)
    # These commands run until they are interrupted, which is their regular end.
    itself = args.command in ('run', 'view', 'play', 'record') or (args.command == 'teleop' and not args.demo)
    interruptible = nullcontext() if itself else signals.raise_as_exceptions(program=argv is None)
    with log_to_stderr(), interruptible:
        return _run_command(args)


def _run_command(args):
    try:
        return args.function(args)
    except KeyboardInterrupt as error:
        return _print_error(str(error) or 'interrupted', EXIT_FAILURE)
    except (UsageError, OutputError) as error:
        return _print_error(error, EXIT_USAGE)
    except WorkFailed as error:
        return _print_error(error, EXIT_FAILURE)
    except ModuleNotFoundError as error:
        if args.debug:
            raise
        return _print_error(describe_missing(error), EXIT_FAILURE)
    except Exception as error:  # The last resort: one line for the user; --debug shows the traceback.
        if args.debug or (isinstance(error, BrokenPipeError) and standard_streams.is_reader_closed()):
            raise
        return _print_error(' '.join(f'{type(error).__name__}: {error}'.split()), EXIT_FAILURE)


def _print_error(message, code):
    print(f'hand4whole: {message}', file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
