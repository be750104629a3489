"""What processes share outside of `Parallel`: `sharing.py <folder>` writes what each one finds to a file there."""

import logging
import pickle
import sys

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import distributed
from cuobjax.data import Loader, progress


def raised(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error)


def found(folder):
    rank, found = distributed.rank(), {}
    found["gather"] = distributed.gather("x" * rank)
    found["broadcast"] = distributed.broadcast({"rank": rank})
    v, r = cuobjax.TrainVar(jn.full(3, float(rank))), cuobjax.RandomState(rank)
    cuobjax.random.seed(rank)
    distributed.broadcast_variables([cuobjax.TrainRef(v), r])
    found["variables"] = v.value.tolist(), r.value.tolist(), cuobjax.random.uniform((2,)).tolist()
    states = cuobjax.optimizer.Sharded({"v": v}, cuobjax.optimizer.Adam).vars()
    found["parts"] = raised(lambda: distributed.broadcast_variables(states))
    loader = Loader(np.arange(20), batch=6, shuffle=True, drop_last=True, sharded=True)
    found["batches"] = [x.tolist() for x in loader]
    found["stream"] = [x.tolist() for x in Loader(lambda: iter(range(8)), batch=4, sharded=True)]
    found["odd"] = raised(lambda: [*Loader(np.arange(5), batch=5, sharded=True)])
    found["shard"] = np.asarray(distributed.shard({"x": np.arange(4), "n": 3})["x"]).tolist()
    checkpoint = cuobjax.io.Checkpoint(f"{folder}/run", keep_ckpts=2, verbose=True)
    v.assign(v.value + 1 + rank)
    checkpoint.save(cuobjax.VarCollection({"v": v, **loader.vars()}), 4, run={"losses": [rank]})
    v.assign(jn.zeros(3))
    found["restore"] = checkpoint.restore(cuobjax.VarCollection({"v": v}), strict=False)[0], v.value.tolist()
    found["run"] = checkpoint.run
    found["missing"] = raised(lambda: checkpoint.restore(cuobjax.VarCollection({"v": v}), 9))
    found["wrong"] = raised(lambda: checkpoint.restore(cuobjax.VarCollection({"w": v})))
    sys.stderr.isatty = lambda: True
    for _ in progress(range(3), "bar of progress"):
        pass
    logging.basicConfig(level=logging.INFO, format="log: %(message)s", force=True)
    logging.info("everything is fine")
    logging.warning("%s is odd", "something")
    distributed.barrier()
    return found


if __name__ == "__main__":
    distributed.initialize(60)
    distributed.initialize(60)
    content = found(sys.argv[1])
    with open(f"{sys.argv[1]}/{distributed.rank()}", "wb") as file:
        pickle.dump(content, file)
