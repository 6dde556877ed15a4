"""Builds the `process` messages of the contract from kernel records and from `/proc`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_agent.process import arguments as argument_area
from osmia_agent.process import credentials as credential_messages
from osmia_agent.process.cgroup_index import CgroupIndex
from osmia_agent.process.chunks import MAX_STRING_BYTES, ChunkStore
from osmia_agent.process.flags import UNKNOWN, ProcessFlag, flags_text, of_exec_record, of_sizes
from osmia_agent.process.identity import ExecIds, ImageKey, parse
from osmia_agent.process.namespaces import NamespaceMessages
from osmia_agent.process.paths import absolute, working_directory
from osmia_agent.process.pods import PodIdentity
from osmia_agent.process.procfs import NO_AUID
from osmia_agent.process.text import text
from osmia_bpf.records import Credentials, ExecFlag, ExecRecord, ForkRecord, Namespaces
from osmia_events.model import (
    Capabilities,
    EnvVar,
    Process,
    ProcessCredentials,
    UserRecord,
)

if TYPE_CHECKING:
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.scan import ScannedProcess
    from osmia_agent.process.users import UserNames

KERNEL_BINARY = "<kernel>"

_EXECVE = ProcessFlag.EXECVE.value
_IN_INIT_TREE = ProcessFlag.IN_INIT_TREE.value
_TRUNC_ARGS = ProcessFlag.TRUNC_ARGS.value
_ERROR_ENVS = ProcessFlag.ERROR_ENVS.value


@dataclass(frozen=True, slots=True)
class ProcessDetail:
    """Which parts of a process are shown beyond the usual ones."""

    credentials: bool = False
    """`cap`, `process_credentials` and `binary_properties`."""
    namespaces: bool = False
    environment: bool = False
    environment_names: frozenset[str] | None = None
    """Only these variables; None for all."""


class ProcessBuilder:
    """Builds the processes of one node.

    `host` are the namespaces of process 1. `users`, if given, names the users of processes that
    see the host's files and users. `cgroups` and `pods`, if given, tell which container and which
    pod a process is in; without them the name of its cgroup tells the container alone.
    """

    def __init__(
        self,
        node_name: str,
        clock: Clock,
        host: Namespaces,
        detail: ProcessDetail,
        users: UserNames | None = None,
        cgroups: CgroupIndex | None = None,
        pods: PodIdentity | None = None,
    ) -> None:
        self.exec_ids = ExecIds(node_name)
        self.clock = clock
        self.chunks = ChunkStore()
        self._detail = detail
        self._namespaces = NamespaceMessages(host)
        self._users = users
        self.cgroups = CgroupIndex(()) if cgroups is None else cgroups
        self.pods = PodIdentity() if pods is None else pods

    def kernel(self) -> Process:
        """Return pid 0: the parent of the first processes."""
        return Process(
            exec_id=self.exec_ids.kernel(),
            pid=0,
            uid=0,
            binary=KERNEL_BINARY,
            flags=flags_text(ProcessFlag.PROC_FS.value),
            start_time=self.clock.of_boottime(1),
            auid=NO_AUID,
            tid=0,
            in_init_tree=False,
        )

    def forked(self, record: ForkRecord, parent: Process) -> Process:
        """Return a child that has executed nothing yet: its parent's copy with its own identity."""
        tgid = record.tgid
        in_init_tree = parent.in_init_tree or _first_of_its_namespace(record)
        return Process(
            self.exec_ids.of(tgid, record.start_boottime_ns, record.exec_count),
            tgid,
            parent.uid,
            parent.cwd,
            parent.binary,
            parent.arguments,
            flags_text(_EXECVE | _IN_INIT_TREE if in_init_tree else _EXECVE),
            record.ktime_ns + self.clock.monotonic_offset_ns,
            parent.auid,
            parent.pod and parent.pod.with_container_pid(record.nspid),
            parent.docker,
            parent.exec_id,
            1,  # refcnt, the contract's mark of a process that has executed nothing
            parent.cap,
            parent.ns,
            tgid,
            parent.process_credentials,
            None,
            parent.user,
            in_init_tree,
            parent.environment_variables,
        )

    def executed(
        self, record: ExecRecord, parent: Process, flags: int, *, in_tree: bool
    ) -> Process:
        """Return the image that an exec made.

        `flags` are the process flags that the table knows of (`clone`, `miss`); `in_tree` says
        whether the process was in an init tree before.
        """
        tgid = record.tgid
        credentials = record.credentials
        place = self.cgroups.place(record.cgroup_id, record.cgroup_name)
        cwd, cwd_flags = working_directory(record.cwd, record.flags)
        area, whole = self.chunks.arguments(record)
        shown = argument_area.without_program_name(area)
        size = record.arguments_size - (len(area) - len(shown)) if whole else len(shown)
        flags |= (
            _EXECVE
            | cwd_flags
            | of_exec_record(record.flags)
            | of_sizes(len(record.filename), size)
        )
        if not whole:
            flags |= _TRUNC_ARGS
        variables: tuple[EnvVar, ...] = ()
        if self._detail.environment:
            area, whole = self.chunks.environment(record)
            variables = argument_area.environment(area, self._detail.environment_names)
            if not whole:
                flags |= _ERROR_ENVS
        in_init_tree = in_tree or _first_of_its_namespace(record)
        if in_init_tree:
            flags |= _IN_INIT_TREE
        cap, process_credentials = self._credentials(credentials)
        binary = absolute(text(record.filename), cwd)
        arguments = argument_area.joined(shown, cwd_follows=not cwd_flags)
        return Process(
            self.exec_ids.of(tgid, record.start_boottime_ns, record.exec_count),
            tgid,
            credentials.euid,
            cwd,
            binary,
            arguments,
            flags_text(flags),
            record.ktime_ns + self.clock.monotonic_offset_ns,
            credentials.auid,
            self.pods.pod(place, record.nspid, binary, arguments),
            place.container,
            parent.exec_id,
            0,
            cap,
            self._namespaces.of(record.namespaces) if self._detail.namespaces else None,
            tgid,
            process_credentials,
            None,
            self._user(credentials.euid, record.namespaces),
            in_init_tree,
            variables,
        )

    def for_exec_event(self, record: ExecRecord, process: Process) -> Process:
        """Return the process as its exec event shows it: with what is remarkable of its binary.

        No other event shows `binary_properties`. The reference count of such a copy is 1.
        """
        if not self._detail.credentials:
            return process
        properties = credential_messages.binary_properties(
            record.flags, record.credentials, record.inode, record.links
        )
        if properties is None:
            return process
        return process.replaced(binary_properties=properties, refcnt=1)

    def scanned(self, scanned: ScannedProcess, parent: Process) -> Process:
        """Return a process that was there before its records, from what `/proc` says of it."""
        flags = ProcessFlag.PROC_FS.value
        in_init_tree = parent.in_init_tree or _first_of_its_namespace(scanned)
        if in_init_tree:
            flags |= _IN_INIT_TREE
        # What may not be read of another's process is still told by the name it was called by.
        binary = text(scanned.executable or scanned.arguments.partition(b"\0")[0])
        cwd = ""
        if scanned.kernel_thread:
            binary = f"[{text(scanned.comm)}]"
        else:
            cwd, cwd_flags = working_directory(
                scanned.cwd, 0 if scanned.cwd else ExecFlag.CWD_ERROR.value
            )
            flags |= cwd_flags
        if len(scanned.arguments) > MAX_STRING_BYTES:
            flags |= _TRUNC_ARGS
        shown = argument_area.without_program_name(scanned.arguments[:MAX_STRING_BYTES])
        variables: tuple[EnvVar, ...] = ()
        if self._detail.environment:
            area = scanned.environment[:MAX_STRING_BYTES]
            variables = argument_area.environment(area, self._detail.environment_names)
            if len(scanned.environment) > MAX_STRING_BYTES:
                flags |= _ERROR_ENVS
        # A process may have written over its arguments, and padded them with NULs.
        arguments = argument_area.joined(shown, cwd_follows=False)
        place = scanned.place
        credentials = scanned.credentials
        cap, process_credentials = self._credentials(credentials)
        return Process(
            exec_id=self.exec_ids.of(*scanned.key),
            pid=scanned.key.tgid,
            uid=credentials.euid if credentials else None,
            cwd=cwd,
            binary=binary,
            arguments=arguments,
            flags=flags_text(flags),
            start_time=self.clock.of_boottime(scanned.key.start_boottime_ns),
            auid=credentials.auid if credentials else None,
            pod=self.pods.pod(place, scanned.nspid, binary, arguments),
            docker=place.container,
            parent_exec_id=parent.exec_id,
            cap=cap,
            ns=self._namespaces.of(scanned.namespaces) if self._detail.namespaces else None,
            tid=scanned.key.tgid,
            process_credentials=process_credentials,
            user=self._user(credentials.euid, scanned.namespaces) if credentials else None,
            in_init_tree=in_init_tree,
            environment_variables=variables,
        )

    def unknown(self, key: ImageKey, parent: Process) -> Process:
        """Return a process of which a record gave the identity and nothing else is known."""
        return Process(
            exec_id=self.exec_ids.of(*key),
            pid=key.tgid,
            flags=UNKNOWN,
            start_time=self.clock.of_boottime(key.start_boottime_ns),
            parent_exec_id=parent.exec_id,
            tid=key.tgid,
        )

    def known_by_id(self, exec_id: str, ancestor: Process) -> Process:
        """Return a process that had to make room: its id, below the next ancestor known."""
        pid = parse(exec_id).pid
        return Process(
            exec_id=exec_id, pid=pid, flags=UNKNOWN, parent_exec_id=ancestor.exec_id, tid=pid
        )

    def _credentials(
        self, credentials: Credentials | None
    ) -> tuple[Capabilities | None, ProcessCredentials | None]:
        if credentials is None or not self._detail.credentials:
            return None, None
        return (
            credential_messages.capabilities(
                credentials.permitted, credentials.effective, credentials.inheritable
            ),
            credential_messages.process_credentials(credentials),
        )

    def _user(self, uid: int, namespaces: Namespaces) -> UserRecord | None:
        if self._users is None or not self._namespaces.in_host(namespaces):
            return None
        return self._users.get(uid)


def _first_of_its_namespace(process: ForkRecord | ExecRecord | ScannedProcess) -> bool:
    return process.nspid == 1 and process.pid_ns_level > 0
