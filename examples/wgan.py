"""Two networks play against each other until one draws digits: `python -m examples.wgan`.

The critic learns to tell real digits from those of the generator: its mean on the ones minus its mean on the others is
their distance, if its slope is at most 1 everywhere. So the length of its gradient with respect to images is kept near
1: the gradient of a gradient. How near the drawn digits are is measured by the Fréchet distance of their pixels.

Sources: Arjovsky, Chintala & Bottou 2017, Wasserstein GAN; Gulrajani et al. 2017, Improved Training of Wasserstein
GANs, Algorithm 1.
"""

import cuobjax
import cuobjax.numpy as jn
from autograd import grad
from cuobjax import plot, random
from cuobjax.data import progress
from cuobjax.functional import leaky_relu, sigmoid
from cuobjax.nn import MLP
from examples.digits import images_and_labels
from examples.shared import example, frechet_distance

LATENT = 16  # numbers that a digit is drawn from
PENALTY = 10
CRITIC_STEPS = 5  # for each one of the generator


@example(
    steps=(1000, "steps of the generator"),
    batch=(64, "images in each"),
    lr=(0.0005, "learning rate of Adam"),
)
def main(options):
    images, test_images, _, _ = (x.reshape(len(x), -1) for x in images_and_labels())
    real_images = jn.array(images)
    generator, critic = MLP([LATENT, 256, 256, 64], leaky_relu), MLP([64, 256, 256, 1], leaky_relu)

    def drawn(count):
        return sigmoid(generator(random.normal((count, LATENT))))

    def critic_loss(real, false):
        between = random.uniform((len(real), 1))
        slopes = grad(lambda x: critic(x).sum())(between * real + (1 - between) * false)
        penalty = ((jn.sqrt((slopes**2).sum(1) + 1e-12) - 1) ** 2).mean()
        distance = critic(real).mean() - critic(false).mean()
        return PENALTY * penalty - distance, distance

    of_critic = cuobjax.GradValues(critic_loss, critic.vars())
    of_generator = cuobjax.Grad(lambda: -critic(drawn(options.batch)).mean(), generator.vars())
    adam, adam_of_critic = cuobjax.optimizer.Adam(generator.vars()), cuobjax.optimizer.Adam(critic.vars())

    @cuobjax.Jit
    def step():
        distance = 0.0
        for _ in range(CRITIC_STEPS):
            real = real_images[random.randint((options.batch,), 0, len(images))]
            g, (_, distance) = of_critic(real, drawn(options.batch))
            adam_of_critic(options.lr, g, beta1=0.0)
        adam(options.lr, of_generator(), beta1=0.0)
        return distance

    def distance_to_test():
        return frechet_distance(drawn(1000), test_images)

    before, steps, distances = distance_to_test(), progress(range(options.steps), "training"), []
    for _ in steps:
        distances.append(step())
        steps.show(distance=distances[-1])
    print(f"Fréchet distance to the test images: {before:.3f} at first, {distance_to_test():.3f} at last; ", end="")
    print(f"of the training images {frechet_distance(images, test_images):.3f}")
    return plot.images(drawn(64).reshape((64, 1, 8, 8)))


if __name__ == "__main__":
    main()
