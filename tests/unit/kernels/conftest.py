"""What these tests need of the machine."""

import shutil
import subprocess

import pytest


@pytest.fixture
def debugfs():
    """Return a function that asks debugfs about an ext4 image; skip where e2fsprogs is not."""
    tool = shutil.which("debugfs", path="/usr/sbin:/sbin")
    if tool is None:
        pytest.skip("e2fsprogs is not installed")

    def ask(image, request):
        command = [tool, "-R", request, image]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return ask
