"""Transformers prepared for a processor: every large weight packed once, products in float32, bf16 or int8.

torch stores a weight row by row. oneDNN, which multiplies, needs it in blocks that fit its registers, and repacks it at
every call: a tenth of the time in bf16, a quarter in float32. Here each weight is packed once and replaces
the original, so that it is in memory once. `pack` converts a complete network; networks are independent of it.

Only products use a lower precision. All else stays in float32: it costs next to nothing, and
errors are a third of what they are in bf16 throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from .._vendor_patches import onednn_linear
from . import cham, vit
from .folding import to_channels_last

#: What products may be computed in.
PRECISIONS = (torch.float32, torch.bfloat16, torch.int8)

#: Called with every weight after it was copied, to release its memory.
WeightSource = Callable[[Tensor], None]


def can_pack(precision: torch.dtype) -> bool:
    """Whether this build of torch and this processor support the precision, at full speed."""
    if precision not in PRECISIONS or not torch.backends.mkldnn.is_available():
        return False
    try:
        if precision == torch.bfloat16 and not onednn_linear.has_bf16():
            return False
        if precision == torch.int8 and not onednn_linear.has_vnni():
            return False
        with torch.no_grad():
            linear, x = nn.Linear(32, 16), torch.rand(4, 32)
            return torch.allclose(pack_linear(linear, precision)(x).float(), linear(x), atol=0.1)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False


@torch.no_grad()
def pack_network(network: nn.Module, precision: torch.dtype, taken: WeightSource = lambda weight: None) -> None:
    """Replace the transformers' layers and stems, anywhere in the network, for inference on the CPU only.

    The network, in float32, then computes them in that precision, and lacks their parameters' names.
    """
    _pack_module(network, partial(pack_linear, precision=precision, taken=taken, scratch=Scratch()),
          partial(PackedStem, precision=precision, taken=taken))


def _pack_module(network, layer, stem):
    for name, child in network.named_children():
        if isinstance(child, vit.TransformerBlock):
            setattr(network, name, PackedBlock(child, layer))
        elif isinstance(child, vit.PatchEmbed) and isinstance(child.proj, nn.Sequential):
            setattr(network, name, stem(child))
        elif isinstance(child, cham.ZeroConv):
            setattr(network, name, PackedZeroConv(child, layer))
        elif isinstance(child, nn.Linear) and isinstance(network, (cham.CrossAttention, cham.ResidualMLP)):
            setattr(network, name, layer(child))
        else:
            _pack_module(child, layer, stem)


def weight_bytes(network: nn.Module) -> int:
    """Of all parameters and buffers, packed ones included."""
    plain = sum(value.nbytes for value in (*network.parameters(), *network.buffers()))
    return plain + sum(layer.weight.numel() * layer.precision.itemsize for layer in network.modules()
                       if isinstance(layer, (PackedLinear, QuantizedLinear)))


class Scratch:
    """Memory for the intermediate forms of a weight, reused for the next one.

    Temporary blocks between permanent ones would fragment the memory, by a fifth of all weights in the end.
    """

    def __init__(self):
        self._memory: dict[torch.dtype, Tensor] = {}

    def like(self, weight: Tensor, kind: torch.dtype) -> Tensor:
        """An uninitialised tensor of the weight's shape and that kind; valid until the next one of that kind."""
        memory = self._memory.get(kind)
        if memory is None or memory.numel() < weight.numel():
            memory = self._memory[kind] = torch.empty(weight.numel(), dtype=kind)
        return memory[:weight.numel()].view(weight.shape)


def pack_linear(linear: nn.Linear, precision: torch.dtype, taken: WeightSource = lambda weight: None,
           scratch: Scratch | None = None, **options) -> nn.Module:
    """The layer in that precision; options as QuantizedLinear takes them."""
    scratch = scratch or Scratch()
    if precision == torch.int8:
        layer = QuantizedLinear(linear, scratch, **options)
    else:
        layer = PackedLinear(linear, precision, scratch, options.get('activation', 'none'))
    taken(linear.weight)
    return layer


class PackedLinear(nn.Module):
    """A linear layer, then 'gelu' or nothing: (..., K) of any floating point -> (..., N) in its precision."""

    def __init__(self, linear: nn.Linear, precision: torch.dtype, scratch: Scratch, activation: str = 'none'):
        super().__init__()
        self.precision, self.activation = precision, activation
        weight = linear.weight.detach()
        if weight.dtype != precision:
            weight = scratch.like(weight, precision).copy_(weight)
        self.weight = onednn_linear.pack(weight)
        self.bias = None if linear.bias is None else linear.bias.detach().to(precision, copy=True)

    def forward(self, x: Tensor) -> Tensor:
        return onednn_linear.linear(x.to(self.precision), self.weight, self.bias, self.activation)


class QuantizedLinear(nn.Module):
    """The same in integers: (..., K) of any floating point -> (..., N) float32.

    A weight has one scale for each of its rows, the input one for each token, computed at each call, for tokens
    differ. lowest: the smallest possible input, if it is near 0: inputs get twice as many steps then.
    """

    precision = torch.int8

    def __init__(self, linear: nn.Linear, scratch: Scratch, activation: str = 'none', lowest: float | None = None):
        super().__init__()
        self.activation, self.lowest = activation, lowest
        weight = linear.weight.detach()
        steps = scratch.like(weight, torch.float32)
        self.scale = _replace_zeros(torch.abs(weight, out=steps).amax(1)) / 127
        rows = scratch.like(weight, torch.int8).copy_(torch.div(weight, self.scale[:, None], out=steps).round_())
        self.bias = torch.zeros(len(rows)) if linear.bias is None else linear.bias.detach().float().clone()
        if lowest is not None:
            self.bias += lowest * self.scale * rows.sum(1, dtype=torch.int32)
        self.weight = onednn_linear.pack_int8(rows)
        self._zeros = torch.zeros(len(rows), dtype=torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        tokens, scale, zero = self._quantized(x.reshape(-1, x.shape[-1]))
        product = onednn_linear.linear_int8(tokens, zero, self.weight, self.scale, zeros=self._zeros)
        y = torch.addcmul(self.bias, product, scale).view(*x.shape[:-1], len(self.bias))
        return F.gelu(y) if self.activation == 'gelu' else y

    def _quantized(self, x):
        """(N, K) -> uint8 (N, K), the scale of every token (N, 1), and which of the 256 steps represents zero."""
        if self.lowest is None:
            scale, zero = _replace_zeros(x.abs().amax(1, keepdim=True).float()) / 127, 128
            steps = x / scale
        else:
            scale, zero = (x.amax(1, keepdim=True).float() - self.lowest) / 255, 0
            steps = ((x - self.lowest) / scale).sub_(128)
        # From int8 to uint8 by its highest bit: torch rounds to signed bytes several times as fast.
        return steps.round_().to(torch.int8).view(torch.uint8).bitwise_xor_(128), scale, zero


def _replace_zeros(largest):
    return largest.clamp(min=1e-30)


class PackedBlock(nn.Module):
    """vit.Block, (B, N, C) float32 -> (B, N, C) float32."""

    def __init__(self, block: vit.TransformerBlock, layer: Callable[..., nn.Module]):
        """layer: `pack_linear`, but for the layer and its options."""
        super().__init__()
        self.norm1, self.norm2, self.num_heads = block.norm1, block.norm2, block.attn.num_heads
        self.qkv = layer(block.attn.qkv)
        self.proj = layer(block.attn.proj)
        self.fc1 = layer(block.mlp.fc1, activation='gelu')
        self.fc2 = layer(block.mlp.fc2, lowest=MIN_GELU)
        self.precision = torch.float32 if self.qkv.precision == torch.float32 else torch.bfloat16

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.proj(self.attend(self.qkv(self.norm1(x)).to(self.precision)))
        return x + self.fc2(self.fc1(self.norm2(x)))

    def attend(self, qkv: Tensor) -> Tensor:
        batch, count, dim = len(qkv), qkv.shape[1], qkv.shape[2] // 3
        query, key, value = qkv.view(batch, count, 3, self.num_heads, dim // self.num_heads).permute(2, 0, 3, 1, 4)
        x = vit.attention(query, key, value)
        return x.transpose(1, 2).reshape(batch, count, dim)


#: The smallest value of GELU, -0.16997, from below.
MIN_GELU = -0.17


class PackedStem(nn.Module):
    """vit.PatchEmbed with a convolutional stem, whose normalisations are folded into its convolutions.

    In bf16, or else in float32, from the picture to the tokens, which are float32: (B, 3, H, W) -> (B, rows * columns,
    C).
    """

    def __init__(self, embed: vit.PatchEmbed, precision: torch.dtype, taken: WeightSource = lambda weight: None):
        super().__init__()
        self.precision = precision if precision == torch.bfloat16 else torch.float32
        assert isinstance(embed.proj, nn.Sequential)
        layers: list[nn.Module] = []
        for layer in embed.proj:
            if isinstance(layer, nn.BatchNorm2d):
                layers[-1] = _fold_norm(layers[-1], layer, taken)
                continue
            if isinstance(layer, vit.ResidualConvBlock):
                for conv, norm in (('conv1', 'norm1'), ('conv2', 'norm2')):
                    setattr(layer, conv, _fold_norm(getattr(layer, conv), getattr(layer, norm), taken))
                    setattr(layer, norm, nn.Identity())
            layers.append(layer)
        self.proj = to_channels_last(nn.Sequential(*layers).to(self.precision))

    def forward(self, image: Tensor) -> Tensor:
        return vit.to_tokens(self.proj(image.to(self.precision, memory_format=torch.channels_last))).float()


def _fold_norm(conv: nn.Module, norm: nn.BatchNorm2d, taken: WeightSource) -> nn.Conv2d:
    assert isinstance(conv, nn.Conv2d)
    fused = fuse_conv_bn_eval(conv, norm)
    taken(conv.weight)
    return fused


class PackedZeroConv(nn.Module):
    """cham.ZeroConv."""

    def __init__(self, conv: cham.ZeroConv, layer: Callable[..., nn.Module]):
        super().__init__()
        linear = nn.Linear(conv.in_channels, conv.out_channels, bias=False, device='meta')
        linear.weight = nn.Parameter(conv.weight.detach().flatten(1), requires_grad=False)
        self.product = layer(linear)
        self.bias = conv.bias.detach().clone()

    def forward(self, tokens: Tensor, share: Tensor) -> Tensor:
        return self.product(tokens) + share * self.bias
