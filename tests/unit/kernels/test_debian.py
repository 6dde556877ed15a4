from tests.kernels.debian import dependency_names

RECORD = """\
Package: linux-image-9.1-cloud-amd64
Pre-Depends: dpkg (>= 1)
Depends: linux-base-9.1-cloud-amd64 (= 9.1.2-1), kmod, python3:any, initramfs-tools | dracut
Description: Depends: nothing
"""


def test_names_of_dependencies():
    assert dependency_names(RECORD) == [
        "linux-base-9.1-cloud-amd64",
        "kmod",
        "python3",
        "initramfs-tools",
        "dracut",
    ]


def test_package_without_dependencies():
    assert dependency_names("Package: a\n") == []
