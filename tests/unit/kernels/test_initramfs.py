import pytest

from tests.kernels.commands import SetupError
from tests.kernels.initramfs import load_order, module_name

DEPENDENCIES = """\
kernel/virtio/virtio.ko: kernel/virtio/virtio_ring.ko
kernel/virtio/virtio_ring.ko:
kernel/virtio/virtio-pci.ko.xz: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
kernel/block/virtio_blk.ko.xz: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko
kernel/fs/other.ko:
"""
BUILTIN = "kernel/fs/ext4/ext4.ko\nkernel/fs/mbcache.ko\n"


def test_each_module_comes_after_what_it_needs_and_once():
    order = load_order(("virtio_pci", "virtio_blk", "ext4"), DEPENDENCIES, BUILTIN)
    assert [module_name(path) for path in order] == [
        "virtio_ring",
        "virtio",
        "virtio_pci",
        "virtio_blk",
    ]


def test_all_built_in():
    assert load_order(("ext4", "mbcache"), "", BUILTIN) == []


def test_missing_driver_is_named():
    with pytest.raises(SetupError, match="no driver virtio_scsi"):
        load_order(("virtio_scsi",), DEPENDENCIES, BUILTIN)
