"""A body expert that gathers hears of each keypoint what the image says there."""

from dataclasses import replace

import torch

from hand4whole_ros.networks.smpler_x import SMPLER_X_TINY, BodyPositionNet, BodyRegressor, regress_body


def test_each_keypoint_is_told_the_feature_where_it_is_seen():
    torch.manual_seed(0)
    config = replace(SMPLER_X_TINY, gathers_features=True)
    position, regressor = BodyPositionNet(config), BodyRegressor(config)
    dim, (rows, columns) = config.vit.embed_dim, config.vit.grid
    feature, tokens = torch.randn(2, dim, rows, columns), torch.zeros(2, config.num_task_tokens, dim)
    cells = torch.randint(rows * columns, (2, config.num_keypoints))

    def certain(_):
        heat = torch.zeros(2, config.num_keypoints, 16, rows * columns)
        return heat.index_put((torch.arange(2)[:, None], torch.arange(config.num_keypoints), torch.tensor(3), cells),
                              torch.tensor(1.0)).unflatten(-1, (rows, columns))
    position.heat = certain
    said, where, _ = regress_body(position, regressor, feature, tokens)
    assert torch.equal(where[..., 0], (cells % columns).float())
    assert torch.equal(where[..., 1], (cells // columns).float())
    there = feature.flatten(2).gather(2, cells[:, None].expand(-1, dim, -1)).mT
    tokens[:, regressor.first_keypoint:] = there
    tokens[:, 0] = there.mean(1)
    plain = replace(config, gathers_features=False)
    other = BodyRegressor(plain)
    other.load_state_dict(regressor.state_dict())
    expected = other(tokens, where)
    for one, two in zip(said, expected):
        assert torch.allclose(one, two, atol=1e-5)
