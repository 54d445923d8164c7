"""Likelihoods of choices among alternatives: arrays only, one pass over people.

``situations`` says what people chose from, ``coefficients`` and ``draws`` how tastes vary, and
``structure`` which parameter moves which coefficient.  ``conditional`` and ``mixed`` are the two
models over these; ``scaled`` gives groups of people a scale of utility.  ``sums`` states what a
pass over people finds, and ``passes`` takes one of two:

- ``blocked``, in torch or JAX on any device: ``blocks_pass`` has its formulas;
- ``compiled``, by numba on the CPU in float64: ``packed`` lays people side by side, ``lanes`` are
  the vectors that hold them, ``room`` plans where a pass keeps what, ``people_pass`` goes over
  people and their draws, and ``draw_pass`` has the steps of one draw.

Read ``people_pass`` first, whose formulas both passes share, then ``blocks_pass``, which says the
same in array operations, and then ``room`` and ``draw_pass``.
"""
