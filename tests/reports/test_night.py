"""What a night decides: the dearest trial and the sum bound a look, the best look comes first."""

from types import SimpleNamespace

import pytest
import xarray as xr

from core.errors import UserError
from reports import night, spending
from reports.night import SHARED, Config, Machine, Step
from reports.outlook import Outlook

ONE = Machine("one", 1, 1.0)


def test_workers_share_a_look_and_no_trial_is_divided():
    step = Step(seconds=7200.0, longest=600.0, verdicts=1.0)
    assert ONE.seconds(step) == 7200 + spending.AROUND
    assert Machine("ten", 10, 1.0).seconds(step) == 7200 / (10 * SHARED) + spending.AROUND
    assert Machine("GPU", 1, 20.0).seconds(step) == 360 + spending.AROUND
    assert Machine("many", 1000, 2.0).seconds(step) == 300 + spending.AROUND


@pytest.mark.parametrize(
    ("hours", "verdicts"),
    [(0.4, 0.0), (0.6, 0.5), (1.1, 0.5), (1.6, 1.1), (3.2, 1.3), (100, 1.3)],
)
def test_the_look_that_decides_most_a_second_comes_first_if_it_fits(hours, verdicts):
    first = [Step(1700.0, 1.0, 0.5), Step(5300.0, 1.0, 0.2)]
    second = [Step(3500.0, 1.0, 0.6)]
    assert ONE.night([first, second], 3600 * hours) == pytest.approx(verdicts)


def test_a_look_brings_what_the_one_before_did_not():
    trained = xr.DataArray([[True, True]], dims=("arm", "seed"), coords={"seed": [0, 1]})
    seconds = xr.DataArray([[2.0, 4.0]], dims=("arm", "seed"))
    study = SimpleNamespace(trials=xr.Dataset({"trained": trained, "seconds": seconds}))
    view = Outlook(open={"A": {5: 0.5, 10: 0.4}, "B": {10: 0.7}})
    first, second = night.steps(study, view)
    assert first == Step(seconds=9.0, longest=4.0, verdicts=0.5)
    assert (second.seconds, second.longest) == (15.0, 4.0)
    assert second.verdicts == pytest.approx(0.7)


def test_the_table_says_what_is_assumed():
    ahead = [[Step(36_000.0, 60.0, 0.9)], [Step(3600.0, 60.0, 0.3)]]
    lines = list(night.table([ONE, Machine("GPU", 1, 20.0)], ahead, 3, Config(gpu=20)))
    assert lines[:2] == [
        "3 claims of 2 studies are open that seeds can decide; all looks ahead",
        "are expected to decide 1.2 of them.",
    ]
    assert lines[5].startswith("| one | 0.3 | 11 h")
    assert lines[6].startswith("| GPU | 1.2 | 34 min |")
    assert "an H100 is 20 of them" in lines[-3]


def test_a_store_with_nothing_open_is_one_line(store):
    with pytest.raises(UserError, match=r"no claim is open that seeds would decide$"):
        night.main(Config())
