"""Devices, and the messages where one is not available."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest

from workbench.backends import backend_named
from workbench.backends.devices import check_device, devices
from workbench.backends.jax_backend import JaxBackend
from workbench.errors import DeviceError, OptionError
from workbench.kernels.likelihood.linear_predictor import _sums
from workbench.likelihoods import TEMPLATES

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
    assert "pip install" in refused.value.hint


@pytest.mark.parametrize("arguments", [("tensorflow",), ("torch", "cpu", "float16")])
def test_unknown_libraries_and_precisions_are_refused(arguments):
    with pytest.raises(OptionError) as refused:
        backend_named(*arguments)
    assert refused.value.hint


def test_the_name_that_torch_gives_rocm_is_found_by_jax(monkeypatch):
    rocm = ["rocm:0", "rocm:1"]
    monkeypatch.setattr(jax, "devices", lambda platform: {"gpu": rocm, "rocm": rocm}[platform])

    assert JaxBackend("cuda:1")._device == "rocm:1"


def columns(make, p=3, n=8):
    """Return outcome, design, offset and weights, made by ``make(shape)``."""
    return make((n,)), make((n, p)), make((n,)), make((n,))


@every_template
def test_the_forward_pass_of_torch_stays_on_a_cuda_device(template, torch):
    xp = backend_named("torch")
    own = template()

    with torch._subclasses.fake_tensor.FakeTensorMode():
        make = lambda shape: torch.ones(shape, dtype=torch.float64, device="cuda")  # noqa: E731
        nuisance = [make(()) for _ in own.nuisance]
        value, _, _ = _sums(own.contributions, xp, 0, columns(make), make((3,)), nuisance)

    assert value.device.type == "cuda"
    assert value.shape == ()


@every_template
def test_derivatives_of_torch_have_their_shapes_on_another_device(template, torch):
    xp = backend_named("torch")
    own = template()
    make = lambda shape: torch.ones(shape, dtype=torch.float64, device="meta")  # noqa: E731
    nuisance = [make(()) for _ in own.nuisance]

    with xp.scope():
        value, first, second = _sums(own.contributions, xp, 2, columns(make), make((3,)), nuisance)

    assert value.device.type == "meta"
    assert [d.shape for d in first] == [(3,), *(() for _ in nuisance)]
    assert second[0][0].shape == (3, 3)


@every_template
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_compiled_sums_of_jax_lower_to_cuda_and_rocm(template, order):
    from functools import partial

    xp = backend_named("jax")
    own = template()
    with jax.enable_x64(True):
        make = lambda shape: jax.ShapeDtypeStruct(shape, np.float64)  # noqa: E731
        sums = jax.jit(partial(_sums, own.contributions, xp, order))
        nuisance = [make(()) for _ in own.nuisance]
        exported = jax.export.export(sums, platforms=["cuda", "rocm"])(
            columns(make), make((3,)), nuisance
        )

    assert exported.platforms == ("cuda", "rocm")
    assert str(exported.out_avals[0]) == "float64[]"
