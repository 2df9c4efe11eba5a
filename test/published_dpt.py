"""Depth Anything V2 as published, written out a second time over its own state dict, in float64 and plain operations.

Keys, shapes and what is done with them are of DepthAnything/Depth-Anything-V2 (depth_anything_v2 and metric_depth).
"""

import math

import numpy as np
import torch


def shapes(width, blocks, channels, features, grid=37):
    """Name to shape of every tensor in a published file."""
    c, f = width, features
    sizes = {"cls_token": (1, 1, c), "pos_embed": (1, 1 + grid**2, c), "mask_token": (1, c)}
    sizes |= {"patch_embed.proj.weight": (c, 3, 14, 14), "patch_embed.proj.bias": (c,)}
    for i in range(blocks):
        for name, outputs, inputs in (
            ("attn.qkv", 3 * c, c), ("attn.proj", c, c), ("mlp.fc1", 4 * c, c), ("mlp.fc2", c, 4 * c)
        ):  # fmt: skip
            sizes |= {f"blocks.{i}.{name}.weight": (outputs, inputs), f"blocks.{i}.{name}.bias": (outputs,)}
        for name in ("norm1.weight", "norm1.bias", "ls1.gamma", "norm2.weight", "norm2.bias", "ls2.gamma"):
            sizes[f"blocks.{i}.{name}"] = (c,)
    sizes |= {"norm.weight": (c,), "norm.bias": (c,)}
    head = {}
    for i, channel in enumerate(channels):
        head |= {f"projects.{i}.weight": (channel, c, 1, 1), f"projects.{i}.bias": (channel,)}
    for i, size in ((0, 4), (1, 2), (3, 3)):
        head |= {
            f"resize_layers.{i}.weight": (channels[i],) * 2 + (size,) * 2,
            f"resize_layers.{i}.bias": (channels[i],),
        }
    for i, channel in enumerate(channels, 1):
        head[f"scratch.layer{i}_rn.weight"] = (f, channel, 3, 3)
    for i in (1, 2, 3, 4):
        head |= {f"scratch.refinenet{i}.out_conv.weight": (f, f, 1, 1), f"scratch.refinenet{i}.out_conv.bias": (f,)}
        for conv in ("resConfUnit1.conv1", "resConfUnit1.conv2", "resConfUnit2.conv1", "resConfUnit2.conv2"):
            name = f"scratch.refinenet{i}.{conv}"
            head |= {f"{name}.weight": (f, f, 3, 3), f"{name}.bias": (f,)}
    for name, outputs, inputs, size in (("1", f // 2, f, 3), ("2.0", 32, f // 2, 3), ("2.2", 1, 32, 1)):
        name = f"scratch.output_conv{name}"
        head |= {f"{name}.weight": (outputs, inputs, size, size), f"{name}.bias": (outputs,)}
    return {f"pretrained.{k}": v for k, v in sizes.items()} | {f"depth_head.{k}": v for k, v in head.items()}


def random_state(seed=0, **size):
    """A state dict of those names and shapes; every tensor matters, and no signal explodes or dies."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(**size).items():
        spread = (
            0.1 if len(shape) < 2 or "pos_embed" in name or "token" in name else 1 / math.sqrt(math.prod(shape[1:]))
        )
        state[name] = spread * torch.randn(shape, generator=generator)
        if name.endswith(("gamma", "norm.weight", "norm1.weight", "norm2.weight")):
            state[name] += 1
    return state


def cubic(length, target, offset=0.1):
    """(target, length) matrix of Keys' cubic convolution with a = -0.75, sampled for (target + offset) / length."""
    matrix = np.zeros((target, length))
    for row in range(target):
        place = (row + 0.5) * length / (target + offset) - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            x = abs(place - tap)
            if x <= 1:
                weight = 1.25 * x**3 - 2.25 * x**2 + 1
            else:
                weight = -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
            matrix[row, min(max(tap, 0), length - 1)] += weight
    return torch.from_numpy(matrix)


def linear(length, target):
    """(target, length) matrix of linear interpolation whose first and last samples are the source's."""
    matrix = np.zeros((target, length))
    for row in range(target):
        place = row * (length - 1) / (target - 1)
        low = min(int(place), length - 2)
        matrix[row, low], matrix[row, low + 1] = low + 1 - place, place - low
    return torch.from_numpy(matrix)


def resized(x, rows, columns):
    """(rows', h) and (columns', w) matrices on (..., h, w)."""
    return torch.einsum("ih,jw,...hw->...ij", rows, columns, x)


def enlarged(x, size):
    return resized(x, linear(x.shape[-2], size[0]), linear(x.shape[-1], size[1]))


def positions(embedding, rows, columns):
    """(1, 1 + grid^2, C) -> (1, 1 + rows * columns, C)."""
    grid = math.isqrt(embedding.shape[1] - 1)
    if rows == columns == grid:
        return embedding
    square = embedding[0, 1:].reshape(grid, grid, -1).permute(2, 0, 1)
    other = resized(square, cubic(grid, rows), cubic(grid, columns)).permute(1, 2, 0).reshape(1, rows * columns, -1)
    return torch.cat([embedding[:, :1], other], dim=1)


def normalised(x, weight, bias):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + 1e-6) * weight + bias


def attention(x, state, heads):
    """(T, C) -> (T, C), head by head."""
    channels = x.shape[1] // heads
    query, key, value = (x @ state["qkv.weight"].T + state["qkv.bias"]).chunk(3, dim=1)
    mixed = []
    for head in range(heads):
        own = slice(head * channels, (head + 1) * channels)
        scores = torch.exp(query[:, own] @ key[:, own].T / math.sqrt(channels))
        mixed.append(scores / scores.sum(dim=1, keepdim=True) @ value[:, own])
    return torch.cat(mixed, dim=1) @ state["proj.weight"].T + state["proj.bias"]


def block(x, state, heads):
    """(T, C) -> (T, C)."""
    x = x + state["ls1.gamma"] * attention(
        normalised(x, state["norm1.weight"], state["norm1.bias"]), inside(state, "attn"), heads
    )
    hidden = (
        normalised(x, state["norm2.weight"], state["norm2.bias"]) @ state["mlp.fc1.weight"].T + state["mlp.fc1.bias"]
    )
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    return x + state["ls2.gamma"] * (hidden @ state["mlp.fc2.weight"].T + state["mlp.fc2.bias"])


def inside(state, prefix):
    """The tensors whose names begin with `prefix` and a dot, without it."""
    return {k.removeprefix(f"{prefix}."): v for k, v in state.items() if k.startswith(f"{prefix}.")}


def convolved(x, state, name):
    """A convolution that keeps the size; (C, H, W)."""
    weight = state[f"{name}.weight"]
    return torch.conv2d(x[None], weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)[0]


def residual(x, state):
    return x + convolved(convolved(x.clamp(min=0), state, "conv1").clamp(min=0), state, "conv2")


def encoder(image, state, heads, taps):
    """(3, H, W) -> four (C, H / 14, W / 14)."""
    weight = state["patch_embed.proj.weight"]
    rows, columns = image.shape[1] // 14, image.shape[2] // 14
    patches = image.reshape(3, rows, 14, columns, 14).permute(1, 3, 0, 2, 4).reshape(rows * columns, -1)
    x = torch.cat([state["cls_token"][0], patches @ weight.reshape(len(weight), -1).T + state["patch_embed.proj.bias"]])
    x = x + positions(state["pos_embed"], rows, columns)[0]
    maps = []
    for index in range(taps[-1] + 1):
        x = block(x, inside(state, f"blocks.{index}"), heads)
        if index in taps:
            maps.append(normalised(x, state["norm.weight"], state["norm.bias"])[1:].T.reshape(-1, rows, columns))
    return maps


def raw(image, state, heads, taps):
    """(3, H, W) image and a published state dict -> (H, W), the head's last convolution, of which depth is made."""
    image, state = image.double(), {k: v.double() for k, v in state.items()}
    head = inside(state, "depth_head")
    scratch = inside(head, "scratch")
    levels = []
    for index, tokens in enumerate(encoder(image, inside(state, "pretrained"), heads, taps)):
        x = convolved(tokens, head, f"projects.{index}")
        weight, bias = head.get(f"resize_layers.{index}.weight"), head.get(f"resize_layers.{index}.bias")
        if index < 2:  # a transposed convolution whose stride is its size: each pixel becomes a tile
            tiles = torch.einsum("chw,cokl->ohkwl", x, weight)
            x = tiles.reshape(len(bias), x.shape[1] * weight.shape[2], -1) + bias[:, None, None]
        elif index == 3:
            x = torch.conv2d(x[None], weight, bias, stride=2, padding=1)[0]
        levels.append(convolved(x, scratch, f"layer{index + 1}_rn"))
    path = None
    for index in (3, 2, 1, 0):
        own = inside(scratch, f"refinenet{index + 1}")
        x = levels[index] if path is None else path + residual(levels[index], inside(own, "resConfUnit1"))
        height, width = levels[index - 1].shape[1:] if index else (2 * n for n in x.shape[1:])
        path = convolved(enlarged(residual(x, inside(own, "resConfUnit2")), (height, width)), own, "out_conv")
    x = enlarged(convolved(path, scratch, "output_conv1"), image.shape[1:])
    return convolved(convolved(x, scratch, "output_conv2.0").clamp(min=0), scratch, "output_conv2.2")[0]
