"""`hand4whole replay` with the scripted estimator: does as the images say. For processes that get killed."""

import functools
import logging
import sys

from scripted_node import ScriptedEstimator

from hand4whole_ros.body.model import BodyModel
from hand4whole_ros.cli import main
from hand4whole_ros.cli.options import estimator_config
from hand4whole_ros.ros.replay import command


class QuickEstimator(ScriptedEstimator):
    """Reads the body once in each process."""

    def __init__(self, config):
        self.body = _body()


@functools.cache
def _body():
    return BodyModel.load()


def replay(*words, create=QuickEstimator):
    """The exit code of `hand4whole replay WORDS`."""
    args = main.create_parser().parse_args(['replay', *map(str, words)])
    return command.run(args, estimator_config(args, static_images=True), create)


if __name__ == '__main__':
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    sys.exit(replay(*sys.argv[1:]))
