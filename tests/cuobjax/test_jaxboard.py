"""Event files, read back by TensorBoard's own reader."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.jaxboard import DelayedScalar, Reducer, Summary, SummaryWriter

pytest.importorskip("tensorboard")


def read(folder):
    """What TensorBoard reads in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(
        str(folder), size_guidance=dict.fromkeys(["scalars", "images", "tensors", "histograms"], 0)
    )
    return found.Reload()


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            summary = Summary()
            for x in (1.0, jn.array(2.0), np.float32(6), jn.array([step], dtype="float16"), 4):
                summary.scalar("mean", x)
                summary.scalar("last", x, Reducer.LAST)
                summary.scalar("first", x, Reducer.FIRST)
                summary.scalar("largest", x, max)
            assert isinstance(summary["mean"], DelayedScalar) and summary["last"]() == 4
            writer.write(summary, step)
    found = read(tmp_path)
    values = {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    assert values["mean"] == [(step, pytest.approx((13 + step) / 5)) for step in range(3)]
    assert values["last"] == [(0, 4), (1, 4), (2, 4)] and values["first"] == [(0, 1), (1, 1), (2, 1)]
    assert values["largest"] == [(0, 6), (1, 6), (2, 6)]
    assert not np.isnan([e.wall_time for e in found.Scalars("mean")]).any()


def test_scalars_are_those_of_the_time_when_they_were_given():
    summary, buffer, v = Summary(), np.zeros(1), objax.StateVar(jn.zeros(()))
    for i in range(3):
        buffer[0], v.value = i, jn.array(float(i))
        for tag, x in (("buffer", buffer), ("variable", v), ("expression", v * 1)):
            summary.scalar(tag, x)
    assert [summary[tag]() for tag in summary] == [1, 1, 1]


def test_a_complex_number_is_no_scalar():
    for x in (1j, np.array(1j), jn.array(1j)):
        with pytest.raises(ValueError, match=r"Summary\.scalar: expected a real number for 'x'"):
            Summary().scalar("x", x)


def test_images_texts_and_figures(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    Figure = pytest.importorskip("matplotlib.figure").Figure
    summary, picture = Summary(), np.zeros((3, 4, 6), "float32")
    picture[0] = 1 - 1 / 256
    summary.image("image", jn.array(picture))
    summary.image("bytes", np.full((5, 7, 1), 9, "uint8"))
    summary.text("text", "**bold**")
    figure = Figure()
    figure.subplots().plot([1, 2])
    summary.figure("figure", figure)
    assert summary["image"].shape == (3, 4, 6) and summary["bytes"].shape == (1, 5, 7)
    with SummaryWriter(str(tmp_path)) as writer:
        writer.write(summary, 7)
    found = read(tmp_path)
    (event,) = found.Images("image")
    assert (event.step, event.width, event.height) == (7, 6, 4)
    pixels = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
    assert pixels.shape == (4, 6, 3) and (pixels[..., 0] == 255).all() and (pixels[..., 1] == 128).all()
    assert np.asarray(Image.open(io.BytesIO(found.Images("bytes")[0].encoded_image_string))).tolist() == [[9] * 7] * 5
    assert found.Images("figure")[0].width == 640
    assert found.Tensors("text")[0].tensor_proto.string_val == [b"**bold**"]


def test_histograms(tmp_path):
    x = np.array([0.0, 1, 1, 2, np.nan, np.inf], "float32")
    summary = Summary()
    summary.histogram("x", jn.array(x), bins=2)
    summary.histogram("nothing", np.zeros(0))
    with SummaryWriter(tmp_path) as writer:
        writer.write(summary, 0)
    value = read(tmp_path).Histograms("x")[0].histogram_value
    assert (value.min, value.max, value.num, value.sum, value.sum_squares) == (0, 2, 4, 4, 6)
    assert list(value.bucket_limit) == [1, 2] and list(value.bucket) == [1, 3]


def test_hyperparameters(tmp_path):
    from tensorboard.plugins.hparams import metadata

    summary = Summary()
    summary.hparams({"lr": 0.1, "layers": 3, "name": "a", "bias": True})
    with SummaryWriter(tmp_path) as writer:
        writer.write(summary, 0)
    content = read(tmp_path).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = metadata.parse_session_start_info_plugin_data(content).hparams
    assert (found["lr"].number_value, found["layers"].number_value) == (0.1, 3)
    assert (found["name"].string_value, found["bias"].bool_value) == ("a", True)


def test_the_graph_of_a_network(tmp_path):
    net = objax.nn.Sequential([objax.nn.Linear(3, 2), jn.tanh])
    with SummaryWriter(tmp_path) as writer:
        writer.graph(lambda x: net(x), jn.ones((4, 3)))
    graph = read(tmp_path).Graph()
    kinds = {node.name: node.op for node in graph.node}
    assert [kind for kind in kinds.values() if kind not in ("Variable", "Placeholder", "Output")] == [
        "matmul", "add", "tanh",
    ]  # fmt: skip
    assert sorted(kinds.values()).count("Variable") == 2
    assert all(name.partition(":")[0] in kinds for node in graph.node for name in node.input)
    assert len(kinds) == len(graph.node)
    (product,) = [node for node in graph.node if node.op == "matmul"]
    assert [[d.size for d in shape.dim] for shape in product.attr["_output_shapes"].list.shape] == [[4, 2]]


def test_numbers_are_read_when_they_are_written():
    summary, numbers = Summary(), [jn.array(1.0), jn.array(2.0)]
    for x in numbers:
        summary.scalar("loss", x)
    assert all(kept is x for kept, x in zip(summary["loss"].values, numbers, strict=True))  # not their numbers
    assert summary().value[0].simple_value == 1.5


def test_traced_values_are_taken_as_numbers():
    summary, v = Summary(), objax.TrainVar(jn.array(2.0))

    def loss():
        y = v.value * 3
        summary.scalar("loss", y)
        summary.histogram("losses", y)
        summary.image("image", y * jn.ones((1, 2, 2)) / 8)
        return y

    assert objax.Grad(loss, {"v": v})()[0] == 3
    assert summary["loss"]() == 6 and summary["losses"].numbers.tolist() == [6]


def test_names_of_pytorch_say_what_to_write(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(AttributeError, match=r"Write summary = .*scalar\(tag, x\)"):
        writer.add_scalar("loss", 1.0, 0)


def test_a_closed_writer():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        writer.flush()
        writer.close()
        writer.close()
        with pytest.raises(ValueError, match=r"is closed. Make a new one"):
            writer.write(Summary(), 0)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Summary().scalar("x", jn.ones(2)), r"expected a real number for 'x', got an array of shape \(2,\)"),
    (lambda: Summary().scalar("x", np.ones((), complex)), "expected a real number for 'x'"),
    (lambda: Summary().text("x", 3), r"expected a text for 'x', got int. Write str\(x\)"),
    (lambda: Summary().hparams({"f": len}), "expected f as a number, boolean or text, got builtin_function"),
    (lambda: Summary(x=3)(), "expected what its methods add for 'x', got int"),
    (lambda: Summary().image("x", np.ones((5, 4, 4))), "expected an image of 1 to 4 channels"),
    (lambda: Summary().scalar("x", "a"), r"Summary.scalar: expected a real number for 'x', got str"),
    (lambda: Summary().scalar("x", 1.0, "mean"), "DelayedScalar: expected reduce as a function, got 'mean'"),
    (lambda: SummaryWriter("x", "5"), "SummaryWriter: expected queue_size as an integer, got '5'"),
    (lambda: SummaryWriter("x", write_interval=None), "SummaryWriter: expected write_interval as a number, got None"),
    (lambda: Summary().scalar(3, 1.0), "Summary: expected a text as a tag, got int"),
    (lambda: Summary().figure("x", 3), "Summary.figure: expected a figure of matplotlib, got int"),
    (lambda: SummaryWriter.write(None, Summary(), "a"), "SummaryWriter.write: expected step as a number, got str"),
    (lambda: objax.Jit(lambda x: Summary().scalar("x", x))(jn.ones(())), "expected an array for .x., got one of a"),
])  # fmt: skip
def test_wrong_arguments(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_tag_is_of_one_kind():
    summary = Summary()
    summary.text("x", "a")
    with pytest.raises(ValueError, match=r"'x' is the tag of a Text. Take another one"):
        summary.scalar("x", 1)
    with pytest.raises(TypeError, match=r"SummaryWriter.write: expected a Summary, got dict"):
        SummaryWriter.write(None, {}, 0)


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        SummaryWriter(tmp_path / "file" / "logs")
    if os.getuid():
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            SummaryWriter(tmp_path / "logs")


def test_a_full_disk(tmp_path):
    """By a limit of the size of files, in a process of its own; tensorboard's thread says it as well, on stderr."""
    program = f"""if True:
        import resource, signal
        import numpy as np
        from cuobjax.jaxboard import Summary, SummaryWriter
        writer = SummaryWriter({str(tmp_path)!r})
        writer.flush()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        summary = Summary()
        summary.image("x", np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype("uint8"))
        try:
            for step in range(100):
                writer.write(summary, step)
                writer.flush()
        except OSError as error:
            print(error)
    """
    environment = os.environ | {"CUOBJAX_DEVICE": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"[Errno 27] File too large: {str(tmp_path)!r}\n"


def test_without_tensorboard_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"expected the package tensorboard. Run `pip install cuobjax\[board\]`"
    ):
        SummaryWriter(tmp_path)
