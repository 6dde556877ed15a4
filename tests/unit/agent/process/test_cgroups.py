from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.cgroups import container_id_of_file, container_id_of_name

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
SHOWN = ID[:31]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (ID, SHOWN),
        (f"cri-containerd-{ID}.scope", SHOWN),
        (f"docker-{ID}.scope", SHOWN),
        (f"crio-{ID}.scope", SHOWN),
        (f"libpod-{ID}.scope", SHOWN),
        (f"kubepods-besteffort-pod1.slice:cri-containerd:{ID}", SHOWN),
        (f"a:b-{ID}", SHOWN),
        ("", ""),
        ("container", ""),
        ("init.scope", ""),
        (f"app-{ID}.service", ""),
        (f"{'x' * 64}service", ""),
        (ID[:63], ""),
        # cut by the kernel side: a part of the id is enough to show
        (("kubepods-" + "p" * 81 + ".slice:cri:" + ID)[:127], ""),
        (("kubepods-" + "p" * 60 + ".slice:cri:" + ID)[:127], SHOWN),
    ],
)
def test_name_of_a_cgroup(name: str, found: str):
    assert container_id_of_name(name.encode()) == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", ""),
        ("0::/\n", ""),
        ("0::/user.slice/user-0.slice/session-1.scope\n", ""),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", SHOWN),
        (f"0::/system.slice/docker-{ID}.scope\n", SHOWN),
        (f"12:cpu:/\n4:memory:/kubepods/pod1/{ID}\n0::/\n", SHOWN),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", SHOWN),
        (f"0::/machine.slice/libpod-{ID}.scope/container/nested\n", SHOWN),
        (f"0::/actions_job/{ID}\n", SHOWN),  # no runtime's name in it, but hexadecimal
        (f"0::/actions_job/{ID[:31]}\n", SHOWN),
        (f"0::/actions_job/{ID[:30]}\n", ""),
        (f"0::/kubepods/pod1/{ID}/a/syscont-cgroup-root\n", ""),
        (f"0::/docker/x/y/{ID}/syscont-cgroup-root\n", SHOWN),
        ("0::/kubepods.slice/kubepods-pod1.slice\n", ""),
        ("no colons", ""),
        ("::::", ""),
    ],
)
def test_content_of_the_file(content: str, found: str):
    assert container_id_of_file(content.encode()) == found


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes):
    assert len(container_id_of_name(raw)) <= 31
    assert len(container_id_of_file(raw)) <= 31
