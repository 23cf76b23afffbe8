"""The node as a program of its own, with the scripted estimator; numpy and torch come as late as they do for users."""

from hand4whole_ros.ros.node import main


def create(config):
    """The estimator of a configuration."""
    from scripted_node import ScriptedEstimator
    return ScriptedEstimator(config)


if __name__ == '__main__':
    main.main(create_estimator=create)
