"""Digits out of noise, by taking away a little noise many times: `python -m examples.diffusion`.

A network learns which noise was added to a digit, at any strength. Then a picture of noise loses what the network finds
in it, step by step, until it is a digit. How near the drawn digits are to real ones is measured by the Fréchet distance
of their pixels.

Sources: Ho, Jain & Abbeel 2020, Denoising Diffusion Probabilistic Models, Algorithms 1 and 2; Nichol & Dhariwal 2021,
whose schedule is taken, equation 17.
"""

import math

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import plot, random
from cuobjax.data import progress
from cuobjax.functional import silu, sinusoidal_embedding
from cuobjax.nn import MLP
from cuobjax.optimizer import ExponentialMovingAverageModule
from examples.digits import images_and_labels
from examples.shared import example, frechet_distance

TIMES = 100  # steps from noise to an image
FEATURES = 32  # of a time
SHOWN = 10  # digits in the picture, and times at which they are shown

WAVE = np.cos((np.arange(TIMES + 1) / TIMES + 0.008) / 1.008 * math.pi / 2) ** 2
KEPT = (WAVE / WAVE[0])[1:].clip(1e-4)  # part of the variance that is the image's, after each time
BETA = 1 - KEPT / np.append(1, KEPT[:-1])  # variance of the noise of each time


class Denoiser(cuobjax.Module):
    """Noisy images (N, 64) and their times (N,) to the noise in them (N, 64)."""

    def __init__(self, width: int = 256):
        self.net = MLP([64 + FEATURES, width, width, width, 64], silu)

    def __call__(self, x, times):
        return self.net(jn.concatenate([x, sinusoidal_embedding(times, FEATURES)], axis=1))


def before(x, noise, time):
    """Mean and standard deviation of images one time before, given images x at a time and the noise in them."""
    kept, beta = jn.array(KEPT)[time], jn.array(BETA)[time]
    return (x - beta / jn.sqrt(1 - kept) * noise) / jn.sqrt(1 - beta), jn.sqrt(beta)


@example(steps=(4000, "batches to learn from"), batch=(128, "images in each"), lr=(0.001, "learning rate of Adam"))
def main(options):
    images, test_images, _, _ = (x.reshape(len(x), -1) for x in images_and_labels())
    data, kept = jn.array(2 * images - 1), jn.array(KEPT)  # from -1 to 1
    net = Denoiser()
    smooth = ExponentialMovingAverageModule(net, momentum=0.995, debias=True)

    def loss():
        x = data[random.randint((options.batch,), 0, len(images))]
        times, noise = random.randint((options.batch,), 0, TIMES), random.normal(x.shape)
        share = kept[times][:, None]
        return ((net(jn.sqrt(share) * x + jn.sqrt(1 - share) * noise, times) - noise) ** 2).mean()

    gradients, optimizer = cuobjax.GradValues(loss, net.vars()), cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step():
        g, v = gradients()
        optimizer(options.lr, g)
        smooth.update_ema()
        return v[0]

    @cuobjax.Jit
    def less_noisy(x, time):
        mean, deviation = before(x, smooth(x, jn.full(len(x), time)), time)
        return mean + (time > 0) * deviation * random.normal(x.shape)

    def drawn(count):
        """Images (SHOWN, N, 64) from 0 to 1: noise at first, what it became, digits at last."""
        x, shown = random.normal((count, 64)), []
        for time in reversed(range(TIMES)):
            if time % (TIMES // SHOWN) == 0:
                shown.append(x)
            x = less_noisy(x, jn.array(time))
        return (np.stack([*map(np.asarray, shown[1:]), np.asarray(x)]).clip(-1, 1) + 1) / 2

    losses, steps = [], progress(range(options.steps), "training")
    for _ in steps:
        losses.append(step())
        steps.show(loss=losses[-1])

    noise, *_, digits = drawn(500)
    far, near, least = (frechet_distance(x, test_images) for x in (noise, digits, images))
    print(
        f"loss {np.mean([*map(float, losses[-100:])]):.4f}; Fréchet distance to the test images: {near:.3f}; ", end=""
    )
    print(f"of noise {far:.3f}, of the training images {least:.3f}")
    return plot.images(drawn(SHOWN).transpose(1, 0, 2).reshape(-1, 1, 8, 8), columns=SHOWN)


if __name__ == "__main__":
    main()
