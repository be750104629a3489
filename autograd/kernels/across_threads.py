"""Joining what the threads of a block hold, in CUDA C++: in an order that is always the same."""

__all__ = ["across_threads"]

_TEXT = """
    parts[threadIdx.x] = {x};
    for (int m = {half}; m; m /= 2) {{
        __syncthreads();
        if (threadIdx.x < m) {{
            const R a = parts[threadIdx.x], b = parts[threadIdx.x + m];
            parts[threadIdx.x] = {step};
        }}
    }}
    __syncthreads();
    {result} = parts[0];
    __syncthreads();
"""


def across_threads(x: str, result: str, step: str, threads: int) -> str:
    """The statements that give all threads what a step makes of a number of each of them.

    Args:
        x: The number of a thread, of the type `R`. `parts`, shared memory, has room for one of each thread.
        result: What is assigned to: a variable, or the declaration of one.
        step: The expression that makes one number of two, `a` and `b`.
        threads: How many there are in a block, a power of two.
    """
    return _TEXT.format(x=x, result=result, step=step, half=threads // 2)
