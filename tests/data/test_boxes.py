"""A table of boxes is right row by row, or refused with the row's number."""

import pytest

from core.data.boxes import read_boxes
from core.errors import UserError

HEADER = "file,left,top,width,height,ignore\n"


def written(folder, text):
    (folder / "boxes.csv").write_text(text)
    return folder / "boxes.csv"


def test_boxes_are_read_as_corners(tmp_path):
    rows = "a.png,1,2,10,20,0\n\na.png,5,5,2,2,1\nb.png,0,0,3,4,\n"
    found = read_boxes(written(tmp_path, HEADER + rows))
    assert list(found) == ["a.png", "b.png"]
    assert found["a.png"].boxes.tolist() == [[1, 2, 11, 22]]
    assert found["a.png"].ignored.tolist() == [[5, 5, 7, 7]]
    assert found["a.png"].rows == (2, 4)
    assert (found["b.png"].boxes.shape, found["b.png"].ignored.shape) == ((1, 4), (0, 4))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a.png,3,3,0,0,0", "row 2, a.png: width 0, height 0; more than 0 is wanted"),
        ("a.png,3,3,5,-5,0", "row 2, a.png: width 5, height -5; more than 0 is wanted"),
        ("a.png,-1,3,5,5,0", "row 2, a.png: left -1, top 3; 0 or more is wanted"),
        ("a.png,nan,3,5,5,0", "row 2, a.png: finite numbers are wanted"),
        ("a.png,1,3,5,inf,0", "row 2, a.png: finite numbers are wanted"),
        ("a.png,1,3,x,5,0", "row 2, a.png: could not convert string to float: 'x'; numbers are"),
        ("a.png,1,3,5,5,yes", "row 2, a.png: ignore yes, 0 or 1 is wanted"),
        ("a.png,1,3,5,5,0\na.png,1,3,5,5,0", "row 3, a.png: the box of row 2 again"),
        ("a.png,1,3,5,5,0\na.png,1,3,5,5,1", "row 3, a.png: the box of row 2 again"),
        ("a.png,1,3,,5,0", "row 2: width is empty; a value is wanted"),
        (",1,3,5,5,0", "row 2: file is empty; a value is wanted"),
        ("a.png,1,2", "row 2: 3 cells; 6, as in row 1, are wanted"),
        ("", "no rows below the header; a CSV table with the columns file, left, top, width"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(tmp_path, rows, problem):
    table = written(tmp_path, HEADER + rows)
    with pytest.raises(UserError) as error:
        read_boxes(table)
    assert str(error.value).startswith(f"--boxes {table}: {problem}")


def test_many_are_counted(tmp_path):
    table = written(tmp_path, HEADER + "".join(f"{i}.png,3,3,0,9,0\n" for i in range(10)))
    with pytest.raises(UserError) as error:
        read_boxes(table)
    assert str(error.value).count("more than 0 is wanted") == 3
    assert str(error.value).endswith("and 7 rows more")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "\x00", HEADER[:9], "", "\n\n"])
def test_what_is_no_table_is_one_line(tmp_path, text):
    with pytest.raises(UserError, match=r"^--boxes \S+: .*file, left, top, width, height") as error:
        read_boxes(written(tmp_path, text))
    assert "\n" not in str(error.value)
