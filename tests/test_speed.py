"""Figures of speed: how they are kept, and the page made from them."""

import pytest
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import results, roofline
from benchmarks.results import Row
from benchmarks.timing import Times

OURS, THEIRS = Times([2.0, 1.0, 4.0]), Times([6.0, 5.0, 8.0])


def test_a_ratio_is_of_runs_side_by_side_or_of_the_others_median():
    assert Row("a", OURS, "b", THEIRS).ratio.seconds == [3.0, 5.0, 2.0]
    assert Row("a", OURS, "b", Times([4.0, 8.0])).ratio.seconds == [3.0, 6.0, 1.5]
    assert Row("a", OURS).ratio is None
    assert THEIRS.times(25).seconds == [150.0, 125.0, 200.0]


def test_a_line_says_seconds_rate_ratio_and_what_is_wanted():
    row = Row("work", OURS, "other", THEIRS, 100, "images", "a note", "3 x")
    assert str(row) == (
        "work: 2 s (1 to 4, n = 3); 50 images a second; other: 6 s (5 to 8, n = 3), "
        "ratio 3 (2 to 5); a note; wanted: 3 x"
    )
    assert str(Row("work", OURS)) == "work: 2 s (1 to 4, n = 3)"


def test_rows_are_kept_by_machine_and_written_between_the_marks(tmp_path, monkeypatch):
    begin, end = results.MARKS
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{begin}old\n{end}after\n")
    for name, row in (
        ("one, 2 cores", Row("a", THEIRS)),
        ("one, 2 cores", Row("b", OURS)),
        ("one, 2 cores", Row("a", OURS, "other", THEIRS)),  # anew
        ("GPU", Row("a", OURS, per=6, unit="images", goal="2")),
    ):
        monkeypatch.setattr(results, "machine", lambda name=name: name)
        path = results.keep([row], tmp_path / "results")
    assert path.name == "GPU.csv"
    rows = results.read(tmp_path / "results" / "one-2-cores.csv")
    assert [(row["work"], row["seconds"], row["n"]) for row in rows] == [
        ("a", "2 (1 to 4)", "3"),
        ("b", "2 (1 to 4)", "3"),
    ]
    assert rows[0]["times faster"] == "3 (2 to 5)"
    results.write_page(tmp_path / "results", page)
    text = page.read_text()
    assert text.startswith(f"before\n{begin}### GPU\n")
    assert text.endswith(f"{end}after\n")
    assert "| a | 2 (1 to 4) | 3 | 3 images |" in text
    assert "old" not in text


def test_a_row_has_the_columns_of_the_page():
    assert set(Row("a", OURS).as_dict()) == set(results.COLUMNS)


@pytest.mark.parametrize(
    ("operations", "moved", "bound"), [(6, 2, 3.0), (6, 40, 10.0), (6, 0, 3.0)]
)
def test_the_bound_is_the_longer_of_arithmetic_and_memory(operations, moved, bound):
    rates = roofline.Rates(operations=2.0, bytes=4.0)
    row = roofline.against("a", OURS, operations, moved, rates)
    assert row.theirs.seconds == [bound]
    assert row.ratio.seconds == [bound / 2, bound, bound / 4]
    assert ("memory" in row.note) == (moved > 0)


def test_a_step_of_perceptrons_counts_the_products_of_both_passes(monkeypatch):
    monkeypatch.setattr(roofline, "STEPS", 3)
    device = roofline.pick(roofline.DeviceConfig(device="cpu", precision="float32"))
    part = roofline._perceptrons(device, "six networks", (2, 3), 4, 5)
    with FlopCounterMode(display=False) as counter:
        part.run()
    first, rest = 16 * 256, 256 * 128 + 128 * 10  # the images need no gradient
    steps = 3 * 5 * (2 * first + 3 * rest)
    shapes = first + rest  # one image shows those of the masks
    assert counter.get_total_flops() == 2 * (6 * steps + shapes)
    assert part.parameters == 6 * (first + rest + 256 + 128 + 10)


def test_a_machine_is_named_by_the_model_of_its_processor(tmp_path):
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: One  CPU @ 2\n\nmodel name\t: Other\n")
    assert results.processor(facts) == "One CPU @ 2"
    facts.write_text("processor\t: 0\nmodel name\t:\n")
    assert results.processor(facts) == results.processor(tmp_path / "absent") != ""
