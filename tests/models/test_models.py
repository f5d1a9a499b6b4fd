import numpy as np
import pytest

import framework as torch
from models import GPT, LSTM, MLP, VAE, ImageGAN, MLPRegressor, ResNet
from models.gpt import Cache
from models.sampling import Autoregressive, next_tokens


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
    assert model.head.weight is model.tokens.weight
    assert len([name for name, _ in model.named_parameters() if name in ("head.weight", "tokens.weight")]) == 1


def test_vae_samples_in_training_only():
    model = VAE(image_size=4, hidden=(6,), latent=2)
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
    with pytest.raises(ValueError, match=r"the depth of such a ResNet is 6 \* n"):
        ResNet(depth=21)
    with pytest.raises(ValueError, match="multiple of heads, but got width=10 and heads=4"):
        GPT(width=10, heads=4)
    with pytest.raises(ValueError, match="a sequence of 9 tokens is longer than the model's context of 8"):
        GPT(11, 8, 1, 2, 8)(torch.from_numpy(np.zeros((1, 9), np.int64)))
    with pytest.raises(ValueError, match="multiple of 4, but got 30"):
        ImageGAN(image_size=30)
    with pytest.raises(ValueError, match="activation is one of relu, tanh, gelu, silu, but got 'sine'"):
        MLP(activation="sine")


def test_activations_are_those_that_are_named():
    kinds = [type(layer).__name__ for layer in MLP(2, 3, (4, 5), "tanh", dropout=0.1).layers]
    assert kinds == ["Flatten", "Linear", "Tanh", "Dropout", "Linear", "Tanh", "Dropout", "Linear"]


def test_a_regressor_without_uncertainty_gives_means_alone():
    assert MLPRegressor(2, 3, (4,), uncertainty=False)(torch.rand(5, 2)).shape == (5, 3)
    mean, variance = MLPRegressor(2, 3, (4,))(100 * torch.randn(50, 2))
    assert mean.shape == variance.shape == (50, 3) and variance.min() >= 0


# ---- Generation ----------------------------------------------------------------------------------------------------------

LANGUAGE_MODELS = pytest.mark.parametrize(
    "make", [lambda: GPT(11, 8, 2, 2, 8), lambda: LSTM(11, 5, 8)], ids=["gpt", "lstm"]
)


def widened(model):
    """The model with weights so large that its scores differ."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


@LANGUAGE_MODELS
def test_generation_goes_on_from_the_prompt_beyond_the_context(make):
    model, prompt = widened(make()), torch.arange(6).view(2, 3)
    made = model.generate(prompt, 20, generator=torch.Generator().manual_seed(1))
    assert made.shape == (2, 23) and torch.equal(made[:, :3], prompt)
    assert 0 <= made.min().item() <= made.max().item() < 11


@pytest.mark.parametrize("seed", range(10))
def test_cached_keys_and_values_give_the_text_that_computing_all_again_gives(seed):
    """Up to the full context, and beyond it, where the window slides."""
    torch.manual_seed(seed)
    model, prompt = widened(GPT(11, 16, 2, 2, 8)), torch.randint(0, 11, (2, 3))
    made = model.generate(prompt, 40, 0.8, 7, torch.Generator().manual_seed(seed))
    again, generator = prompt, torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(40):
            scores = model(again[:, -16:])[:, -1]
            again = torch.cat([again, next_tokens(scores, 0.8, 7, generator)], dim=1)
    assert torch.equal(made, again)


@pytest.mark.parametrize("pieces", [(1,) * 8, (5, 1, 2), (2, 6), (3, 5)], ids=str)
def test_scores_of_a_text_read_in_pieces_are_those_of_the_whole(pieces):
    model = widened(GPT(11, 8, 3, 2, 8).double())
    tokens, caches, scores = torch.randint(0, 11, (2, 8)), [Cache() for _ in range(3)], []
    with torch.no_grad():
        for new in tokens.split(pieces, dim=1):
            scores.append(model(new, caches))
            assert {cache.length for cache in caches} == {sum(each.shape[1] for each in scores)}
        np.testing.assert_allclose(torch.cat(scores, dim=1), model(tokens), rtol=1e-12, atol=1e-12)
        with pytest.raises(ValueError, match="a sequence of 9 tokens is longer than the model's context of 8"):
            model(tokens[:, :1], caches)


def test_each_token_of_a_text_is_read_once_until_the_window_slides():
    model, lengths = GPT(11, 8, 2, 2, 8), []
    model.blocks[0].register_forward_hook(lambda module, args, output: lengths.append(output.shape[1]))
    model.generate(torch.arange(3).view(1, 3), 8)
    assert lengths == [3, 1, 1, 1, 1, 1, 8, 8]


@LANGUAGE_MODELS
def test_a_stream_gives_each_token_when_it_is_made(make):
    model = make()
    model.train()
    stream = model.stream(torch.arange(3).view(1, 3), 5)
    asked = []
    model.next_scores = lambda tokens, state: asked.append(tokens.shape[1]) or (torch.zeros(1, 11), None)
    assert next(stream).shape == (1, 1) and asked == [3]
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    next(stream)
    assert asked == [3, 4] and not model.training
    stream.close()
    assert model.training


def test_a_model_without_next_scores_is_told():
    with pytest.raises(NotImplementedError, match=r"Autoregressive needs a method next_scores\(tokens, state\)"):
        Autoregressive().generate(torch.zeros(1, 1, dtype=torch.int64), 1)


@LANGUAGE_MODELS
def test_a_generator_decides_and_the_default_stream_is_left_alone(make):
    model, prompt = widened(make()), torch.arange(6).view(2, 3)
    state = torch.get_rng_state()
    first, again, other = (
        model.generate(prompt, 30, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@LANGUAGE_MODELS
def test_greedy_tokens_are_the_likeliest_after_what_came_before(make):
    model = widened(make())
    made = model.generate(torch.arange(3).view(1, 3), 5, temperature=0)
    with torch.no_grad():
        assert torch.equal(model(made[:, :-1])[0, 2:].argmax(-1), made[0, 3:])
    one = model.generate(torch.arange(3).view(1, 3), 5, top_k=1, generator=torch.Generator().manual_seed(3))
    assert torch.equal(one, made)


@LANGUAGE_MODELS
def test_generation_is_without_dropout_and_leaves_the_mode(make):
    model = widened(make())
    model.dropout.p = 0.9
    model.train()
    made = [model.generate(torch.arange(3).view(1, 3), 5, temperature=0) for _ in range(2)]
    assert torch.equal(*made) and model.training and model.dropout.training


def test_top_k_draws_by_the_shares_of_the_likeliest():
    scores = torch.tensor([[0.0, 2.0, 1.0, -1.0]]).expand(20_000, 4)
    drawn = next_tokens(scores, temperature=0.5, top_k=2, generator=torch.Generator().manual_seed(0))
    shares = np.bincount(drawn.numpy()[:, 0], minlength=4) / 20_000
    expected = np.exp(2 / 0.5) / (np.exp(2 / 0.5) + np.exp(1 / 0.5))
    assert shares[0] == shares[3] == 0
    assert shares[1] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("options", "words"), [({"temperature": -1.0}, "must not be negative"), ({"top_k": 0}, "at least 1")]
)
def test_sampling_refuses_what_makes_no_sense(options, words):
    with pytest.raises(ValueError, match=words):
        next_tokens(torch.zeros(1, 3), **options)
