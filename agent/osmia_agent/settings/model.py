"""Every option of the agent: name, type, default, and what it is for.

An option's name on the command line is the field's name with dashes; the docstring below a field is
its help text, `Group` says under which heading the help lists it. Names and defaults are the
contract's, except where a docstring says otherwise.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from osmia_agent.settings import kinds
from osmia_agent.settings.kinds import Kind
from osmia_agent.settings.server_address import UnixAddress, parse_server_address

AncestorEvent = Literal["base", "kprobe", "tracepoint", "loader", "uprobe", "lsm", "usdt"]
MetricsLabel = Literal["namespace", "workload", "pod", "binary", "node_name"]

_DEFAULT_QUEUE_LINES = 10_000


def _absolute(path: str) -> str:
    if path and not path.startswith("/"):
        message = f"{path!r} is not an absolute path"
        raise ValueError(message)
    return path


class Group(NamedTuple):
    """Heading of the help under which an option and those after it are listed."""

    title: str


class Settings(BaseModel):
    """What the agent does, decided once at start; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    export_filename: Annotated[kinds.OptionalPath, Group("Export of events")] = ""
    """File that events are written to as JSON lines; "-" is standard output, empty is no export."""
    export_file_max_size_mb: kinds.Count = 10
    """Size in MB (of 1024 KB each) at which the file is rotated; 0 stands for 100."""
    export_file_rotation_interval: kinds.Duration = timedelta(0)
    """Time after which the file is rotated whatever its size; 0 is never."""
    export_file_max_backups: kinds.Count = 5
    """How many rotated files are kept; 0 keeps all."""
    export_file_compress: kinds.Switch = True
    """Compress rotated files with gzip."""
    export_file_perm: kinds.Permissions = 0o600
    """Permissions of the file and its backups. The owner always reads and writes; nobody executes,
    and only owner and group may write."""
    export_rate_limit: kinds.RateLimit = -1
    """Most events exported in a minute; -1 is no limit, 0 exports nothing."""
    export_allowlist: kinds.Text = ""
    """Export only events that one of these filters matches: JSON objects, one a line."""
    export_denylist: kinds.Text = ""
    """Never export events that one of these filters matches: JSON objects, one a line."""
    field_filters: kinds.Text = ""
    """Fields to include in, or exclude from, exported events: JSON objects, one a line."""
    redaction_filters: kinds.Text = ""
    """What to replace by ***** in the strings of events: JSON objects, one a line."""
    event_queue_size: Annotated[
        kinds.Count, AfterValidator(lambda lines: lines or _DEFAULT_QUEUE_LINES)
    ] = _DEFAULT_QUEUE_LINES
    """How many encoded events may wait for a slow disk or pipe, or for a subscriber of the gRPC
    API; 0 stands for 10000."""

    replay: Annotated[kinds.OptionalPath, Group("Recorded events")] = ""
    """File of recorded events, one JSON object a line, to run instead of the kernel's; "-" is
    standard input. No privileges are needed."""
    replay_rate: kinds.Count = 0
    """Events per second of a replay; 0 keeps the intervals at which they were recorded."""

    cluster_name: Annotated[kinds.Text, Group("Processes")] = ""
    """Name of the cluster, written into every event."""
    process_cache_size: kinds.PositiveCount = 65_536
    """How many processes are remembered."""
    enable_process_cred: kinds.Switch = False
    """Write credentials, capabilities and properties of the binary into events."""
    enable_process_ns: kinds.Switch = False
    """Write namespaces into events."""
    enable_ancestors: Annotated[tuple[AncestorEvent, ...], kinds.WORDS] = ()
    """Kinds of events that list all ancestors of a process: base (exec and exit, needed by the
    others), kprobe, tracepoint, loader, uprobe, lsm, usdt."""
    enable_process_environment_variables: kinds.Switch = False
    """Write environment variables into exec events."""
    filter_environment_variables: kinds.Words = ()
    """Names of the environment variables to write; empty is all."""
    username_metadata: Annotated[Literal["disabled", "unix"], kinds.CHOICE] = "disabled"
    """Where names of users come from; unix reads the host's /etc/passwd."""

    procfs: Annotated[kinds.Path, Group("Kernel")] = "/proc/"
    """Where the host's /proc is mounted."""
    btf: kinds.OptionalPath = ""
    """File with the kernel's types; empty is /sys/kernel/btf/vmlinux."""
    bpf_lib: kinds.Path = "/var/lib/osmia/"
    """Directory where compiled programs are kept."""
    rb_size: kinds.RingSize = 4 << 20
    """Size of the ring buffer for execs, forks and exits: a power of two."""

    tracing_policy: Annotated[kinds.OptionalPath, Group("Policies")] = ""
    """File with a policy to load at start."""
    tracing_policy_dir: Annotated[kinds.OptionalPath, AfterValidator(_absolute)] = (
        "/etc/osmia/tracing-policies"
    )
    """Directory with policies to load at start, and sub-directories with more; empty is none. The
    default need not exist."""
    policy_rb_size: kinds.RingSize = 4 << 20
    """Size of the ring buffer for what policies report: a power of two. It is made with the first
    policy."""
    expose_stack_addresses: kinds.Switch = False
    """Write addresses of code into stack traces. Whoever reads them learns where the kernel and
    programs lie in memory."""

    enable_k8s_api: Annotated[kinds.Switch, Group("Kubernetes")] = False
    """Take policies and export pipelines from the cluster, report what became of them, and write
    into events which pod a process runs in."""
    node_name: kinds.Text = ""
    """Name of the Node; empty is NODE_NAME, else HUBBLE_NODE_NAME, else the host name."""
    namespace: kinds.Text = ""
    """Namespace of the operator; empty is that of the agent's Pod or of the kubeconfig."""
    kubeconfig: kinds.OptionalPath = ""
    """File that says where the cluster is; empty is the Pod's own account, else kubectl's file."""
    enable_pod_annotations: kinds.Switch = False
    """Write the annotations of pods into events."""
    deleted_pod_cache_size: kinds.PositiveCount = 1024
    """How many pods are remembered after they are gone, for events that are still on their way."""
    event_cache_retries: kinds.Count = 5
    """How often event-cache-retry-delay passes before an event of a container whose pod is not
    known goes on without it. The pod is not looked for at these times only: the event goes on as
    soon as it is known. Upstream's default is 15."""
    event_cache_retry_delay: kinds.Count = 1
    """Seconds; upstream's default is 2."""
    export_directory: Annotated[kinds.OptionalPath, AfterValidator(_absolute)] = (
        "/var/run/cilium/tetragon"
    )
    """Directory that the files of ExportConfigs are below."""

    metrics_server: Annotated[kinds.Address, Group("Endpoints")] = ""
    """Address that serves /metrics, /healthz and /readyz over HTTP; empty is none."""
    metrics_label_filter: Annotated[tuple[MetricsLabel, ...], kinds.WORDS] = (
        "namespace",
        "workload",
        "pod",
        "binary",
    )
    """Labels of event metrics that are filled in: namespace, workload, pod, binary, node_name."""
    server_address: Annotated[kinds.ServerAddress, Group("gRPC API")] = "localhost:54321"
    """Address of the gRPC API: host:port, or unix:// and a path; empty is no API at all. With a
    port, tetragon.sock in --run-dir is served as well. A --replay is served only at an address
    that is given."""
    server_insecure_tcp: kinds.Switch = False
    """Serve a port that other machines can reach without TLS: anybody who reaches it can read all
    events and change policies."""
    server_read_only: kinds.Switch = False
    """Refuse calls on the port that change anything; the socket accepts them."""
    server_max_streams: kinds.PositiveCount = 128
    """How many streams of events are open at once."""
    server_max_calls: kinds.PositiveCount = 1000
    """How many calls are accepted in a second."""
    server_tls_cert_file: kinds.OptionalPath = ""
    """File with the certificate of the port, and those between it and its authority; the port is
    served with TLS then, as soon as the file is there. Changed files are read anew."""
    server_tls_key_file: kinds.OptionalPath = ""
    """File with the key of the certificate."""
    server_tls_client_ca_files: kinds.Words = ()
    """Files with the certificates of authorities that clients' certificates may come from."""
    server_tls_require_client_cert: kinds.Switch = False
    """Refuse clients on the port that have no such certificate."""
    persist_grpc_policies: kinds.Switch = False
    """Keep policies that come through the API, and load them at the next start."""
    persist_grpc_policies_dir: kinds.Path = "/var/run/tetragon/grpc-policies"
    """Directory where they are kept."""
    enable_deprecated_tracingpolicy_grpc: kinds.Switch = False
    """Answer the calls EnableTracingPolicy and DisableTracingPolicy."""
    health_server_address: kinds.Address = ""
    """Address of a second gRPC server, for health checks alone, such as :6789; empty is none. It is
    there only if there is an API."""
    health_server_interval: kinds.PositiveCount = 10
    """Seconds between two looks at the agent's health."""
    run_dir: kinds.Path = "/var/run/tetragon/"
    """Directory of the API's socket, of tetragon-info.json, by which clients find it, and of
    tetragon.pid, by which a second agent knows that one runs, and ends: agents that are to run
    side by side need one each. A --replay does not count."""

    config_dir: Annotated[kinds.OptionalPath, Group("General")] = ""
    """Directory of further options: a file's name is the option, its content the value."""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Kind("WORD", lambda text: {"warn": "warning", "trace": "debug"}.get(text, text)),
    ] = "info"
    """What is worth a log line: debug, info, warning or error."""
    log_format: Annotated[Literal["text", "json"], kinds.CHOICE] = "text"
    """Form of log lines: text or json."""
    debug: kinds.Switch = False
    """The same as --log-level debug."""

    @model_validator(mode="after")
    def _ancestors_need_base(self) -> Self:
        if self.enable_ancestors and "base" not in self.enable_ancestors:
            others = ",".join(self.enable_ancestors)
            message = f"enable-ancestors: {others!r} needs base as well: 'base,{others}'"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _port_is_safe(self) -> Self:
        if not self.server_address:
            return self
        address = parse_server_address(self.server_address)
        problem = ""
        if bool(self.server_tls_cert_file) != bool(self.server_tls_key_file):
            problem = "server-tls-cert-file and server-tls-key-file need each other"
        elif self.server_tls_client_ca_files and not self.server_tls_cert_file:
            problem = "server-tls-client-ca-files needs server-tls-cert-file"
        elif self.server_tls_require_client_cert and not self.server_tls_client_ca_files:
            problem = "server-tls-require-client-cert needs server-tls-client-ca-files"
        elif isinstance(address, UnixAddress):
            if self.server_tls_cert_file:
                problem = (
                    "server-tls-cert-file: a unix socket has no TLS; give server-address a port"
                )
        elif not (address.is_loopback or self.server_tls_cert_file or self.server_insecure_tcp):
            problem = (
                f"server-address: {self.server_address!r} can be reached by other machines, which"
                " needs server-tls-cert-file and server-tls-key-file, or server-insecure-tcp"
            )
        if problem:
            raise ValueError(problem)
        return self

    @property
    def serves_api(self) -> bool:
        """Whether there is a gRPC API; a replay, beside which an agent may run, has to ask."""
        asked = "server_address" in self.model_fields_set
        return bool(self.server_address) and (asked or not self.replay)

    @property
    def level(self) -> str:
        """The log level, with `--debug` taken into account."""
        return "debug" if self.debug else self.log_level
