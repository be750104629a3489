"""`python -m benchmarks.kernels`: compiles every CUDA kernel of ours for four generations of GPUs, without any of them.

Prints (`--output FILE` writes) registers, stack, spills, shared memory and size of each. CuPy has to be able to
allocate, on a GPU of any kind or on its stand-in on the CPU; its NVRTC compiles for all of them. The sources and
options are those that CuPy compiles: `Recorder` stands for the library that kernels are made with, takes what CuPy is
about to compile, and launches nothing. The results are tables with a date, hence they are here beside the others.
"""

import argparse
import contextlib
import datetime
import inspect
import re
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy

from benchmarks.kernel_launches import launches

ARCHITECTURES = "sm_75", "sm_80", "sm_90", "sm_120"
KERNEL_CLASSES = "ElementwiseKernel", "RawKernel", "RawModule", "ReductionKernel"


class Source(NamedTuple):
    """What CuPy would compile for one launch."""

    kernel: str
    launch: str
    code: str
    options: tuple

    def __str__(self):
        return f"{self.kernel} {self.launch}"


class Recorder:
    """An array library to make and call kernels with, which only notes them.

    Attributes:
        places: Where its kernel classes were asked for: pairs (file, line).
        made: What its kernel classes were called with, as tuples of all positional arguments.
        sources: Pairs (kernel's name, (source, options)) in the order of the calls; stays empty with NumPy.
    """

    def __init__(self, library):
        self.library, self.places, self.made, self.sources = library, set(), [], []

    def __getattr__(self, name):
        if name not in KERNEL_CLASSES:
            return getattr(self.library, name)
        caller = sys._getframe(1)
        self.places.add((caller.f_code.co_filename, caller.f_lineno))
        return partial(self._make, name)

    def empty(self, shape, dtype):
        """Zeros, because no kernel will fill it."""
        return self.library.zeros(shape, dtype)

    def _make(self, kind, *args, **kwargs):
        self.made.append(args)
        if self.library is numpy:
            return lambda *args, **kwargs: None
        kernel = getattr(self.library, kind)(*args, **kwargs)
        return partial(self._call, kernel)

    def _call(self, kernel, *args, **kwargs):
        with _stopped_compiler(self.library) as found, contextlib.suppress(_Stop):
            kernel(*args, **kwargs)
        (source,) = found
        self.sources.append((kernel.name, source))


class _Stop(Exception):
    """CuPy was about to compile."""


@contextlib.contextmanager
def _stopped_compiler(cupy):
    """Within it, CuPy stops where it would look a source up in its cache; the (source, options) are yielded."""
    found, compiler = [], cupy.cuda.compiler
    signature = inspect.signature(compiler._compile_module_with_cache)

    def stop(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        found.append((given["source"], given.get("options", ())))
        raise _Stop

    cupy.clear_memo()  # what was compiled before would not come here again
    original, compiler._compile_module_with_cache = compiler._compile_module_with_cache, stop
    try:
        yield found
    finally:
        compiler._compile_module_with_cache = original


def sources(cupy):
    """A `Source` of every kernel in every variant, without repetition."""
    found = {}
    for name, launch in launches():
        recorder = Recorder(cupy)
        launch(recorder)
        for kernel, (code, options) in recorder.sources:
            found.setdefault(code, Source(kernel, name, code, options))
    return list(found.values())


def spilling(nvrtc, architecture, sources):
    """Those of `sources` that spill registers on an architecture; raises RuntimeError as `compiled` does.

    Sources of the same options are compiled together first, sixteen at a time, which takes 3/5 of the time.
    """
    found = []
    for options in dict.fromkeys(source.options for source in sources):
        alike = [source for source in sources if source.options == options]
        for group in (alike[i : i + 16] for i in range(0, len(alike), 16)):
            try:
                if not compiled(nvrtc, architecture, _together(group)).spills:
                    continue
            except RuntimeError:
                pass  # one of them raises it again, with its name
            found += [source for source in group if compiled(nvrtc, architecture, source).spills]
    return found


def _together(sources):
    """One `Source` with the kernels of several, each in a namespace with its own macros below the headers of all."""
    headers, bodies = {}, []
    for i, source in enumerate(sources):
        headers.update(dict.fromkeys(_INCLUDE.findall(source.code)))
        body = _INCLUDE.sub("", source.code).replace('extern "C"', 'extern "C++"')  # names in C are in no namespace
        macros = [f"#undef {name}" for name in dict.fromkeys(_MACRO.findall(body))]
        bodies += [f"namespace kernel_{i} {{", body, "}", *macros]
    return Source("together", "", "\n".join([*headers, *bodies]), sources[0].options)


_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b.*$", re.MULTILINE)
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)


class Usage(NamedTuple):
    """Resources of a compiled kernel: registers per thread, the others in bytes."""

    registers: int
    stack: int
    spills: int
    shared: int
    size: int


def compiled(nvrtc, architecture, source):
    """The `Usage` of a source compiled for an architecture; raises RuntimeError with the compiler's log."""
    # CuPy adds the first two as it compiles.
    options = "-ftz=true", "--device-as-default-execution-space", f"-arch={architecture}", "--ptxas-options=-v"
    # Headers that are compiled once save a quarter of the time; about a broken kernel the log says more without.
    for more in (("--pch",), ()) if nvrtc.getVersion() >= (12, 8) else ((),):
        program = nvrtc.createProgram(source.code, f"{source.kernel}.cu", (), ())
        try:
            nvrtc.compileProgram(program, (*source.options, *options, *more))
            return _usage(nvrtc.getProgramLog(program), len(nvrtc.getCUBIN(program)))
        except nvrtc.NVRTCError as error:
            failure = RuntimeError(f"{source} for {architecture}:\n{nvrtc.getProgramLog(program)}")
            failure.__cause__ = error
        finally:
            nvrtc.destroyProgram(program)
    raise failure


def _usage(log, size):
    """The usage that the compiler tells: of a kernel together with the functions that are not inlined."""

    def figures(pattern):
        return [int(figure) for figure in re.findall(pattern, log)]

    return Usage(
        max(figures(r"Used (\d+) registers")),
        sum(figures(r"(\d+) bytes stack frame")),
        sum(figures(r"(\d+) bytes spill (?:stores|loads)")),
        sum(figures(r"(\d+) bytes smem")),
        size,
    )


def table(rows):
    """The lines of a text table: per kernel the usage on each architecture, {source: [usage, ...]}."""
    titles = [name.removeprefix("sm_").rjust(6) for name in ARCHITECTURES]
    names = [(source.kernel, source.launch) for source in rows]
    widths = [max(len(name[i]) for name in names) + 2 for i in (0, 1)]
    head = "".join(field.rjust(6 * len(ARCHITECTURES)) for field in ("registers", "stack", "spills", "shared", "cubin"))
    yield " " * sum(widths) + head
    yield "kernel".ljust(widths[0]) + "launch".ljust(widths[1]) + "".join(titles) * len(Usage._fields)
    for name, usages in zip(names, rows.values(), strict=True):
        figures = (str(usage[field]).rjust(6) for field in range(len(Usage._fields)) for usage in usages)
        yield "".join(text.ljust(width) for text, width in zip(name, widths, strict=True)) + "".join(figures)


def report(cupy):
    """The text of a dated file of results."""
    nvrtc, found = cupy.cuda.nvrtc, sources(cupy)
    rows = {source: [compiled(nvrtc, architecture, source) for architecture in ARCHITECTURES] for source in found}
    spills = [str(source) for source, usages in rows.items() if any(usage.spills for usage in usages)]
    version = ".".join(map(str, nvrtc.getVersion()))
    head = f"""# {datetime.date.today()}, CUDA kernels

`make kernels`; NVRTC {version}, CuPy {cupy.__version__}. Registers per thread; bytes of stack, of spill stores and
loads together, of shared memory and of the cubin; on {", ".join(ARCHITECTURES)}.

{len(rows)} kernels; spilling registers: {", ".join(spills) or "none"}.
"""
    return "\n".join([head, "```", *table(rows), "```\n"])


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table there instead")
    chosen = parser.parse_args(arguments)
    import cupy

    text = report(cupy)
    if chosen.output:
        chosen.output.write_text(text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
