from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.cgroups import (
    container_id_of_name,
    place_of_file,
    place_of_path,
)

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
SHOWN = ID[:31]
OUTER = "0a7c9a1d5e0ce8d13a5b5a1bb1bfa05c4be3cbd8a0ef9e1e8b2d2c9f5b0c1d2e"
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
IN_SLICE = UID.replace("-", "_")
STATIC = "d8a8dcd37ab4f5c9a1c1f4b0e6a7d3c2"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (ID, SHOWN),
        (f"cri-containerd-{ID}.scope", SHOWN),
        (f"docker-{ID}.scope", SHOWN),
        (f"crio-{ID}.scope", SHOWN),
        (f"crio-{ID}", SHOWN),
        (f"libpod-{ID}.scope", SHOWN),
        (f"libpod-payload-{ID}", SHOWN),
        (f"nerdctl-{ID}.scope", SHOWN),
        (f"kubepods-besteffort-pod{IN_SLICE}.slice:cri-containerd:{ID}", SHOWN),
        (f"a:b-{ID}", SHOWN),
        (f"crio-conmon-{ID}.scope", ""),
        (f"libpod-conmon-{ID}.scope", ""),
        ("", ""),
        ("container", ""),
        ("init.scope", ""),
        (f"kubepods-besteffort-pod{IN_SLICE}.slice", ""),
        (f"app-{ID}.service", ""),
        (f"{'x' * 64}service", ""),
        (f"machine-libpod_pod_{ID}.slice", ""),
        (ID[:63], ""),
        (ID[:32], ""),
        # as long as a name can be
        (("p" * 182 + ":cri-cont:" + ID)[-255:], SHOWN),
    ],
)
def test_name_of_a_cgroup(name: str, found: str):
    assert container_id_of_name(name) == found


PODS = {
    "containerd, systemd driver": (
        f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{IN_SLICE}.slice"
        f"/cri-containerd-{ID}.scope"
    ),
    "containerd, guaranteed": (
        f"/kubepods.slice/kubepods-pod{IN_SLICE}.slice/cri-containerd-{ID}.scope"
    ),
    "containerd, cgroupfs driver": f"/kubepods/burstable/pod{UID}/{ID}",
    "containerd, drivers that differ": (
        f"/system.slice/containerd.service"
        f"/kubepods-burstable-pod{IN_SLICE}.slice:cri-containerd:{ID}"
    ),
    "CRI-O, systemd driver": (
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{IN_SLICE}.slice"
        f"/crio-{ID}.scope"
    ),
    "CRI-O with crun": (
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{IN_SLICE}.slice"
        f"/crio-{ID}.scope/container"
    ),
    "CRI-O, cgroupfs driver": f"/kubepods/besteffort/pod{UID}/crio-{ID}",
    "docker, systemd driver": (
        f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{IN_SLICE}.slice"
        f"/docker-{ID}.scope"
    ),
    "k3s in docker": f"/docker/{OUTER}/kubepods/besteffort/pod{UID}/{ID}",
    "kind": (
        f"/system.slice/docker-{OUTER}.scope/kubelet.slice/kubelet-kubepods.slice"
        f"/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{IN_SLICE}.slice"
        f"/cri-containerd-{ID}.scope"
    ),
    "seen from another cgroup namespace": (
        f"/../../kubepods-besteffort-pod{IN_SLICE}.slice/cri-containerd-{ID}.scope"
    ),
    "systemd in the container": (
        f"/kubepods.slice/kubepods-pod{IN_SLICE}.slice/cri-containerd-{ID}.scope"
        "/system.slice/dbus.service"
    ),
}


@pytest.mark.parametrize("path", PODS.values(), ids=PODS)
def test_paths_in_pods(path: str):
    assert place_of_path(path).container == SHOWN
    assert place_of_path(path).pod_uid == UID


def test_pod_is_the_outermost_that_the_path_tells():
    path = f"/kubepods/burstable/pod{UID}/{ID}/pod{STATIC}/{OUTER}"
    assert place_of_path(path).pod_uid == UID
    assert place_of_path(path).containers == (OUTER[:31], SHOWN)


def test_static_pod():
    path = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice"
    assert place_of_path(f"{path}/cri-containerd-{ID}.scope").pod_uid == STATIC
    assert place_of_path(f"/kubepods/burstable/pod{STATIC}/{ID}").pod_uid == STATIC


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ()),
        ("", ()),
        ("/user.slice/user-0.slice/session-1.scope", ()),
        (f"/system.slice/docker-{ID}.scope", (SHOWN,)),
        (f"/docker/{ID}", (SHOWN,)),
        (f"/machine.slice/libpod-{ID}.scope/container", (SHOWN,)),
        (f"/machine.slice/libpod-{ID}.scope/container/nested", (SHOWN,)),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", (SHOWN,)),
        (f"/machine.slice/machine-libpod_pod_{OUTER}.slice/libpod-{ID}.scope/container", (SHOWN,)),
        (f"/machine.slice/machine-libpod_pod_{OUTER}.slice/libpod-conmon-{ID}.scope", ()),
        (f"/user.slice/libpod_pod_{OUTER}.slice", ()),
        (f"/libpod_parent/libpod-{ID}", (SHOWN,)),
        (f"/ecs/{ID[:32]}/{ID}", (SHOWN,)),
        (f"/actions_job/{ID}", (SHOWN,)),
        (f"/docker/{ID}/syscont-cgroup-root", (SHOWN,)),
        (f"/kubepods/pod{UID}/{OUTER}/docker/{ID}", (SHOWN, OUTER[:31])),
        (f"/machine.slice/libpod-{OUTER}.scope/libpod-conmon-{ID}.scope", (OUTER[:31],)),
    ],
)
def test_paths(path: str, found: tuple[str, ...]):
    assert place_of_path(path).containers == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", ""),
        ("0::/\n", ""),
        (f"0::/system.slice/docker-{ID}.scope\n", SHOWN),
        (f"12:cpu,cpuacct:/\n4:memory:/kubepods/pod1/{ID}\n0::/\n", SHOWN),
        (f"0::/docker/{OUTER}\n4:memory:/docker/{ID}\n", SHOWN),
        (f"0::/docker/{ID}\n4:cpu:/docker/{OUTER}\n", SHOWN),
        (f"4:memory:/\n3:pids:/docker/{ID}\n0::/\n", SHOWN),
        (f"1:name=systemd:/docker/{ID}\n0::/\n", SHOWN),
        (f"1:name=systemd:/a:b/{ID}\n", SHOWN),
        # other than upstream: the same name tells nothing in a record of the kernel
        (f"0::/actions_job/{ID[:32]}\n", ""),
        ("no colons", ""),
        ("::::", ""),
    ],
)
def test_content_of_the_file(content: str, found: str):
    assert place_of_file(content.encode()).container == found


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes):
    assert len(place_of_file(raw).container) <= 31
