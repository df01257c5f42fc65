"""What is picked, what is refused."""

import re

import pytest
import torch

from core.config import DeviceConfig
from core.device import pick, threads
from core.errors import UserError


def test_the_cpu_is_always_there():
    device = pick(DeviceConfig(device="cpu"))
    assert device.torch == torch.device("cpu")
    assert not device.bfloat16
    assert str(device) == f"cpu ({torch.get_num_threads()} threads), float32"


def test_auto_takes_the_accelerator_if_there_is_one():
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    expected = accelerator.type if accelerator else "cpu"
    assert pick(DeviceConfig()).torch.type == expected


def test_bfloat16_reaches_the_matrix_products():
    one = torch.ones(4, 4)
    with pick(DeviceConfig(device="cpu", precision="bfloat16")).autocast():
        assert (one @ one).dtype == torch.bfloat16
    with pick(DeviceConfig(device="cpu")).autocast():
        assert (one @ one).dtype == torch.float32


def test_determinism_is_switched_on_where_asked():
    before = torch.are_deterministic_algorithms_enabled()
    try:
        pick(DeviceConfig(device="cpu", deterministic=True))
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("name", ["cuda:99", "mps", "cuda"])
def test_a_device_that_is_not_here_is_one_line(name):
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator and accelerator.type == name:
        pytest.skip(f"{name} is here")
    with pytest.raises(UserError, match=f"--device {name}: not on this machine, which has cpu"):
        pick(DeviceConfig(device=name))


@pytest.mark.parametrize(
    "name", ["gpu", "auto:1", "cuda:", "cuda:x", "cuda:²", "cpu:1", "", "CUDA"]
)
def test_a_name_that_is_no_device_is_one_line(name):
    wanted = f"--device {name or '(blank)'}: auto, cpu, cuda, cuda:N or mps is wanted"
    with pytest.raises(UserError, match=f"^{re.escape(wanted)}$"):
        DeviceConfig(device=name)


def test_threads_are_limited_for_a_while_also_where_it_fails():
    def fail():
        with threads(1):
            raise ZeroDivisionError(str(torch.get_num_threads()))

    before = torch.get_num_threads()
    with threads(3):
        with pytest.raises(ZeroDivisionError, match="1"):
            fail()
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
