import pytest

from tests.kernels.kernel import DEFAULT, KERNELS, is_kernel_part, newest_package

NAMES = [
    "linux-image-6.1.0-9-cloud-amd64",
    "linux-image-6.1.0-50-cloud-amd64",
    "linux-image-6.1.0-51-cloud-amd64-unsigned",
    "linux-image-6.1.0-51-cloud-amd64-dbg",
    "linux-image-6.1.0-51-amd64",
    "linux-image-6.12.9+deb13-cloud-amd64",
    "linux-image-6.12.117+deb13-cloud-amd64",
    "linux-image-6.12.117+deb13-rt-amd64",
]


@pytest.mark.parametrize(
    ("version", "newest"),
    [
        ("6.1", "linux-image-6.1.0-50-cloud-amd64"),
        ("6.12", "linux-image-6.12.117+deb13-cloud-amd64"),
        ("6", "linux-image-6.12.117+deb13-cloud-amd64"),
        ("6.11", None),
    ],
)
def test_newest_package_of_a_version(version, newest):
    assert newest_package(version, NAMES) == newest


def test_parts_of_a_kernel_that_comes_in_pieces():
    assert is_kernel_part("linux-binary-7.2.13+deb14-cloud-amd64")
    assert is_kernel_part("linux-modules-7.2.13+deb14-cloud-amd64")
    assert is_kernel_part("linux-base-7.2.13+deb14-cloud-amd64")
    assert not is_kernel_part("linux-base")
    assert not is_kernel_part("kmod")


def test_default_is_part_of_the_matrix():
    assert set(DEFAULT) < set(KERNELS)
