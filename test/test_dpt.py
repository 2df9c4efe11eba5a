"""`dpt`: each of its blocks against an independent one in float64, and what its options do."""

import numpy as np
import published_dpt as published
import pytest
import torch
import torch.nn.functional as F

from depth_models import DepthModelsError, create_network
from depth_models.networks import dpt, vit
from depth_models.networks.registry import network_class

SIZE = {"width": 48, "blocks": 4, "channels": (8, 16, 24, 32), "features": 16, "grid": 4}  # vit_micro
HEADS, TAPS = 3, (0, 1, 2, 3)


@pytest.fixture(scope="module")
def state():
    """Weights of a small network under the published names."""
    return published.random_state(**SIZE)


def loaded(module, tensors):
    module.load_state_dict({k: v.float() for k, v in tensors.items()})
    return module.eval()


def double(state, prefix):
    return {k: v.double() for k, v in published.inside(state, prefix).items()}


def close(got, expected):
    torch.testing.assert_close(got.detach().double(), expected, rtol=2e-5, atol=2e-5)


def test_attention_is_softmax_of_scaled_products_head_by_head(state):
    own = double(state, "pretrained.blocks.0.attn")
    tokens = 3 * torch.randn(11, 48, generator=torch.Generator().manual_seed(1))  # far from uniform
    close(loaded(vit.Attention(48, HEADS), own)(tokens[None])[0], published.attention(tokens.double(), own, HEADS))


def test_a_block_adds_scaled_attention_and_mlp(state):
    own = double(state, "pretrained.blocks.1")
    tokens = 0.01 * torch.randn(11, 48, generator=torch.Generator().manual_seed(2))  # epsilon counts
    close(loaded(vit.Block(48, HEADS), own)(tokens[None])[0], published.block(tokens.double(), own, HEADS))


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (4, 6), (6, 4), (9, 13), (2, 3), (37, 49)])
def test_position_embeddings_are_resized_as_they_were_trained(state, rows, columns):
    encoder = loaded(vit.ViT(48, HEADS, TAPS, 4), without_mask(state))
    embedding = state["pretrained.pos_embed"].double()
    close(encoder.positions(rows, columns), published.positions(embedding, rows, columns))


def without_mask(state):
    return {k: v for k, v in published.inside(state, "pretrained").items() if k != "mask_token"}


def test_the_trained_grid_itself_is_not_resampled(state):
    encoder = loaded(vit.ViT(48, HEADS, TAPS, 4), without_mask(state))
    assert encoder.positions(4, 4) is encoder.pos_embed
    # Not by square root: as many patches in another shape are another grid.
    assert encoder.positions(2, 8).shape == (1, 17, 48)
    assert not torch.equal(encoder.positions(2, 8), encoder.pos_embed)


def test_positions_are_not_what_the_plain_resize_gives(state):
    """The 0.1 that DINOv2 adds moves every sample: without it the published weights see other positions."""
    encoder = loaded(vit.ViT(48, HEADS, TAPS, 4), without_mask(state))
    square = encoder.pos_embed[0, 1:].T.reshape(1, 48, 4, 4)
    plain = F.interpolate(square, (9, 13), mode="bicubic")[0].flatten(1).T
    assert (encoder.positions(9, 13)[0, 1:] - plain).abs().max() > 1e-3


def test_the_encoder_gives_normalised_maps_of_its_taps(state):
    encoder = loaded(vit.ViT(48, HEADS, TAPS, 4), without_mask(state))
    image = torch.randn(1, 3, 56, 84, generator=torch.Generator().manual_seed(3))
    maps = encoder(image)
    expected = published.encoder(image[0].double(), double(state, "pretrained"), HEADS, TAPS)
    assert [m.shape for m in maps] == [(1, 48, 4, 6)] * 4
    for got, want in zip(maps, expected, strict=True):
        close(got[0], want)


def test_a_residual_unit_adds_two_convolutions(state):
    own = double(state, "depth_head.scratch.refinenet2.resConfUnit1")
    x = torch.randn(16, 5, 7, generator=torch.Generator().manual_seed(4))
    close(loaded(dpt.ResidualUnit(16), own)(x[None])[0], published.residual(x.double(), own))


def test_a_fusion_refines_what_it_merges_and_enlarges_it_with_its_corners(state):
    own = double(state, "depth_head.scratch.refinenet2")
    fusion = dpt.Fusion(16, merges=True)
    for module, name in (
        (fusion.lateral, "resConfUnit1"), (fusion.refine, "resConfUnit2"), (fusion.project, "out_conv")
    ):  # fmt: skip
        loaded(module, published.inside(own, name))
    feature, coarser = torch.randn(2, 16, 5, 7, generator=torch.Generator().manual_seed(5))
    merged = coarser.double() + published.residual(feature.double(), published.inside(own, "resConfUnit1"))
    refined = published.residual(merged, published.inside(own, "resConfUnit2"))
    expected = published.convolved(published.enlarged(refined, (9, 20)), own, "out_conv")
    close(fusion(feature[None], coarser[None], (9, 20))[0], expected)


def small(**options):
    torch.manual_seed(0)
    return create_network("dpt", **(network_class("dpt").small | options))


def image(seed=0):
    return torch.randn(2, 3, 56, 84, generator=torch.Generator().manual_seed(seed))


def head_of(network):
    """What the head's last layer gives for the image."""
    seen = []
    handle = network.head.register_forward_hook(lambda _, __, out: seen.append(out))
    network(image())
    handle.remove()
    return seen[0]


def test_metric_depth_goes_up_to_the_maximum_and_never_to_nothing():
    network = small(max_depth_m=80.0)
    torch.testing.assert_close(network(image()).depth, 80 * torch.sigmoid(head_of(network)))
    with torch.no_grad():
        network.head[2].bias.fill_(1e4)
    assert torch.equal(network(image()).depth, torch.full((2, 1, 56, 84), 80.0))
    with torch.no_grad():
        network.head[2].bias.fill_(-1e4)
    assert network(image()).depth.min() == network(image()).depth.max() == torch.tensor(0.1)


def test_a_relative_networks_depth_is_one_over_its_output():
    network = small(relative=True)
    with torch.no_grad():
        network.head[2].bias.fill_(1.0)
    assert head_of(network).min() > 0.1
    torch.testing.assert_close(network(image()).depth, 1 / head_of(network))
    with torch.no_grad():
        network.head[2].bias.fill_(-1e4)  # sky: as far as can be told, and finite
    assert network(image()).depth.isfinite().all()


def test_dinov2s_published_encoder_is_loaded_from_a_file(state, tmp_path):
    torch.save(published.inside(state, "pretrained"), tmp_path / "dinov2.pth")
    network = small(encoder_weights=str(tmp_path / "dinov2.pth"), freeze_encoder=True)
    expected = published.encoder(image()[0].double(), double(state, "pretrained"), HEADS, TAPS)
    close(network.encoder(image())[3][0], expected[3])
    assert "encoder_weights" not in network.config
    assert not any(p.requires_grad for p in network.train().encoder.parameters())
    with pytest.raises(DepthModelsError, match=r"dinov2.pth' do not fit encoder 'vit_tiny': "):
        small(encoder="vit_tiny", encoder_weights=str(tmp_path / "dinov2.pth"))


def test_the_sizes_are_the_published_ones():
    for name, millions in (("vit_small", 24.8), ("vit_base", 97.5), ("vit_large", 335.3)):  # its README's table
        with torch.device("meta"):
            network = create_network("dpt", encoder=name)
        size = dpt.SIZES[name]
        unused = size.width + 2 * (9 * size.features**2 + size.features)  # mask token; refinenet4's first unit
        assert (sum(p.numel() for p in network.parameters()) + unused) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"encoder": "vitt"}, "dpt has the encoders vit_micro, vit_tiny, vit_small, vit_base, vit_large, got 'vitt'"),
        ({"max_depth_m": 0.0}, "needs a max_depth_m above 0.1 m, got 0.0"),
        ({"max_depth_m": np.inf}, "needs a max_depth_m above 0.1 m, got inf"),
        ({"encoder_weights": "imagenet"}, "weights 'imagenet': no such file; expected the path of a state dict"),
    ],
)
def test_an_option_that_cannot_be_says_what_can(options, reason):
    with pytest.raises(DepthModelsError, match=reason):
        small(**options)
