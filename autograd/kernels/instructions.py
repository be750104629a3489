"""Programs that `machine` runs, as tables of numbers.

A program is a table of `groups` of instructions. A group is a row (first instruction, end, rows, columns, rows and
columns of a block): its instructions run for one block after the other, so that what one leaves for the next stays in
the first-level cache. An instruction is a row of `code` of WIDTH numbers:

    what to do | the loop: function, context, data | flags that it may raise unnoticed | number of operands |
    four numbers | for each operand: base, bytes from there, stride within a block, strides of rows and of columns

A base is the position of an array, or -1 for memory of a block. There are

    CALL    the loop over a block
    NEST    the loop over the first of the numbers, for each of two outer counts, along the strides of rows and columns
    COPY    the same for items of some bytes, the last number, without a loop
    MATMUL  the loop of matmul; numbers: one, rows, the inner length, columns
    EXPAND  rows and columns of a block of the first operand, one after the other; the first number is an item's bytes
    WHERE   numpy.where; the first number is an item's bytes
    CAST    and further ones: see CASTS
"""

from __future__ import annotations

__all__ = [
    "AXES", "BLOCK", "CALL", "CAST", "CASTS", "COPY", "COUNT", "ERROR", "EXPAND", "FLAGS", "GAPS", "IGNORED", "LOOP",
    "MATMUL", "NEST", "OPERANDS", "SHAPE", "SIZES", "WHERE", "WIDTH",
]  # fmt: skip

BLOCK = 4096  # elements of an array that an instruction works on: some arrays fit into the first-level cache

CALL, NEST, COPY, MATMUL, EXPAND, WHERE, CAST = range(7)
CASTS = {name: CAST + i for i, name in enumerate(("?f", "?d", "if", "id", "fd", "df"))}  # from a dtype to another
LOOP, IGNORED, COUNT, SIZES, OPERANDS, WIDTH = 1, 4, 5, 6, 10, 30
# What a run returns beside flags of arithmetic: an input has gaps or is not aligned; a loop has failed.
GAPS, ERROR = 1 << 30, 1 << 29
# Where the fields of an array are, in bytes after the first one, the pointer to its data.
AXES, SHAPE, FLAGS = 8, 16, 48
