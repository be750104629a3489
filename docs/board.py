"""A picture of TensorBoard's page of a run: `make board-picture` writes docs/board.png.

A small network is trained, `cuobjax.jaxboard` writes the run, TensorBoard serves it on this machine, and Chromium draws
the page without a window. The page must show all tags. Without Chromium there is no picture, and one line says so.
"""

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import cuobjax
import cuobjax.numpy as jn
from cuobjax.jaxboard import Summary, SummaryWriter

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--window-size=1500,1250",
)  # fmt: skip
TAGS = ("test/accuracy", "test/loss", "train/loss", "train/map", "train/weights")
EPOCHS, PATIENCE = 20, 120  # epochs; seconds to wait for TensorBoard and for the browser


def train(folder: Path) -> None:
    """Writes the run of a network that learns where the product of two numbers is positive."""
    cuobjax.random.seed(0)
    net = cuobjax.nn.Sequential([cuobjax.nn.Linear(2, 32), jn.tanh, cuobjax.nn.Linear(32, 1)])
    optimizer = cuobjax.optimizer.Adam(net.vars())
    x, test = cuobjax.random.uniform((512, 2)) * 2 - 1, cuobjax.random.uniform((512, 2)) * 2 - 1
    side = jn.linspace(-1, 1, 32)
    plane = jn.stack(jn.meshgrid(side, -side), -1)

    def loss(x):
        y = (x[..., :1] * x[..., 1:] > 0).astype("float32")
        logits = net(x)
        right = ((logits > 0) == (y > 0)).mean()
        return cuobjax.functional.loss.sigmoid_cross_entropy_logits(logits, y).mean(), right

    gradients = cuobjax.GradValues(loss, net.vars())
    with SummaryWriter(folder) as writer:
        for epoch in range(EPOCHS):
            summary = Summary()
            for batch in x.reshape(16, 32, 2):
                g, v = gradients(batch)
                optimizer(0.02, g)
                summary.scalar("train/loss", v[0])
            loss_of_test, right = loss(test)
            summary.scalar("test/loss", loss_of_test)
            summary.scalar("test/accuracy", right)
            summary.image("train/map", jn.tanh(net(plane))[..., 0][None])
            summary.histogram("train/weights", net[0].w)
            writer.write(summary, epoch)


def serve(folder: Path) -> str:
    """Serves the runs in a folder on this machine until the program ends; returns the address once they are read."""
    from tensorboard import program

    board = program.TensorBoard()
    options = {"logdir": folder, "host": "127.0.0.1", "port": 0, "reload_interval": 1, "load_fast": "false"}
    board.configure(argv=["board", *(f"--{name}={x}" for name, x in options.items())])
    address = board.launch()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{address}data/plugin/timeseries/tags") as answer:
            text = answer.read().decode()
        if all(f'"{tag}"' in text for tag in TAGS):
            return address
        time.sleep(0.2)
    raise SystemExit(f"board: TensorBoard has not read the run within {PATIENCE} seconds.")


class Browser:
    """A page in Chromium, driven through chromedriver. Source: W3C WebDriver, sections 8 to 17."""

    def __init__(self, chromium: str, driver: str, folder: str) -> None:
        self._driver = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._driver.stdout is not None
        ports = (re.search(r"successfully on port (\d+)", line) for line in self._driver.stdout)
        port = next(filter(None, ports))[1]
        options = {"binary": chromium, "args": [*QUIET, f"--user-data-dir={folder}"]}
        self._at = f"http://127.0.0.1:{port}/session"
        self._at += "/" + self("", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})["sessionId"]

    def __call__(self, command: str, content: dict[str, Any] | None = None) -> Any:
        """The result of a command: a POST of its content, or a GET."""
        data = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(urllib.request.Request(self._at + command, data), timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def run(self, script: str) -> Any:
        """What a function body of JavaScript returns."""
        return self("/execute/sync", {"script": script, "args": []})

    def close(self) -> None:
        """Ends the browser and its driver."""
        urllib.request.urlopen(urllib.request.Request(self._at, method="DELETE"), timeout=PATIENCE).close()
        self._driver.terminate()
        self._driver.communicate()


def photograph(browser: Browser, address: str) -> tuple[bytes, set[str]]:
    """The picture of TensorBoard's page, and the titles of what is on it."""
    browser("/url", {"url": address})
    end, found = time.monotonic() + PATIENCE, set[str]()
    while time.monotonic() < end and not found.issuperset(TAGS):
        time.sleep(0.5)
        found = set(browser.run("return [...document.querySelectorAll('[title]')].map(x => x.title)"))
    browser.run("[...document.querySelectorAll('button')].find(x => x.innerText.includes('Settings')).click()")
    time.sleep(3)  # the charts move to their places
    return base64.b64decode(browser("/screenshot")), found


def main(arguments: list[str] | None = None) -> int:
    """Writes the picture; 1 if the page lacks a tag."""
    parser = argparse.ArgumentParser(prog="board", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("board.png"), help="the file")
    path = parser.parse_args(arguments).output.absolute()
    chromium, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if chromium is None or driver is None:
        print("board: no picture, as chromium and chromedriver are not both here; install Debian's chromium-driver.")
        return 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        train(Path(folder, "runs", "first"))
        address = serve(Path(folder, "runs"))
        browser = Browser(chromium, driver, str(Path(folder, "browser")))
        try:
            picture, found = photograph(browser, f"{address}?smoothing=0#timeseries")
        finally:
            browser.close()
    path.write_bytes(picture)
    if missing := [tag for tag in TAGS if tag not in found]:
        print(f"board: the page does not show {', '.join(missing)}.", file=sys.stderr)
        return 1
    print(f"board: the page shows {', '.join(TAGS)}; see {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
