"""The devices of this machine."""

from autograd import Array, device_put, processes, tree
from autograd.backend import Device, default_device, local_devices

from ..typing import Tree

__all__ = ["get_local_devices", "map_to_device", "multi_host_barrier"]


def get_local_devices() -> list[Device]:
    """The devices that `Parallel` uses: all GPUs, or the CPU as often as `CUOBJAX_CPU_DEVICES` says."""
    return [*local_devices()]


def multi_host_barrier() -> None:
    """Waits until every device of this process has finished its work, and all processes have come here."""
    for device in get_local_devices():
        device.synchronize()
    with processes.current().at("multi_host_barrier"):
        pass


def map_to_device(x: Tree) -> Tree:
    """Arrays of one item per local device along the first axis, as Arrays on the default device.

    Args:
        x: Arrays in any containers.

    Raises:
        ValueError: If an array has another number of items.
    """
    n = len(get_local_devices())

    def stacked(leaf):
        array = device_put(leaf, default_device())
        array = array if isinstance(array, Array) else Array(array)
        if array.shape[:1] != (n,):
            raise ValueError(f"map_to_device: expected {n} items along the first axis, got shape {array.shape}.")
        return array

    return tree.tree_map(stacked, x)
