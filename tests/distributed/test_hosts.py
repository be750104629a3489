"""Several hosts: network namespaces of this machine, each with an interface and a name, joined by a bridge."""

import itertools
import os
import re
import shutil
import subprocess

import pytest

from tests.distributed import faults, mpi, wire

pytestmark = mpi.needs_mpi
NET = f"10.77.{os.getpid() % 250}"
LAUNCH = """#!/bin/sh
number=${1##*.}; shift
exec ip netns exec %s$number unshare --uts sh -c "hostname host$number; exec sh -c '$*'"
"""


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


NUMBERS = itertools.count()


@pytest.fixture
def hosts(tmp_path):
    """Two hosts: the options with which `mpirun` starts a process on each of them."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs root, ip and unshare, to make network namespaces")
    if not mpi.open_mpi():
        pytest.skip("needs Open MPI, whose launcher is replaced here")
    name = f"t{os.getpid()}x{next(NUMBERS)}"  # Linux deletes links some time after they are told to go
    bridge, namespaces = f"b{name}", [f"{name}n{i}" for i in (1, 2)]
    try:
        try:
            ip("link", "add", bridge, "type", "bridge")
            ip("addr", "add", f"{NET}.254/24", "dev", bridge)
            ip("link", "set", bridge, "up")
            for i, namespace in enumerate(namespaces, 1):
                ip("netns", "add", namespace)
                ip("link", "add", f"v{i}{name}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
                ip("link", "set", f"v{i}{name}", "master", bridge, "up")
                ip("-n", namespace, "addr", "add", f"{NET}.{i}/24", "dev", "eth0")
                for link in "eth0", "lo":
                    ip("-n", namespace, "link", "set", link, "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"needs network namespaces: {error.stderr.decode().strip()}")
        launcher = tmp_path / "launch"
        launcher.write_text(LAUNCH % f"{name}n")
        launcher.chmod(0o755)
        network = f"{NET}.0/24"
        yield [
            "--host", f"{NET}.1:1,{NET}.2:1", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", network,
            "--prtemca", "plm_ssh_agent", launcher, "--prtemca", "prte_if_include", network, "--map-by", "ppr:1:node",
        ]  # fmt: skip
    finally:
        for namespace in namespaces:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)


def test_a_sum_takes_what_the_bound_says(hosts):
    """With 2 hosts each sends 2 (n - 1) / n = 1 times the array; the interface adds headers and acknowledgements."""
    printed = mpi.succeed(2, wire.__file__, options=hosts)
    found = re.findall(r"^wire (\d+) sent (\d+) sum (.*) local (\d)$", printed, re.MULTILINE)
    assert len(found) == 2
    array = wire.STEPS * wire.SIZE * 4
    for wired, sent, total, local in found:
        assert int(sent) == array, printed
        assert array < int(wired) < 1.1 * array, printed
        assert (float(total), int(local)) == (3.0, 0)


def test_a_process_that_is_killed_on_another_host_ends_all(hosts, tmp_path):
    """Open MPI may notice the closed connection before it hears of the process."""
    status, printed = mpi.run(2, faults.__file__, "killed", 1, tmp_path, options=hosts)
    assert status != 0
    assert re.search(r"^rank 0 \(host1, \S+ was told to end|^\[host1.*Socket closed", printed, re.MULTILINE), printed
