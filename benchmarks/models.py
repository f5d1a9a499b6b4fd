"""The models that are timed. Each takes the module it is built with, ``torch`` or ``framework``, as an argument."""

from __future__ import annotations

from typing import Any


def mlp(torch: Any) -> Any:
    """784-256-128-10."""
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn(torch: Any) -> Any:
    """Two 3×3 convolutions with pooling, two linear layers; for 28×28 images."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def lenet(torch: Any) -> Any:
    """LeNet-5 with ReLU and max pooling."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def resnet20(torch: Any) -> Any:
    """ResNet-20 for 32×32 images (He et al., 2015, section 4.2), with projections where the width changes."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.shortcut = nn.Sequential()
            if stride != 1 or channels != width:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
                )

        def forward(self, x: Any) -> Any:
            y = torch.relu(self.norm1(self.conv1(x)))
            return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        for number in range(3):
            layers.append(Block(channels, width, stride if number == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def char_lstm(torch: Any) -> Any:
    """An embedding of 65 characters, two LSTM layers of 128, and a linear layer at each step."""
    nn = torch.nn

    class CharacterLSTM(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(65, 128)
            self.lstm = nn.LSTM(128, 128, num_layers=2, batch_first=True)
            self.head = nn.Linear(128, 65)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.embedding(tokens))[0])

    return CharacterLSTM()


def gpt(torch: Any) -> Any:
    """A decoder-only transformer: 4 layers × 128, 4 heads, context 64, 65 characters."""
    nn, functional = torch.nn, torch.nn.functional
    width, heads, context = 128, 4, 64

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            q, k, v = [
                each.view(n, length, heads, width // heads).transpose(1, 2)
                for each in self.qkv(self.norm1(x)).split(width, dim=2)
            ]
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(n, length, width))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(65, width), nn.Embedding(context, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 65)

        def forward(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def vae(torch: Any) -> Any:
    """784-400-20-400-784, with a normal distribution of 20 dimensions in the middle (Kingma & Welling, 2013)."""
    nn = torch.nn

    class VAE(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Linear(784, 400)
            self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
            self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

        def forward(self, x: Any) -> Any:
            hidden = torch.relu(self.encoder(x))
            mean, log_variance = self.mean(hidden), self.log_variance(hidden)
            sample = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            return self.decoder(sample), mean, log_variance

    return VAE()
