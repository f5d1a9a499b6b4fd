"""Residual networks for small images (He et al., 2016, "Deep Residual Learning for Image Recognition", section 4.2)."""

from __future__ import annotations

import framework
from framework import nn
from framework.nn import functional as F


class ResNet(nn.Module):
    """A 3×3 convolution, three stages of residual blocks that halve the image and double the channels, and one linear layer.

    With the default arguments it is the paper's ResNet-20, with 270,000 parameters.

    Args:
        channels: Channels of the input images.
        classes: How many outputs.
        depth: Layers with weights: ``6 * n + 2`` for ``n`` blocks in each stage.
        width: Channels of the first stage.

    Raises:
        ValueError: For another depth.
    """

    def __init__(self, channels: int = 3, classes: int = 10, depth: int = 20, width: int = 16) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"the depth of such a ResNet is 6 * n + 2 (8, 14, 20, 32, ...), but got {depth}")
        self.conv = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages = []
        inputs = width
        for outputs, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
            first = Block(inputs, outputs, stride)
            stages.append(nn.Sequential(first, *(Block(outputs, outputs) for _ in range(blocks - 1))))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: framework.Tensor) -> framework.Tensor:
        """Class scores ``(N, classes)`` of images ``(N, channels, H, W)``."""
        features = self.stages(F.relu(self.norm(self.conv(images))))
        return self.classifier(features.mean((2, 3)))


class Block(nn.Module):
    """Two 3×3 convolutions with batch normalization, added to their input.

    Where the shape changes the shortcut takes every other pixel and fills the new channels with zeros, which needs no
    parameters (the paper's option A).

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output, at least as many.
        stride: Step of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.added = outputs - inputs

    def forward(self, x: framework.Tensor) -> framework.Tensor:
        """``(N, outputs, H / stride, W / stride)`` of ``(N, inputs, H, W)``."""
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(residual + self.shortcut(x))

    def shortcut(self, x: framework.Tensor) -> framework.Tensor:
        """The input in the shape of the output."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.added:
            x = F.pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return x
