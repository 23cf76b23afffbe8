"""The real node with an estimator that only waits, for `hand4whole bench`."""

from __future__ import annotations

import argparse
import functools

from ...ros.node import main as node_program
from ..prepared_estimator import PreparedEstimator


def main() -> None:
    """As hand4whole_node, with two more arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=0.0, help='for which the estimator holds every image')
    parser.add_argument('--own-hands', action='store_true', help='hands of a shape of their own, as hand4whole_pp has')
    args, _ = parser.parse_known_args()  # the rest is ROS's
    node_program.main(
        create_estimator=functools.partial(PreparedEstimator, seconds=args.seconds, own_hands=args.own_hands)
    )


if __name__ == '__main__':
    main()
