"""Pictures of training and networks, as figures of matplotlib (extra `plot`), which notebooks show and `savefig` saves.

>>> import cuobjax
>>> figure = cuobjax.plot.curves({"train": [1.0, 0.5, 0.4], "test": [1.1, 0.7, 0.6]}, name="loss")
>>> figure.axes[0].get_ylabel()
'loss'
"""

from .drawings import graph, network
from .pictures import activations, confusion, curves, gradients, images, profile

__all__ = ["activations", "confusion", "curves", "gradients", "graph", "images", "network", "profile"]
