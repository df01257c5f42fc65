"""A file is the old one or the new one, whatever happens while it is written."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from core.files import whole


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "page.html"
    for text in ("one", "two"):
        with whole(path) as file:
            assert file.suffix == ".html"
            assert file.parent == tmp_path
            file.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
    assert os.listdir(tmp_path) == ["page.html"]


def test_an_error_leaves_the_old_and_nothing_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), whole(path) as file:
        file.write_text("half \udce9", encoding="utf-8")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["README.md"]


def test_a_kill_leaves_the_old(tmp_path):
    path = tmp_path / "head.bin"
    path.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from core.files import whole\n"
        "with whole(Path(sys.argv[1])) as file:\n"
        "    file.write_text('ne'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    assert path.read_text() == "old"


def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "real.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with whole(link) as file:
        file.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with whole(pipe) as file:
        file.write_text("through")
    reader.join(10)
    assert got == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_error_names_the_file_and_not_its_draft(tmp_path):
    path = tmp_path / "gone" / "x.png"
    with pytest.raises(FileNotFoundError) as error, whole(path) as file:
        file.write_text("x")
    assert error.value.filename == str(path)
    with pytest.raises(IsADirectoryError) as error, whole(tmp_path) as file:
        file.write_text("x")
    assert error.value.filename == str(tmp_path)
