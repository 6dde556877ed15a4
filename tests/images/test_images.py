"""What `make images` has built: size, user, labels, contents, and that both really run.

Mounts are those of the chart, capabilities and seccomp profile too: the agent is started by runc.
AppArmor is not tried: the chart asks for none, and few kernels of test machines have it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from tests.images.seccomp import runtime_default

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build/images"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
LIMIT_MB = {"agent": 420, "operator": 220}
CAPABILITIES = re.findall(
    r"^  - (?!ALL)([A-Z_]+)$",
    (ROOT / "charts/osmia/templates/agent/_capabilities.tpl").read_text(),
    re.MULTILINE,
)
# Only kernels before 5.11 need it, and a guest of a sandbox may be without it.
if not int(re.search(r"CapBnd:\s*(\w+)", Path("/proc/self/status").read_text())[1], 16) >> 24 & 1:
    CAPABILITIES.remove("SYS_RESOURCE")


def buildah(*arguments: str) -> str:
    storage = ("--storage-driver", "vfs", "--root", WORK / "storage", "--runroot", WORK / "run")
    return subprocess.run(
        ["buildah", *storage, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


class Image:
    def __init__(self, name: str) -> None:
        self.name = name
        self.reference = f"localhost/osmia-{name}:{VERSION}"
        self.config = json.loads(buildah("inspect", "--type", "image", self.reference))["OCIv1"]
        self.container = buildah("from", "--pull=never", self.reference)
        self.root = Path(buildah("mount", self.container))


@pytest.fixture(scope="module", params=["agent", "operator"])
def image(request):
    if shutil.which("buildah") is None or not (WORK / "storage").exists():
        if os.environ.get("CI"):
            pytest.fail("no images: `make images` builds them")
        pytest.skip("no images: `make images` builds them")
    made = Image(request.param)
    yield made
    buildah("rm", made.container)


@pytest.fixture
def bundle(image, tmp_path):
    """A runc bundle of the image: read-only root, host's pids, nothing but the chart's rights."""

    def make(
        arguments: list[str],
        capabilities: list[str],
        mounts: list[dict],
        seccomp: list[str] | None = None,
    ) -> Path:
        subprocess.run(["runc", "spec"], cwd=tmp_path, check=True)
        spec = json.loads((tmp_path / "config.json").read_text())
        config = image.config["config"]
        user, _, group = config["User"].partition(":")
        held = [f"CAP_{name}" for name in capabilities]
        spec["root"] = {"path": str(image.root), "readonly": True}
        spec["process"] |= {
            "terminal": False,
            "user": {"uid": int(user), "gid": int(group)},
            "args": [*config["Entrypoint"], *arguments],
            "env": config["Env"],
            "noNewPrivileges": True,
            "capabilities": dict.fromkeys(
                ("bounding", "effective", "permitted", "inheritable"), held
            ),
        }
        spec["process"].pop("rlimits", None)
        # A profile for fewer capabilities stands for a runtime that knows less.
        spec["linux"]["seccomp"] = runtime_default(held if seccomp is None else seccomp)
        spec["linux"]["namespaces"] = [{"type": kind} for kind in ("mount", "ipc", "uts")]
        spec["linux"]["cgroupsPath"] = f"/osmia-test-{os.getpid()}"
        spec["mounts"] = [
            mount for mount in spec["mounts"] if mount["destination"] != "/sys/fs/cgroup"
        ] + [
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
            *mounts,
        ]
        (tmp_path / "config.json").write_text(json.dumps(spec))
        return tmp_path

    return make


def bind(source: Path | str, destination: str, mode: str = "ro") -> dict:
    options = ["rbind", mode]
    return {"destination": destination, "type": "bind", "source": str(source), "options": options}


OPENED = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: opened
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_openat
    args:
    - index: 6
      type: string
    selectors:
    - matchArgs:
      - index: 0
        operator: Equal
        values: ["MARKER"]
"""


def test_size_is_within_the_limit(image):
    # The sum of its layers: what a later one removes is still pulled and kept.
    [listed] = json.loads(buildah("images", "--json", image.reference))
    size, unit = listed["size"].split()
    assert unit == "MB"
    assert float(size) <= LIMIT_MB[image.name]


def test_config_names_user_entry_point_and_labels(image):
    config = image.config["config"]
    assert config["Entrypoint"] == [f"osmia-{image.name}"]
    assert config["User"] == {"agent": "0:0", "operator": "65532:65532"}[image.name]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"osmia-{image.name}"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert re.fullmatch("[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_bill_of_materials_holds_what_is_locked(image):
    bill = json.loads((image.root / "opt/osmia/share/osmia/sbom.cdx.json").read_text())
    held = {(part["name"].lower(), part["version"]) for part in bill["components"]}
    lock = (ROOT / f"images/{image.name}.lock").read_text()
    locked = set(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert locked
    assert {(re.sub(r"[-_.]+", "-", name), version) for name, version in held} >= locked
    assert ("osmia", VERSION) in held


def test_licences_are_there_and_named(image):
    rows = (ROOT / "images/LICENCES.md").read_text().partition("## Debian packages")[2]
    named = re.findall(r"^\| ([\w.+-]+) \| .+ \| (.+) \|$", rows, re.MULTILINE)
    status = (image.root / "var/lib/dpkg/status").read_text()
    packages = set(re.findall(r"^Package: (.+)$", status, re.MULTILINE))
    assert {name for name, images in named if image.name in images.split(", ")} == packages
    for name in packages:
        assert (image.root / "usr/share/doc" / name / "copyright").exists(), name
    [site] = (image.root / "opt/osmia/lib").glob("python3.*/site-packages")
    without = {
        folder.name.partition("-")[0]
        for folder in site.glob("*.dist-info")
        if not [*folder.rglob("LICEN[CS]E*"), *folder.rglob("COPYING*")]
    }
    # Their files hold none; what they say of themselves is in LICENCES.md.
    assert without <= {"iso8601", "protobuf"}


def test_what_is_not_needed_is_left_out(image):
    assert not list((image.root / "opt/osmia").rglob("*.pyc"))
    assert not list((image.root / "usr/bin").glob("gcc*"))
    assert not list((image.root / "opt/osmia/bin").glob("pip*"))
    assert (image.root / "usr/lib/python3/dist-packages/bcc").exists() == (image.name == "agent")


AGENT = [
    *("--procfs=/procRoot", "--bpf-lib=/state", "--run-dir=/run/osmia"),
    *("--export-filename=/export/events.log", "--server-address=", "--metrics-server="),
    *("--tracing-policy-dir=/policies", "--health-server-address="),
]


def agent_mounts(folder: Path) -> list[dict]:
    for name in ("state", "export", "run", "policies"):
        (folder / name).mkdir()
    return [
        bind("/proc", "/procRoot"),
        bind("/sys/fs/cgroup", "/sys/fs/cgroup"),
        bind("/sys/kernel/tracing", "/sys/kernel/tracing", "rw"),
        bind(folder / "state", "/state", "rw"),
        bind(folder / "export", "/export", "rw"),
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs"},
        bind(folder / "run", "/run/osmia", "rw"),
        bind(folder / "policies", "/policies"),
    ]


@pytest.mark.parametrize("image", ["agent"], indirect=True)
def test_agent_sees_an_exec_with_the_rights_of_the_chart(bundle, tmp_path):
    marker = f"osmia-image-{os.getpid()}"
    # Attached by perf_event_open(2), which programs of execs do without.
    mounts = agent_mounts(tmp_path)
    (tmp_path / "policies/opened.yaml").write_text(OPENED.replace("MARKER", f"/nowhere/{marker}"))
    folder = bundle(AGENT, CAPABILITIES, mounts)
    events = tmp_path / "export/events.log"
    log = tmp_path / "agent.log"
    name = f"osmia-image-agent-{os.getpid()}"
    with log.open("wb") as output:
        agent = subprocess.Popen(
            ["runc", "run", "--bundle", str(folder), name],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        deadline = time.monotonic() + 120
        seen = False
        while not seen and agent.poll() is None and time.monotonic() < deadline:
            subprocess.run(["/bin/true", marker], check=True)
            with contextlib.suppress(FileNotFoundError):
                Path(f"/nowhere/{marker}").read_bytes()
            time.sleep(0.5)
            lines = events.read_text().splitlines() if events.exists() else []
            found = [json.loads(line) for line in lines if line.endswith("}")]
            seen = any(
                each.get("process_exec", {}).get("process", {}).get("arguments") == marker
                for each in found
            ) and any("process_tracepoint" in each for each in found)
        assert seen, log.read_text()
        assert list((tmp_path / "state").rglob("*")), "the compiled programs are kept"
    finally:
        subprocess.run(["runc", "kill", name, "TERM"], check=False)
        try:
            agent.wait(30)
        finally:
            subprocess.run(["runc", "delete", "--force", name], check=False)
    assert agent.returncode == 0, log.read_text()


@pytest.mark.parametrize("image", ["operator"], indirect=True)
def test_operator_starts_as_an_ordinary_user(bundle):
    for arguments, expected in (["--help"], "--agent-selector"), (["crds"], "tracingpolicies"):
        folder = bundle(arguments, [], [])
        done = subprocess.run(
            ["runc", "run", "--bundle", str(folder), f"osmia-image-operator-{os.getpid()}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        (folder / "config.json").unlink()
        assert expected in done.stdout


@pytest.mark.parametrize("image", ["agent"], indirect=True)
def test_a_runtime_that_denies_bpf_is_named(bundle, tmp_path):
    folder = bundle(AGENT, CAPABILITIES, agent_mounts(tmp_path), seccomp=[])
    done = subprocess.run(
        ["runc", "run", "--bundle", str(folder), f"osmia-image-denied-{os.getpid()}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "seccomp" in done.stderr
