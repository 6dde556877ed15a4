import pytest

from tests.kernels.commands import SetupError
from tests.kernels.disk import make_ext4, read_archive, write_archive

CONTENT = "one line of many\n" * 1000


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below/file").write_text(CONTENT)
    (folder / "link").symlink_to("below/file")
    return folder


def test_archive_on_a_disk_comes_back(folder, tmp_path):
    disk = tmp_path / "disk"
    write_archive(folder, disk, capacity_mib=4)
    assert disk.stat().st_size == 4 << 20
    read_archive(disk, tmp_path / "back")
    assert (tmp_path / "back/below/file").read_text() == CONTENT
    assert (tmp_path / "back/link").readlink().name == "file"


def test_archive_that_breaks_off_is_an_error(folder, tmp_path):
    disk = tmp_path / "disk"
    write_archive(folder, disk, capacity_mib=1)
    with disk.open("r+b") as file:
        file.truncate(8192)
    with pytest.raises(SetupError, match="tar"):
        read_archive(disk, tmp_path / "back")


def test_image_holds_the_folder(folder, tmp_path, debugfs):
    image = tmp_path / "image"
    make_ext4(folder, image, spare_mib=4)
    assert debugfs(image, "cat /below/file") == CONTENT
