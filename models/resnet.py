"""Residual networks for small images (He et al., 2016, section 4.2): ResNet-20, 32, 44, 56, …"""

from __future__ import annotations

import framework
from framework import nn
from framework.nn import functional as F


class Block(nn.Module):
    """Two 3×3 convolutions with batch normalization, beside a shortcut.

    Where the size changes, the shortcut drops every other pixel and pads the new channels with zeros (the paper's option A): it
    has no parameters.
    """

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.added = width - before

    def forward(self, input: framework.Tensor) -> framework.Tensor:
        """``(N, before, H, W) -> (N, width, H / stride, W / stride)``."""
        output = F.relu(self.bn1(self.conv1(input)))
        output = self.bn2(self.conv2(output))
        if self.stride > 1:
            input = input[:, :, :: self.stride, :: self.stride]
        if self.added:
            input = F.pad(input, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(output + input)


class ResNet(nn.Module):
    """A convolution, three stages of blocks at 16, 32 and 64 channels, and a linear layer on the mean over all pixels.

    Args:
        channels: Channels of the input images, of any size from 4×4.
        classes: How many outputs.
        depth: Layers with weights, ``6 n + 2``: n blocks a stage.
        width: Channels of the first stage; each further one doubles them.

    Raises:
        ValueError: For another depth.
    """

    def __init__(self, channels: int = 3, classes: int = 10, depth: int = 20, width: int = 16) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"the depth of such a ResNet is 6 n + 2 (8, 14, 20, 32, …), but got {depth}")
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages: list[nn.Module] = []
        before = width
        for stage in range(3):
            after = width * 2**stage
            for number in range(blocks):
                stages.append(Block(before, after, stride=2 if stage and not number else 1))
                before = after
        self.blocks = nn.Sequential(*stages)
        self.classifier = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, H, W)``."""
        output = F.relu(self.bn1(self.conv1(images)))
        return self.classifier(self.blocks(output).mean(dim=(2, 3)))
