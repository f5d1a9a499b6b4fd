"""Each model against the same architecture in PyTorch: weights go across through ``state_dict`` in both directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402
import models  # noqa: E402

tnn = torch.nn
F = torch.nn.functional


class CNN(tnn.Module):
    def __init__(self, channels, widths, classes):
        super().__init__()
        layers, inputs = [], channels
        for width in widths:
            for source in (inputs, width):
                layers += [tnn.Conv2d(source, width, 3, padding=1, bias=False), tnn.BatchNorm2d(width), tnn.ReLU()]
            layers.append(tnn.MaxPool2d(2))
            inputs = width
        self.features = tnn.Sequential(*layers)
        self.classifier = tnn.Sequential(
            tnn.AdaptiveAvgPool2d(1), tnn.Flatten(), tnn.Dropout(0.0), tnn.Linear(inputs, classes)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


class ResidualBlock(tnn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = tnn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = tnn.BatchNorm2d(outputs)
        self.conv2 = tnn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = tnn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        half = self.added // 2
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.added - half)))


class ResNet(tnn.Module):
    def __init__(self, channels, blocks, width, classes):
        super().__init__()
        self.conv = tnn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = tnn.BatchNorm2d(width)
        widths = [width, width, 2 * width, 4 * width]
        self.stages = tnn.Sequential(
            *(
                tnn.Sequential(
                    *(
                        ResidualBlock(widths[s] if b == 0 else widths[s + 1], widths[s + 1], 2 if s and not b else 1)
                        for b in range(blocks)
                    )
                )
                for s in range(3)
            )
        )
        self.classifier = tnn.Linear(4 * width, classes)

    def forward(self, x):
        return self.classifier(self.stages(F.relu(self.norm(self.conv(x)))).mean((2, 3)))


class Attention(tnn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.inputs = tnn.Linear(width, 3 * width, bias=bias)
        self.output = tnn.Linear(width, width, bias=bias)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = (
            each.view(n, t, self.heads, width // self.heads).transpose(1, 2)
            for each in self.inputs(x).split(width, dim=2)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)
        scores = scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), -math.inf)
        return self.output((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, width))


class TransformerBlock(tnn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.norm1 = tnn.LayerNorm(width, bias=bias)
        self.attention = Attention(width, heads, bias)
        self.norm2 = tnn.LayerNorm(width, bias=bias)
        self.network = tnn.ModuleDict(
            {"hidden": tnn.Linear(width, 4 * width, bias=bias), "output": tnn.Linear(4 * width, width, bias=bias)}
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.network["output"](F.gelu(self.network["hidden"](self.norm2(x))))


class GPT(tnn.Module):
    def __init__(self, vocabulary, context, layers, heads, width, bias):
        super().__init__()
        self.tokens = tnn.Embedding(vocabulary, width)
        self.positions = tnn.Embedding(context, width)
        self.blocks = tnn.Sequential(*(TransformerBlock(width, heads, bias) for _ in range(layers)))
        self.norm = tnn.LayerNorm(width, bias=bias)
        self.head = tnn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class LSTM(tnn.Module):
    def __init__(self, vocabulary, embedding, width, layers):
        super().__init__()
        self.tokens = tnn.Embedding(vocabulary, embedding)
        self.layers = tnn.LSTM(embedding, width, layers, batch_first=True)
        self.head = tnn.Linear(width, vocabulary)

    def forward(self, tokens):
        return self.head(self.layers(self.tokens(tokens))[0])


class Autoencoder(tnn.Module):
    """Takes the encoder's output as it is, or its first half where it is a distribution."""

    def __init__(self, size, hidden, latent, codes):
        super().__init__()
        self.codes = codes
        self.encoder = tnn.Sequential(
            tnn.Flatten(), tnn.Linear(size * size, hidden), tnn.ReLU(), tnn.Linear(hidden, codes * latent)
        )
        self.decoder = tnn.Sequential(
            tnn.Linear(latent, hidden), tnn.ReLU(), tnn.Linear(hidden, size * size), tnn.Unflatten(1, (1, size, size))
        )

    def forward(self, x):
        code = self.encoder(x)
        if self.codes == 1:
            return self.decoder(code)
        mean, log_variance = code.chunk(2, dim=1)
        return self.decoder(mean), mean, log_variance


class Regressor(tnn.Module):
    def __init__(self, inputs, outputs, hidden):
        super().__init__()
        self.trunk = tnn.Sequential(tnn.Linear(inputs, hidden), tnn.Tanh(), tnn.Linear(hidden, hidden), tnn.Tanh())
        self.mean = tnn.Linear(hidden, outputs)
        self.variance = tnn.Linear(hidden, outputs)

    def forward(self, x):
        features = self.trunk(x)
        return self.mean(features), F.softplus(self.variance(features))


class Perceptron(tnn.Module):
    def __init__(self):
        super().__init__()
        self.layers = tnn.Sequential(
            tnn.Flatten(), tnn.Linear(6, 8), tnn.GELU(), tnn.Linear(8, 5), tnn.GELU(), tnn.Linear(5, 3)
        )

    def forward(self, x):
        return self.layers(x)


class ImageGAN(tnn.Module):
    """What the critic says of what the generator makes."""

    def __init__(self, latent, width, quarter):
        super().__init__()
        features = 2 * width * quarter * quarter
        self.generator = tnn.Sequential(
            tnn.Linear(latent, features),
            tnn.ReLU(),
            tnn.Unflatten(1, (2 * width, quarter, quarter)),
            tnn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            tnn.ReLU(),
            tnn.ConvTranspose2d(width, 1, 4, 2, 1),
            tnn.Sigmoid(),
        )
        self.critic = tnn.Sequential(
            tnn.Conv2d(1, width, 4, 2, 1),
            tnn.LeakyReLU(0.2),
            tnn.Conv2d(width, 2 * width, 4, 2, 1),
            tnn.LeakyReLU(0.2),
            tnn.Flatten(),
            tnn.Linear(features, 1),
        )

    def forward(self, noise):
        return self.critic(self.generator(noise))


class PointGAN(tnn.Module):
    def __init__(self, latent, hidden):
        super().__init__()
        self.generator = tnn.Sequential(tnn.Linear(latent, hidden), tnn.ReLU(), tnn.Linear(hidden, 2))
        self.critic = tnn.Sequential(tnn.Linear(2, hidden), tnn.ReLU(), tnn.Linear(hidden, 1))

    def forward(self, noise):
        return self.critic(self.generator(noise))


def images(channels, size):
    return np.random.RandomState(3).standard_normal((3, channels, size, size)).astype(np.float32)


def numbers(*shape):
    return np.random.RandomState(4).standard_normal(shape).astype(np.float32)


def tokens(count, length, vocabulary):
    return np.random.RandomState(5).randint(0, vocabulary, (count, length))


# Ours, PyTorch's, the inputs, and what is compared where that is not simply the model's output.
CASES: dict[str, tuple[Any, ...]] = {
    "cnn": (lambda: models.CNN(2, 5, (4, 6)), lambda: CNN(2, (4, 6), 5), images(2, 9)),
    "resnet": (lambda: models.ResNet(3, 5, 14, 4), lambda: ResNet(3, 2, 4, 5), images(3, 16)),
    "resnet20": (lambda: models.ResNet(), lambda: ResNet(3, 3, 16, 10), images(3, 32)),
    "gpt": (lambda: models.GPT(11, 8, 2, 2, 12), lambda: GPT(11, 8, 2, 2, 12, False), tokens(3, 7, 11)),
    "gpt with biases": (
        lambda: models.GPT(11, 8, 1, 3, 12, bias=True), lambda: GPT(11, 8, 1, 3, 12, True), tokens(2, 8, 11)
    ),
    "lstm": (lambda: models.LSTM(11, 6, 7, 2), lambda: LSTM(11, 6, 7, 2), tokens(3, 9, 11)),
    "autoencoder": (lambda: models.Autoencoder(1, 6, (9,), 4), lambda: Autoencoder(6, 9, 4, 1), images(1, 6)),
    "vae": (lambda: models.VAE(1, 6, (9,), 4).eval(), lambda: Autoencoder(6, 9, 4, 2), images(1, 6)),
    "mlp": (lambda: models.MLP(6, 3, (8, 5), "gelu"), Perceptron, numbers(4, 2, 3)),
    "mlp_regressor": (lambda: models.MLPRegressor(2, 3, (8, 8)), lambda: Regressor(2, 3, 8), numbers(5, 2)),
    "image_gan": (
        lambda: models.ImageGAN(1, 12, 5, 3), lambda: ImageGAN(5, 3, 3), numbers(4, 5), lambda m, x: m.critic(m(x))
    ),
    "point_gan": (
        lambda: models.PointGAN(2, 3, (8,)), lambda: PointGAN(3, 8), numbers(6, 3), lambda m, x: m.critic(m(x))
    ),
}  # fmt: skip


@pytest.fixture(params=CASES)
def pair(request):
    """Both models with their inputs and how ours is called."""
    framework.manual_seed(1)
    torch.manual_seed(2)
    own, other, inputs, *call = CASES[request.param]
    return own(), other(), inputs, call[0] if call else (lambda model, x: model(x))


def to_torch(state):
    return {name: torch.from_numpy(np.array(value.numpy())) for name, value in state.items()}


def to_framework(state):
    return {name: framework.from_numpy(np.array(value.numpy())) for name, value in state.items()}


def score(outputs):
    """A number that every output has a part in."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return sum((output.sin() * (i + 1)).sum() for i, output in enumerate(outputs))


def compare(own, other, inputs, call):
    """Outputs, gradients of all parameters, and running statistics agree, in training and in evaluation."""
    for training in (True, False):
        if isinstance(own, models.VAE) and training:
            continue  # it draws noise: PyTorch's architecture above has none
        own.train(training)
        other.train(training)
        ours, theirs = call(own, framework.from_numpy(inputs)), other(torch.from_numpy(inputs))
        for mine, its in zip(*((each if isinstance(each, tuple) else (each,)) for each in (ours, theirs)), strict=True):
            np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-4, atol=2e-5)
        for model in (own, other):
            model.zero_grad()
        score(ours).backward()
        score(theirs).backward()
        gradients = {name: each.grad for name, each in own.named_parameters()}
        others = {name: each.grad for name, each in other.named_parameters()}
        assert gradients.keys() == others.keys()
        for name, gradient in gradients.items():
            expected = others[name].numpy()
            np.testing.assert_allclose(
                gradient.numpy(), expected, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(expected).max()), err_msg=name
            )
    for name, value in own.state_dict().items():
        np.testing.assert_allclose(value.numpy(), other.state_dict()[name].numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


def test_our_weights_in_pytorch(pair):
    own, other, inputs, call = pair
    other.load_state_dict(to_torch(own.state_dict()))
    compare(own, other, inputs, call)


def test_pytorchs_weights_here(pair):
    own, other, inputs, call = pair
    own.load_state_dict(to_framework(other.state_dict()))
    compare(own, other, inputs, call)


def test_every_model_of_the_registry_is_compared():
    # LeNet is compared over whole runs in test_training_losses.py.
    assert set(models.MODELS) - {"lenet"} <= set(CASES)


def test_greedy_generation_agrees_with_pytorch():
    framework.manual_seed(3)
    own = models.GPT(11, 8, 2, 2, 12)
    for parameter in own.parameters():  # so large that scores differ
        parameter.data.mul_(20)
    other = GPT(11, 8, 2, 2, 12, False)
    other.load_state_dict(to_torch(own.state_dict()))
    start = tokens(2, 3, 11)
    expected = torch.from_numpy(start)
    for _ in range(12):
        scores = other(expected[:, -8:])[:, -1]
        expected = torch.cat([expected, scores.argmax(-1, keepdim=True)], dim=1)
    made = own.generate(framework.from_numpy(start), 12, temperature=0)
    np.testing.assert_array_equal(made.numpy(), expected.numpy())


def test_sampling_draws_what_pytorch_draws():
    framework.manual_seed(3)
    own = models.LSTM(11, 6, 7)
    other = LSTM(11, 6, 7, 1)
    other.load_state_dict(to_torch(own.state_dict()))
    start = tokens(2, 3, 11)
    generator, expected = torch.Generator().manual_seed(9), torch.from_numpy(start)
    for _ in range(20):
        scores = other(expected)[:, -1] / 0.7
        best = scores.topk(4).values[:, -1:]
        shares = scores.masked_fill(scores < best, -math.inf).softmax(-1)
        expected = torch.cat([expected, torch.multinomial(shares, 1, generator=generator)], dim=1)
    made = own.generate(framework.from_numpy(start), 20, 0.7, 4, framework.Generator().manual_seed(9))
    np.testing.assert_array_equal(made.numpy(), expected.numpy())
