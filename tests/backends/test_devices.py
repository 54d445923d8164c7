"""Devices, and the messages where one is not available."""

from __future__ import annotations

import re
from functools import partial

import jax
import numpy as np
import pytest

from tests.likelihoods.templates import TEMPLATES
from workbench.backends import backend_named
from workbench.backends.devices import check_device, devices
from workbench.backends.jax_backend import JaxBackend
from workbench.errors import DeviceError, OptionError
from workbench.kernels.likelihood.row_sums import Formula, Rows, sums
from workbench.likelihoods.base import Support

every_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


def test_the_cpu_comes_first_and_runs_everything(torch):
    cpu = devices()[0]

    assert (cpu.name, cpu.available, cpu.reason) == ("cpu", True, "")
    assert set(cpu.libraries) >= {"torch", "jax"}
    assert cpu.dtypes == ("float64", "float32")
    assert cpu.memory_bytes > 0


def test_what_is_missing_says_why():
    for device in devices():
        assert device.available or re.fullmatch(r"[A-Z].+\.", device.reason)
    assert {device.name for device in devices()} >= {"cpu", "mps"}


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "tpu"])
def test_an_unavailable_device_is_refused_with_those_available(name, library):
    if name != "tpu" and any(each.name == "cuda:0" and each.available for each in devices()):
        pytest.skip("there is a CUDA device here")

    with pytest.raises(DeviceError) as refused:
        backend_named(library, name)

    assert f'"{name}"' in refused.value.problem
    assert "'cpu'" in refused.value.hint
    assert refused.value.code == "no-device"


def test_a_precision_that_a_device_lacks_is_refused(monkeypatch):
    from workbench.backends import devices as module

    apple = module.Device("mps", "MPS", True, "", None, ("torch",), ("float32",))
    monkeypatch.setattr(module, "_mps", lambda: apple)

    with pytest.raises(DeviceError, match="no float64"):
        check_device("mps", "torch", "float64")
    check_device("mps", "torch", "float32")
    with pytest.raises(DeviceError, match="not available to jax"):
        check_device("mps", "jax", "float32")


def test_a_library_that_is_not_installed_is_refused_with_the_command(monkeypatch):
    from workbench.backends import devices as module

    monkeypatch.setattr(module, "installed", lambda library: library != "jax")

    with pytest.raises(DeviceError, match="not installed") as refused:
        check_device("cpu", "jax", "float64")
    assert refused.value.hint == "pip install 'mle-workbench[jax]'"


@pytest.mark.parametrize("arguments", [("tensorflow",), ("torch", "cpu", "float16")])
def test_unknown_libraries_and_precisions_are_refused(arguments):
    with pytest.raises(OptionError) as refused:
        backend_named(*arguments)
    assert refused.value.hint


def test_the_name_that_torch_gives_rocm_is_found_by_jax(monkeypatch):
    rocm = ["rocm:0", "rocm:1"]
    monkeypatch.setattr(jax, "devices", lambda platform: {"gpu": rocm, "rocm": rocm}[platform])

    assert JaxBackend("cuda:1")._device == "rocm:1"


def arguments(own, make, p=3, n=8):
    """Return a template's formula, its rows and its parameters, made by ``make(shape, kind)``."""
    y = np.arange(n) % 3.0
    levels = ("a", "b", "c") if own.support is Support.ORDERED else ()
    blocks, equations = own.blocks(y, levels), len(own.equations)
    kinds, places = ["design"] * equations, [make((p,))] * equations
    for block in blocks:
        kinds += ["picked"] * len(block.reads) or ["shared"] * block.size
        places += [make((block.size,))] * len(block.reads) or [make(())] * block.size
    rows = Rows(
        make((n,)),
        make((n,)),
        (make((n,)), *([None] * (equations - 1))),
        tuple(make((n,), "int64") for block in blocks for _ in block.reads),
        {role: make((n,)) for role in own.derived(y, levels)},
        (make((n, p)),) * equations,
    )
    return Formula(own.contributions, tuple(kinds)), rows, places


@every_template
def test_the_forward_pass_of_torch_stays_on_a_cuda_device(template, torch):
    xp = torch_on("cuda")

    with torch._subclasses.fake_tensor.FakeTensorMode():
        make = partial(tensor, torch, device="cuda")
        formula, rows, places = arguments(template(), make)
        value, _, _ = sums(formula, xp, 0, rows, places)

    assert value.device.type == "cuda"
    assert value.shape == ()


def torch_on(device):
    from workbench.backends.torch_backend import TorchBackend

    return TorchBackend(device)


def tensor(torch, shape, kind="float64", device="cpu"):
    return torch.ones(shape, dtype=getattr(torch, kind), device=device)


@every_template
def test_derivatives_of_torch_have_their_shapes_on_another_device(template, torch):
    xp = torch_on("meta")
    formula, rows, places = arguments(template(), partial(tensor, torch, device="meta"))

    with xp.scope():
        value, first, second = sums(formula, xp, 2, rows, places)

    assert value.device.type == "meta"
    assert [d.shape for d in first] == [place.shape for place in places]
    assert second[0][0].shape == (3, 3)


@every_template
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_compiled_sums_of_jax_lower_to_cuda_and_rocm(template, order):
    xp = backend_named("jax")
    with jax.enable_x64(True):
        make = lambda shape, kind="float64": jax.ShapeDtypeStruct(shape, np.dtype(kind))  # noqa: E731
        formula, rows, places = arguments(template(), make)
        compiled = jax.jit(partial(sums, formula, xp, order))
        exported = jax.export.export(compiled, platforms=["cuda", "rocm"])(rows, places)

    assert exported.platforms == ("cuda", "rocm")
    assert str(exported.out_avals[0]) == "float64[]"
