"""Log-likelihoods of discrete choices and their derivatives, in functions of arrays.

``situations`` holds the choice situations, ``coefficients`` and ``draws`` the distribution of the
coefficients over persons.  ``conditional``, ``mixed``, ``nested_logit``, ``latent_class`` and
``multinomial`` are the models; ``scaled`` gives groups of persons their own scale of utility.
``passes`` sums over persons and draws.  ``passes/base.py`` states the result of such a sum and
``passes/structure.py`` which parameter enters which coefficient; there are two implementations:

- ``blocked``, in torch or JAX on any device, with its formulas in ``blocked_kernel``;
- ``compiled``, by numba on the CPU in float64: ``batches`` arranges persons in batches, ``simd``
  has the vector operations, ``workspace`` the arrays of one block, ``compiled_kernel`` the loop
  over persons and their draws, and ``draw_kernel`` the steps of one draw.

Read ``compiled_kernel`` first: it has the formulas of both implementations.  ``blocked_kernel``
has the same in array operations.
"""
