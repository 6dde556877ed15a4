{{/* What the agent may do beyond an ordinary process, and why. Everything else is dropped. */}}
{{- define "osmia.agent.capabilities" -}}
drop:
  - ALL
add:
  # Load programs and maps, read them back, iterate over tasks.
  - BPF
  # Attach programs to tracepoints, probes and functions, and let them read kernel memory.
  - PERFMON
  # Read binary, working directory and namespaces of other users' processes in /proc.
  - SYS_PTRACE
  # Read files of other users in /proc/PID/root, for the symbols of uprobes and names of users.
  - DAC_READ_SEARCH
  # Read addresses in /proc/kallsyms, for stack traces and probes that the kernel finds by address.
  - SYSLOG
  # Lock memory for maps on kernels before 5.11, which count them there.
  - SYS_RESOURCE
{{- end }}
