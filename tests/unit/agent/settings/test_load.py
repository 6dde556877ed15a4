from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from osmia_agent.settings import Loaded, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc/osmia/osmia.conf.d").mkdir(parents=True)
    return tmp_path


def load(root: Path, *words: str, **environment: str) -> Loaded:
    return load_settings(words, environment, root)


def drop_in(root: Path, name: str, text: str) -> Path:
    path = root / "etc/osmia/osmia.conf.d" / name
    path.write_text(text)
    return path


def test_defaults_are_the_contracts(root: Path) -> None:
    loaded = load(root)
    assert loaded == ("run", Settings(), {}, ())
    settings = loaded.settings
    assert settings.export_file_compress is True
    assert settings.export_file_perm == 0o600
    assert settings.export_file_rotation_interval == timedelta(0)
    assert (settings.export_file_max_size_mb, settings.export_file_max_backups) == (10, 5)
    assert (settings.export_rate_limit, settings.event_queue_size) == (-1, 10_000)
    assert settings.process_cache_size == 65_536
    assert settings.metrics_label_filter == ("namespace", "workload", "pod", "binary")
    assert (settings.procfs, settings.bpf_lib) == ("/proc/", "/var/lib/osmia/")


def test_flag_beats_variable_beats_config_dir_beats_standard_place(root: Path) -> None:
    drop_in(root, "cluster-name", "standard")
    config_dir = root / "config"
    config_dir.mkdir()
    assert load(root).settings.cluster_name == "standard"

    (config_dir / "cluster-name").write_text("config")
    words = ["--config-dir", str(config_dir)]
    assert load(root, *words).settings.cluster_name == "config"
    loaded = load(root, *words, OSMIA_CLUSTER_NAME="variable")
    assert loaded.settings.cluster_name == "variable"
    loaded = load(root, *words, "--cluster-name=flag", OSMIA_CLUSTER_NAME="variable")
    assert loaded.settings.cluster_name == "flag"
    assert loaded.sources["cluster_name"] == "--cluster-name"


def test_config_dir_may_itself_come_from_elsewhere(root: Path) -> None:
    config_dir = root / "config"
    config_dir.mkdir()
    (config_dir / "btf").write_text("/types")
    assert load(root, OSMIA_CONFIG_DIR=str(config_dir)).settings.btf == "/types"
    drop_in(root, "config-dir", str(config_dir))
    assert load(root).settings.btf == "/types"


def test_config_dir_that_cannot_be_read_is_fatal(root: Path) -> None:
    with pytest.raises(SettingsError, match="absent: cannot be read"):
        load(root, "--config-dir", str(root / "absent"))


def test_empty_file_resets_an_option(root: Path) -> None:
    (root / "usr/lib/osmia/osmia.conf.d").mkdir(parents=True)
    for name, text in (("rb-size", "8M"), ("cluster-name", "x"), ("server-address", "y:1")):
        (root / "usr/lib/osmia/osmia.conf.d" / name).write_text(text)
        drop_in(root, name, "\n")
    settings = load(root).settings
    assert (settings.rb_size, settings.cluster_name, settings.server_address) == (4 << 20, "", "")


KINDS_OF_ANCESTORS = (
    "OSMIA_ENABLE_ANCESTORS: 'base,foo' should be 'base', 'kprobe', 'tracepoint', 'loader', "
    "'uprobe', 'lsm' or 'usdt'"
)


def test_every_problem_is_told_with_source_value_and_what_is_right(root: Path) -> None:
    path = drop_in(root, "process-cache-size", "many")
    with pytest.raises(SettingsError) as error:
        load(
            root,
            "--rb-size=3M",
            "--log-level=loud",
            "--metrics-server=2112",
            "--export-file-rotation-interval=-1s",
            OSMIA_EXPORT_FILE_MAX_BACKUPS="-2",
            OSMIA_ENABLE_ANCESTORS="base,foo",
            OSMIA_DEBUG="maybe",
        )
    problems = set(error.value.problems)
    assert problems == {
        f"{path}: 'many' is not a whole number",
        "--rb-size: '3M' is not a power of two of at least 4K",
        "--log-level: 'loud' should be 'debug', 'info', 'warning' or 'error'",
        "--metrics-server: '2112' is not an address like :2112, localhost:2112 or [::1]:2112",
        "--export-file-rotation-interval: '-1s' should be greater than or equal to 0 seconds",
        "OSMIA_EXPORT_FILE_MAX_BACKUPS: '-2' should be greater than or equal to 0",
        KINDS_OF_ANCESTORS,
        "OSMIA_DEBUG: 'maybe' is neither true nor false",
    }


def test_empty_flag_is_no_number(root: Path) -> None:
    with pytest.raises(SettingsError, match="--rb-size: '' is not a size"):
        load(root, "--rb-size=")


def test_ancestors_need_base(root: Path) -> None:
    with pytest.raises(SettingsError, match="enable-ancestors: 'kprobe,lsm' needs base as well"):
        load(root, "--enable-ancestors=kprobe,lsm")
    assert load(root, "--enable-ancestors=lsm,base").settings.enable_ancestors == ("lsm", "base")


@pytest.mark.parametrize("text", ["rwx", "9"])
def test_bad_permissions_are_a_warning_and_0600(root: Path, text: str) -> None:
    loaded = load(root, OSMIA_EXPORT_FILE_PERM=text)
    assert loaded.settings.export_file_perm == 0o600
    assert loaded.warnings == (
        f"OSMIA_EXPORT_FILE_PERM: '{text}' is not an octal number like 600 or 640; 600 is used",
    )


@pytest.mark.parametrize("text", ["1.5", "lots", "-2"])
def test_bad_rate_limit_is_a_warning_and_no_limit(root: Path, text: str) -> None:
    loaded = load(root, f"--export-rate-limit={text}")
    assert loaded.settings.export_rate_limit == -1
    assert len(loaded.warnings) == 1
    assert loaded.warnings[0].startswith(f"--export-rate-limit: '{text}' ")
    assert loaded.warnings[0].endswith("; -1 is used")


def test_unknown_file_is_a_warning(root: Path) -> None:
    path = drop_in(root, "enable-magic", "true")
    assert load(root).warnings == (f"{path}: no such option",)


def test_a_port_for_other_machines_needs_tls_or_consent(root: Path) -> None:
    for address in ("", "localhost:1", "127.0.0.2", "[::1]:1", "unix:///run/a.sock"):
        assert load(root, f"--server-address={address}").settings.server_address == address
    for address in (":54321", "0.0.0.0:1", "10.0.0.1", "[::]:1", "node.example.org"):
        with pytest.raises(SettingsError, match="server-tls-cert-file") as error:
            load(root, f"--server-address={address}")
        assert address in str(error.value)
        assert load(
            root, f"--server-address={address}", "--server-insecure-tcp"
        ).settings.serves_api


def test_a_replay_is_served_where_it_is_asked_for(root: Path) -> None:
    assert load(root).settings.serves_api
    assert not load(root, "--server-address=").settings.serves_api
    assert not load(root, "--replay=x").settings.serves_api
    assert load(root, "--replay=x", "--server-address=localhost").settings.serves_api


def test_queue_of_zero_is_the_default(root: Path) -> None:
    assert load(root, "--event-queue-size=0").settings.event_queue_size == 10_000


def test_debug_is_a_log_level(root: Path) -> None:
    assert load(root).settings.level == "info"
    assert load(root, "--log-level=warn").settings.level == "warning"
    assert load(root, "--log-level=warn", "--debug").settings.level == "debug"
