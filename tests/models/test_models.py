import numpy as np
import pytest

import framework as torch
from models import CNN, GPT, LSTM, VAE, ImageGAN, ResNet


def test_resnet_20_has_the_parameters_of_the_paper():
    """He et al. (2016), table 6: 0.27 million for 20 layers, 0.46 for 32."""
    assert sum(parameter.numel() for parameter in ResNet().parameters()) == 269_722
    assert sum(parameter.numel() for parameter in ResNet(depth=32).parameters()) == 464_154


@pytest.mark.parametrize("model", [GPT(11, 8, 2, 2, 8), LSTM(11, 8)], ids=["gpt", "lstm"])
def test_a_position_sees_nothing_of_those_after_it(model):
    tokens = torch.arange(8).view(1, 8)
    changed = tokens.clone()
    changed[0, 5] = 10
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


def test_gpt_ties_its_embeddings():
    model = GPT(11, 8, 1, 2, 8)
    assert model.scores.weight is model.tokens.weight
    assert len([name for name, _ in model.named_parameters() if name in ("scores.weight", "tokens.weight")]) == 1


def test_vae_samples_in_training_only():
    model = VAE(image_size=4, hidden=6, latent=2)
    images = torch.rand(5, 1, 4, 4)
    first, second = model(images)[0], model(images)[0]
    assert not torch.equal(first, second)
    model.eval()
    reconstruction, mean, log_variance = model(images)
    assert torch.equal(reconstruction, model(images)[0])
    assert torch.equal(reconstruction, model.decode(mean))
    assert mean.shape == log_variance.shape == (5, 2)


@pytest.mark.parametrize("size", [8, 28, 32])
def test_image_gan_makes_images_of_the_asked_size(size):
    model = ImageGAN(channels=3, image_size=size, latent=4, width=2)
    images = model(torch.randn(2, 4))
    assert images.shape == (2, 3, size, size)
    assert 0 <= images.min().item() <= images.max().item() <= 1
    assert model.critic(images).shape == (2, 1)


def test_wrong_sizes_are_refused_in_words():
    with pytest.raises(ValueError, match="the depth of such a ResNet is 6 n"):
        ResNet(depth=21)
    with pytest.raises(ValueError, match="width 10 is no multiple of heads 4"):
        GPT(width=10, heads=4)
    with pytest.raises(ValueError, match="got 9 tokens, but the context is 8"):
        GPT(11, 8, 1, 2, 8)(torch.from_numpy(np.zeros((1, 9), np.int64)))
    with pytest.raises(ValueError, match="multiple of 4, but got 30"):
        ImageGAN(image_size=30)
    with pytest.raises(ValueError, match="6 stages halve 28 pixels to nothing"):
        CNN(widths=(1, 1, 1, 1, 1, 1))
