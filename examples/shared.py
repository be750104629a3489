"""What the examples share: options, a seed, a device and a picture for each; how good pictures of digits are."""

import argparse
import contextlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

import cuobjax


def example(**own: tuple[Any, str]) -> Callable[[Callable[[argparse.Namespace], Figure]], Callable[..., None]]:
    """Makes a program of a function that takes the options and returns a picture.

    Options are --seed, --device and --out, and those that are given here: name=(default, what it is).
    """

    def program(run: Callable[[argparse.Namespace], Figure]) -> Callable[..., None]:
        name = Path(inspect.getfile(run)).stem
        parser = argparse.ArgumentParser(
            prog=f"python -m examples.{name}",
            description=sys.modules[run.__module__].__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        given = own | {
            "seed": (0, "of all random numbers"),
            "device": ("auto", "cpu, gpu, gpu:1, ... or auto: a GPU where there is one"),
            "out": ("results", f"folder of the picture {name}.png"),
        }
        for option, (default, meaning) in given.items():
            shown = f"{meaning} (default: {default})"
            parser.add_argument(f"--{option}", type=type(default), default=default, help=shown)

        def main(arguments: list[str] | None = None) -> None:
            options = parser.parse_args(arguments)
            require_positive(parser, options, or_zero="seed")
            with contextlib.ExitStack() as stack:
                try:
                    if options.device != "auto":
                        stack.enter_context(cuobjax.device(options.device))
                except (cuobjax.DeviceError, ValueError) as error:
                    parser.error(f"--device: {error}")
                # Small matrices gain nothing from a second thread, and lose much where other programs are running.
                stack.enter_context(threadpool_limits(1, "blas"))
                cuobjax.random.seed(options.seed)
                figure = run(options)
                picture = Path(options.out) / f"{name}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(picture, dpi=100)
            print(f"picture: {picture}")

        return main

    return program


def require_positive(parser: argparse.ArgumentParser, options: argparse.Namespace, or_zero: str = "") -> None:
    """Ends the program where a number is not above 0, or that of the option `or_zero` not 0 or above."""
    for option, value in vars(options).items():
        if not isinstance(value, str) and not (value > 0 or (option == or_zero and value == 0)):
            parser.error(f"--{option}: expected {'0 or more' if option == or_zero else 'more than 0'}, got {value}")


def frechet_distance(a: Any, b: Any) -> float:
    """How far two sets of images (N, pixels) differ: the distance of Gaussians with their means and covariances.

    Source: Heusel et al. 2017, equation 6; theirs is of features of a network in place of pixels.
    """
    (mean, of_a), (other_mean, of_b) = ((x.mean(0), np.cov(x.T)) for x in (np.asarray(a, float), np.asarray(b, float)))
    root = np.sqrt(np.linalg.eigvals(of_a @ of_b).real.clip(0)).sum()  # the trace of the root of the product
    return float(((mean - other_mean) ** 2).sum() + np.trace(of_a + of_b) - 2 * root)
